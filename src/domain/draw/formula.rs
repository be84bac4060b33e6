//! The formulas of the draw, byte by byte. `docs/fairness.md` tells them to whoever wants to check.

use sha2::{Digest as _, Sha256};

use super::Hash;
use crate::domain::room::RoomName;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

/// A fan in the published roster: SHA-256(0x00 ‖ room ‖ 0x00 ‖ window as 8 bytes big-endian ‖
/// 16 bytes of visitor id). It is a leaf hash of RFC 6962 as it stands, and tells nothing of who
/// it is.
#[must_use]
pub fn leaf(room: &RoomName, window: WindowId, visitor: VisitorId) -> Hash {
    Leaves::of(room, window).leaf(visitor)
}

/// Makes the leaves of one room and window; what they have in common is hashed once.
#[derive(Clone)]
pub(super) struct Leaves(Sha256);

impl Leaves {
    pub(super) fn of(room: &RoomName, window: WindowId) -> Self {
        let common = Sha256::new()
            .chain_update([0])
            .chain_update(room.as_str())
            .chain_update([0])
            .chain_update(u64::from(window.0).to_be_bytes());
        Self(common)
    }

    pub(super) fn leaf(&self, visitor: VisitorId) -> Hash {
        let whole = self.0.clone().chain_update(visitor.as_bytes());
        Hash(whole.finalize().into())
    }
}

/// What is published before anybody joins, so that the server's share cannot be chosen later:
/// SHA-256(`server_seed`).
#[must_use]
pub fn commitment(server_seed: Hash) -> Hash {
    hash(&[&server_seed.0])
}

/// What the order follows from: SHA-256(`server_seed` ‖ `roster_root` ‖ `external_value`), the
/// last as its UTF-8 bytes, none where no value was promised.
#[must_use]
pub fn seed(server_seed: Hash, roster_root: Hash, external_value: &str) -> Hash {
    hash(&[&server_seed.0, &roster_root.0, external_value.as_bytes()])
}

/// The seed of a later round in a `random` room: SHA-256(`server_seed` ‖ the round's root ‖ round
/// as 8 bytes big-endian).
#[must_use]
pub fn round_seed(server_seed: Hash, root: Hash, round: u32) -> Hash {
    hash(&[&server_seed.0, &root.0, &u64::from(round).to_be_bytes()])
}

/// What fans are sorted by, ascending: SHA-256(`seed` ‖ leaf).
#[must_use]
pub fn sort_key(seed: Hash, leaf: Hash) -> Hash {
    hash(&[&seed.0, &leaf.0])
}

pub(crate) fn hash(parts: &[&[u8]]) -> Hash {
    let mut all = Sha256::new();
    for part in parts {
        all.update(part);
    }
    Hash(all.finalize().into())
}
