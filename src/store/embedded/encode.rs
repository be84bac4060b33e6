//! Rows as they stand on disk: fixed-width, big-endian, each sealed with a version and a checksum
//! that covers its key, so that a damaged or misplaced row is found and never believed.

mod drawn;
mod ends;
mod uses;

use sha2::{Digest, Sha256};

use super::entry::{Entry, Head, Status};
use super::moment::Moment;
use super::sessions::{Guest, Session};
use crate::domain::clock::UnixTime;
use crate::domain::lane::Lane;
use crate::domain::place::{Place, Turn};
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

pub(super) use drawn::{
    block, block_key, member, member_key, read_block, read_block_key, read_member, read_member_key,
};
pub(super) use ends::{end, read_end};
pub(super) use uses::{read_used, use_key, used};

/// The row format that this program writes and reads.
const VERSION: u8 = 2;
/// Bytes of SHA-256 kept at the end of a row.
const SEAL: usize = 8;

/// Key of a visitor's row: room, place, visitor. Joins append and releases touch neighbours.
pub(super) type VisitorKey = [u8; 28];
/// Key of a session's, an end's or a use's row: room, and the session or thing.
pub(super) type SessionKey = [u8; 20];
/// Key of a row of somebody in a lobby: room, lobby, visitor.
pub(super) type MemberKey = [u8; 24];
/// Key of a block of a drawn order: room, block.
pub(super) type BlockKey = [u8; 8];

/// Why a row cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRow {
    #[error(
        "it was written by another version of Anteroom (row format {0}, this one reads {VERSION})"
    )]
    Foreign(u8),
    #[error("its checksum does not match")]
    Damaged,
    #[error("it holds a value that cannot be")]
    Nonsense,
}

/// The kinds of rows; part of each checksum.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Head = 1,
    Visitor = 2,
    Session = 3,
    End = 4,
    Member = 5,
    Block = 6,
    Use = 7,
}

/// A visitor's row: the window the entry belongs to, and the entry.
pub(super) type VisitorRow = (WindowId, Entry);

pub(super) fn visitor_key(room: u32, place: Place, visitor: VisitorId) -> VisitorKey {
    let (room, score) = (room.to_be_bytes(), place.score().to_be_bytes());
    let parts = room.iter().chain(&score).chain(visitor.as_bytes());
    let mut key = [0; 28];
    for (to, from) in key.iter_mut().zip(parts) {
        *to = *from;
    }
    key
}

pub(super) fn session_key(room: u32, jti: Jti) -> SessionKey {
    let mut key = [0; 20];
    let room = room.to_be_bytes();
    for (to, from) in key.iter_mut().zip(room.iter().chain(&jti.0)) {
        *to = *from;
    }
    key
}

pub(super) fn read_visitor_key(key: &VisitorKey) -> Option<(u32, Place, VisitorId)> {
    let mut from = Reader(key);
    let room = u32::from_be_bytes(from.take()?);
    let place = Place::from_score(from.number()?)?;
    Some((room, place, VisitorId::from_bytes(from.take()?)))
}

pub(super) fn read_session_key(key: &SessionKey) -> Option<(u32, Jti)> {
    let mut from = Reader(key);
    Some((u32::from_be_bytes(from.take()?), Jti(from.take()?)))
}

/// A room's row: its number, under which its other rows stand, and its head as JSON.
pub(super) fn head(name: &str, number: u32, head: &Head) -> Result<Vec<u8>, serde_json::Error> {
    let mut row = vec![VERSION];
    row.extend(number.to_be_bytes());
    serde_json::to_writer(&mut row, head)?;
    Ok(sealed(Kind::Head, name.as_bytes(), row))
}

pub(super) fn read_head(name: &str, row: &[u8]) -> Result<(u32, Head), BadRow> {
    let mut from = opened(Kind::Head, name.as_bytes(), row)?;
    let number = from.take().ok_or(BadRow::Nonsense)?;
    let head = serde_json::from_slice(from.0).map_err(|_| BadRow::Nonsense)?;
    Ok((u32::from_be_bytes(number), head))
}

pub(super) fn visitor(key: &VisitorKey, window: WindowId, entry: &Entry) -> Vec<u8> {
    let (tag, number, session) = match entry.status {
        Status::Lobby { number } => (6, u64::from(number), [0; 16]),
        Status::Waiting { seen_until } => (0, seen_until.0, [0; 16]),
        Status::Absent => (1, 0, [0; 16]),
        Status::Released { until } => (2, until.0, [0; 16]),
        Status::Admitted { session } => (3, 0, session.0),
        Status::Ended(why) => (4, u64::from(reason(Some(why))), [0; 16]),
        Status::Away { until } => (5, until.0, [0; 16]),
    };
    let mut row = vec![VERSION, tag, u8::from(entry.missed), reason(entry.before)];
    row.extend(window.0.to_be_bytes());
    row.extend(entry.turn.0.to_be_bytes());
    row.extend(number.to_be_bytes());
    row.extend(session);
    row.extend([entry.lane.0, entry.step_aways, entry.extensions]);
    sealed(Kind::Visitor, key, row)
}

