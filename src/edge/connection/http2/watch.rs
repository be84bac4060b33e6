//! Looking after a connection of HTTP/2 from time to time: whether anything was ever asked, is still
//! asked, and is taken.

use std::time::Duration;

use tokio::time::sleep;

use super::wire::Seen;
use crate::edge::capacity::{Capacity, Space};
use crate::edge::guard::{Activity, Deadlines};
use crate::telemetry::connections::Http2End;

/// What is looked after, and by what.
pub(super) struct Watching<'a> {
    pub seen: &'a Seen,
    pub activity: &'a Activity,
    pub deadlines: Deadlines,
    pub capacity: &'a Capacity,
}

impl Watching<'_> {
    /// Ready when the connection has asked nothing, or taken too little, for too long, or has to
    /// make way while it is idle. Whoever makes way keeps the space until it has gone; it begins
    /// with this one.
    pub(super) async fn run(&self, space: Space) -> (Http2End, Option<Space>) {
        let tick = self.tick();
        let mut quiet = Quiet::new(self.rate_of(tick));
        let (mut asked, mut silent) = (false, Duration::ZERO);
        let mut space = Some(space);
        loop {
            let span = if asked { tick } else { tick.min(FIRST) };
            tokio::select! {
                () = sleep(span) => {}
                () = given_up(&mut space) => {
                    if self.look().is_idle() {
                        return (Http2End::GivenUp, space);
                    }
                    space = None;
                    continue;
                }
            }
            if !asked {
                quiet.last = self.look();
                asked = quiet.last.begun > 0;
                space = space.filter(|_| !asked);
                silent += span;
                if !asked && silent >= self.deadlines.first_byte {
                    return (Http2End::Silent, None);
                }
                continue;
            }
            let (idle_ticks, stuck_ticks) = quiet.tick(self.look());
            if tick * idle_ticks >= self.deadlines.idle {
                return (Http2End::Idle, None);
            }
            if tick * stuck_ticks >= self.deadlines.write_stall {
                return (Http2End::Stalled, None);
            }
            space = match (idle_ticks, space) {
                (0, _) => None,
                (_, None) => Some(self.capacity.park()),
                (_, parked) => parked,
            };
        }
    }

    /// Ready when a connection that is about to go has taken too little for too long.
    pub(super) async fn stalled(&self) {
        let tick = self.tick();
        let mut quiet = Quiet::new(self.rate_of(tick));
        loop {
            sleep(tick).await;
            let (_, stuck_ticks) = quiet.tick(self.look());
            if tick * stuck_ticks >= self.deadlines.write_stall {
                return;
            }
        }
    }

    /// How often is looked.
    fn tick(&self) -> Duration {
        let Deadlines {
            first_byte,
            idle,
            write_stall,
            ..
        } = self.deadlines;
        (idle.min(write_stall) / TICKS).min(first_byte)
    }

    /// Bytes that a visitor must take in a tick who is waited for.
    fn rate_of(&self, tick: Duration) -> u64 {
        tick.as_secs() * u64::from(self.deadlines.write_rate)
    }

    /// Whether nothing is asked or answered.
    pub(super) fn is_idle(&self) -> bool {
        self.look().is_idle()
    }

    fn look(&self) -> Look {
        Look {
            begun: self.activity.begun(),
            in_flight: self.activity.in_flight(),
            open: self.seen.open(),
            written: self.seen.written(),
        }
    }
}

async fn given_up(space: &mut Option<Space>) {
    match space {
        Some(space) => space.given_up().await,
        None => std::future::pending().await,
    }
}

/// Ticks in the shorter of the two deadlines: each strikes at most one tick late.
const TICKS: u32 = 4;

/// How often is looked, until anything has been asked.
const FIRST: Duration = Duration::from_millis(250);

/// What is seen of a connection at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    /// Requests begun so far.
    begun: u64,
    /// Requests being answered.
    in_flight: u32,
    /// Streams not answered to the end.
    open: u32,
    /// Bytes of answers taken by the visitor so far.
    written: u64,
}

/// For how many ticks a connection has been quiet.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    /// Bytes that make up for one tick of waiting.
    enough: u64,
    last: Look,
    idle: u32,
    stuck: u32,
}

impl Look {
    const fn is_idle(self) -> bool {
        self.open == 0 && self.in_flight == 0
    }

    /// Whether a finished answer waits for the visitor.
    const fn waits(self) -> bool {
        self.open > self.in_flight
    }
}

impl Quiet {
    fn new(enough: u64) -> Self {
        Self {
            enough: enough.max(1),
            last: Look::default(),
            idle: 0,
            stuck: 0,
        }
    }

    /// Counts a tick: how many in a row nothing was asked or answered, and how many finished
    /// answers have waited for the visitor beyond those that the bytes taken make up for.
    fn tick(&mut self, look: Look) -> (u32, u32) {
        let last = std::mem::replace(&mut self.last, look);
        let is_idle = look.open == 0 && last.open == 0 && look.begun == last.begun;
        self.idle = if is_idle {
            self.idle.saturating_add(1)
        } else {
            0
        };
        let taken = look.written.saturating_sub(last.written) / self.enough;
        let made_up = u32::try_from(taken).unwrap_or(u32::MAX);
        self.stuck = if look.waits() {
            self.stuck.saturating_add(1).saturating_sub(made_up)
        } else {
            0
        };
        (self.idle, self.stuck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: u64 = 2_500;

    const BUSY: Look = Look {
        begun: 1,
        in_flight: 1,
        open: 1,
        written: 9,
    };

    #[test]
    fn quiet_is_counted_from_the_last_stream_s_end() {
        let mut quiet = Quiet::new(ENOUGH);
        let done = Look {
            in_flight: 0,
            open: 0,
            ..BUSY
        };
        assert_eq!(quiet.tick(BUSY), (0, 0));
        assert_eq!(quiet.tick(done), (0, 0));
        assert_eq!(quiet.tick(done), (1, 0));
        assert_eq!(quiet.tick(Look { begun: 2, ..done }), (0, 0));
    }

    #[test]
    fn r3_waiting_for_the_visitor_is_made_up_for_by_bytes_and_by_no_trickle() {
        let mut quiet = Quiet::new(ENOUGH);
        let mut stuck = Look {
            in_flight: 0,
            ..BUSY
        };
        let mut after = |bytes| {
            stuck.written += bytes;
            quiet.tick(stuck).1
        };
        assert_eq!([0, 1, 2_499].map(&mut after), [1, 2, 3]);
        assert_eq!([2_500, 5_000, 90_000].map(&mut after), [3, 2, 0]);
        assert_eq!(after(0), 1);
        assert_eq!(quiet.tick(BUSY), (0, 0), "the site is waited for");
    }

    #[test]
    fn r3_an_answer_that_is_still_made_excuses_no_other() {
        let mut quiet = Quiet::new(ENOUGH);
        let beside = Look { open: 2, ..BUSY };
        assert_eq!(quiet.tick(beside), (0, 1));
        assert_eq!(quiet.tick(beside), (0, 2));
    }
}
