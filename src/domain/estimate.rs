//! Stand-in.
use std::time::Duration;
use serde::{Deserialize, Serialize};
use super::pace::Pace;
/// History.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHistory { total: u64 }
impl ReleaseHistory {
    /// Records.
    pub fn record(&mut self, _room_time: Duration, released: u64) { self.total += released; }
}
/// Range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitRange {
    /// low
    pub low: Duration,
    /// median
    pub median: Duration,
    /// high
    pub high: Duration }
/// Flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow;
impl Flow {
    /// m
    #[must_use]
    pub fn measure(_h: &ReleaseHistory, _t: Duration) -> Option<Self> { None }
    /// w
    #[must_use]
    pub fn wait(&self, _ahead: u64) -> WaitRange { WaitRange { low: Duration::ZERO, median: Duration::ZERO, high: Duration::ZERO } }
}
/// Horizon in visitors.
#[must_use]
pub fn horizon(pace: Pace, horizon: Duration) -> u64 { u64::from(pace.per_minute.get()) * horizon.as_secs() / 60 + 1 }
/// p
#[must_use]
pub fn poll_after(ahead: u64, median: Option<Duration>, pace: Pace) -> Duration { (median.unwrap_or(Duration::from_secs(ahead * 60 / u64::from(pace.per_minute.get()))) / 3).clamp(Duration::from_secs(2), Duration::from_secs(60)) }
/// j
#[must_use]
pub fn jittered(poll_after: Duration, _seed: u64) -> Duration { poll_after }
