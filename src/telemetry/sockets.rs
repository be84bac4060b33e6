//! Counting WebSockets.

use prometheus::{IntCounter, IntGauge};

use super::families::Families;
use super::families::words;
use super::labels::{SocketEnd, SocketRefusal};
use super::metrics::count;

/// The handles of WebSockets.
pub struct SocketMetrics {
    open: IntGauge,
    opened: IntCounter,
    refused: Vec<IntCounter>,
    ended: Vec<IntCounter>,
}

impl SocketMetrics {
    pub(super) fn of(families: &Families) -> prometheus::Result<Self> {
        let none: [&str; 0] = [];
        let refusals = SocketRefusal::ALL.map(SocketRefusal::word);
        Ok(Self {
            open: families.sockets_open.get_metric_with_label_values(&none)?,
            opened: families.sockets.get_metric_with_label_values(&none)?,
            refused: words(&families.sockets_refused, refusals)?,
            ended: words(&families.sockets_ended, SocketEnd::ALL.map(SocketEnd::word))?,
        })
    }

    /// Counts one as open, until [`SocketMetrics::ended`].
    pub fn opened(&self) {
        self.opened.inc();
        self.open.inc();
    }

    /// Counts the end of an open one.
    pub fn ended(&self, end: SocketEnd) {
        self.open.dec();
        count(&self.ended, end as usize);
    }

    /// Counts one that was asked for and not opened.
    pub fn refused(&self, reason: SocketRefusal) {
        count(&self.refused, reason as usize);
    }
}
