//! A survey, read back.

use std::time::Duration;

use redis::Value;
use serde_json::json;

use super::answers::{bytes, orders, place, said};
use super::reader::{Odd, Reader};
use super::stayed::told_end;
use super::ticked::ticks;
use crate::domain::clock::UnixTime;
use crate::domain::estimate::ReleaseHistory;
use crate::domain::place::{Epoch, Place};
use crate::store::StoreError;
use crate::store::lobby::Cut;
use crate::store::survey::{LaneSurvey, Sample, Survey};

/// Reads a survey; `key` is the room's head.
pub(super) fn survey(value: Value, key: &str) -> Result<Survey, StoreError> {
    let Value::Array(parts) = value else {
        return Err(said(&value, key));
    };
    let odd = |odd: Odd| StoreError::Unreadable {
        key: key.to_owned(),
        source: odd.into(),
    };
    let parts: Vec<_> = parts.into_iter().map(|part| bytes(part, key)).collect();
    let parts: Vec<Vec<u8>> = parts.into_iter().collect::<Result<_, _>>()?;
    let [json, incarnation, numbers, ends, lanes @ ..] = parts.as_slice() else {
        return Err(odd(Odd));
    };
    let read = || -> Result<Survey, Odd> {
        let text = str::from_utf8(incarnation).map_err(|_| Odd)?;
        Ok(Survey {
            incarnation: u64::from_str_radix(text, 16).map_err(|_| Odd)?,
            lanes: lanes.chunks(3).map(lane).collect::<Result<_, _>>()?,
            ends: Reader::new(ends).all(told_end)?,
            ..counted(&mut Reader::new(numbers))?
        })
    };
    let survey = read().map_err(odd)?;
    let orders = orders(json, key)?;
    Ok(Survey { orders, ..survey })
}

fn counted(from: &mut Reader<'_>) -> Result<Survey, Odd> {
    Ok(Survey {
        epoch: Epoch(u32::try_from(from.number()?).map_err(|_| Odd)?),
        ticks: ticks(from)?,
        recovering: Duration::from_micros(from.number()?),
        store_time: Some(UnixTime::from_millis(from.number()?)),
        waiting: from.number()?,
        absent: from.number()?,
        released: from.number()?,
        active: from.number()?,
        missing: from.number()?,
        releases_total: from.number()?,
        granted_total: from.number()?,
        joins_total: from.number()?,
        claims_total: from.number()?,
        missed_total: from.number()?,
        ends_seq: from.number()?,
        gateways: u32::try_from(from.number()?).map_err(|_| Odd)?,
        lobby: from.number()?,
        roster: from.number()?,
        frozen: cut(from)?,
        ..Survey::default()
    })
}

fn lane(parts: &[Vec<u8>]) -> Result<LaneSurvey, Odd> {
    let [numbers, history, samples] = parts else {
        return Err(Odd);
    };
    let from = &mut Reader::new(numbers);
    Ok(LaneSurvey {
        waiting: from.number()?,
        absent: from.number()?,
        lobby: from.number()?,
        horizon: place(from.number()?)?,
        releases_total: from.number()?,
        history: measured(&mut Reader::new(history))?,
        samples: Reader::new(samples).all(sample)?,
    })
}

fn cut(from: &mut Reader<'_>) -> Result<Option<Cut>, Odd> {
    let frozen = from.number()? == 1;
    let cut = Cut {
        round: from.small()?,
        epoch: Epoch(from.small()?),
        base: from.small()?,
        count: from.small()?,
        placed: from.small()?,
    };
    Ok(frozen.then_some(cut))
}

fn sample(from: &mut Reader<'_>) -> Result<Sample, Odd> {
    Ok(Sample {
        place: Place::from_score(from.number()?).ok_or(Odd)?,
        ahead: u64::from(from.small()?),
    })
}

/// The release history, in the form in which it is written down elsewhere too.
fn measured(from: &mut Reader<'_>) -> Result<ReleaseHistory, Odd> {
    if from.0.is_empty() {
        return Ok(ReleaseHistory::default());
    }
    let last = from.number()?.checked_sub(1);
    let form = json!({
        "last": last,
        "measured": from.number()?,
        "into": from.number()?,
        "running": from.number()?,
        "complete": from.all(Reader::number)?,
    });
    serde_json::from_value(form).map_err(|_| Odd)
}
