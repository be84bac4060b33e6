//! A room's file as settings to be compared.

use super::things::{Set, Thing, hex, list, or_none, seconds, to};
use crate::domain::clock::UnixTime;
use crate::domain::room::{Exempt, Method, PageStatus, RoomSettings, Schedule, Terms};
use crate::domain::session::SessionTerms;

pub(super) fn room(room: &RoomSettings) -> Thing {
    let RoomSettings {
        name,
        site,
        paths,
        except,
        exempt,
        method,
        terms,
        schedule,
        page_status,
    } = room;
    let mut settings = vec![
        ("site", to(site)),
        ("paths", list(paths)),
        ("except", list(except)),
        ("exempt", list(exempt.iter().map(conditions))),
        ("exempt.sha256", Set::Unshown(secrets(exempt))),
        ("method", to(method_word(*method))),
        ("page_status", to(page_status_number(*page_status))),
    ];
    settings.extend(terms_set(terms));
    settings.extend(schedule_set(schedule));
    Thing::new(format!("room {name}"), settings)
}

fn terms_set(terms: &Terms) -> Vec<(&'static str, Set)> {
    let Terms {
        pace,
        capacity,
        session,
        max_waiting,
        horizon,
    } = terms;
    let SessionTerms {
        idle,
        absolute,
        claim_window,
    } = session;
    vec![
        ("pace.per_minute", to(pace.per_minute)),
        ("pace.burst", to(pace.burst)),
        ("capacity.active", or_none(*capacity)),
        ("session.idle_s", seconds(*idle)),
        ("session.absolute_s", seconds(*absolute)),
        ("session.claim_window_s", seconds(*claim_window)),
        ("max_waiting", to(max_waiting)),
        ("horizon_s", seconds(*horizon)),
    ]
}

fn schedule_set(schedule: &Schedule) -> Vec<(&'static str, Set)> {
    let Schedule { opens_at, ends_at } = schedule;
    let time = |time: &Option<UnixTime>| or_none(time.map(UnixTime::rfc3339));
    vec![
        ("window.opens_at", time(opens_at)),
        ("window.ends_at", time(ends_at)),
    ]
}

const fn method_word(method: Method) -> &'static str {
    match method {
        Method::Fifo => "fifo",
        Method::Passthrough => "passthrough",
        Method::Reject => "reject",
    }
}

const fn page_status_number(status: PageStatus) -> u16 {
    match status {
        PageStatus::Ok => 200,
        PageStatus::Accepted => 202,
        PageStatus::TooManyRequests => 429,
        PageStatus::ServiceUnavailable => 503,
    }
}

/// An exemption without its secret.
fn conditions(exempt: &Exempt) -> String {
    let Exempt {
        method,
        path,
        from,
        header,
    } = exempt;
    let from = from.iter().map(ToString::to_string);
    let parts = method.iter().cloned();
    let parts = parts.chain(path.iter().map(ToString::to_string));
    let parts = parts.chain(from);
    let parts = parts.chain(header.iter().map(|(name, _)| name.clone()));
    parts.collect::<Vec<_>>().join(" ")
}

fn secrets(exempt: &[Exempt]) -> String {
    let digests = exempt.iter().map(|exempt| {
        let header = exempt.header.as_ref();
        header.map_or_else(String::new, |(_, digest)| hex(digest))
    });
    digests.collect::<Vec<_>>().join(" ")
}
