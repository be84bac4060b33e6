//! Counting event streams.

use prometheus::{IntCounter, IntGauge};

use super::families::{Families, words};
use super::metrics::count;

/// Why an event stream was not opened, as `anteroom_event_streams_refused_total{reason}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefusal {
    /// As many are open as may be.
    Full,
    /// As many are open for one client network as may be.
    Network,
}

impl StreamRefusal {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 2] = [Self::Full, Self::Network];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Network => "network",
        }
    }
}

/// What ended an event stream, as `anteroom_event_streams_ended_total{by}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The visitor went away.
    Visitor,
    /// The visitor read too slowly.
    Slow,
    /// It was open for long enough; the page opens another.
    Lifetime,
    /// There was nothing more to wait for, or the room is gone.
    Over,
    /// The gateway stops.
    Drain,
}

impl StreamEnd {
    /// Everything that ends one, in the order of declaration.
    pub const ALL: [Self; 5] = [
        Self::Visitor,
        Self::Slow,
        Self::Lifetime,
        Self::Over,
        Self::Drain,
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Slow => "slow",
            Self::Lifetime => "lifetime",
            Self::Over => "over",
            Self::Drain => "drain",
        }
    }
}

/// The name of an event, as the stream and `anteroom_events_total{event}` say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventName {
    /// The visitor's place or state is another.
    Standing,
    /// The operator's message is another.
    Message,
    /// It is the visitor's turn.
    Released,
}

impl EventName {
    /// Every event, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::Standing, Self::Message, Self::Released];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Message => "message",
            Self::Released => "released",
        }
    }
}

/// The handles of event streams.
pub struct StreamMetrics {
    open: IntGauge,
    refused: Vec<IntCounter>,
    ended: Vec<IntCounter>,
    events: Vec<IntCounter>,
}

impl StreamMetrics {
    pub(super) fn of(families: &Families) -> prometheus::Result<Self> {
        let none: [&str; 0] = [];
        let refusals = StreamRefusal::ALL.map(StreamRefusal::word);
        Ok(Self {
            open: families.streams_open.get_metric_with_label_values(&none)?,
            refused: words(&families.streams_refused, refusals)?,
            ended: words(&families.streams_ended, StreamEnd::ALL.map(StreamEnd::word))?,
            events: words(&families.events, EventName::ALL.map(EventName::word))?,
        })
    }

    /// Counts one as open, until [`StreamMetrics::ended`].
    pub fn opened(&self) {
        self.open.inc();
    }

    /// Counts the end of an open one.
    pub fn ended(&self, end: StreamEnd) {
        self.open.dec();
        count(&self.ended, end as usize);
    }

    /// Counts one that was asked for and not opened.
    pub fn refused(&self, reason: StreamRefusal) {
        count(&self.refused, reason as usize);
    }

    /// Counts an event that was sent.
    pub fn told(&self, event: EventName) {
        count(&self.events, event as usize);
    }
}
