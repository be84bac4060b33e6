//! `[pace]` of a room.

use std::num::NonZeroU32;

use crate::domain::pace::{Correction, Pace};
use crate::domain::room::Method;
use crate::text::table::Table;

/// The pace. A room in which nobody waits needs none; it gets the lowest there is, so that it
/// could never flood the origin.
pub(super) fn read(mut table: Table<'_>, method: Method) -> (Option<Pace>, Option<Correction>) {
    let per_minute = table.take("per_minute");
    if per_minute.is_none() && method == Method::Fifo {
        table.missing("per_minute");
    }
    let lowest = Pace {
        per_minute: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
    };
    let pace = per_minute.map_or(Some(lowest), |value| {
        value.number(1..=Pace::MOST).and_then(Pace::per_minute)
    });
    let burst = table
        .take("burst")
        .map(|value| value.number(1..=Pace::MOST));
    let correction = table.take("no_show_correction");
    let correction = correction.map(|value| {
        let range = Correction::NONE.get()..=Correction::MOST.get();
        value.thousandths(range).and_then(Correction::thousandths)
    });
    table.finish();
    let pace = match burst {
        None => pace,
        Some(burst) => pace
            .zip(burst)
            .and_then(|(pace, most)| pace.with_burst(most)),
    };
    (pace, correction.unwrap_or(Some(Correction::NONE)))
}
