//! A configuration as a list of named things and their settings, to be compared.
//!
//! Every part is taken apart by name, so that a new setting cannot be forgotten here. What may be
//! a secret is compared and never shown.

use std::fmt::Display;
use std::time::Duration;

use crate::config::Config;
use crate::config::gateway::{Connections, ControlToken, Keys};
use crate::config::listen::Listen;
use crate::config::site::Site;
use crate::domain::clock::UnixTime;
use crate::domain::room::{Exempt, Method, PageStatus, RoomSettings, Schedule, Terms};
use crate::domain::session::SessionTerms;
use crate::policy::limits::Limit;
use crate::policy::rules::Saying;

/// Something with a name, and what is set of it: for two things of one kind the same keys in the
/// same order.
pub(super) struct Thing {
    pub name: String,
    pub settings: Vec<(&'static str, Set)>,
}

/// What a setting is set to.
#[derive(PartialEq)]
pub(super) enum Set {
    Shown(String),
    Unshown(String),
}

impl Thing {
    fn new(name: impl Into<String>, settings: Vec<(&'static str, Set)>) -> Self {
        Self {
            name: name.into(),
            settings,
        }
    }
}

/// What only a restart changes, but for the store, whose address may hold a password.
pub(super) fn lasting(config: &Config) -> Vec<Thing> {
    let Listen {
        public,
        control,
        health,
        metrics,
    } = &config.listen;
    let Connections {
        max,
        sockets,
        drain,
    } = &config.connections;
    let Keys { dir, issuer: _ } = &config.keys;
    vec![
        Thing::new(
            "[listen]",
            vec![
                ("public", list(public)),
                ("control", to(control)),
                ("health", or_none(health.as_ref())),
                ("metrics", to(metrics)),
            ],
        ),
        Thing::new("[keys]", vec![("dir", to(dir.0.display()))]),
        Thing::new("[audit]", vec![("file", to(config.audit.0.display()))]),
        Thing::new(
            "[connections]",
            vec![
                ("max", to(max)),
                ("max_websockets", to(sockets)),
                ("drain_s", seconds(*drain)),
            ],
        ),
    ]
}

pub(super) fn things(config: &Config) -> Vec<Thing> {
    let Config {
        listen: _,
        store: _,
        connections: _,
        audit: _,
        keys,
        trusted_proxies,
        prefix,
        control_tokens,
        sites,
        rooms,
        limits,
        rules,
    } = config;
    let mut things = vec![
        Thing::new("[keys]", vec![("issuer", to(&keys.issuer))]),
        Thing::new("[proxies]", vec![("trusted", list(trusted_proxies))]),
        Thing::new("[path]", vec![("prefix", to(prefix))]),
    ];
    things.extend(control_tokens.iter().map(token));
    things.extend(sites.iter().map(site));
    things.extend(rooms.iter().map(room));
    things.extend(limits.limits.iter().map(limit));
    things.extend(rules.sayings().map(|saying| rule(&saying)));
    things
}

fn token(token: &ControlToken) -> Thing {
    let ControlToken { name, role, sha256 } = token;
    let settings = vec![("role", to(role)), ("sha256", Set::Unshown(hex(sha256)))];
    Thing::new(format!("control token {name}"), settings)
}

fn site(site: &Site) -> Thing {
    let Site {
        name,
        hosts,
        origin,
        scheme,
        connect,
        response,
        idle,
        max_connections,
    } = site;
    let settings = vec![
        ("hosts", list(hosts)),
        ("origin", to(origin)),
        ("scheme", to(scheme.word())),
        ("connect_s", seconds(*connect)),
        ("response_s", seconds(*response)),
        ("idle_s", seconds(*idle)),
        ("max_connections", to(max_connections)),
    ];
    Thing::new(format!("site {name}"), settings)
}

fn room(room: &RoomSettings) -> Thing {
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

fn limit(limit: &Limit) -> Thing {
    let Limit {
        name,
        rate,
        burst,
        paths,
    } = limit;
    let settings = vec![
        ("rate", to(rate)),
        ("burst", to(burst)),
        ("paths", list(paths)),
    ];
    Thing::new(format!("limit {name}"), settings)
}

fn rule(saying: &Saying<'_>) -> Thing {
    let Saying {
        name,
        action,
        agents,
        paths,
        from,
        header,
    } = saying;
    let pattern = header.map_or("", |(_, pattern)| pattern);
    let settings = vec![
        ("action", to(action.word())),
        ("agent", list(agents)),
        ("path", list(paths)),
        ("from", list(from.iter())),
        ("header.name", or_none(header.map(|(name, _)| name))),
        ("header.pattern", Set::Unshown(pattern.to_owned())),
    ];
    Thing::new(format!("rule {name}"), settings)
}

fn to(value: impl Display) -> Set {
    Set::Shown(value.to_string())
}

fn or_none(value: Option<impl Display>) -> Set {
    value.map_or_else(|| to("none"), to)
}

fn list(values: impl IntoIterator<Item = impl Display>) -> Set {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    Set::Shown(format!("[{}]", values.join(", ")))
}

fn seconds(span: Duration) -> Set {
    to(span.as_secs())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