pub(super) fn read_visitor(
    key: &VisitorKey,
    place: Place,
    row: &[u8],
) -> Result<VisitorRow, BadRow> {
    let mut from = opened(Kind::Visitor, key, row)?;
    visitor_row(&mut from, place).ok_or(BadRow::Nonsense)
}

fn visitor_row(from: &mut Reader<'_>, place: Place) -> Option<VisitorRow> {
    let [tag, missed, before] = from.take()?;
    let window = WindowId(u32::from_be_bytes(from.take()?));
    let turn = Turn(u16::from_be_bytes(from.take()?));
    let number = from.number()?;
    let session = Jti(from.take()?);
    let [lane, step_aways, extensions] = from.take()?;
    let moment = Moment(number);
    let status = match tag {
        0 => Status::Waiting { seen_until: moment },
        1 => Status::Absent,
        2 => Status::Released { until: moment },
        3 => Status::Admitted { session },
        4 => Status::Ended(read_reason(u8::try_from(number).ok()?)??),
        5 => Status::Away { until: moment },
        6 => Status::Lobby {
            number: u32::try_from(number).ok()?,
        },
        7.. => return None,
    };
    let entry = Entry {
        turn,
        place,
        status,
        missed: read_flag(missed)?,
        before: read_reason(before)?,
        lane: Lane::all().nth(usize::from(lane))?,
        step_aways,
        extensions,
    };
    from.0.is_empty().then_some((window, entry))
}

pub(super) fn session(key: &SessionKey, session: &Session) -> Vec<u8> {
    let mut row = vec![VERSION, u8::from(session.guest.is_some())];
    let guest = session.guest.unwrap_or(Guest {
        window: WindowId::default(),
        visitor: VisitorId::from_bytes([0; 16]),
        turn: Turn::FIRST,
    });
    row.extend(guest.window.0.to_be_bytes());
    row.extend(guest.visitor.as_bytes());
    row.extend(guest.turn.0.to_be_bytes());
    row.extend(session.since.millis().to_be_bytes());
    row.extend(session.until.0.to_be_bytes());
    row.extend(session.kept.millis().to_be_bytes());
    sealed(Kind::Session, key, row)
}

pub(super) fn read_session(key: &SessionKey, row: &[u8]) -> Result<Session, BadRow> {
    let mut from = opened(Kind::Session, key, row)?;
    session_row(&mut from).ok_or(BadRow::Nonsense)
}

fn session_row(from: &mut Reader<'_>) -> Option<Session> {
    let [known] = from.take()?;
    let guest = Guest {
        window: WindowId(u32::from_be_bytes(from.take()?)),
        visitor: VisitorId::from_bytes(from.take()?),
        turn: Turn(u16::from_be_bytes(from.take()?)),
    };
    let session = Session {
        guest: read_flag(known)?.then_some(guest),
        since: UnixTime::from_millis(from.number()?),
        until: Moment(from.number()?),
        kept: UnixTime::from_millis(from.number()?),
    };
    from.0.is_empty().then_some(session)
}

/// 0 for none, else one more than the reason's number in [`EndedBy::ALL`].
fn reason(why: Option<EndedBy>) -> u8 {
    let at = EndedBy::ALL.iter().position(|one| Some(*one) == why);
    at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
}

#[expect(
    clippy::option_option,
    reason = "the outer one is a number that cannot be"
)]
fn read_reason(number: u8) -> Option<Option<EndedBy>> {
    match usize::from(number).checked_sub(1) {
        None => Some(None),
        Some(at) => EndedBy::ALL.get(at).map(|why| Some(*why)),
    }
}

const fn read_flag(flag: u8) -> Option<bool> {
    match flag {
        0 => Some(false),
        1 => Some(true),
        2.. => None,
    }
}

fn sealed(kind: Kind, key: &[u8], mut row: Vec<u8>) -> Vec<u8> {
    let seal = seal(kind, key, &row);
    row.extend(seal);
    row
}

/// Checks a row's version and seal; what is between them.
fn opened<'a>(kind: Kind, key: &[u8], row: &'a [u8]) -> Result<Reader<'a>, BadRow> {
    let Some((body, found)) = row.split_last_chunk::<SEAL>() else {
        return Err(BadRow::Damaged);
    };
    if seal(kind, key, body) != *found {
        return Err(BadRow::Damaged);
    }
    match body.split_first() {
        Some((&VERSION, rest)) => Ok(Reader(rest)),
        Some((version, _)) => Err(BadRow::Foreign(*version)),
        None => Err(BadRow::Damaged),
    }
}

