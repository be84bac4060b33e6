//! The flow of a queue: what was measured of it, restated for the pace in force.

use std::num::NonZeroU32;
use std::time::Duration;

use super::filling::{self, Filling, Longer};
use super::slots::{self, HELD_BY_PACE, per_slot};
use super::{ENOUGH, LONGEST_WAIT, Lookback, ReleaseHistory, SLOT, SLOTS, WaitRange};
use crate::domain::pace::Corrected;
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
    /// Which part of the room's releases this lane had, 0 to 1; 1 where there are no lanes.
    pub part: f64,
    /// What the gateway saw change in the room.
    pub lookback: &'a Lookback,
    /// How many were found absent and wait.
    pub absent: u64,
    /// How many were called in the room and have not claimed their turn.
    pub unclaimed: u64,
    /// What will be released within this time is near, and checks in.
    pub horizon: Duration,
    /// How many may be inside in the room; `None` is no cap.
    pub capacity: Option<NonZeroU32>,
    /// How many slots are taken in the room.
    pub inside: u64,
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
    /// What changes once a capacity is full.
    filling: Option<Filling>,
    /// The fastest that the mean may turn out to be, where a capacity is filled for the first time.
    fastest: Option<f64>,
}

/// How many of those ahead will be there when they are called.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ahead {
    /// So many at the front count in full: the absent among them do not count as ahead any more.
    near: f64,
    /// Which share of those behind them comes.
    share: f64,
    /// How often one of the others comes back while one visitor is released.
    back: f64,
}

impl Ahead {
    fn of(self, ahead: u64) -> f64 {
        let ahead = ahead as f64;
        let gone = (1.0 - self.share) * (-self.back * ahead).exp();
        ahead.min(self.near) + (ahead - self.near).max(0.0) * (1.0 - gone)
    }
}

/// Standard deviations around the mean that hold eight of ten cases of a normal distribution.
pub(super) const EIGHT_OF_TEN: f64 = 1.2816;

/// Before anybody was looked at it is assumed that everybody comes, as if so many had been seen.
const ASSUMED_THERE: f64 = 20.0;

/// By what share a flow that the pace does not hold may turn out to be another, as a standard
/// deviation, when it has just begun.
const UNSETTLED: f64 = 0.35;

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
        let running = slots::running(measured);
        let moved = history.running + history.complete.iter().sum::<u64>();
        if history.measured < ENOUGH || moved == 0 {
            return None;
        }
        let complete = slots::restated(measured);
        let alike = slots::alike(&complete);
        let slots = alike.len() as f64 + running.1;
        let released = running.0 + alike.iter().sum::<f64>();
        let broken = alike.len() < complete.len();
        if released <= 0.0 || slots <= 0.0 || (broken && released < ENOUGH as f64) {
            return None;
        }
        let mean = (released / slots).min(per_slot(measured.pace));
        let returns = measured.lookback.returns() * measured.part;
        let back = (returns * SLOT.as_secs_f64()).min(mean / 2.0);
        let variance = slots::variance(alike, mean) + back;
        let weight = slots::weight(alike);
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
            filling: Filling::of(measured, mean),
            fastest: filling::fastest(measured).map(|fastest| fastest.max(mean)),
        })
    }

    /// How long somebody with `ahead` others before them will wait; `None` where that hangs on how
    /// long visitors stay inside, and nobody knows it yet.
    ///
    /// After `t` slots the queue has released `mean × t`, give or take the spread of the slots to
    /// come (variance × t) and how well the mean itself is known (doubt × t²). The two times at
    /// which those to come before, and the visitor itself, lie on the edge of that band solve
    /// (mean × t − goal)² = width² × (variance × t + doubt × t²).
    #[must_use]
    pub fn wait(&self, ahead: u64) -> Option<WaitRange> {
        let goal = |coming: Ahead| coming.of(ahead) + 1.0;
        let noise = self.width.powi(2) * self.variance;
        let square = self.mean.powi(2) - self.width.powi(2) * self.doubt;
        let edge = |goal: f64| {
            let linear = 2.0 * self.mean * goal + noise;
            let root = linear.powi(2) - 4.0 * square * goal.powi(2);
            (linear, root.max(0.0).sqrt())
        };
        let longer = match &self.filling {
            Some(filling) => filling.longer(goal(self.many))?,
            None => Longer::default(),
        };
        let (linear, root) = edge(goal(self.few));
        let low = 2.0 * goal(self.few).powi(2) / (linear + root);
        let fastest = |fastest| low.min(goal(self.few) / fastest);
        let low = seconds(self.fastest.map_or(low, fastest)).floor();
        let (linear, root) = edge(goal(self.many));
        let high = if square > 0.0 {
            seconds((linear + root) / (2.0 * square) + longer.most).ceil()
        } else {
            LONGEST_WAIT.as_secs_f64()
        };
        let median = seconds(goal(self.usual) / self.mean + longer.usual).round();
        Some(WaitRange {
            low: Duration::from_secs_f64(low),
            median: Duration::from_secs_f64(median.max(low)),
            high: Duration::from_secs_f64(high.max(median).max(low + 1.0)),
        })
    }
}

