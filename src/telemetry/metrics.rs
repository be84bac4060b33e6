//! Stand-in.
use std::time::Duration;
/// Metrics.
#[derive(Debug, Default)]
pub struct Metrics;
impl Metrics {
    /// Counts.
    pub fn verdict(&self, _word: &'static str) {}
    /// Counts.
    pub fn refusal(&self, _word: &'static str) {}
    /// Counts.
    pub fn rule_match(&self, _rule: &str, _action: &'static str) {}
    /// Counts.
    pub fn token_refused(&self, _reason: &'static str) {}
    /// Times.
    pub fn origin_took(&self, _site: usize, _took: Duration) {}
}
