//! How long a wait will be, from measured releases.
//!
//! The store keeps a [`ReleaseHistory`]; a [`Flow`] is what was measured in it, and says for a
//! number of visitors ahead within which times about eight of ten waits end. A [`Lookback`] is what
//! a gateway saw change meanwhile. Fractions are fine here: nothing is decided by an estimate.

mod filling;
mod flow;
mod leaving;
mod lookback;
mod slots;

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pace::{Pace, VISITOR, micros};
pub use flow::{Flow, Measured};
pub use lookback::{Lately, Lookback, Sight};

/// The length of one slot of the history, in room time.
pub const SLOT: Duration = Duration::from_secs(10);

/// How many complete slots are kept: five minutes.
pub const SLOTS: usize = 30;

/// A wait is unknown until so many releases were measured.
pub const ENOUGH: u64 = 20;

/// The longest wait that is ever said.
pub const LONGEST_WAIT: Duration = Duration::from_hours(30 * 24);

/// The longest time between two polls, before jitter.
pub const LONGEST_POLL: Duration = Duration::from_secs(60);

/// The longest time between two polls, with jitter: a tenth more.
pub const LONGEST_JITTERED_POLL: Duration = Duration::from_secs(66);

/// The shortest time between two polls.
pub const SHORTEST_POLL: Duration = Duration::from_secs(2);

/// How many were released in each slot of room time during which the queue was moving.
///
/// Only measured time counts: [`ReleaseHistory::skip`] passes over ticks while the room is not
/// open, or while nobody is left waiting, which say nothing of how fast a queue drains. Ticks at
/// which capacity was full are measured: that flow is slow. Bounded at [`SLOTS`] complete slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHistory {
    last: Option<u64>,
    measured: u64,
    into: u64,
    running: u64,
    complete: VecDeque<u64>,
}

impl ReleaseHistory {
    /// How many releases were measured so far.
    #[must_use]
    pub const fn measured(&self) -> u64 {
        self.measured
    }

    /// Counts a tick at `room_time` microseconds that released `released`.
    ///
    /// The first one, and the first after a [`skip`](Self::skip) without an earlier tick, only
    /// starts the measurement.
    pub fn record(&mut self, room_time: u64, released: u64) {
        let Some(last) = self.last.replace(room_time) else {
            return;
        };
        let slot = micros(SLOT);
        self.into = self.into.saturating_add(room_time.saturating_sub(last));
        let ended = usize::try_from(self.into / slot).unwrap_or(usize::MAX);
        self.into %= slot;
        for _ in 0..ended.min(SLOTS + 1) {
            self.complete.push_back(std::mem::take(&mut self.running));
        }
        let surplus = self.complete.len().saturating_sub(SLOTS);
        self.complete.drain(..surplus);
        self.running = self.running.saturating_add(released);
        self.measured = self.measured.saturating_add(released);
    }

    /// Passes over the time up to `room_time` without measuring it.
    pub fn skip(&mut self, room_time: u64) {
        self.last = Some(room_time);
    }

    /// Forgets all: a new sale window is measured from its own releases.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Within which times about eight of ten waits end, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitRange {
    /// One of ten waits is shorter.
    pub low: Duration,
    /// As many waits are shorter as are longer.
    pub median: Duration,
    /// One of ten waits is longer.
    pub high: Duration,
}

/// How long until the next poll: a third of the median wait, or of `ahead` ÷ pace while the wait
/// is unknown, at least [`SHORTEST_POLL`] and at most [`LONGEST_POLL`].
#[must_use]
pub fn poll_after(ahead: u64, median: Option<Duration>, pace: Pace) -> Duration {
    let paced = || Duration::from_micros(ahead.saturating_mul(VISITOR) / pace.rate());
    let wait = median.unwrap_or_else(paced);
    (wait / 3).clamp(SHORTEST_POLL, LONGEST_POLL)
}

/// `poll_after` less or more by up to a tenth, as `seed` falls, so that visitors who came
/// together do not come back together. Between 2 and 66 seconds, in whole milliseconds.
#[must_use]
pub fn jittered(poll_after: Duration, seed: u64) -> Duration {
    let millis = u64::try_from(poll_after.as_millis()).unwrap_or(u64::MAX);
    let tenth = millis / 10;
    let share = mixed(seed) % (2 * tenth + 1);
    Duration::from_millis(millis - tenth + share).clamp(SHORTEST_POLL, LONGEST_JITTERED_POLL)
}

/// Spreads any seed, also a running number, evenly over all values.
pub(super) fn mixed(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