/// Slots as seconds, no more than [`LONGEST_WAIT`] (less one, so that a range always has a width).
fn seconds(slots: f64) -> f64 {
    (slots * SLOT.as_secs_f64()).min(LONGEST_WAIT.as_secs_f64() - 1.0)
}

/// How much a flow that the pace does not hold may still change, as a variance of its mean: it
/// follows from how long visitors stay inside, and until the first have stayed to their end it is
/// not what it will be. That doubt goes as the flow is measured.
fn unsettled(measured: &Measured<'_>, mean: f64, slots: f64) -> f64 {
    if mean >= HELD_BY_PACE * per_slot(measured.pace) * measured.part {
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
///
/// Some of the absent come back before their turn, the likelier the longer the wait.
fn coming(measured: &Measured<'_>, mean: f64) -> [Ahead; 3] {
    let few = seen(measured, mean, &FEW);
    let many = seen(measured, mean, &MANY);
    let returning = measured.lookback.returning();
    let back = |deviations| returning.rate(deviations) * SLOT.as_secs_f64() / mean;
    let ahead = |near: f64, share: f64, back: f64| Ahead {
        near,
        share: share.clamp(0.0, 1.0),
        back,
    };
    [
        ahead(few.looked, few.share - few.spread, 0.0),
        ahead(
            f64::midpoint(few.looked, few.near),
            f64::midpoint(few.share, many.share),
            back(0.0),
        ),
        ahead(many.near, many.share + many.spread, back(EIGHT_OF_TEN)),
    ]
}

/// How what was seen of the absent is read.
struct Reading {
    /// Who was called and has not claimed after this long is not there.
    claims_within: Duration,
    /// The silent show so many times as many not to have been looked at, as of the absent.
    doubt: f64,
}

/// As if few of those ahead will come: hardly anybody takes longer than two polls to claim.
const FEW: Reading = Reading {
    claims_within: Duration::from_secs(2),
    doubt: 2.0,
};

/// As if many will: some pages are slow.
const MANY: Reading = Reading {
    claims_within: SLOT,
    doubt: 1.0,
};

/// What was seen of the absent, read in one way.
struct Seen {
    /// So many at the front have been covered for long.
    near: f64,
    /// So many of those without the absent among them.
    looked: f64,
    /// Which share of all comes.
    share: f64,
    /// How well that is known: the spread of a binomial share, and of the absent being another tenth
    /// as many later.
    spread: f64,
}

fn seen(measured: &Measured<'_>, mean: f64, reading: &Reading) -> Seen {
    let claiming = mean * reading.claims_within.as_secs_f64() / SLOT.as_secs_f64();
    let silent = (measured.unclaimed as f64 * measured.part - claiming).max(0.0);
    let missed = measured.lookback.missed() as f64 * measured.part + silent;
    let claimed = (measured.history.measured as f64 - missed).max(0.0);
    let absent = measured.absent as f64 + silent;
    let of = |there: f64| (there + ASSUMED_THERE) / (there + ASSUMED_THERE + absent);
    let near = near(measured, mean, of(claimed));
    let unlooked = reading.doubt * silent / (measured.absent as f64).max(1.0);
    let looked = near * (1.0 - unlooked).max(0.0);
    let there = claimed + looked;
    let share = of(there);
    let chance = share * (1.0 - share) / (there + ASSUMED_THERE + absent);
    Seen {
        near,
        looked,
        share,
        spread: EIGHT_OF_TEN * (chance + (0.1 * (1.0 - share)).powi(2)).sqrt(),
    }
}

/// How many at the front the horizon has covered for so long that they would have come. While it
/// moved on, as many were released, and the absent among them passed; `share` of all are there.
fn near(measured: &Measured<'_>, mean: f64, share: f64) -> f64 {
    let covered = presence::horizon(measured.pace, measured.horizon) as f64 * measured.part;
    let since = EXPECTED_AFTER.as_secs_f64() / SLOT.as_secs_f64();
    (covered - mean * since / share).max(0.0)
}
