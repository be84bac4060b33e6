//! A point on one of a room's two clocks, both moved by accepted ticks alone.

use std::time::Duration;

/// Microseconds of room time (all accepted elapsed time) or of claim time (only what passed while
/// claims were taken). The two are never compared with each other.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    /// This moment plus `span`, saturating.
    pub(super) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// What is left until this moment at `now`; zero once it is reached.
    pub(super) const fn left(self, now: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(now.0))
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
