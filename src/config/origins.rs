//! The origins of a `[[site]]`: where they are, how requests are spread over them, how long the
//! gateway waits for them, and when one is left out.

mod address;
mod health;
mod security;

use std::num::NonZeroU32;
use std::time::Duration;

pub use health::Check;
pub use security::Security;

use crate::origin::{Address, Balance, Fitness, Protocol, Scheme};
use crate::text::span::Span;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};

/// The most connections to one origin that may be set.
const MOST_CONNECTIONS: u32 = 100_000;

/// The most requests that may be set to wait for one origin.
const MOST_PENDING: u32 = 100_000;

/// The most origins of one site.
const MOST_ORIGINS: usize = 32;

/// The ticket site behind the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    /// Its origins, at least one, none twice.
    pub list: Vec<Address>,
    /// How they share the requests; by the fewest requests.
    pub balance: Balance,
    /// What they are spoken to in; HTTP/1.1.
    pub protocol: Protocol,
    /// What is demanded of those reached over TLS.
    pub security: Security,
    /// The longest wait for a connection; 5 s.
    pub connect: Duration,
    /// The longest wait for the head of an answer; 60 s.
    pub response: Duration,
    /// The longest a body may stand still in either direction; 300 s, so that server-sent
    /// events and long polls are not cut off.
    pub idle: Duration,
    /// The longest a whole exchange may take; no limit.
    pub total: Option<Duration>,
    /// How old a connection may become; 300 s.
    pub max_age: Duration,
    /// The most requests with one origin at one time; 512.
    pub max_connections: NonZeroU32,
    /// The most that wait for one of those to end; 256.
    pub max_pending: u32,
    /// How long they wait; 1 s.
    pub pending: Duration,
    /// When one that fails is left out.
    pub fitness: Fitness,
    /// How they are asked whether they are well, if they are.
    pub check: Option<Check>,
}

/// Reads what a `[[site]]` says of its origins.
pub(super) fn read(table: &mut Table<'_>) -> Option<Origins> {
    let list = list(table);
    let balances = [
        ("least_connections", Balance::LeastConnections),
        ("hash", Balance::Visitor),
    ];
    let balance = table
        .take("balance")
        .map(|value| value.word(&balances, &[]));
    let protocol = protocol(table, list.as_deref().unwrap_or_default());
    let security = security::read(table, list.as_deref());
    let (fitness, check) = health::read(table.section("health"));
    let total = table.take("total_s").map(Value::seconds);
    let mut seconds = |key, default| {
        let given = table.take(key).map(Value::seconds);
        given.unwrap_or(Some(Duration::from_secs(default)))
    };
    let (connect, response) = (seconds("connect_s", 5), seconds("response_s", 60));
    let (idle, max_age) = (seconds("idle_s", 300), seconds("max_age_s", 300));
    let pending = seconds("pending_s", 1);
    let connections = table.take("max_connections");
    let connections = connections.map(|value| value.count(MOST_CONNECTIONS));
    let max_pending = table.take("max_pending");
    let max_pending = max_pending.map(|value| value.number(0..=MOST_PENDING));
    Some(Origins {
        list: list?,
        balance: balance.unwrap_or(Some(Balance::default()))?,
        protocol: protocol?,
        security: security?,
        connect: connect?,
        response: response?,
        idle: idle?,
        total: total.map_or(Some(None), |read| read.map(Some))?,
        max_age: max_age?,
        max_connections: connections.unwrap_or(NonZeroU32::new(512))?,
        max_pending: max_pending.unwrap_or(Some(256))?,
        pending: pending?,
        fitness: fitness?,
        check: check?,
    })
}

/// None of them is there twice.
fn list(table: &mut Table<'_>) -> Option<Vec<Address>> {
    let reader = table.reader();
    let value = table.required("origin")?;
    let at = value.span();
    let placed = value.one_or_more_addresses::<Address>();
    if placed.len() > MOST_ORIGINS {
        reader.fault(at, format!("`origin` may list {MOST_ORIGINS} at most"));
    }
    let mut list: Vec<Address> = Vec::with_capacity(placed.len());
    for Placed { at, value } in placed {
        if list.contains(&value) {
            reader.fault(at, format!("`origin` lists `{value}` twice"));
        }
        list.push(value);
    }
    (!list.is_empty()).then_some(list)
}

fn protocol(table: &mut Table<'_>, origins: &[Address]) -> Option<Protocol> {
    let words = [
        ("http/1.1", Protocol::Http1),
        ("h2", Protocol::Http2),
        ("h2c", Protocol::Http2Plain),
    ];
    let reader = table.reader();
    let Some(value) = table.take("protocol") else {
        return Some(Protocol::default());
    };
    let at = value.span();
    let protocol = value.word(&words, &[])?;
    fitting(reader, (at, protocol), origins);
    Some(protocol)
}

fn fitting(reader: Reader<'_>, (at, protocol): (Span, Protocol), origins: &[Address]) {
    let any = |scheme| origins.iter().any(|origin| origin.scheme == scheme);
    match protocol {
        Protocol::Http2 if any(Scheme::Http) => reader.fault(
            at,
            "`protocol = \"h2\"` is spoken over `https://` alone; over `http://` it is `h2c`",
        ),
        Protocol::Http2Plain if any(Scheme::Https) => reader.fault(
            at,
            "`protocol = \"h2c\"` is spoken over `http://` alone; over `https://` it is `h2`",
        ),
        Protocol::Http1 | Protocol::Http2 | Protocol::Http2Plain => {}
    }
}
