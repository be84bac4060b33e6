//! Invitations: codes that lead into a lane, handed out in batches.
//!
//! A room's orders say which batches there are. The codes themselves stand nowhere: each is
//! computed from its batch and serial when the batch is ordered, and known again by that
//! (`token/code.rs`).

use serde::{Deserialize, Serialize};

use super::clock::UnixTime;
use super::room::RoomName;

/// Codes in one batch at most.
pub const MOST_CODES: u16 = 10_000;

/// Batches of a room at most, those not counted that expired: every gateway reads them with every
/// survey.
pub const MOST_BATCHES: usize = 32;

/// One code of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodeNumber {
    /// Its batch, from 1.
    pub batch: u16,
    /// Its number in the batch, from 1.
    pub serial: u16,
}

/// Codes that were handed out together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Its number, 1 for a room's first; never given twice.
    pub number: u16,
    /// The name of the lane that its codes lead into.
    pub lane: String,
    /// How many codes it has, with the serials from 1.
    pub count: u16,
    /// When they lapse (Unix ms), if ever.
    pub expires_at: Option<u64>,
}

/// What an operator orders of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The lane they lead into.
    pub lane: RoomName,
    /// How many, 1 to [`MOST_CODES`].
    pub count: u16,
    /// When they lapse, if ever.
    pub expires_at: Option<UnixTime>,
}

/// Why no batch can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBatch {
    /// The codes would have lapsed already.
    Lapsed,
    /// There are [`MOST_BATCHES`] batches that have not lapsed.
    TooMany,
}

impl Batch {
    /// Whether its codes count at `now`.
    #[must_use]
    pub fn counts(&self, now: UnixTime) -> bool {
        self.expires_at
            .is_none_or(|at| now < UnixTime::from_millis(at))
    }

    /// The numbers of its codes.
    pub fn codes(&self) -> impl Iterator<Item = CodeNumber> {
        let batch = self.number;
        (1..=self.count).map(move |serial| CodeNumber { batch, serial })
    }

    /// Whether it has a code of this number.
    #[must_use]
    pub fn has(&self, code: CodeNumber) -> bool {
        code.batch == self.number && (1..=self.count).contains(&code.serial)
    }
}

/// Adds a batch, in the stead of lapsed ones where there is no room for it. The newest stays last,
/// so that no number is given twice.
///
/// # Errors
/// [`NoBatch`]; nothing was changed.
pub fn add(batches: &mut Vec<Batch>, invite: &Invite, now: UnixTime) -> Result<(), NoBatch> {
    if invite.expires_at.is_some_and(|at| at <= now) {
        return Err(NoBatch::Lapsed);
    }
    let last = batches.last().map_or(0, |batch| batch.number);
    let number = last.checked_add(1).ok_or(NoBatch::TooMany)?;
    let lasting = batches.iter().filter(|batch| batch.counts(now)).count();
    if lasting >= MOST_BATCHES {
        return Err(NoBatch::TooMany);
    }
    if batches.len() >= MOST_BATCHES {
        batches.retain(|batch| batch.counts(now));
    }
    batches.push(Batch {
        number,
        lane: invite.lane.to_string(),
        count: invite.count.clamp(1, MOST_CODES),
        expires_at: invite.expires_at.map(UnixTime::millis),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOON: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn invite(expires_at: Option<UnixTime>) -> Invite {
        Invite {
            lane: "members".parse().unwrap(),
            count: 3,
            expires_at,
        }
    }

    #[test]
    fn batches_are_numbered_from_one_and_codes_within_them_too() {
        let mut batches = Vec::new();
        add(&mut batches, &invite(None), NOON).unwrap();
        add(&mut batches, &invite(None), NOON).unwrap();

        let second = &batches[1];
        let codes: Vec<_> = second.codes().collect();
        assert_eq!(
            codes,
            [1, 2, 3].map(|serial| CodeNumber { batch: 2, serial })
        );
        assert!(codes.iter().all(|code| second.has(*code)));
        for (batch, serial) in [(1, 1), (2, 0), (2, 4), (2, u16::MAX)] {
            assert!(!second.has(CodeNumber { batch, serial }));
        }
    }

    #[test]
    fn lapsed_batches_make_room_and_no_number_is_given_twice() {
        let soon = NOON.after(Duration::from_secs(10));
        let mut batches = Vec::new();
        for _ in 0..MOST_BATCHES {
            add(&mut batches, &invite(Some(soon)), NOON).unwrap();
        }
        assert_eq!(
            add(&mut batches, &invite(None), NOON),
            Err(NoBatch::TooMany)
        );
        assert_eq!(batches.len(), MOST_BATCHES);

        add(&mut batches, &invite(None), soon).unwrap();

        assert_eq!((batches.len(), batches[0].number), (1, 33));
        assert!(batches[0].counts(soon));
    }

    #[test]
    fn codes_that_would_have_lapsed_already_are_not_made() {
        let mut batches = Vec::new();
        let lapsed = add(&mut batches, &invite(Some(NOON)), NOON);
        assert_eq!((lapsed, batches.len()), (Err(NoBatch::Lapsed), 0));
    }
}
