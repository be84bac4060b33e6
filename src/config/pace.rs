//! `[pace]` of a room, and of its windows.

use std::num::NonZeroU32;

use super::ways;
use crate::domain::pace::{Correction, Pace};
use crate::domain::room::Method;
use crate::text::table::Table;

/// The pace and its correction. A room in which nobody waits needs none; it gets the lowest there
/// is, so that it could never flood the origin.
pub(super) fn read(mut table: Table<'_>, method: Method) -> (Option<Pace>, Option<Correction>) {
    let lowest = Pace {
        per_minute: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
    };
    let correction = table.take("no_show_correction").map(|value| {
        let range = Correction::NONE.get()..=Correction::MOST.get();
        value.thousandths(range).and_then(Correction::thousandths)
    });
    let pace = of(table, (!ways::queues(method)).then_some(lowest));
    (pace, correction.unwrap_or(Some(Correction::NONE)))
}

/// Reads a pace; without `per_minute` it is `otherwise`, or that is missing.
pub(super) fn of(mut table: Table<'_>, otherwise: Option<Pace>) -> Option<Pace> {
    let per_minute = table.take("per_minute");
    if per_minute.is_none() && otherwise.is_none() {
        table.missing("per_minute");
    }
    let pace = per_minute.map_or(otherwise, |value| {
        value.number(1..=Pace::MOST).and_then(Pace::per_minute)
    });
    let burst = table
        .take("burst")
        .map(|value| value.number(1..=Pace::MOST));
    table.finish();
    match burst {
        None => pace,
        Some(burst) => pace?.with_burst(burst?),
    }
}
