//! The flow of a queue: what was measured of it, restated for the pace in force.

use std::time::Duration;

use super::{ENOUGH, LONGEST_WAIT, Lookback, ReleaseHistory, SLOT, SLOTS, WaitRange};
use crate::domain::pace::{Corrected, micros};
use crate::domain::presence::{self, EXPECTED_AFTER};

/// What a [`Flow`] is measured from.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The releases of the last minutes.
    pub history: &'a ReleaseHistory,
    /// Room time now, in microseconds.
    pub now: u64,
    /// The pace in force.
    pub pace: Corrected,
    /// What the gateway saw change.
    pub lookback: &'a Lookback,
    /// How many were found absent and wait.
    pub absent: u64,
    /// How many were called and have not claimed their turn.
    pub unclaimed: u64,
    /// What will be released within this time is near, and checks in.
    pub horizon: Duration,
}

/// The flow of a queue: how many of those at its front it releases a slot, how evenly, and how
/// many of those who wait will be there when they are called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Mean releases in one slot, less those to the absent who come back.
    mean: f64,
    /// Variance of the releases in one slot.
    variance: f64,
    /// Variance of the mean: how well it is known.
    doubt: f64,
    /// How many standard deviations hold eight of ten waits, given how much was measured.
    width: f64,
    /// How many of those ahead will come, if few do.
    few: Ahead,
    /// How many will, as far as is known.
    usual: Ahead,
    /// How many will, if many do.
    many: Ahead,
}

/// How many of those ahead will be there when they are called.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ahead {
    /// So many at the front count in full: the absent among them do not count as ahead any more.
    near: f64,
    /// Which share of those behind them comes.
    share: f64,
}

impl Ahead {
    fn of(self, ahead: u64) -> f64 {
        let ahead = ahead as f64;
        ahead.min(self.near) + (ahead - self.near).max(0.0) * self.share
    }
}

/// Standard deviations around the mean that hold eight of ten cases of a normal distribution.
const EIGHT_OF_TEN: f64 = 1.2816;

/// How many slots' weight the assumption has that visitors leave at random, as in a Poisson
/// process: it is what is known of the spread before any slot is complete.
const ASSUMED_SLOTS: f64 = 2.0;

/// Two stretches of slots whose means lie further apart than so many standard deviations are of
/// different flows: only the newer one tells of the time to come.
const APART: f64 = 4.0;

/// The shortest stretch that may be a flow of its own, in slots.
const SHORTEST_STRETCH: usize = 2;

/// A former flow of at least this share of its pace was held by the pace, not by the capacity.
const HELD_BY_PACE: f64 = 0.9;

/// Before anybody was looked at it is assumed that everybody comes, as if so many had been seen.
const ASSUMED_THERE: f64 = 20.0;

/// How long a called visitor's page takes to claim the turn, at most. Who has not done so after
/// that is probably not there.
const CLAIMED_WITHIN: Duration = SLOT;

/// By what share a flow that the pace does not hold may turn out to be another, as a standard
/// deviation, when it has just begun.
const UNSETTLED: f64 = 0.35;

/// Slots in a stretch by whose means it is seen whether a flow comes in waves.
const WAVE: usize = 6;

impl Flow {
    /// What the history tells now.
    ///
    /// `None` until [`ENOUGH`] releases were measured, and while nothing in the slots that are
    /// kept moved: a queue that stands still has no known wait.
    ///
    /// Releases measured under another pace are restated: a flow that its pace held is taken as
    /// many times as fast as the new pace is, and no flow is faster than the pace in force. So a
    /// new pace shows at once, and what is then measured under it takes over slot by slot.
    /// Where the flow broke otherwise, as when the capacity filled up, the slots before the break
    /// are left out, and the wait is unknown until [`ENOUGH`] were released after it.
    #[must_use]
    pub fn measure(measured: &Measured<'_>) -> Option<Self> {
        let history = measured.history;
        let running = running(measured);
        let moved = history.running + history.complete.iter().sum::<u64>();
        if history.measured < ENOUGH || moved == 0 {
            return None;
        }
        let complete = restated(measured);
        let alike = alike(&complete);
        let slots = alike.len() as f64 + running.1;
        let released = running.0 + alike.iter().sum::<f64>();
        let broken = alike.len() < complete.len();
        if released <= 0.0 || slots <= 0.0 || (broken && released < ENOUGH as f64) {
            return None;
        }
        let mean = (released / slots).min(per_slot(measured.pace));
        let back = (measured.lookback.returns() * SLOT.as_secs_f64()).min(mean / 2.0);
        let variance = variance(alike, mean) + back;
        let weight = ASSUMED_SLOTS + (alike.len() as f64 - 1.0).max(0.0);
        let doubt = variance / slots + (back / 2.0).powi(2) + unsettled(measured, mean, slots);
        let [few, usual, many] = coming(measured, mean);
        Some(Self {
            mean: mean - back,
            variance,
            doubt,
            width: EIGHT_OF_TEN * (1.0 + 1.0 / weight),
            few,
            usual,
            many,
        })
    }

