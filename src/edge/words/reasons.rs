//! Sentences that say why: why somebody is here again, why the line stands still, what is left.

use crate::domain::standing::EndedBy;

use super::super::scene::Scene;
use super::super::status::{Chance, Reason};
use super::super::texts::Texts;

/// Why an earlier turn ended; to those who are in line again, that this is why they are.
pub(super) fn again(texts: &'static Texts, scene: Scene, end: EndedBy) -> String {
    let words = &texts.again;
    let end = match end {
        EndedBy::Completed => words.completed,
        EndedBy::Left => words.left,
        EndedBy::Removed => words.removed,
        EndedBy::Expired => words.expired,
        EndedBy::Missed => words.missed,
        EndedBy::Revoked => words.revoked,
    };
    if scene.in_line() {
        format!("{} {end} {}", words.why, words.back)
    } else {
        end.to_owned()
    }
}

/// Why the line moves as it does.
pub(super) const fn why(texts: &'static Texts, reason: Reason) -> &'static str {
    match reason {
        Reason::PaceLowered => texts.reasons.pace_lowered,
        Reason::Paused => texts.reasons.paused,
        Reason::CapacityFull => texts.reasons.capacity_full,
        Reason::AbsentReturned => texts.reasons.absent_returned,
        Reason::Lanes => texts.reasons.lanes,
        Reason::Recovering => texts.reasons.recovering,
        Reason::SoldOut => texts.reasons.sold_out,
    }
}

/// Whether something will be left.
pub(super) const fn odds(texts: &'static Texts, chance: Chance) -> &'static str {
    match chance {
        Chance::Likely => texts.chances.likely,
        Chance::Possible => texts.chances.possible,
        Chance::Unlikely => texts.chances.unlikely,
    }
}
