//! `rooms/*.toml`: one room a file.

use std::num::NonZeroU32;

use super::claims::{self, IdentityText};
use super::ways::{self, Ways};
use super::window::{self, Usual};
use super::{absence, exempt, lane, pace, session};
use crate::domain::lane::{LaneSettings, Weights};
use crate::domain::pace::Pace;
use crate::domain::pattern::PathPattern;
use crate::domain::room::{
    DEFAULT_HORIZON, DEFAULT_MAX_WAITING, Exempt, Method, PageStatus, RoomName, RoomSettings,
    Schedule, Terms,
};
use crate::text::fault::Findings;
use crate::text::source::Source;
use crate::text::table::{Reader, Table};
use crate::text::value::{LONGEST_S, Placed, Value};

/// The most that may be allowed to wait.
const MOST_WAITING: u32 = 10_000_000;

/// A room as it was read, with the places that checks across files point at.
pub(super) struct RoomText<'a> {
    pub reader: Reader<'a>,
    pub name: Option<Placed<RoomName>>,
    pub site: Option<Placed<RoomName>>,
    pub paths: Vec<Placed<PathPattern>>,
    pub except: Vec<Placed<PathPattern>>,
    pub identity: Option<IdentityText>,
    rest: Option<Rest>,
}

struct Rest {
    exempt: Vec<Exempt>,
    terms: Terms,
    schedule: Schedule,
    page_status: PageStatus,
    lanes: Vec<LaneSettings>,
    ways: Ways,
}

impl RoomText<'_> {
    /// The room, unless a fault was noted.
    pub fn complete(self) -> Option<RoomSettings> {
        let values = |list: Vec<Placed<PathPattern>>| list.into_iter().map(|path| path.value);
        let rest = self.rest?;
        Some(RoomSettings {
            name: self.name?.value,
            site: self.site?.value,
            paths: values(self.paths).collect(),
            except: values(self.except).collect(),
            exempt: rest.exempt,
            method: rest.ways.method,
            rehearsal: rest.ways.rehearsal,
            terms: rest.terms,
            schedule: rest.schedule,
            page_status: rest.page_status,
            activation: rest.ways.activation,
            when_store_fails: rest.ways.when_store_fails,
            lanes: rest.lanes,
            identity: self.identity.map(|identity| identity.terms),
        })
    }
}

/// Reads one room's file.
pub(super) fn read<'a>(source: &'a Source, findings: &'a Findings) -> RoomText<'a> {
    let mut table = Table::read(source, findings);
    let name = table.required("name").and_then(Value::placed);
    let site = table.required("site").and_then(Value::placed);
    let paths = table.required("paths").map(Value::one_or_more);
    let except = table.take("except").map(Value::each);
    let lanes = lane::read(&mut table);
    let identity = claims::read(&mut table, &lanes);
    let rest = rest(&mut table, lanes).filter(|_| identity.is_some());
    let text = RoomText {
        reader: table.reader(),
        name,
        site,
        paths: paths.unwrap_or_default(),
        except: except.unwrap_or_default(),
        identity: identity.flatten(),
        rest,
    };
    table.finish();
    text
}

fn rest(table: &mut Table<'_>, lanes: Vec<LaneSettings>) -> Option<Rest> {
    let ways = ways::read(table);
    let method = ways.as_ref().map(|ways| ways.method);
    let exempt: Vec<_> = table
        .sections("exempt")
        .into_iter()
        .map(exempt::read)
        .collect();
    let usual = Usual {
        method: method.unwrap_or(Method::Fifo),
        activation: ways.as_ref().map(|ways| ways.activation),
        paced: table.holds("pace"),
    };
    let schedule = window::schedule(table, usual);
    let draws = |schedule: &Schedule| {
        let mut windows = schedule.windows().iter();
        let random = Some(Method::Random);
        method == random || windows.any(|window| window.method == random)
    };
    let fairness_window = ways::fairness_window(table, schedule.as_ref().map(draws));
    let page_status = page_status(table);
    let terms = terms(table, method.unwrap_or(Method::Fifo));
    let ways = ways?;
    Some(Rest {
        exempt: exempt.into_iter().collect::<Option<_>>()?,
        terms: Terms {
            fairness_window: fairness_window?,
            lanes: lane::weights(&lanes),
            ..terms?
        },
        schedule: schedule?,
        page_status: page_status?,
        lanes,
        ways,
    })
}

fn page_status(table: &mut Table<'_>) -> Option<PageStatus> {
    let Some(value) = table.take("page_status") else {
        return Some(PageStatus::default());
    };
    let (reader, at) = (table.reader(), value.span());
    match value.number(100..=599)? {
        200 => Some(PageStatus::Ok),
        202 => Some(PageStatus::Accepted),
        429 => Some(PageStatus::TooManyRequests),
        503 => Some(PageStatus::ServiceUnavailable),
        other => {
            let message = format!("`page_status` must be 200, 202, 429 or 503, found {other}");
            reader.fault(at, message);
            None
        }
    }
}

fn terms(table: &mut Table<'_>, method: Method) -> Option<Terms> {
    let (pace, correction) = pace::read(table.section("pace"), method);
    let absence = absence::read(table.section("absence"));
    let capacity = capacity(table, method);
    let session = session::read(table.section("session"));
    let max_waiting = table.take("max_waiting");
    let max_waiting = max_waiting.map(|value| value.number(1..=MOST_WAITING));
    let least = u32::try_from(DEFAULT_HORIZON.as_secs()).unwrap_or(LONGEST_S);
    let horizon = table.take("horizon_s");
    let horizon = horizon.map(|value| value.seconds_within(least..=LONGEST_S));
    Some(Terms {
        pace: pace?,
        capacity: capacity?,
        session: session?,
        max_waiting: max_waiting.unwrap_or(Some(DEFAULT_MAX_WAITING))?,
        horizon: horizon.unwrap_or(Some(DEFAULT_HORIZON))?,
        correction: correction?,
        fairness_window: None,
        lanes: Weights::default(),
        absence: absence?,
    })
}

#[expect(
    clippy::option_option,
    reason = "the outer `None` is a fault already noted"
)]
fn capacity(room: &mut Table<'_>, method: Method) -> Option<Option<NonZeroU32>> {
    let (reader, at) = (room.reader(), room.span());
    let mut table = room.section("capacity");
    let active = table.take("active").map(|value| value.count(Pace::MOST));
    let broken = table.reader().is_broken();
    table.finish();
    if active.is_none() && ways::queues(method) && !broken {
        let message = "no `active` in `[capacity]`: nothing limits how many are inside at once";
        reader.warn(at, message);
    }
    active.map_or(Some(None), |active| active.map(Some))
}
