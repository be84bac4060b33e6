//! `anteroom.toml`: this gateway itself.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::identity::{self, Identity};
use super::listen::{self, Listen};
use super::proxies::{self, Proxies};
use super::room::RoomText;
use super::site::{self, SiteText};
use super::store::{self, StoreSettings};
use super::tls::{self, Listeners, Tls};
use super::{Config, PolicyPath};
use crate::control::auth::Role;
use crate::domain::room::RoomName;
use crate::policy::limits::Limits;
use crate::policy::rules::Rules;
use crate::text::fault::Findings;
use crate::text::source::Source;
use crate::text::span::Span;
use crate::text::table::{Reader, Table};
use crate::text::value::{LONGEST_S, Placed, Value};

/// The prefix of the gateway's own pages where nothing else is said.
const DEFAULT_PREFIX: &str = "/_anteroom";

/// Where changes by operators are recorded where nothing else is said.
const DEFAULT_AUDIT: &str = "./audit.jsonl";

/// The signing keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The directory that holds them.
    pub dir: PolicyPath,
    /// The `iss` of admission tokens; `anteroom`.
    pub issuer: String,
}

/// One `[[control.token]]`: who may use the control API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlToken {
    /// Its name in logs, unique among the tokens.
    pub name: RoomName,
    /// What it allows.
    pub role: Role,
    /// The SHA-256 of the token.
    pub sha256: [u8; 32],
}

/// Limits on the connections of visitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// The most at one time; 20,000.
    pub max: NonZeroU32,
    /// The most of them from one client network; 10,000.
    pub per_network: NonZeroU32,
    /// How long one may be idle; 75 s.
    pub idle: Duration,
    /// The most WebSockets open at one time; 10,000.
    pub sockets: NonZeroU32,
    /// The most event streams open at one time; 10,000.
    pub streams: NonZeroU32,
    /// The most of them from one client network; 500.
    pub streams_per_network: NonZeroU32,
    /// The most handshakes of TLS that are worked on at one time; 64.
    pub handshakes: NonZeroU32,
    /// How long connections are still accepted after a request to stop; 1 s, may be zero.
    pub drain_min: Duration,
    /// How long requests under way may go on after that; 30 s.
    pub drain: Duration,
}

/// The file as it was read; what could not be read is absent and has been noted.
pub(super) struct GatewayText<'a> {
    pub reader: Reader<'a>,
    pub sites: Vec<SiteText<'a>>,
    pub prefix: String,
    pub identities: Vec<Placed<Identity>>,
    listen: Option<Listen>,
    store: Option<StoreSettings>,
    keys: Option<Keys>,
    audit: Option<PolicyPath>,
    proxies: Proxies,
    tls: Option<Option<Tls>>,
    control_tokens: Vec<ControlToken>,
    connections: Option<Connections>,
}

impl GatewayText<'_> {
    /// The whole configuration, unless a fault was noted.
    pub fn complete(
        self,
        rooms: Vec<RoomText<'_>>,
        limits: Limits,
        rules: Rules,
    ) -> Option<Config> {
        let sites: Option<Vec<_>> = self.sites.into_iter().map(SiteText::complete).collect();
        let rooms: Option<Vec<_>> = rooms.into_iter().map(RoomText::complete).collect();
        Some(Config {
            listen: self.listen?,
            store: self.store?,
            keys: self.keys?,
            audit: self.audit?,
            trusted_proxies: self.proxies.trusted,
            announcing_proxies: self.proxies.announcing,
            tls: self.tls?,
            prefix: self.prefix,
            control_tokens: self.control_tokens,
            connections: self.connections?,
            sites: sites?,
            identities: self.identities.into_iter().map(|one| one.value).collect(),
            rooms: rooms?,
            limits,
            rules,
        })
    }
}

/// Reads `anteroom.toml`.
pub(super) fn read<'a>(source: &'a Source, findings: &'a Findings) -> GatewayText<'a> {
    let mut table = Table::read(source, findings);
    let control_tokens = control(table.section("control"));
    let sites = match table.take("site") {
        Some(value) if !value.is_empty_list() => {
            value.tables().into_iter().map(site::read).collect()
        }
        _ => {
            table.missing("[[site]]");
            Vec::new()
        }
    };
    let listeners = table.section("listen");
    let encrypted = listeners.place_of("tls");
    let listen = listen::read(listeners, &control_tokens);
    let text = GatewayText {
        reader: table.reader(),
        tls: tls(table.section("tls"), (listen.as_ref(), encrypted)),
        listen,
        store: store::read(table.section("store")),
        keys: keys(table.section("keys")),
        audit: audit(table.section("audit")),
        proxies: proxies::read(table.section("proxies")),
        prefix: path(table.section("path")),
        control_tokens,
        connections: connections(table.section("connections")),
        identities: identity::read(table.sections("identity")),
        sites,
    };
    table.finish();
    text
}

