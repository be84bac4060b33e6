//! What scripts answer, read back.

use std::time::Duration;

use redis::Value;

use super::reader::{Odd, Reader};
use crate::domain::lane::Lane;
use crate::domain::place::{Epoch, Place, Turn};
use crate::domain::standing::{EndedBy, Stand, Standing};
use crate::domain::visitor::VisitorId;
use crate::domain::window::Orders;
use crate::store::lobby::LobbyPage;
use crate::store::{Granted, Joined, Ordered, Passed, Spent, StoreError};

/// The answer as bytes, or what a script says instead: that the room was lost, or that its head
/// cannot be read.
pub(super) fn bytes(value: Value, key: &str) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        other => Err(said(&other, key)),
    }
}

/// How many lanes the room has, where the script says that it was not given the keys of all.
pub(super) fn more_lanes(value: &Value) -> Option<usize> {
    let Value::SimpleString(words) = value else {
        return None;
    };
    words.strip_prefix("LANES ")?.parse().ok()
}

/// The answer as a number.
pub(super) fn whole(value: &Value, key: &str) -> Result<u64, StoreError> {
    match value {
        Value::Int(number) => u64::try_from(*number).map_err(|fault| StoreError::Unreadable {
            key: key.to_owned(),
            source: fault.into(),
        }),
        other => Err(said(other, key)),
    }
}

/// That it was done.
pub(super) fn done(value: &Value, key: &str) -> Result<(), StoreError> {
    match value {
        Value::Okay => Ok(()),
        other => Err(said(other, key)),
    }
}

/// What became of orders.
pub(super) fn ordered(value: Value, key: &str) -> Result<Ordered, StoreError> {
    if let Value::Int(1) = value {
        return Ok(Ordered::Done);
    }
    let present = bytes(value, key)?;
    Ok(Ordered::Changed(Box::new(orders(&present, key)?)))
}

pub(super) fn said(value: &Value, key: &str) -> StoreError {
    let source = match value {
        Value::SimpleString(word) if word == "LOST" => return StoreError::Lost,
        Value::SimpleString(words) => match words.strip_prefix("UNREADABLE ") {
            Some(why) => why.into(),
            None => Odd.into(),
        },
        _ => Odd.into(),
    };
    let key = key.to_owned();
    StoreError::Unreadable { key, source }
}

pub(super) fn orders(json: &[u8], key: &str) -> Result<Orders, StoreError> {
    if json.is_empty() {
        return Ok(Orders::default());
    }
    serde_json::from_slice(json).map_err(|fault| StoreError::Unreadable {
        key: key.to_owned(),
        source: fault.into(),
    })
}

/// What stands in front of all stands of an answer.
pub(super) struct Front {
    epoch: Epoch,
    tick: u64,
}

impl Front {
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Odd> {
        Ok(Self {
            epoch: Epoch(from.small()?),
            tick: from.number()?,
        })
    }

    /// The stand of a record whose place is this one.
    const fn stand(&self, record: &Record, standing: Standing, place: Option<Place>) -> Stand {
        Stand {
            standing,
            turn: record.turn,
            place,
            lane: record.lane,
            epoch: self.epoch,
            tick: self.tick,
        }
    }
}

/// One visitor's record in an answer.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) kind: u8,
    pub(super) number: u64,
    pub(super) turn: Turn,
    place: Option<Place>,
    lane: Lane,
}

impl Record {
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Odd> {
        Ok(Self {
            kind: from.byte()?,
            number: from.number()?,
            turn: Turn(from.short()?),
            place: place(from.number()?)?,
            lane: Lane(from.byte()?),
        })
    }

    fn standing(&self) -> Result<Standing, Odd> {
        Ok(match self.kind {
            0 => Standing::Waiting { ahead: self.number },
            1 => Standing::Released {
                left: Duration::from_micros(self.number),
            },
            2 => Standing::Admitted,
            3 => Standing::Ended(reason(self.number)?),
            4 => Standing::Unknown,
            8 => Standing::Lobby,
            10 => Standing::Away {
                left: Duration::from_micros(self.number),
            },
            5.. => return Err(Odd),
        })
    }

