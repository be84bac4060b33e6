//! How long a wait will be, from measured releases.
//!
//! The store keeps a [`ReleaseHistory`]; a [`Flow`] is what was measured in it, and says for a
//! number of visitors ahead within which times about eight of ten waits end. Fractions are fine
//! here: nothing is decided by an estimate.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pace::{Pace, VISITOR, micros};

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

/// The flow of a queue: how many it releases a slot, and how evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Mean releases in one slot.
    mean: f64,
    /// Variance of the releases in one slot.
    variance: f64,
    /// How many slots were measured, the running one in part.
    slots: f64,
    /// How many standard deviations hold eight of ten waits, given how much was measured.
    width: f64,
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

/// Standard deviations around the mean that hold eight of ten cases of a normal distribution.
const EIGHT_OF_TEN: f64 = 1.2816;

/// How many slots' weight the assumption has that visitors leave at random, as in a Poisson
/// process: it is what is known of the spread before any slot is complete.
const ASSUMED_SLOTS: f64 = 2.0;

impl Flow {
    /// What `history` tells at `now`, in microseconds of room time.
    ///
    /// `None` until [`ENOUGH`] releases were measured, and while nothing in the slots that are
    /// kept moved: a queue that stands still has no known wait.
    #[must_use]
    pub fn measure(history: &ReleaseHistory, now: u64) -> Option<Self> {
        let last = history.last.unwrap_or(now);
        let into = history.into.saturating_add(now.saturating_sub(last));
        let complete = history.complete.len() as f64;
        let slots = complete + into as f64 / micros(SLOT) as f64;
        let released = history.running + history.complete.iter().sum::<u64>();
        if history.measured < ENOUGH || released == 0 || slots <= 0.0 {
            return None;
        }
        let mean = released as f64 / slots;
        let off = |count: &u64| (*count as f64 - mean).powi(2);
        let spread: f64 = history.complete.iter().map(off).sum();
        let weight = ASSUMED_SLOTS + (complete - 1.0).max(0.0);
        Some(Self {
            mean,
            variance: (ASSUMED_SLOTS * mean + spread) / weight,
            slots,
            width: EIGHT_OF_TEN * (1.0 + 1.0 / weight),
        })
    }

    /// How long somebody with `ahead` others before them will wait.
    ///
    /// After `t` slots the queue has released `mean × t`, give or take the spread of the slots to
    /// come (variance × t) and how well the mean itself is known (variance × t² ÷ slots). The two
    /// times at which `ahead` + 1 lies on the edge of that band solve
    /// (mean × t − ahead − 1)² = width² × variance × (t + t² ÷ slots).
    #[must_use]
    pub fn wait(&self, ahead: u64) -> WaitRange {
        let goal = ahead as f64 + 1.0;
        let noise = self.width.powi(2) * self.variance;
        let square = self.mean.powi(2) - noise / self.slots;
        let linear = 2.0 * self.mean * goal + noise;
        let root = (linear.powi(2) - 4.0 * square * goal.powi(2))
            .max(0.0)
            .sqrt();
        let low = seconds(2.0 * goal.powi(2) / (linear + root)).floor();
        let high = if square > 0.0 {
            seconds((linear + root) / (2.0 * square)).ceil()
        } else {
            LONGEST_WAIT.as_secs_f64()
        };
        let median = seconds(goal / self.mean).round();
        WaitRange {
            low: Duration::from_secs_f64(low),
            median: Duration::from_secs_f64(median.max(low)),
            high: Duration::from_secs_f64(high.max(median).max(low + 1.0)),
        }
    }
}

/// Slots as seconds, no more than [`LONGEST_WAIT`] (less one, so that a range always has a width).
fn seconds(slots: f64) -> f64 {
    (slots * SLOT.as_secs_f64()).min(LONGEST_WAIT.as_secs_f64() - 1.0)
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
