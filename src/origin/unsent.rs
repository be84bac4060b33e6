//! Requests that are sent to no origin: each is counted once, also if its visitor leaves.

use super::OriginError;
use super::site::Site;
use crate::telemetry::origins::{Unsent, UnsentSeries};

/// A request until it has a place at an origin; from then on the place counts it. Dropped before,
/// its visitor broke it off.
pub(super) struct Waiting<'a> {
    series: Option<&'a UnsentSeries>,
}

impl Site {
    /// A request that came.
    pub(super) const fn unsent(&self) -> Waiting<'_> {
        Waiting {
            series: Some(self.unsent_series()),
        }
    }
}

impl Waiting<'_> {
    /// It has a place.
    pub(super) const fn has_place(&mut self) {
        self.series = None;
    }

    /// Passes on what a part of the wait came to. If that ends it, it is counted.
    pub(super) fn came_to<T>(&mut self, outcome: Result<T, OriginError>) -> Result<T, OriginError> {
        if let Err(fault) = &outcome
            && let Some(series) = self.series.take()
            && let Some(why) = why(fault)
        {
            series.unsent(why);
        }
        outcome
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(series) = self.series {
            series.unsent(Unsent::Visitor);
        }
    }
}

/// `None` for what is counted where it happens.
const fn why(fault: &OriginError) -> Option<Unsent> {
    match fault {
        OriginError::LeftOut => Some(Unsent::LeftOut),
        OriginError::NoAnswer { .. } => Some(Unsent::Timeout),
        OriginError::RequestBody { .. } => Some(Unsent::Visitor),
        OriginError::Busy
        | OriginError::Unreachable { .. }
        | OriginError::Untrusted { .. }
        | OriginError::BadAnswer { .. } => None,
    }
}