    pub(super) fn stand(&self, front: &Front) -> Result<Stand, Odd> {
        Ok(front.stand(self, self.standing()?, self.place))
    }
}

/// A place as answers have it: one more than its score, 0 for none.
pub(super) fn place(score: u64) -> Result<Option<Place>, Odd> {
    match score.checked_sub(1) {
        None => Ok(None),
        Some(score) => Place::from_score(score).map(Some).ok_or(Odd),
    }
}

pub(super) fn reason(number: u64) -> Result<EndedBy, Odd> {
    let at = usize::try_from(number).map_err(|_| Odd)?.checked_sub(1);
    at.and_then(|at| EndedBy::ALL.get(at)).copied().ok_or(Odd)
}

pub(super) fn joined(from: &mut Reader<'_>) -> Result<Vec<Joined>, Odd> {
    let front = Front::read(from)?;
    let mut joined = Vec::new();
    while !from.0.is_empty() {
        let record = Record::read(from)?;
        match record.kind {
            5 => joined.push(Joined::Full),
            6 => joined.push(Joined::Shut),
            7 => joined.extend(run(&front, &record)?),
            9 => {
                let first = Record {
                    turn: Turn::FIRST,
                    ..record
                };
                let stand = front.stand(&first, Standing::Lobby, None);
                let many = usize::from(record.turn.0);
                joined.extend(std::iter::repeat_n(Joined::Stands(stand), many));
            }
            _ => joined.push(Joined::Stands(record.stand(&front)?)),
        }
    }
    Ok(joined)
}

pub(super) fn passed(from: &mut Reader<'_>) -> Result<Vec<Passed>, Odd> {
    let front = Front::read(from)?;
    let rev = from.small()?;
    from.all(|from| {
        let record = Record::read(from)?;
        Ok(match (record.kind, record.number) {
            (2, 1..) => Passed::Admitted {
                rev,
                stand: record.stand(&front)?,
            },
            (5, _) => Passed::Joined(Joined::Full),
            (6, _) => Passed::Joined(Joined::Shut),
            _ => Passed::Joined(Joined::Stands(record.stand(&front)?)),
        })
    })
}

/// Newcomers who got places one after another: the record's turn says how many.
fn run(front: &Front, record: &Record) -> Result<Vec<Joined>, Odd> {
    let lowest = record.place.ok_or(Odd)?.score();
    let newcomer = Record {
        turn: Turn::FIRST,
        ..*record
    };
    let one = |at: u64| {
        let place = Place::from_score(lowest + at).ok_or(Odd)?;
        let ahead = record.number.saturating_add(at);
        let standing = Standing::Waiting { ahead };
        let stand = front.stand(&newcomer, standing, Some(place));
        Ok(Joined::Stands(stand))
    };
    (0..u64::from(record.turn.0)).map(one).collect()
}

pub(super) fn page(from: &mut Reader<'_>) -> Result<LobbyPage, Odd> {
    Ok(LobbyPage {
        round: from.small()?,
        count: from.small()?,
        visitors: visitors(from)?,
    })
}

pub(super) fn visitors(from: &mut Reader<'_>) -> Result<Vec<VisitorId>, Odd> {
    from.all(|from| from.take().map(VisitorId::from_bytes))
}

pub(super) fn stands(from: &mut Reader<'_>) -> Result<Vec<Stand>, Odd> {
    let front = Front::read(from)?;
    from.all(|from| Record::read(from)?.stand(&front))
}

pub(super) fn granted(from: &mut Reader<'_>) -> Result<Vec<Granted>, Odd> {
    let front = Front::read(from)?;
    from.all(|from| {
        let became = from.byte()?;
        let stand = Record::read(from)?.stand(&front)?;
        Ok(match became {
            0 => Granted::Yes(stand),
            1 => Granted::Spent(stand),
            2 => Granted::Not(stand),
            3.. => return Err(Odd),
        })
    })
}

pub(super) fn spent(from: &mut Reader<'_>) -> Result<Vec<Spent>, Odd> {
    from.all(|from| {
        Ok(match from.byte()? {
            0 => Spent::Now,
            1 => Spent::Before,
            2 => Spent::ByAnother,
            3.. => return Err(Odd),
        })
    })
}
