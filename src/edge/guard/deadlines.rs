//! How long a connection may keep us waiting, and the timer that says so.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// How long each wait for a visitor's bytes may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the first look at a new connection to its first byte; 5 s. Closed without a word.
    /// A browser that connects ahead of time connects again.
    pub first_byte: Duration,
    /// From a head's first byte to its last; 10 s.
    pub head: Duration,
    /// How long nothing is under way before all is given back but the stream itself, on a
    /// connection that goes on asking; 100 ms. One that asks once gives it back at once. A
    /// page's own requests follow one another faster.
    pub park: Duration,
    /// Between one answer and the next request; 75 s, longer than the longest poll interval
    /// with its jitter. Closed without a word.
    pub idle: Duration,
    /// A body's wait for its next byte; 20 s, longer than a train takes through a tunnel. With the
    /// time that a head may take, no body that stands still is waited for longer than 30.
    pub body_stall: Duration,
    /// Waiting for bytes that a body may spend at any rate; 20 s.
    pub body_grace: Duration,
    /// Bytes a second of waiting that a body must bring beyond its grace; 500. At least 1.
    pub body_rate: u32,
    /// A write's wait for the visitor to take some of it; 20 s. With the time until the first
    /// write waits, and a tick over HTTP/2, nobody who reads nothing is kept for 30.
    pub write_stall: Duration,
    /// Waiting for the visitor that an answer may spend however little is taken; 20 s.
    pub write_grace: Duration,
    /// Bytes a second of waiting that the visitor must take beyond the grace; 500. At least 1.
    pub write_rate: u32,
    /// How long a visitor that has closed its side is still owed an answer, and each further piece
    /// of it; 5 s. One who has left looks the same.
    pub half_closed: Duration,
    /// How long bytes that nobody will answer are thrown away after a last answer, so that
    /// the visitor reads the answer and no reset; 1 s.
    pub linger: Duration,
    /// How many such bytes; 64 KiB.
    pub linger_bytes: usize,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(5),
            head: Duration::from_secs(10),
            park: Duration::from_millis(100),
            idle: Duration::from_secs(75),
            body_stall: Duration::from_secs(20),
            body_grace: Duration::from_secs(20),
            body_rate: 500,
            write_stall: Duration::from_secs(20),
            write_grace: Duration::from_secs(20),
            write_rate: 500,
            half_closed: Duration::from_secs(5),
            linger: Duration::from_secs(1),
            linger_bytes: 64 << 10,
        }
    }
}

/// One timer of the runtime, made at the first need and moved from then on.
///
/// Moving it later is cheap, so a cleared alarm is left where it is: at worst it wakes its
/// task once for nothing.
#[derive(Debug, Default)]
pub(in crate::edge) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    set_at: Option<Instant>,
}

impl Alarm {
    /// Rings after `span` from now.
    pub(in crate::edge) fn set(&mut self, span: Duration) {
        let fresh = sleep(span);
        let rings_at = fresh.deadline();
        self.set_at = rings_at.checked_sub(span);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(rings_at),
            None => self.sleep = Some(Box::pin(fresh)),
        }
    }

    /// Forgets what it was set for and says how long it had been set.
    pub(in crate::edge) fn clear(&mut self) -> Duration {
        let set_at = self.set_at.take();
        set_at.map_or(Duration::ZERO, |set_at| {
            sleep(Duration::ZERO).deadline().duration_since(set_at)
        })
    }

    /// Ready once it rings; never while it is not set.
    pub(in crate::edge) fn poll_ring(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match (&mut self.sleep, self.set_at) {
            (Some(sleep), Some(_)) => {
                ready!(sleep.as_mut().poll(cx));
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    }

    /// Whether it is set.
    pub(in crate::edge) const fn is_set(&self) -> bool {
        self.set_at.is_some()
    }

    #[cfg(test)]
    pub(in crate::edge) fn has_timer(&self) -> bool {
        self.sleep.is_some()
    }

    /// Waits for `outcome` no longer than `span`, counted from the first time it was pending.
    ///
    /// # Errors
    /// `TimedOut`, or what `outcome` failed with.
    pub(in crate::edge) fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
        span: Duration,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.set_at = None;
            return outcome;
        }
        if self.set_at.is_none() {
            self.set(span);
        }
        ready!(self.poll_ring(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}
