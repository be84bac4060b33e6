//! How far this gateway's wall clock is from the store's, and whether it may sign by it.
//!
//! Tokens say times, so a gateway whose clock is wrong would give admissions that live too long
//! or are void when they arrive. Every survey brings the store's time. Where the two differ it is
//! not said which of them is wrong; but a clock that *jumps* gives itself away, for the gateway's
//! monotonic clock does not jump along. A store that jumps is no reason to stop: all gateways see
//! the same jump and still agree among themselves.

use std::time::Duration;

use super::clock::{Now, UnixTime};

/// A wall clock that is further from the store's is not signed by.
pub const MOST_SKEW: Duration = Duration::from_secs(2);

/// A difference that changes by more between two surveys has jumped.
const JUMP_MS: i64 = 1_000;

/// How this gateway's wall clock compares with the store's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skew {
    /// How far it is ahead, in milliseconds; negative when it is behind. Right to half a round
    /// trip; 0 where there is nothing to compare with.
    pub ahead_ms: i64,
    /// Whether it may be signed by.
    pub clock: WallClock,
}

/// Whether a wall clock may be signed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WallClock {
    /// It agrees with the store's, or there is none to compare with.
    #[default]
    Right,
    /// It is more than [`MOST_SKEW`] from the store's.
    Off,
}

impl Skew {
    /// `now` by the store's clock where this gateway's own is off; else as it is.
    #[must_use]
    pub const fn correct(&self, now: Now) -> Now {
        let wall = match self.clock {
            WallClock::Right => return now,
            WallClock::Off => now.wall.millis().saturating_add_signed(-self.ahead_ms),
        };
        Now {
            wall: UnixTime::from_millis(wall),
            ..now
        }
    }
}

/// The store's time as it arrived with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When the answer was there, on this gateway's clocks.
    pub now: Now,
    /// How long it was waited for, on the monotonic clock.
    pub took: Duration,
    /// What the store's clock said at some moment of that wait.
    pub store: UnixTime,
}

/// Watches one gateway's wall clock against one store's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SkewWatch {
    skew: Skew,
    last: Option<Sight>,
    /// How far the store's clock has jumped by itself since they last agreed.
    store_jumped_ms: i64,
}

#[derive(Clone, Copy, Debug)]
struct Sight {
    /// Bounds of how far this gateway is ahead.
    least: i64,
    most: i64,
    /// Wall minus monotonic time: it changes only where the wall clock is set.
    set: i64,
}

impl Sight {
    fn of(heard: Heard) -> Self {
        let most = signed(heard.now.wall.millis()) - signed(heard.store.millis());
        let mono = i64::try_from(heard.now.mono.as_millis()).unwrap_or(i64::MAX);
        Self {
            least: most.saturating_sub(i64::try_from(heard.took.as_millis()).unwrap_or(i64::MAX)),
            most,
            set: signed(heard.now.wall.millis()).saturating_sub(mono),
        }
    }

    const fn middle(self) -> i64 {
        self.least.midpoint(self.most)
    }

    /// What the whole of it says when the store's clock is taken to be `jumped` too far.
    fn judge(self, jumped: i64) -> Option<WallClock> {
        let limit = i64::try_from(MOST_SKEW.as_millis()).unwrap_or(i64::MAX);
        let (least, most) = (
            self.least.saturating_add(jumped),
            self.most.saturating_add(jumped),
        );
        if least > limit || most < -limit {
            Some(WallClock::Off)
        } else if least >= -limit && most <= limit {
            Some(WallClock::Right)
        } else {
            None
        }
    }
}

impl SkewWatch {
    /// Takes in the store's time. A comparison whose round trip was too long to tell changes
    /// nothing.
    pub fn hear(&mut self, heard: Heard) -> Skew {
        let sight = Sight::of(heard);
        self.store_jumped_ms += self.last.map_or(0, |last| jump_of_the_store(last, sight));
        if sight.judge(0) == Some(WallClock::Right) {
            self.store_jumped_ms = 0;
        }
        let judged = match (sight.judge(0), sight.judge(self.store_jumped_ms)) {
            (Some(WallClock::Right), _) | (_, Some(WallClock::Right)) => Some(WallClock::Right),
            (None, _) | (_, None) => None,
            (Some(WallClock::Off), Some(WallClock::Off)) => Some(WallClock::Off),
        };
        self.last = Some(sight);
        self.skew = Skew {
            ahead_ms: sight.middle(),
            clock: judged.unwrap_or(self.skew.clock),
        };
        self.skew
    }