    /// How long somebody with `ahead` others before them will wait.
    ///
    /// After `t` slots the queue has released `mean × t`, give or take the spread of the slots to
    /// come (variance × t) and how well the mean itself is known (doubt × t²). The two times at
    /// which those to come before, and the visitor itself, lie on the edge of that band solve
    /// (mean × t − goal)² = width² × (variance × t + doubt × t²).
    #[must_use]
    pub fn wait(&self, ahead: u64) -> WaitRange {
        let goal = |coming: Ahead| coming.of(ahead) + 1.0;
        let noise = self.width.powi(2) * self.variance;
        let square = self.mean.powi(2) - self.width.powi(2) * self.doubt;
        let edge = |goal: f64| {
            let linear = 2.0 * self.mean * goal + noise;
            let root = linear.powi(2) - 4.0 * square * goal.powi(2);
            (linear, root.max(0.0).sqrt())
        };
        let (linear, root) = edge(goal(self.few));
        let low = seconds(2.0 * goal(self.few).powi(2) / (linear + root)).floor();
        let (linear, root) = edge(goal(self.many));
        let high = if square > 0.0 {
            seconds((linear + root) / (2.0 * square)).ceil()
        } else {
            LONGEST_WAIT.as_secs_f64()
        };
        let median = seconds(goal(self.usual) / self.mean).round();
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

/// What a pace releases in one slot.
fn per_slot(pace: Corrected) -> f64 {
    pace.per_minute() * SLOT.as_secs_f64() / 60.0
}

/// Releases of the running slot, and which part of a slot it is; nothing where another pace was in
/// force when it began.
fn running(measured: &Measured<'_>) -> (f64, f64) {
    let history = measured.history;
    let last = history.last.unwrap_or(measured.now);
    let into = history
        .into
        .saturating_add(measured.now.saturating_sub(last));
    let since = measured.lookback.since_change();
    if since.is_some_and(|since| since < into) {
        return (0.0, 0.0);
    }
    (history.running as f64, into as f64 / micros(SLOT) as f64)
}

/// The complete slots, oldest first, as they would have been at the pace in force.
fn restated(measured: &Measured<'_>) -> Vec<f64> {
    let (history, lookback) = (measured.history, measured.lookback);
    let newest = history.complete.len();
    let began = |slot: usize| history.into + (newest - slot) as u64 * micros(SLOT);
    let pace_of = |slot: usize| lookback.pace(began(slot));
    let mut restated: Vec<f64> = Vec::with_capacity(newest);
    let mut counts = history.complete.iter().zip(0..).peekable();
    while let Some((count, slot)) = counts.next() {
        let former = pace_of(slot);
        let mut stretch = vec![*count as f64];
        while let Some((count, _)) = counts.next_if(|(_, slot)| pace_of(*slot) == former) {
            stretch.push(*count as f64);
        }
        if let Some(former) = former {
            restate(&mut stretch, former, measured.pace);
        }
        restated.append(&mut stretch);
    }
    restated
}

/// Slots measured at the pace `then`, as they would have been at the pace `now`.
fn restate(slots: &mut [f64], then: Corrected, now: Corrected) {
    let mean = mean(slots);
    let (then, now) = (per_slot(then), per_slot(now));
    let factor = if mean >= HELD_BY_PACE * then {
        now / then
    } else {
        (now / mean.max(f64::MIN_POSITIVE)).min(1.0)
    };
    for slot in slots {
        *slot = (*slot * factor).min(now);
    }
}

/// The newest slots that are of one flow.
pub(super) fn alike(slots: &[f64]) -> &[f64] {
    let mut alike = slots;
    while let Some(newer) = after_a_break(alike) {
        alike = newer;
    }
    alike
}

/// The slots after the sharpest break, if there is one: where the means before and after differ by
/// more than [`APART`] standard deviations of that difference. The spread is the one within both
/// stretches, at least that of a tenth of a Poisson process, for slots are counted in whole visitors.
fn after_a_break(slots: &[f64]) -> Option<&[f64]> {
    let last = slots.len().checked_sub(SHORTEST_STRETCH)?;
    let sharpness = |at: usize| {
        let (older, newer) = slots.split_at_checked(at)?;
        let (before, after) = (mean(older), mean(newer));
        let within: f64 = older.iter().map(|count| (count - before).powi(2)).sum();
        let within: f64 = within
            + newer
                .iter()
                .map(|count| (count - after).powi(2))
                .sum::<f64>();
        let variance = within / (slots.len() as f64 - 2.0).max(1.0) + 1.0 + 0.1 * before.max(after);
        let sizes = 1.0 / older.len() as f64 + 1.0 / newer.len() as f64;
        Some(((before - after).powi(2) / (variance * sizes), newer))
    };
    (SHORTEST_STRETCH..=last)
        .filter_map(sharpness)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(sharpness, _)| *sharpness > APART.powi(2))
        .map(|(_, newer)| newer)
}

fn mean(slots: &[f64]) -> f64 {
    slots.iter().sum::<f64>() / (slots.len() as f64).max(1.0)
}

/// The variance of the slots of a flow around their mean, with the assumption of a Poisson process
/// weighed in. Where the flow comes in waves, the means of longer stretches vary more than even slots
/// would let them, and that variance counts: the method of batch means.
fn variance(slots: &[f64], around: f64) -> f64 {
    let spread: f64 = slots.iter().map(|count| (count - around).powi(2)).sum();
    let weight = ASSUMED_SLOTS + (slots.len() as f64 - 1.0).max(0.0);
    let even = (ASSUMED_SLOTS * around + spread) / weight;
    let waves: Vec<f64> = slots.rchunks_exact(WAVE).map(mean).collect();
    if waves.len() < 3 {
        return even;
    }
    let middle = mean(&waves);
    let spread: f64 = waves.iter().map(|wave| (wave - middle).powi(2)).sum();
    even.max(WAVE as f64 * spread / (waves.len() as f64 - 1.0))
}

/// How much a flow that the pace does not hold may still change, as a variance of its mean: it
/// follows from how long visitors stay inside, and until the first have stayed to their end it is
/// not what it will be. That doubt goes as the flow is measured.
fn unsettled(measured: &Measured<'_>, mean: f64, slots: f64) -> f64 {
    if mean >= HELD_BY_PACE * per_slot(measured.pace) {
        return 0.0;
    }
    let left = (1.0 - slots / SLOTS as f64).max(0.0);
    (mean * UNSETTLED * left).powi(2)
}

/// How many of those ahead will come: if few do, as far as is known, and if many do.
///
/// Absent are those who were found so, and those who were called and do not claim. At first all are
/// called, for the absent are found out minutes after joining only: as long as the called are silent,
/// those at the front have not been looked at either, and who of them is absent may be called or be
/// found out before. Once the absent are found in time, hardly anybody who is called is silent.
/// The share has the spread of a binomial one, and of the absent being another tenth as many later.
fn coming(measured: &Measured<'_>, mean: f64) -> [Ahead; 3] {
    let usual = mean * CLAIMED_WITHIN.as_secs_f64() / SLOT.as_secs_f64();
    let silent = (measured.unclaimed as f64 - usual).max(0.0);
    let missed = measured.lookback.missed() as f64 + silent;
    let claimed = (measured.history.measured as f64 - missed).max(0.0);
    let absent = measured.absent as f64 + silent;
    let of = |there: f64| (there + ASSUMED_THERE) / (there + ASSUMED_THERE + absent);
    let near = near(measured, mean, of(claimed));
    let found = if absent > 0.0 {
        measured.absent as f64 / absent
    } else {
        1.0
    };
    let there = claimed + near * found;
    let share = of(there);
    let chance = share * (1.0 - share) / (there + ASSUMED_THERE + absent);
    let spread = EIGHT_OF_TEN * (chance + (0.1 * (1.0 - share)).powi(2)).sqrt();
    let ahead = |found: f64, share: f64| Ahead {
        near: near * found,
        share,
    };
    [
        ahead(found, (share - spread).max(0.0)),
        ahead(f64::midpoint(found, 1.0), share),
        ahead(1.0, (share + spread).min(1.0)),
    ]
}

/// How many at the front the horizon has covered for so long that they would have come. While it
/// moved on, as many were released, and the absent among them passed; `share` of all are there.
fn near(measured: &Measured<'_>, mean: f64, share: f64) -> f64 {
    let covered = presence::horizon(measured.pace, measured.horizon) as f64;
    let since = EXPECTED_AFTER.as_secs_f64() / SLOT.as_secs_f64();
    (covered - mean * since / share).max(0.0)
}
