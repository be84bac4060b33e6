//! Counting a connection for as long as it is open, and what was wrong with its bytes.

use std::sync::Arc;

use crate::edge::framing::{Fault, FaultKind};
use crate::telemetry::connections::Protocol;
use crate::telemetry::labels::RefusalLabel;
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

/// What a head counts as that could not be read.
pub(super) const fn faulty(fault: Fault) -> RefusalLabel {
    match fault.kind() {
        FaultKind::UriTooLong | FaultKind::FieldsTooLarge => RefusalLabel::TooLarge,
        FaultKind::BadRequest | FaultKind::VersionNotSupported => RefusalLabel::Ambiguous,
        FaultKind::Timeout => RefusalLabel::Slow,
    }
}
