//! A configuration as a list of named things and their settings, to be compared.
//!
//! Every part is taken apart by name, so that a new setting cannot be forgotten here. What may be
//! a secret is compared and never shown.

use std::fmt::Display;
use std::time::Duration;

use super::encryption::encryption;
use super::rooms::room;
use super::sites::site;
use crate::config::Config;
use crate::config::gateway::{Connections, ControlToken, Keys};
use crate::config::identity::Identity;
use crate::config::listen::Listen;
use crate::config::store::StoreSettings;
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
    pub fn new(name: impl Into<String>, settings: Vec<(&'static str, Set)>) -> Self {
        Self {
            name: name.into(),
            settings,
        }
    }
}

/// What only a restart changes, but for the store's address, which may hold a password.
pub(super) fn lasting(config: &Config) -> Vec<Thing> {
    let Listen {
        public,
        tls,
        control,
        health,
        metrics,
    } = &config.listen;
    let Connections {
        max,
        per_network,
        idle,
        sockets,
        streams,
        streams_per_network,
        handshakes,
        drain_min,
        drain,
    } = &config.connections;
    let Keys { dir, issuer: _ } = &config.keys;
    let StoreSettings {
        url: _,
        password_file,
        keep,
    } = &config.store;
    vec![
        Thing::new(
            "[listen]",
            vec![
                ("public", list(public)),
                ("tls", list(tls)),
                ("control", to(control)),
                ("health", or_none(health.as_ref())),
                ("metrics", to(metrics)),
            ],
        ),
        Thing::new(
            "[store]",
            vec![
                (
                    "password_file",
                    or_none(password_file.as_ref().map(|file| file.0.display())),
                ),
                ("keep", to(keep.0.display())),
            ],
        ),
        Thing::new("[keys]", vec![("dir", to(dir.0.display()))]),
        Thing::new("[audit]", vec![("file", to(config.audit.0.display()))]),
        Thing::new(
            "[connections]",
            vec![
                ("max", to(max)),
                ("max_per_network", to(per_network)),
                ("idle_s", seconds(*idle)),
                ("max_websockets", to(sockets)),
                ("max_event_streams", to(streams)),
                ("max_event_streams_per_network", to(streams_per_network)),
                ("max_handshakes", to(handshakes)),
                ("drain_min_s", seconds(*drain_min)),
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
        announcing_proxies,
        tls,
        prefix,
        control_tokens,
        sites,
        identities,
        rooms,
        limits,
        rules,
    } = config;
    let mut things = vec![
        Thing::new("[keys]", vec![("issuer", to(&keys.issuer))]),
        Thing::new(
            "[proxies]",
            vec![
                ("trusted", list(trusted_proxies)),
                ("protocol", list(announcing_proxies)),
            ],
        ),
        Thing::new("[path]", vec![("prefix", to(prefix))]),
    ];
    things.extend(tls.iter().flat_map(encryption));
    things.extend(control_tokens.iter().map(token));
    things.extend(sites.iter().map(site));
    things.extend(identities.iter().map(identity));
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

fn identity(identity: &Identity) -> Thing {
    let Identity {
        name,
        issuer,
        audience,
        keys,
        cookie,
        header,
        sign_in_url,
        refresh,
        max_life,
    } = identity;
    let settings = vec![
        ("issuer", to(issuer)),
        ("audience", to(audience)),
        ("keys", to(keys)),
        ("cookie", or_none(cookie.as_ref().map(|name| &name.0))),
        ("header", or_none(header.as_ref())),
        (
            "sign_in_url",
            or_none(sign_in_url.as_ref().map(|link| &link.0)),
        ),
        ("refresh_s", seconds(*refresh)),
        ("max_life_s", seconds(*max_life)),
    ];
    Thing::new(format!("identity {name}"), settings)
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

pub(super) fn to(value: impl Display) -> Set {
    Set::Shown(value.to_string())
}

pub(super) fn or_none(value: Option<impl Display>) -> Set {
    value.map_or_else(|| to("none"), to)
}

pub(super) fn list(values: impl IntoIterator<Item = impl Display>) -> Set {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    Set::Shown(format!("[{}]", values.join(", ")))
}

pub(super) fn seconds(span: Duration) -> Set {
    to(span.as_secs())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
