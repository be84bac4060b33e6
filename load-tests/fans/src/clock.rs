//! The one clock of a run: every moment is a span since the run began.

use std::time::Duration;

use tokio::time::Instant;

/// Measures time since the run began.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Begins now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this file is the load test's one clock"
    )]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// The time since the run began.
    #[must_use]
    pub fn now(self) -> Duration {
        self.start.elapsed()
    }

    /// Waits until `at`; returns at once when that is past. The runtime's timers are up to a
    /// millisecond late, which would show in every answer's time; so this may be as much early.
    pub async fn sleep_until(self, at: Duration) {
        let at = at.saturating_sub(Duration::from_millis(1));
        tokio::time::sleep_until(self.start + at).await;
    }
}

/// Whole milliseconds, as the report shows moments.
#[must_use]
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
