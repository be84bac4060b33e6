//! Rows of single-use things that were used.

use super::{BadRow, Kind, Reader, SessionKey, VERSION, opened, sealed, session_key};
use crate::domain::session::Jti;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;
use crate::store::embedded::moment::Moment;
use crate::store::embedded::spent::{Key, Use};

pub(in crate::store::embedded) fn use_key(room: u32, thing: Key) -> SessionKey {
    session_key(room, Jti(thing))
}

pub(in crate::store::embedded) fn used(key: &SessionKey, used: &Use) -> Vec<u8> {
    let mut row = vec![VERSION];
    row.extend(used.window.0.to_be_bytes());
    row.extend(used.visitor.as_bytes());
    row.extend(used.forget.0.to_be_bytes());
    sealed(Kind::Use, key, row)
}

pub(in crate::store::embedded) fn read_used(key: &SessionKey, row: &[u8]) -> Result<Use, BadRow> {
    let mut from = opened(Kind::Use, key, row)?;
    used_row(&mut from).ok_or(BadRow::Nonsense)
}

fn used_row(from: &mut Reader<'_>) -> Option<Use> {
    let used = Use {
        window: WindowId(u32::from_be_bytes(from.take()?)),
        visitor: VisitorId::from_bytes(from.take()?),
        forget: Moment(from.number()?),
    };
    from.0.is_empty().then_some(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_read_as_it_was_written_and_under_its_own_key_only() {
        let used_by = Use {
            window: WindowId(6),
            visitor: VisitorId::from_bytes([7; 16]),
            forget: Moment(u64::MAX),
        };
        let key = use_key(5, [8; 16]);
        let row = used(&key, &used_by);
        assert_eq!(read_used(&key, &row), Ok(used_by));
        let other = use_key(5, [9; 16]);
        assert_eq!(read_used(&other, &row), Err(BadRow::Damaged));
        assert_eq!(read_used(&key, &row[1..]), Err(BadRow::Damaged));
    }
}
