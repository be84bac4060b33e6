//! A site: its hosts, the origin behind it, and how long the gateway waits for that.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::domain::pattern::{Host, HostPattern};
use crate::domain::room::RoomName;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};

/// The most connections to one origin that may be set.
const MOST_CONNECTIONS: u32 = 100_000;

/// One `[[site]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name, unique among the sites.
    pub name: RoomName,
    /// The hosts it answers for, at least one; no other site has the same pattern.
    pub hosts: Vec<HostPattern>,
    /// The ticket site behind the gateway.
    pub origin: Origin,
    /// How visitors come.
    pub scheme: Scheme,
    /// The longest wait for a connection to the origin; 5 s.
    pub connect: Duration,
    /// The longest wait for the head of the origin's answer; 60 s.
    pub response: Duration,
    /// The longest a body may stand still in either direction; 300 s, so that server-sent
    /// events and long polls are not cut off.
    pub idle: Duration,
    /// The most connections to the origin at one time; 512.
    pub max_connections: NonZeroU32,
}

impl Site {
    /// Where visitors find it: scheme and first host that is named, as `https://tickets.example`;
    /// `None` where only patterns are. Where visitors in the clear are `secured`, it is `https`.
    #[must_use]
    pub fn address(&self, secured: bool) -> Option<String> {
        let named = |host: &&HostPattern| matches!(host, HostPattern::Exact(..));
        let host = self.hosts.iter().find(named)?;
        let scheme = match (self.scheme, secured) {
            (Scheme::Http, false) => "http",
            (Scheme::Http | Scheme::Https, _) => "https",
        };
        Some(format!("{scheme}://{host}"))
    }
}

/// How visitors reach the site: decides over cookie names and the `Secure` mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// TLS, ended by a proxy in front of the gateway.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An origin, reached over plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A DNS name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port; 80 where none is written.
    pub port: u16,
}

impl std::fmt::Display for Origin {
    /// `host:port`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigin {
    /// TLS to the origin comes later.
    #[error("`https://` origins are not available in this version: use `http://`")]
    Tls,
    /// It is something else.
    #[error("an origin is written as in `http://127.0.0.1:8702`, without a path")]
    Shape,
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        if text.starts_with("https://") {
            return Err(BadOrigin::Tls);
        }
        let rest = text.strip_prefix("http://").ok_or(BadOrigin::Shape)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let host = Host::parse(authority).ok_or(BadOrigin::Shape)?;
        let port = host.port.unwrap_or(80);
        if port == 0 {
            return Err(BadOrigin::Shape);
        }
        Ok(Self {
            host: host.name,
            port,
        })
    }
}

/// A site as it was read, with the places that checks across files point at.
pub(super) struct SiteText<'a> {
    pub reader: Reader<'a>,
    pub name: Option<Placed<RoomName>>,
    pub hosts: Vec<Placed<HostPattern>>,
    rest: Option<Rest>,
}

struct Rest {
    origin: Origin,
    scheme: Scheme,
    connect: Duration,
    response: Duration,
    idle: Duration,
    max_connections: NonZeroU32,
}

impl SiteText<'_> {
    /// The site, unless a fault was noted.
    pub fn complete(self) -> Option<Site> {
        let rest = self.rest?;
        Some(Site {
            name: self.name?.value,
            hosts: self.hosts.into_iter().map(|host| host.value).collect(),
            origin: rest.origin,
            scheme: rest.scheme,
            connect: rest.connect,
            response: rest.response,
            idle: rest.idle,
            max_connections: rest.max_connections,
        })
    }
}

/// Reads one `[[site]]`.
pub(super) fn read(mut table: Table<'_>) -> SiteText<'_> {
    let reader = table.reader();
    let name = table.required("name").and_then(Value::placed);
    let hosts = table.required("hosts").map(Value::one_or_more);
    let text = SiteText {
        reader,
        name,
        hosts: hosts.unwrap_or_default(),
        rest: rest(&mut table),
    };
    table.later("cors");
    table.finish();
    text
}

fn rest(table: &mut Table<'_>) -> Option<Rest> {
    let origin = origin(table);
    let schemes = [("http", Scheme::Http), ("https", Scheme::Https)];
    let scheme = table.take("scheme").map(|value| value.word(&schemes, &[]));
    let mut seconds = |key, default| {
        let given = table.take(key).map(Value::seconds);
        given.unwrap_or(Some(Duration::from_secs(default)))
    };
    let connect = seconds("connect_s", 5);
    let response = seconds("response_s", 60);
    let idle = seconds("idle_s", 300);
    let connections = table.take("max_connections");
    let connections = connections.map(|value| value.count(MOST_CONNECTIONS));
    Some(Rest {
        origin: origin?,
        scheme: scheme.unwrap_or(Some(Scheme::default()))?,
        connect: connect?,
        response: response?,
        idle: idle?,
        max_connections: connections.unwrap_or(NonZeroU32::new(512))?,
    })
}

/// A list, because later versions balance over several.
fn origin(table: &mut Table<'_>) -> Option<Origin> {
    let reader = table.reader();
    let value = table.required("origin")?;
    let at = value.span();
    let items = value.list()?;
    if items.is_empty() {
        reader.fault(at, "`origin` must list one origin");
    }
    let mut origins = items.into_iter().map(Value::secret::<Origin>);
    let first = origins.next()?;
    if let Some(second) = origins.flatten().next() {
        let message = "several origins are not available in this version: name one";
        reader.fault(second.at, message);
    }
    first.map(|origin| origin.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_plain_http_host_and_port() {
        let read = |text: &str| text.parse::<Origin>().map(|origin| origin.to_string());
        assert_eq!(read("http://127.0.0.1:8702").unwrap(), "127.0.0.1:8702");
        assert_eq!(read("http://Shop.example/").unwrap(), "shop.example:80");
        assert_eq!(read("http://[::1]:81").unwrap(), "[::1]:81");
        assert_eq!(read("https://shop.example"), Err(BadOrigin::Tls));
        for bad in [
            "",
            "shop.example",
            "http://",
            "http://a/b",
            "http://u:p@a",
            "http://a:0",
            "http://a:x",
            "ftp://a",
            "http://a b",
        ] {
            assert_eq!(read(bad), Err(BadOrigin::Shape), "{bad}");
        }
    }
}
