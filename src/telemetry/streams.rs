//! Counting event streams.

use prometheus::{IntCounter, IntGauge};

use super::families::{Families, words};
use super::labels::{EventName, StreamEnd, StreamRefusal};
use super::metrics::count;

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
