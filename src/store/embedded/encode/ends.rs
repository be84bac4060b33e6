//! Rows of ends.

use super::super::moment::Moment;
use super::super::sessions::End;
use super::{BadRow, Kind, Reader, SessionKey, VERSION, opened, read_reason, reason, sealed};

pub(in crate::store::embedded) fn end(key: &SessionKey, end: &End) -> Vec<u8> {
    let mut row = vec![VERSION, reason(Some(end.why))];
    row.extend(end.number.unwrap_or(0).to_be_bytes());
    row.extend(end.forget.0.to_be_bytes());
    sealed(Kind::End, key, row)
}

pub(in crate::store::embedded) fn read_end(key: &SessionKey, row: &[u8]) -> Result<End, BadRow> {
    let mut from = opened(Kind::End, key, row)?;
    end_row(&mut from).ok_or(BadRow::Nonsense)
}

fn end_row(from: &mut Reader<'_>) -> Option<End> {
    let [why] = from.take()?;
    let end = End {
        why: read_reason(why)??,
        number: Some(from.number()?).filter(|number| *number > 0),
        forget: Moment(from.number()?),
    };
    from.0.is_empty().then_some(end)
}
