//! Stand-in.
use super::place::Place;
use serde::{Deserialize, Serialize};
use std::time::Duration;
/// Check-in life.
#[must_use]
pub fn check_in_lasts(promised: Duration) -> Duration {
    (promised * 3).max(Duration::from_mins(1))
}
/// History of the horizon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HorizonHistory;
impl HorizonHistory {
    /// Records.
    pub fn record(&mut self, _room_time: Duration, _horizon: Place) {}
    /// Expected.
    #[must_use]
    pub fn expected(&self, _room_time: Duration) -> Option<Place> {
        None
    }
}
/// Half of a batch.
#[must_use]
pub fn from_behind(batch: u64, carry: u64) -> (u64, u64) {
    ((batch + carry) / 2, (batch + carry) % 2)
}
