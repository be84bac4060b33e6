//! The slots of a history: restated for the pace in force, and those of the flow that runs now.

use super::SLOT;
use super::flow::Measured;
use crate::domain::pace::{Corrected, micros};

/// How many slots' weight the assumption has that visitors leave at random, as in a Poisson
/// process: it is what is known of the spread before any slot is complete.
const ASSUMED_SLOTS: f64 = 2.0;

/// Two stretches of slots whose means lie further apart than so many standard deviations are of
/// different flows: only the newer one tells of the time to come.
const APART: f64 = 4.0;

/// The shortest stretch that may be a flow of its own, in slots.
const SHORTEST_STRETCH: usize = 2;

/// A former flow of at least this share of its pace was held by the pace, not by the capacity.
pub(super) const HELD_BY_PACE: f64 = 0.9;

/// Slots in a stretch by whose means it is seen whether a flow comes in waves.
const WAVE: usize = 6;

/// What a pace releases in one slot.
pub(super) fn per_slot(pace: Corrected) -> f64 {
    pace.per_minute() * SLOT.as_secs_f64() / 60.0
}

/// Releases of the running slot, and which part of a slot it is; nothing where another pace was in
/// force when it began.
pub(super) fn running(measured: &Measured<'_>) -> (f64, f64) {
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
pub(super) fn restated(measured: &Measured<'_>) -> Vec<f64> {
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
            let part = measured.part;
            restate(
                &mut stretch,
                per_slot(former) * part,
                per_slot(measured.pace) * part,
            );
        }
        restated.append(&mut stretch);
    }
    restated
}

/// Slots measured where the pace gave `then` a slot, as they would have been where it gives `now`.
fn restate(slots: &mut [f64], then: f64, now: f64) {
    let mean = mean(slots);
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

/// How much the spread of these slots weighs, with what is assumed of it.
pub(super) fn weight(slots: &[f64]) -> f64 {
    ASSUMED_SLOTS + (slots.len() as f64 - 1.0).max(0.0)
}

/// The variance of the slots of a flow around their mean, with the assumption of a Poisson process
/// weighed in. Where the flow comes in waves, the means of longer stretches vary more than even slots
/// would let them, and that variance counts: the method of batch means.
pub(super) fn variance(slots: &[f64], around: f64) -> f64 {
    let spread: f64 = slots.iter().map(|count| (count - around).powi(2)).sum();
    let weight = weight(slots);
    let even = (ASSUMED_SLOTS * around + spread) / weight;
    let waves: Vec<f64> = slots.rchunks_exact(WAVE).map(mean).collect();
    if waves.len() < 3 {
        return even;
    }
    let middle = mean(&waves);
    let spread: f64 = waves.iter().map(|wave| (wave - middle).powi(2)).sum();
    even.max(WAVE as f64 * spread / (waves.len() as f64 - 1.0))
}
