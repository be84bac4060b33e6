//! What a tick did, read back.

use std::num::NonZeroU32;

use super::answers::visitors;
use super::reader::{Odd, Reader};
use crate::domain::pace::{Corrected, Correction, Pace};
use crate::domain::tick::TickState;
use crate::store::Released;

pub(super) fn released(from: &mut Reader<'_>) -> Result<Released, Odd> {
    Ok(Released {
        won: from.byte()? == 1,
        ticks: ticks(from)?,
        orders: from.number()?,
        batch: visitors(from)?,
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
        last_pace: pace(from.number()?, from.number()?, from.number()?)?,
    })
}

fn pace(rate: u64, burst: u64, correction: u64) -> Result<Option<Corrected>, Odd> {
    if rate == 0 && burst == 0 {
        return Ok(None);
    }
    let whole = |number| {
        u32::try_from(number)
            .ok()
            .and_then(NonZeroU32::new)
            .ok_or(Odd)
    };
    let correction = u16::try_from(correction).ok();
    Ok(Some(Corrected {
        pace: Pace {
            per_minute: whole(rate)?,
            burst: whole(burst)?,
        },
        correction: correction.and_then(Correction::thousandths).ok_or(Odd)?,
    }))
}
