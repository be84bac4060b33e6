//! Times as pages show them.

use serde::Serialize;

use crate::domain::clock::UnixTime;

/// A time for machines, and for people whose browser cannot put it into their own zone.
#[derive(Debug, Serialize)]
pub(super) struct Moment {
    iso: String,
    text: String,
}

/// A day and its time.
pub(super) fn day(time: UnixTime) -> Moment {
    let iso = time.rfc3339();
    let text = match (iso.get(..10), iso.get(11..16)) {
        (Some(date), Some(clock)) => format!("{date}, {clock} UTC"),
        _ => iso.clone(),
    };
    Moment { iso, text }
}

/// A time of today.
pub(super) fn time_of_day(time: UnixTime) -> Moment {
    let iso = time.rfc3339();
    let text = iso
        .get(11..19)
        .map_or_else(|| iso.clone(), |clock| format!("{clock} UTC"));
    Moment { iso, text }
}
