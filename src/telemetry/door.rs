//! Counting whom the door of the control API turned away.

use super::metrics::Metrics;

/// Why, as `anteroom_control_refusals_total{reason}` says it: no right token, a role too low, or
/// too many wrong tokens before.
pub const DOOR_REASONS: [&str; 3] = ["unauthorized", "forbidden", "locked_out"];

impl Metrics {
    /// Counts a request that was turned away, by one of [`DOOR_REASONS`].
    pub fn turned_away(&self, reason: &str) {
        let reasons = DOOR_REASONS.iter().zip(&self.door);
        for (_, counter) in reasons.filter(|(word, _)| **word == reason) {
            counter.inc();
        }
    }
}
