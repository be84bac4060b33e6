//! A room with a capacity, before it is known how many leave: once its free slots are taken, only as
//! many come in.

use super::flow::{EIGHT_OF_TEN, Measured};
use super::slots::{HELD_BY_PACE, per_slot};
use super::{ENOUGH, SLOT};

/// The fastest flow, in visitors a slot, that may come of a room whose first visitors are still
/// inside: until as many have left as are inside, few leave, and more will. `None` without a cap,
/// and from then on: what is measured then is what leaves.
///
/// Nobody's stay is shorter than it is by now. If all inside left at this moment, their stays
/// would be the shortest they can be.
pub(super) fn fastest(measured: &Measured<'_>) -> Option<f64> {
    let capacity = f64::from(measured.capacity?.get());
    let first = (measured.history.measured as f64) < 2.0 * measured.part * measured.inside as f64;
    let rate = measured.lookback.leaving().rate_if_gone(measured.inside);
    let flow = (rate * capacity * SLOT.as_secs_f64()).min(per_slot(measured.pace));
    first.then_some(flow * measured.part)
}

/// What is known of the flow once the room is full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Filling {
    /// Slots that are free for this lane.
    free: f64,
    /// How much longer than at the pace each further visitor takes; `None` until enough have left.
    longer: Option<Longer>,
}

/// How much longer, in slots of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Longer {
    /// As long as may be expected.
    pub(super) usual: f64,
    /// If as few leave as may be.
    pub(super) most: f64,
}

impl Filling {
    /// `None` without a cap, and where the flow `mean` is slower than the pace: what is measured
    /// then is what leaves.
    pub(super) fn of(measured: &Measured<'_>, mean: f64) -> Option<Self> {
        let capacity = f64::from(measured.capacity?.get()) * measured.part;
        if mean < HELD_BY_PACE * per_slot(measured.pace) * measured.part {
            return None;
        }
        let leaving = measured.lookback.leaving();
        let flow = |deviations| leaving.rate(deviations) * capacity * SLOT.as_secs_f64();
        let longer = |flow: f64| (1.0 / flow.max(f64::MIN_POSITIVE) - 1.0 / mean).max(0.0);
        let known = leaving.left() >= ENOUGH as f64;
        Some(Self {
            free: (capacity - measured.part * measured.inside as f64).max(0.0),
            longer: known.then(|| Longer {
                usual: longer(f64::midpoint(mean, flow(0.0))),
                most: longer(flow(-EIGHT_OF_TEN)),
            }),
        })
    }

    /// How much longer the last of `goal` visitors waits than at the pace. Those who leave before
    /// the room is full are not counted on. `None` while nobody knows.
    pub(super) fn longer(&self, goal: f64) -> Option<Longer> {
        let beyond = (goal - self.free).max(0.0);
        if beyond == 0.0 {
            return Some(Longer::default());
        }
        self.longer.map(|each| Longer {
            usual: beyond * each.usual,
            most: beyond * each.most,
        })
    }
}
