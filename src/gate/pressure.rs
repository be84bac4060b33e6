//! Whether this gateway has too much to do: measured outside, read by every request of a newcomer.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::pressure::Pressure;

/// The pressure that holds now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicBool);

impl Gauge {
    /// Sets what holds from now on; what held before.
    pub fn set(&self, pressure: Pressure) -> Pressure {
        of(self.0.swap(pressure == Pressure::High, Ordering::Relaxed))
    }

    /// What holds.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        of(self.0.load(Ordering::Relaxed))
    }
}

const fn of(high: bool) -> Pressure {
    if high { Pressure::High } else { Pressure::Calm }
}