fn keys(mut table: Table<'_>) -> Option<Keys> {
    let dir = table.required("dir").and_then(Value::parse);
    let issuer = table.take("issuer").map(Value::parse::<Issuer>);
    table.finish();
    Some(Keys {
        dir: dir?,
        issuer: issuer.unwrap_or(Some(Issuer("anteroom".to_owned())))?.0,
    })
}

fn audit(mut table: Table<'_>) -> Option<PolicyPath> {
    let file = table.take("file").map(Value::parse::<FilePath>);
    table.finish();
    let usual = || Some(FilePath(DEFAULT_AUDIT.to_owned()));
    Some(PolicyPath(file.unwrap_or_else(usual)?.0.into()))
}

struct FilePath(String);

impl FromStr for FilePath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = !text.is_empty() && !text.contains('\0');
        fits.then(|| Self(text.to_owned()))
            .ok_or("a path, as in `./keys`")
    }
}

/// An `iss`.
pub(super) struct Issuer(pub(super) String);

impl FromStr for Issuer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits =
            (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
            .ok_or("1 to 200 visible ASCII characters without spaces")
    }
}

fn tls(
    table: Table<'_>,
    (listen, encrypted): (Option<&Listen>, Option<Span>),
) -> Option<Option<Tls>> {
    let at = listen.map(|listen| Listeners {
        encrypted: encrypted.filter(|_| !listen.tls.is_empty()),
        plain: !listen.public.is_empty(),
    });
    tls::read(table, at)
}

struct Prefix(String);

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let mut segments = text.split('/');
        let fits = text.len() <= 64
            && segments.next() == Some("")
            && text.len() > 1
            && segments.all(|segment| !segment.is_empty() && segment.bytes().all(plain));
        fits.then(|| Self(text.to_owned())).ok_or(
            "a path as in `/_anteroom`: lower-case letters, digits, `_` and `-`, no slash at the end",
        )
    }
}

fn path(mut table: Table<'_>) -> String {
    let prefix = table.take("prefix").and_then(Value::parse::<Prefix>);
    table.finish();
    prefix.map_or_else(|| DEFAULT_PREFIX.to_owned(), |prefix| prefix.0)
}

fn control(mut table: Table<'_>) -> Vec<ControlToken> {
    let reader = table.reader();
    let mut names = BTreeSet::new();
    let mut tokens = Vec::new();
    for section in table.sections("token") {
        let Some(Placed { at, value: token }) = control_token(section) else {
            continue;
        };
        if !names.insert(token.name.clone()) {
            reader.fault(at, format!("another token is named `{}`", token.name));
        }
        tokens.push(token);
    }
    table.finish();
    tokens
}

/// One token, at the place of its name.
fn control_token(mut table: Table<'_>) -> Option<Placed<ControlToken>> {
    let roles = [
        ("viewer", Role::Viewer),
        ("operator", Role::Operator),
        ("admin", Role::Admin),
    ];
    let name: Option<Placed<RoomName>> = table.required("name").and_then(Value::placed);
    let role = table
        .required("role")
        .and_then(|value| value.word(&roles, &[]));
    let sha256 = table.required("sha256").and_then(Value::sha256);
    table.finish();
    let name = name?;
    Some(Placed {
        at: name.at,
        value: ControlToken {
            name: name.value,
            role: role?,
            sha256: sha256?,
        },
    })
}

fn connections(mut table: Table<'_>) -> Option<Connections> {
    let max = table.take("max").map(|value| value.count(1_000_000));
    let of_network = table.take("max_per_network");
    let of_network = of_network.map(|value| value.count(1_000_000));
    let idle = table.take("idle_s").map(Value::seconds);
    let sockets = table.take("max_websockets");
    let sockets = sockets.map(|value| value.count(1_000_000));
    let mut streams = |key| table.take(key).map(|value| value.count(1_000_000));
    let all = streams("max_event_streams");
    let per_network = streams("max_event_streams_per_network");
    let handshakes = streams("max_handshakes");
    let drain_min = table.take("drain_min_s");
    let drain_min = drain_min.map(|value| value.seconds_within(0..=LONGEST_S));
    let drain = table.take("drain_s").map(Value::seconds);
    table.finish();
    Some(Connections {
        max: max.unwrap_or(NonZeroU32::new(20_000))?,
        per_network: of_network.unwrap_or(NonZeroU32::new(10_000))?,
        idle: idle.unwrap_or(Some(Duration::from_secs(75)))?,
        sockets: sockets.unwrap_or(NonZeroU32::new(10_000))?,
        streams: all.unwrap_or(NonZeroU32::new(10_000))?,
        streams_per_network: per_network.unwrap_or(NonZeroU32::new(500))?,
        handshakes: handshakes.unwrap_or(NonZeroU32::new(64))?,
        drain_min: drain_min.unwrap_or(Some(Duration::from_secs(1)))?,
        drain: drain.unwrap_or(Some(Duration::from_secs(30)))?,
    })
}
