//! Looking after a connection of HTTP/2 from time to time: whether anything was ever asked, is still
//! asked, and is taken.

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
    /// Ready when the connection has asked nothing, or taken nothing, for too long, or has to make
    /// way while it is idle.
    pub(super) async fn run(self) -> Http2End {
        sleep(self.deadlines.first_byte).await;
        if self.activity.begun() == 0 {
            return Http2End::Silent;
        }
        let Deadlines {
            idle, write_stall, ..
        } = self.deadlines;
        let tick = idle.min(write_stall) / TICKS;
        let mut quiet = Quiet::default();
        let mut space = None;
        loop {
            tokio::select! {
                () = sleep(tick) => {}
                () = given_up(&mut space) => {
                    if self.look().is_idle() {
                        return Http2End::GivenUp;
                    }
                    space = None;
                    continue;
                }
            }
            let (idle_ticks, stuck_ticks) = quiet.tick(self.look());
            if tick * idle_ticks >= idle {
                return Http2End::Idle;
            }
            if tick * stuck_ticks >= write_stall {
                return Http2End::Stalled;
            }
            space = match (idle_ticks, space) {
                (0, _) => None,
                (_, None) => Some(self.capacity.park()),
                (_, parked) => parked,
            };
        }
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

/// What is seen of a connection at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    /// Requests begun so far.
    begun: u64,
    /// Requests being answered.
    in_flight: u32,
    /// Streams not answered to the end.
    open: u32,
    /// Frames of answers taken by the visitor so far.
    written: u64,
}

/// For how many ticks a connection has been quiet.
#[derive(Clone, Copy, Debug, Default)]
struct Quiet {
    last: Look,
    idle: u32,
    stuck: u32,
}

impl Look {
    const fn is_idle(self) -> bool {
        self.open == 0 && self.in_flight == 0
    }
}

impl Quiet {
    /// Counts a tick: how many in a row nothing was asked or answered, and how many in a row
    /// finished answers waited for the visitor, who took nothing.
    fn tick(&mut self, look: Look) -> (u32, u32) {
        let last = std::mem::replace(&mut self.last, look);
        let is_idle = look.open == 0 && last.open == 0 && look.begun == last.begun;
        let is_stuck = look.open > 0 && look.in_flight == 0 && look.written == last.written;
        let count = |ticks: u32, more: bool| if more { ticks.saturating_add(1) } else { 0 };
        self.idle = count(self.idle, is_idle);
        self.stuck = count(self.stuck, is_stuck);
        (self.idle, self.stuck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_is_counted_from_the_last_stream_s_end() {
        let mut quiet = Quiet::default();
        let busy = Look {
            begun: 1,
            in_flight: 1,
            open: 1,
            written: 9,
        };
        let done = Look {
            in_flight: 0,
            open: 0,
            ..busy
        };
        assert_eq!(quiet.tick(busy), (0, 0));
        assert_eq!(quiet.tick(done), (0, 0));
        assert_eq!(quiet.tick(done), (1, 0));
        assert_eq!(quiet.tick(Look { begun: 2, ..done }), (0, 0));
        let stuck = Look { open: 1, ..done };
        assert_eq!(quiet.tick(stuck), (0, 1));
        assert_eq!(quiet.tick(stuck), (0, 2));
        assert_eq!(
            quiet.tick(Look {
                written: 10,
                ..stuck
            }),
            (0, 0)
        );
        assert_eq!(
            quiet.tick(Look {
                in_flight: 1,
                ..stuck
            }),
            (0, 0)
        );
    }
}
