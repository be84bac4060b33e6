//! Counting the connections of visitors.

use prometheus::{IntCounter, IntGauge};

use super::families::{Families, words};
use super::metrics::count;

/// The protocol a connection speaks, as `anteroom_connections_total{protocol}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 and HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    /// Every protocol, in the order of declaration.
    pub const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        }
    }
}

/// Frames of HTTP/2 that came in such numbers that the connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flood {
    /// RST_STREAM.
    Resets,
    /// PING.
    Pings,
    /// SETTINGS.
    Settings,
    /// PRIORITY and PRIORITY_UPDATE.
    Priorities,
    /// WINDOW_UPDATE.
    WindowUpdates,
    /// CONTINUATION, or one header block of endless length.
    Continuations,
    /// DATA without data.
    Empty,
    /// Streams opened beyond what may be open.
    Streams,
    /// Frames of kinds that mean nothing to a server.
    Others,
}

/// What ended a connection of HTTP/2, as `anteroom_http2_ended_total{by}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2End {
    /// The visitor closed it, or it broke off.
    Visitor,
    /// Nothing was asked for too long.
    Idle,
    /// It was idle longest when a newcomer needed its place.
    GivenUp,
    /// It never asked anything.
    Silent,
    /// The head of a request did not arrive in time.
    SlowHead,
    /// Answers were asked for and not read.
    Stalled,
    /// What it sent breaks the protocol, or more streams had to be reset than may.
    Protocol,
    /// A flood of frames.
    Flood(Flood),
    /// The gateway stops.
    Drain,
}

impl Http2End {
    /// Everything that ends one, in the order of declaration.
    pub const ALL: [Self; 17] = [
        Self::Visitor,
        Self::Idle,
        Self::GivenUp,
        Self::Silent,
        Self::SlowHead,
        Self::Stalled,
        Self::Protocol,
        Self::Drain,
        Self::Flood(Flood::Resets),
        Self::Flood(Flood::Pings),
        Self::Flood(Flood::Settings),
        Self::Flood(Flood::Priorities),
        Self::Flood(Flood::WindowUpdates),
        Self::Flood(Flood::Continuations),
        Self::Flood(Flood::Empty),
        Self::Flood(Flood::Streams),
        Self::Flood(Flood::Others),
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Idle => "idle",
            Self::GivenUp => "given_up",
            Self::Silent => "silent",
            Self::SlowHead => "slow_head",
            Self::Stalled => "stalled",
            Self::Protocol => "protocol",
            Self::Drain => "drain",
            Self::Flood(flood) => match flood {
                Flood::Resets => "resets",
                Flood::Pings => "pings",
                Flood::Settings => "settings",
                Flood::Priorities => "priorities",
                Flood::WindowUpdates => "window_updates",
                Flood::Continuations => "continuations",
                Flood::Empty => "empty_frames",
                Flood::Streams => "streams",
                Flood::Others => "other_frames",
            },
        }
    }
}

/// Connections that were not taken or not kept for want of room, as
/// `anteroom_connections_turned_away_total{reason}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Parked longest when a newcomer needed its place.
    GivenUp,
    /// As many were open from its network as may be.
    Network,
    /// The machine had no more file descriptors or memory for one.
    Descriptors,
}

impl Turned {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::GivenUp, Self::Network, Self::Descriptors];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::GivenUp => "given_up",
            Self::Network => "network",
            Self::Descriptors => "descriptors",
        }
    }
}

/// The handles of visitors' connections.
pub struct ConnectionMetrics {
    open: Vec<IntGauge>,
    all: Vec<IntCounter>,
    parked: IntGauge,
    turned: Vec<IntCounter>,
    departed: IntCounter,
    pressure: IntGauge,
    http2_ended: Vec<IntCounter>,
}

impl ConnectionMetrics {
    pub(super) fn of(families: &Families) -> prometheus::Result<Self> {
        let none: [&str; 0] = [];
        let protocols = Protocol::ALL.map(Protocol::word);
        let open = protocols.into_iter();
        let open = open.map(|word| {
            families
                .connections_open
                .get_metric_with_label_values(&[word])
        });
        Ok(Self {
            open: open.collect::<prometheus::Result<_>>()?,
            all: words(&families.connections, protocols)?,
            parked: families
                .connections_parked
                .get_metric_with_label_values(&none)?,
            turned: words(&families.connections_turned, Turned::ALL.map(Turned::word))?,
            departed: families
                .connections_departed
                .get_metric_with_label_values(&none)?,
            pressure: families.pressure.get_metric_with_label_values(&none)?,
            http2_ended: words(&families.http2_ended, Http2End::ALL.map(Http2End::word))?,
        })
    }

    /// Counts a connection as open, until [`ConnectionMetrics::ended`].
    pub fn opened(&self, protocol: Protocol) {
        count(&self.all, protocol as usize);
        if let Some(open) = self.open.get(protocol as usize) {
            open.inc();
        }
    }

    /// Counts the end of an open one.
    pub fn ended(&self, protocol: Protocol) {
        if let Some(open) = self.open.get(protocol as usize) {
            open.dec();
        }
    }

    /// Counts a connection as parked, which waits for a request, until [`ConnectionMetrics::left`].
    pub fn parked(&self) {
        self.parked.inc();
    }

    /// Counts the end of that.
    pub fn left(&self) {
        self.parked.dec();
    }

    /// Counts one whose visitor left while it was owed an answer.
    pub fn departed(&self) {
        self.departed.inc();
    }

    /// Counts one that was not taken or not kept.
    pub fn turned(&self, reason: Turned) {
        count(&self.turned, reason as usize);
    }

    /// Shows whether there is too much to do.
    pub fn pressed(&self, high: bool) {
        self.pressure.set(i64::from(high));
    }

    /// Counts what ended one of HTTP/2.
    pub fn http2_ended(&self, end: Http2End) {
        let at = Http2End::ALL.iter().position(|known| *known == end);
        count(&self.http2_ended, at.unwrap_or_default());
    }
}
