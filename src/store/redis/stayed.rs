//! What scripts answer about sessions, read back.

use super::answers::{Front, Record, reason};
use super::reader::{Odd, Reader};
use crate::domain::clock::UnixTime;
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::store::{Claimed, Held, Touched};

pub(super) fn claimed(from: &mut Reader<'_>) -> Result<Vec<Claimed>, Odd> {
    let front = Front::read(from)?;
    let rev = from.small()?;
    from.all(|from| {
        let record = Record::read(from)?;
        let kept = UnixTime::from_millis(from.number()?);
        Ok(match (record.kind, record.number.checked_sub(1)) {
            (2, Some(since)) => Claimed::Admitted {
                since: UnixTime::from_millis(since),
                turn: record.turn,
                rev,
                kept,
            },
            _ => Claimed::Not(record.stand(&front)?),
        })
    })
}

pub(super) fn touched(from: &mut Reader<'_>) -> Result<Vec<Touched>, Odd> {
    from.all(|from| {
        Ok(match from.byte()? {
            0 => Touched::Held,
            why => Touched::Ended(reason(u64::from(why))?),
        })
    })
}

pub(super) fn held(from: &mut Reader<'_>) -> Result<Vec<Held>, Odd> {
    from.all(|from| {
        let (kind, number) = (from.byte()?, from.number()?);
        Ok(match kind {
            0 => Held::Until(UnixTime::from_millis(number)),
            1 => Held::Ended(reason(number)?),
            2 => Held::Unknown,
            3.. => return Err(Odd),
        })
    })
}

/// A session that ended before its token, and why.
pub(super) fn told_end(from: &mut Reader<'_>) -> Result<(Jti, EndedBy), Odd> {
    Ok((from.take().map(Jti)?, reason(u64::from(from.byte()?))?))
}
