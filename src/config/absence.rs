//! `[absence]` of a room: those who cannot be there when they are called.

use crate::domain::room::AbsenceTerms;
use crate::text::table::Table;

/// The most step-aways and extensions that may be set.
const MOST: u32 = 20;

/// The shortest and the longest absence that may be set, in seconds.
const SPAN_S: (u32, u32) = (60, 7_200);

/// Reads the section; what it does not say is as usual.
pub(super) fn read(mut table: Table<'_>) -> Option<AbsenceTerms> {
    let usual = AbsenceTerms::default();
    let mut times = |key, usual: u8| match table.take(key) {
        None => Some(usual),
        Some(value) => u8::try_from(value.number(0..=MOST)?).ok(),
    };
    let step_aways = times("step_aways", usual.step_aways);
    let extensions = times("extensions", usual.extensions);
    let (shortest, longest) = SPAN_S;
    let step_away = match table.take("step_away_max_s") {
        None => Some(usual.step_away),
        Some(value) => value.seconds_within(shortest..=longest),
    };
    table.finish();
    Some(AbsenceTerms {
        step_aways: step_aways?,
        step_away: step_away?,
        extensions: extensions?,
    })
}
