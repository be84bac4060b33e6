//! How slowly a visitor may take what is written to it.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::deadlines::{Alarm, Deadlines};

/// What a visitor has taken of what is written, and how long it kept us waiting, since it last
/// had taken all.
///
/// Standing still ends the connection, and so does a trickle: each second of waiting beyond the
/// grace must have brought some bytes away. A write that finds room costs no timer.
#[derive(Debug, Default)]
pub(super) struct Taking {
    alarm: Alarm,
    waited: Duration,
    taken: u64,
}

impl Taking {
    /// Waits for a write no longer than the visitor may take.
    ///
    /// # Errors
    /// `TimedOut`, or what the write failed with.
    pub(super) fn bound_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        deadlines: &Deadlines,
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(self.bound(cx, written, deadlines));
        self.waited += self.alarm.clear();
        let count = outcome.as_ref().map_or(0, |count| *count);
        self.taken += u64::try_from(count).unwrap_or(u64::MAX);
        Poll::Ready(outcome)
    }

    /// Waits for a flush likewise. After one that succeeds all was taken.
    ///
    /// # Errors
    /// `TimedOut`, or what the flush failed with.
    pub(super) fn bound_flush(
        &mut self,
        cx: &mut Context<'_>,
        flushed: Poll<io::Result<()>>,
        deadlines: &Deadlines,
    ) -> Poll<io::Result<()>> {
        let outcome = ready!(self.bound(cx, flushed, deadlines));
        self.alarm.clear();
        (self.waited, self.taken) = (Duration::ZERO, 0);
        Poll::Ready(outcome)
    }

    /// Whether the visitor keeps us waiting now.
    pub(super) fn is_waited_for(&self) -> bool {
        self.alarm.is_set()
    }

    #[cfg(test)]
    pub(super) fn has_timer(&self) -> bool {
        self.alarm.has_timer()
    }

    fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
        deadlines: &Deadlines,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        if !self.alarm.is_set() {
            self.alarm.set(self.span(deadlines));
        }
        ready!(self.alarm.poll_ring(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn span(&self, deadlines: &Deadlines) -> Duration {
        let rate = u64::from(deadlines.write_rate.max(1));
        let earned = Duration::from_secs(self.taken / rate);
        let allowed = deadlines.write_grace.saturating_add(earned);
        deadlines
            .write_stall
            .min(allowed.saturating_sub(self.waited))
    }
}
