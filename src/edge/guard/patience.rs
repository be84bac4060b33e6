//! How long the guard goes on waiting for bytes.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::activity::Activity;
use super::deadlines::{Alarm, Deadlines};

/// What the next byte is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::edge) enum Wait {
    /// The first request of a new connection.
    FirstByte,
    /// Another request on a connection that had one.
    Idle,
    /// The rest of a head.
    Head,
    /// More of a body.
    Body,
}

/// The deadlines of one connection's reads. A read that finds its bytes there costs no timer
/// and no look at a clock.
#[derive(Debug)]
pub(in crate::edge) struct Patience {
    deadlines: Deadlines,
    activity: Activity,
    alarm: Alarm,
    wait: Option<(Wait, u64)>,
    busy: bool,
    rests: bool,
    /// Whether it rests as soon as nothing is under way, and waits for nothing more.
    rests_soon: bool,
    message: u64,
    received: u64,
    waited: Duration,
}

impl Patience {
    /// That of a connection, or of one body.
    pub(in crate::edge) fn new(deadlines: Deadlines, activity: Activity) -> Self {
        Self {
            deadlines,
            activity,
            alarm: Alarm::default(),
            wait: None,
            busy: false,
            rests: false,
            rests_soon: true,
            message: 0,
            received: 0,
            waited: Duration::ZERO,
        }
    }

    /// Notes bytes that arrived and the message they belong to.
    pub(in crate::edge) fn receive(&mut self, count: usize, message: u64) {
        if let Some((Wait::Body, _)) = self.wait {
            self.waited += self.alarm.clear();
            self.wait = None;
        }
        self.follow(message);
        self.received += count as u64;
    }

    /// Begins to count anew where this is another message.
    const fn follow(&mut self, message: u64) {
        if self.message != message {
            self.message = message;
            self.received = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// Ready when `wait` has lasted too long. Called whenever a read finds no bytes; asking
    /// again about the same wait of the same message never gives it more time.
    pub(in crate::edge) fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        wait: Wait,
        message: u64,
    ) -> Poll<()> {
        if self.wait != Some((wait, message)) {
            self.wait = Some((wait, message));
            self.follow(message);
            self.busy = self.is_busy();
            self.rests = false;
            self.alarm.set(self.span(wait));
        }
        if wait == Wait::Idle && self.rests_soon && !self.is_busy() {
            self.rests = true;
        }
        loop {
            ready!(self.alarm.poll_ring(cx));
            let is_busy = self.is_busy();
            let was_busy = std::mem::replace(&mut self.busy, is_busy);
            if wait != Wait::Idle {
                return Poll::Ready(());
            }
            let next = match (is_busy, was_busy) {
                (true, _) => self.deadlines.idle,
                (false, true) => self.span(wait),
                (false, false) if self.rests => return Poll::Ready(()),
                (false, false) => {
                    self.rests = true;
                    self.deadlines.idle.saturating_sub(self.deadlines.park)
                }
            };
            self.alarm.set(next);
        }
    }

    /// Takes the connection for one that goes on asking, and not for one that asks once and rests
    /// again, as a page that polls.
    pub(in crate::edge) const fn expect_more(&mut self) {
        self.rests_soon = false;
    }

    /// Whether the connection has been idle for [`Deadlines::park`], or rests soon and is idle.
    pub(in crate::edge) const fn rests(&self) -> bool {
        self.rests
    }

    #[cfg(test)]
    pub(in crate::edge) fn has_timer(&self) -> bool {
        self.alarm.has_timer()
    }

    fn is_busy(&self) -> bool {
        self.activity.in_flight() > 0
    }

    fn span(&self, wait: Wait) -> Duration {
        match wait {
            Wait::FirstByte => self.deadlines.first_byte,
            Wait::Idle if self.rests_soon => self.deadlines.idle,
            Wait::Idle => self.deadlines.park.min(self.deadlines.idle),
            Wait::Head => self.deadlines.head,
            Wait::Body => {
                let rate = u64::from(self.deadlines.body_rate.max(1));
                let earned = Duration::from_secs(self.received / rate);
                let allowed = earned.max(self.deadlines.body_grace);
                self.deadlines
                    .body_stall
                    .min(allowed.saturating_sub(self.waited))
            }
        }
    }
}
