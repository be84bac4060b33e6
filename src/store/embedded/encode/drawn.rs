//! Rows of lobbies and rosters.

use super::{BadRow, BlockKey, Kind, MemberKey, Reader, SEAL, VERSION, opened, sealed};
use crate::domain::lane::Lane;
use crate::domain::visitor::VisitorId;

pub(in crate::store::embedded) fn member_key(
    room: u32,
    lobby: u32,
    visitor: VisitorId,
) -> MemberKey {
    let (room, lobby) = (room.to_be_bytes(), lobby.to_be_bytes());
    let mut key = [0; 24];
    let parts = room.iter().chain(&lobby).chain(visitor.as_bytes());
    for (to, from) in key.iter_mut().zip(parts) {
        *to = *from;
    }
    key
}

pub(in crate::store::embedded) fn read_member_key(
    key: &MemberKey,
) -> Option<(u32, u32, VisitorId)> {
    let mut from = Reader(key);
    let (room, lobby) = (from.small()?, from.small()?);
    Some((room, lobby, VisitorId::from_bytes(from.take()?)))
}

pub(in crate::store::embedded) fn member(key: &MemberKey, lane: Lane) -> Vec<u8> {
    sealed(Kind::Member, key, vec![VERSION, lane.0])
}

pub(in crate::store::embedded) fn read_member(key: &MemberKey, row: &[u8]) -> Result<Lane, BadRow> {
    match opened(Kind::Member, key, row)?.0 {
        [lane] => Ok(Lane(*lane)),
        _ => Err(BadRow::Nonsense),
    }
}

pub(in crate::store::embedded) fn block_key(room: u32, block: u32) -> BlockKey {
    (u64::from(room) << 32 | u64::from(block)).to_be_bytes()
}

pub(in crate::store::embedded) fn read_block_key(key: BlockKey) -> Option<(u32, u32)> {
    let mut from = Reader(&key);
    Some((from.small()?, from.small()?))
}

/// A stretch of a drawn order.
pub(in crate::store::embedded) fn block(key: &BlockKey, visitors: &[VisitorId]) -> Vec<u8> {
    let mut row = Vec::with_capacity(1 + 16 * visitors.len() + SEAL);
    row.push(VERSION);
    for visitor in visitors {
        row.extend(visitor.as_bytes());
    }
    sealed(Kind::Block, key, row)
}

pub(in crate::store::embedded) fn read_block(
    key: &BlockKey,
    row: &[u8],
) -> Result<Vec<VisitorId>, BadRow> {
    let rest = opened(Kind::Block, key, row)?.0;
    let (visitors, over) = rest.as_chunks();
    if visitors.is_empty() || !over.is_empty() {
        return Err(BadRow::Nonsense);
    }
    Ok(visitors
        .iter()
        .map(|id| VisitorId::from_bytes(*id))
        .collect())
}
