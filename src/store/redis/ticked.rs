//! What a tick did, read back.

use std::num::NonZeroU32;

use super::answers::{Odd, Reader};
use crate::domain::pace::Pace;
use crate::domain::tick::TickState;
use crate::domain::visitor::VisitorId;
use crate::store::Released;

pub(super) fn released(from: &mut Reader<'_>) -> Result<Released, Odd> {
    Ok(Released {
        won: from.byte()? == 1,
        ticks: ticks(from)?,
        orders: from.number()?,
        batch: from.all(|from| from.take().map(VisitorId::from_bytes))?,
    })
}

pub(super) fn ticks(from: &mut Reader<'_>) -> Result<TickState, Odd> {
    Ok(TickState {
        tick: from.number()?,
        earned: from.number()?,
        credit: from.number()?,
        spent: 0,
        slack: from.number()?,
        anchor: from.number()?,
        last_pace: pace(from.number()?, from.number()?)?,
    })
}

fn pace(rate: u64, burst: u64) -> Result<Option<Pace>, Odd> {
    let whole = |number| NonZeroU32::new(u32::try_from(number).ok()?);
    match (whole(rate), whole(burst)) {
        (Some(per_minute), Some(burst)) => Ok(Some(Pace { per_minute, burst })),
        (None, None) if rate == 0 && burst == 0 => Ok(None),
        _ => Err(Odd),
    }
}
