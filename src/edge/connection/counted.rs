//! Counting a connection for as long as it is open.

use std::sync::Arc;

use crate::telemetry::connections::Protocol;
use crate::telemetry::metrics::Metrics;

/// A connection that counts as open until this is dropped.
pub(super) struct Counted {
    metrics: Arc<Metrics>,
    protocol: Protocol,
}

impl Counted {
    pub(super) fn open(metrics: Arc<Metrics>, protocol: Protocol) -> Self {
        metrics.connections.opened(protocol);
        Self { metrics, protocol }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.connections.ended(self.protocol);
    }
}
