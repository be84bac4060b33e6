//! What is set of one site's origins, with everything the configuration says of them.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;
use http::uri::PathAndQuery;

use super::tls::Tls;
use super::trailers::TrailerName;
use crate::domain::room::RoomName;

/// Where one origin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A DNS name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How it is spoken to.
    pub scheme: Scheme,
}

/// Whether the way to an origin is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS, with the origin's certificate verified.
    Https,
}

impl fmt::Display for Address {
    /// As a URL: `https://shop.internal:443`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// By what an origin is chosen for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The origin that has the fewest requests.
    #[default]
    LeastConnections,
    /// One visitor's requests go to one origin, as long as it is fit.
    Visitor,
}

/// What is spoken to the origins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 alone.
    #[default]
    Http1,
    /// Over TLS, HTTP/2 with whoever offers it, else HTTP/1.1.
    Http2,
    /// HTTP/2 over plain TCP, without asking.
    Http2Plain,
}

impl Balance {
    /// Its word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::LeastConnections => "least_connections",
            Self::Visitor => "hash",
        }
    }
}

impl Protocol {
    /// Its word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
            Self::Http2Plain => "h2c",
        }
    }
}

/// How one site's origins are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The site.
    pub name: RoomName,
    /// Its origins, at least one and none twice.
    pub origins: Vec<Address>,
    /// How they share the requests.
    pub balance: Balance,
    /// What they are spoken to in.
    pub protocol: Protocol,
    /// What is demanded of those reached over TLS.
    pub tls: Option<Tls>,
    /// How long a connection may take to be made, looking up the name included.
    pub connect: Duration,
    /// How long the head of an answer may take once the request is sent whole.
    pub response: Duration,
    /// How long no byte of a body or of an open socket may move, either way.
    pub idle: Duration,
    /// How long a whole exchange may take, if that is limited.
    pub total: Option<Duration>,
    /// How old a connection may become before it is given up after its exchange, so that another
    /// address behind a name is found.
    pub max_age: Duration,
    /// How many requests may be with one origin at once.
    pub max_connections: usize,
    /// How many more may wait for one of those to end.
    pub max_pending: usize,
    /// How long they wait at most.
    pub pending: Duration,
    /// How many connections to one origin each worker thread keeps warm between requests.
    pub idle_connections: usize,
    /// What may come behind a body, in either direction.
    pub trailers: Vec<TrailerName>,
    /// When an origin is left out, and how it comes back.
    pub fitness: Fitness,
    /// How origins are asked whether they are well, if they are.
    pub check: Option<Check>,
}

/// When an origin that fails visitors' requests is left out, and how it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fitness {
    /// So many failures in a row eject it.
    pub failures: u32,
    /// How long the first time. Each time after that it is twice as long…
    pub eject: Duration,
    /// …up to this.
    pub eject_most: Duration,
    /// Whether an answer of 500 and above is a failure.
    pub counts_5xx: bool,
    /// How long an origin that comes back takes until it has its full share.
    pub slow_start: Duration,
}

/// How an origin is asked whether it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is asked for.
    pub path: PathAndQuery,
    /// The host that is named to it.
    pub host: HeaderValue,
    /// How often.
    pub interval: Duration,
    /// How long it has to answer.
    pub timeout: Duration,
    /// So many good answers in a row make an unwell one well.
    pub healthy_after: u32,
    /// So many bad or missing ones make it unwell.
    pub unhealthy_after: u32,
}

impl Settings {
    /// Deadlines and limits to begin with. A site's come from the configuration, which fills in
    /// what is left out there on its own account.
    #[must_use]
    pub const fn new(name: RoomName, origins: Vec<Address>) -> Self {
        Self {
            name,
            origins,
            balance: Balance::LeastConnections,
            protocol: Protocol::Http1,
            tls: None,
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(300),
            total: None,
            max_age: Duration::from_secs(300),
            max_connections: 1_024,
            max_pending: 256,
            pending: Duration::from_secs(1),
            idle_connections: 64,
            trailers: Vec::new(),
            fitness: Fitness {
                failures: 5,
                eject: Duration::from_secs(5),
                eject_most: Duration::from_secs(60),
                counts_5xx: false,
                slow_start: Duration::from_secs(30),
            },
            check: None,
        }
    }

    /// As far as they are about this one of its origins.
    pub(super) fn of_one(&self, address: &Address) -> Self {
        Self {
            origins: vec![address.clone()],
            balance: Balance::default(),
            trailers: Vec::new(),
            ..self.clone()
        }
    }
}
