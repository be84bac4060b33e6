//! Stand-in.
use serde::{Deserialize, Serialize};
use std::time::Duration;
/// History.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHistory {
    total: u64,
}
impl ReleaseHistory {
    /// Records.
    pub fn record(&mut self, _room_time: Duration, released: u64) {
        self.total += released;
    }
}
/// Flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow;
/// Horizon in visitors.
#[must_use]
pub fn horizon(pace: super::pace::Pace, horizon: Duration) -> u64 {
    u64::from(pace.per_minute.get()) * horizon.as_secs() / 60 + 1
}