    /// What is known so far.
    #[must_use]
    pub const fn skew(&self) -> Skew {
        self.skew
    }
}

/// How far the store's clock jumped ahead between two sights; 0 where it did not, or where this
/// gateway's own was set meanwhile.
fn jump_of_the_store(last: Sight, sight: Sight) -> i64 {
    let unsure = (last.most - last.least).saturating_add(sight.most - sight.least);
    let moved = sight.middle().saturating_sub(last.middle());
    let was_set = sight.set.saturating_sub(last.set).abs() > JUMP_MS;
    if was_set || moved.abs() <= JUMP_MS.saturating_add(unsure) {
        return 0;
    }
    moved.saturating_neg()
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_800_000_000_000;

    /// At monotonic second `at` the gateway's clock is `gateway` and the store's `store`
    /// milliseconds from the true time.
    fn heard(at: i64, gateway: i64, store: i64) -> Heard {
        let true_time = NOON + at * 1_000;
        Heard {
            now: Now {
                mono: Duration::from_secs(at.unsigned_abs()),
                wall: UnixTime::from_millis((true_time + gateway).unsigned_abs()),
            },
            took: Duration::from_millis(10),
            store: UnixTime::from_millis((true_time + store).unsigned_abs()),
        }
    }

    fn after(sights: &[(i64, i64)]) -> WallClock {
        let mut watch = SkewWatch::default();
        for (at, (gateway, store)) in (0..).zip(sights) {
            watch.hear(heard(at, *gateway, *store));
        }
        watch.skew().clock
    }

    #[test]
    fn t17_a_clock_more_than_two_seconds_from_the_stores_is_off() {
        use WallClock::{Off, Right};
        for (ahead, expected) in [
            (0, Right),
            (1_990, Right),
            (-1_990, Right),
            (2_011, Off),
            (-2_001, Off),
            (600_000, Off),
            (-600_000, Off),
        ] {
            assert_eq!(after(&[(ahead, 0)]), expected, "{ahead} ms");
        }
    }

    #[test]
    fn a_gateway_that_was_set_is_off_until_it_is_set_right() {
        let set = [(0, 0), (600_000, 0), (600_000, 0)];
        assert_eq!(after(&set), WallClock::Off);
        assert_eq!(after(&[(0, 0), (5_000, 0), (0, 0)]), WallClock::Right);
    }

    #[test]
    fn a_gateway_that_drifts_is_off_in_the_end() {
        let drift: Vec<_> = (0..300).map(|second| (second * 10, 0)).collect();
        assert_eq!(after(&drift), WallClock::Off);
    }

    #[test]
    fn f19_a_store_whose_clock_jumps_stops_nobody() {
        for jump in [120_000, -3_600_000] {
            let jumped = [(0, 0), (0, jump), (0, jump)];
            assert_eq!(after(&jumped), WallClock::Right, "{jump}");
            let back = [(0, 0), (0, jump), (0, jump), (0, 0)];
            assert_eq!(after(&back), WallClock::Right);
            let both = [(0, 0), (0, jump), (9_000, jump)];
            assert_eq!(after(&both), WallClock::Off, "its own jump still counts");
            let slewed: Vec<_> = [(0, 0), (0, jump)]
                .into_iter()
                .chain((0..500).map(|step| (0, jump - jump * step / 499)))
                .collect();
            assert_eq!(after(&slewed), WallClock::Right);
        }
        let new = [(0, 120_000)];
        assert_eq!(
            after(&new),
            WallClock::Off,
            "who has never agreed cannot tell"
        );
    }

    #[test]
    fn an_answer_that_took_too_long_tells_nothing() {
        let mut watch = SkewWatch::default();
        let slow = |ahead| Heard {
            took: Duration::from_secs(6),
            ..heard(1, ahead, 0)
        };
        assert_eq!(watch.hear(slow(5_000)).clock, WallClock::Right);
        watch.hear(heard(2, 9_000, 0));
        assert_eq!(watch.hear(slow(5_000)).clock, WallClock::Off);
        let ahead = watch.hear(heard(3, 9_000, 0));
        let corrected = ahead.correct(heard(3, 9_000, 0).now).wall.millis();
        assert!(corrected.abs_diff((NOON + 3_000).unsigned_abs()) <= 10);
    }
}
