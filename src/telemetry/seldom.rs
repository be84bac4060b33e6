//! Lines of the log that may be written seldom, whatever happens how often.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lines about one thing: one each so often at most.
pub struct Seldom {
    every: Duration,
    /// Monotonic milliseconds of the last line, 0 for none.
    said: AtomicU64,
    unsaid: AtomicU64,
}

impl Seldom {
    /// Lines of which one each `every` may be written.
    #[must_use]
    pub const fn each(every: Duration) -> Self {
        Self {
            every,
            said: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
        }
    }

    /// Whether a line may be written at the monotonic time `now`, and then how many were left
    /// unsaid since the last. If not, this one is counted among them.
    #[must_use]
    pub fn may_say(&self, now: Duration) -> Option<u64> {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let (now, last) = (millis(now).max(1), self.said.load(Ordering::Relaxed));
        let is_free = last == 0 || now.saturating_sub(last) >= millis(self.every);
        let relaxed = Ordering::Relaxed;
        let is_ours = is_free && {
            let turn = self.said.compare_exchange(last, now, relaxed, relaxed);
            turn.is_ok()
        };
        if is_ours {
            return Some(self.unsaid.swap(0, relaxed));
        }
        self.unsaid.fetch_add(1, relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_said_each_so_often_and_the_rest_is_counted() {
        let seldom = Seldom::each(Duration::from_secs(1));
        let said: Vec<_> = (0..2_500)
            .filter_map(|at| seldom.may_say(Duration::from_millis(at)))
            .collect();

        assert_eq!(said, [0, 1_000, 999], "{said:?}");
    }
}