fn seal(kind: Kind, key: &[u8], body: &[u8]) -> [u8; SEAL] {
    let digest = Sha256::new()
        .chain_update([kind as u8])
        .chain_update((key.len() as u64).to_be_bytes())
        .chain_update(key)
        .chain_update(body)
        .finalize();
    let mut seal = [0; SEAL];
    for (to, from) in seal.iter_mut().zip(digest) {
        *to = from;
    }
    seal
}

/// What is left of a row.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn small(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::place::Epoch;
    use crate::domain::window::Orders;
    use crate::store::embedded::sessions::End;

    fn entry(status: Status, before: Option<EndedBy>) -> Entry {
        Entry {
            turn: Turn(3),
            place: Place::new(Epoch(7), 41).unwrap(),
            status,
            missed: before.is_some(),
            before,
            lane: Lane(2),
            step_aways: 3,
            extensions: 4,
        }
    }

    #[test]
    fn every_row_reads_back_as_it_was_written() {
        let ann = VisitorId::from_bytes([7; 16]);
        let statuses = [
            Status::Waiting {
                seen_until: Moment(9),
            },
            Status::Absent,
            Status::Away { until: Moment(3) },
            Status::Lobby { number: 4 },
            Status::Released {
                until: Moment(u64::MAX),
            },
            Status::Admitted {
                session: Jti([8; 16]),
            },
        ];
        let endings = EndedBy::ALL.map(Status::Ended);
        let befores = EndedBy::ALL.map(Some).into_iter().chain([None]);
        for (status, before) in statuses.into_iter().chain(endings).zip(befores.cycle()) {
            let entry = entry(status, before);
            let key = visitor_key(5, entry.place, ann);
            let row = visitor(&key, WindowId(6), &entry);
            assert_eq!(read_visitor_key(&key), Some((5, entry.place, ann)));
            let back = read_visitor(&key, entry.place, &row);
            assert_eq!(back, Ok((WindowId(6), entry)));
        }

        let key = session_key(5, Jti([8; 16]));
        assert_eq!(read_session_key(&key), Some((5, Jti([8; 16]))));
        let guest = Guest {
            window: WindowId(6),
            visitor: ann,
            turn: Turn(2),
        };
        for guest in [None, Some(guest)] {
            let inside = Session {
                guest,
                since: UnixTime::from_millis(17),
                until: Moment(18),
                kept: UnixTime::from_millis(19),
            };
            assert_eq!(read_session(&key, &session(&key, &inside)), Ok(inside));
        }
        for number in [None, Some(3)] {
            let over = End {
                why: EndedBy::Revoked,
                number,
                forget: Moment(19),
            };
            assert_eq!(read_end(&key, &end(&key, &over)), Ok(over));
        }

        let key = member_key(5, 6, ann);
        assert_eq!(read_member_key(&key), Some((5, 6, ann)));
        assert_eq!(read_member(&key, &member(&key, Lane(3))), Ok(Lane(3)));
        let key = block_key(5, 6);
        assert_eq!(read_block_key(key), Some((5, 6)));
        let drawn = vec![ann, VisitorId::from_bytes([9; 16])];
        assert_eq!(read_block(&key, &block(&key, &drawn)), Ok(drawn));
        assert_eq!(
            read_block(&key, &block(&key, &[])),
            Err(BadRow::Nonsense),
            "no block is empty"
        );

        let written = Head {
            incarnation: u64::MAX,
            last_number: 1 << 28,
            orders: Orders {
                message: Some("Doors open".to_owned()),
                ..Orders::default()
            },
            ..Head::default()
        };
        let row = head("derby", 5, &written).unwrap();
        assert_eq!(read_head("derby", &row), Ok((5, written)));
    }

    #[test]
    fn a_changed_bit_a_wrong_key_and_another_version_are_found() {
        let entry = entry(Status::Absent, None);
        let key = visitor_key(5, entry.place, VisitorId::from_bytes([7; 16]));
        let row = visitor(&key, WindowId(6), &entry);
        for bit in 0..row.len() * 8 {
            let mut flipped = row.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = read_visitor(&key, entry.place, &flipped);
            assert_eq!(read, Err(BadRow::Damaged), "bit {bit}");
        }
        for length in 0..row.len() {
            let read = read_visitor(&key, entry.place, &row[..length]);
            assert_eq!(read, Err(BadRow::Damaged), "{length} bytes");
        }
        let other = visitor_key(6, entry.place, VisitorId::from_bytes([7; 16]));
        assert_eq!(
            read_visitor(&other, entry.place, &row),
            Err(BadRow::Damaged)
        );

        let mut newer = row[..row.len() - SEAL].to_vec();
        newer[0] = VERSION + 1;
        let newer = sealed(Kind::Visitor, &key, newer);
        let read = read_visitor(&key, entry.place, &newer);
        assert_eq!(read, Err(BadRow::Foreign(VERSION + 1)));
    }
}
