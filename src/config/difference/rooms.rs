//! A room's file as settings to be compared.

use super::things::{Set, Thing, hex, list, or_none, seconds, to};
use crate::domain::clock::UnixTime;
use crate::domain::identity::{IdentityTerms, LaneRule, Places, Without};
use crate::domain::lane::LaneSettings;
use crate::domain::room::{
    AbsenceTerms, Activation, Exempt, Method, PageStatus, RoomSettings, SaleWindow, Schedule,
    Terms, WhenStoreFails,
};
use crate::domain::session::SessionTerms;

pub(super) fn room(room: &RoomSettings) -> Thing {
    let RoomSettings {
        name,
        site,
        paths,
        except,
        exempt,
        method,
        rehearsal,
        terms,
        schedule,
        page_status,
        activation,
        when_store_fails,
        lanes,
        identity,
    } = room;
    let mut settings = vec![
        ("site", to(site)),
        ("paths", list(paths)),
        ("except", list(except)),
        ("exempt", list(exempt.iter().map(conditions))),
        ("exempt.sha256", Set::Unshown(secrets(exempt))),
        ("method", to(method_word(*method))),
        ("rehearsal", to(rehearsal)),
        ("page_status", to(page_status_number(*page_status))),
        ("activation", to(activation_word(*activation))),
        ("when_store_fails", to(failing_word(*when_store_fails))),
        ("lane", list(lanes.iter().map(lane))),
    ];
    settings.extend(identity_set(identity.as_ref()));
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
        correction,
        fairness_window,
        lanes: _,
        absence,
    } = terms;
    let AbsenceTerms {
        step_aways,
        step_away,
        extensions,
    } = absence;
    let SessionTerms {
        idle,
        absolute,
        claim_window,
        hold_max,
        max_networks,
    } = session;
    vec![
        ("pace.per_minute", to(pace.per_minute)),
        ("pace.burst", to(pace.burst)),
        ("capacity.active", or_none(*capacity)),
        ("session.idle_s", seconds(*idle)),
        ("session.absolute_s", seconds(*absolute)),
        ("session.claim_window_s", seconds(*claim_window)),
        ("session.hold_max_s", seconds(*hold_max)),
        ("session.max_networks", or_none(*max_networks)),
        ("max_waiting", to(max_waiting)),
        ("horizon_s", seconds(*horizon)),
        ("pace.no_show_correction", to(thousandths(correction.get()))),
        (
            "fairness_window_s",
            or_none(fairness_window.map(|span| span.as_secs())),
        ),
        ("absence.step_aways", to(step_aways)),
        ("absence.step_away_max_s", seconds(*step_away)),
        ("absence.extensions", to(extensions)),
    ]
}

fn identity_set(identity: Option<&IdentityTerms>) -> [(&'static str, Set); 4] {
    let places = identity.map(|terms| match terms.places {
        Places::One => "true",
        Places::Any => "false",
    });
    let without = identity.map(|terms| match terms.without {
        Without::SignIn => "sign_in",
        Without::General => "general",
    });
    let rules = identity.map_or(&[][..], |terms| &terms.lanes);
    [
        (
            "identity.provider",
            or_none(identity.map(|terms| &terms.provider)),
        ),
        ("identity.one_place_per_identity", or_none(places)),
        ("identity.without", or_none(without)),
        ("identity.lane", list(rules.iter().map(lane_rule))),
    ]
}

fn lane_rule(rule: &LaneRule) -> String {
    let LaneRule { lane, claim, is } = rule;
    format!("{lane}:{}={}", claim.join("."), is.join("|"))
}

fn schedule_set(schedule: &Schedule) -> Vec<(&'static str, Set)> {
    let ends_at = schedule.lone_end().map(UnixTime::rfc3339);
    vec![
        ("window", list(schedule.windows().iter().map(window))),
        ("window.ends_at", or_none(ends_at)),
    ]
}

/// A window in one line.
fn window(window: &SaleWindow) -> String {
    let SaleWindow {
        prequeue_opens_at,
        opens_at,
        ends_at,
        external_source,
        pace,
        message,
        method,
    } = window;
    let time = |time: UnixTime| time.rfc3339();
    let parts = [
        ("prequeue", prequeue_opens_at.map(time)),
        ("opens", Some(opens_at.rfc3339())),
        ("ends", ends_at.map(time)),
        ("source", external_source.clone()),
        (
            "pace",
            pace.map(|pace| format!("{}/{}", pace.per_minute, pace.burst)),
        ),
        ("message", message.clone()),
        (
            "method",
            method.map(|method| method_word(method).to_owned()),
        ),
    ];
    let given = parts.into_iter().filter_map(|(key, value)| {
        let value = value?;
        Some(format!("{key} {value}"))
    });
    given.collect::<Vec<_>>().join(" ")
}

const fn method_word(method: Method) -> &'static str {
    match method {
        Method::Fifo => "fifo",
        Method::Random => "random",
        Method::Passthrough => "passthrough",
        Method::Reject => "reject",
    }
}

const fn activation_word(activation: Activation) -> &'static str {
    match activation {
        Activation::Always => "always",
        Activation::Overload => "overload",
    }
}

const fn failing_word(failing: WhenStoreFails) -> &'static str {
    match failing {
        WhenStoreFails::Hold => "hold",
        WhenStoreFails::Pass => "pass",
    }
}

fn lane(lane: &LaneSettings) -> String {
    format!("{}:{}", lane.name, lane.weight)
}

fn thousandths(number: u16) -> String {
    format!("{}.{:03}", number / 1_000, number % 1_000)
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
