//! Who queues: a random identity made by the gateway, and the short code a person can read out.

use std::fmt;

use sha2::{Digest, Sha256};

use super::room::RoomName;

/// A visitor's identity: 128 random bits made by the gateway, fresh for each window.
///
/// It is never shown and never logged; [`VisitorId::reference`] is what people see.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitorId([u8; 16]);

impl VisitorId {
    /// From 16 raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The 12-character code shown on the page, by which the support desk finds this visitor.
    /// It cannot be turned back into the identity.
    #[must_use]
    pub fn reference(&self, room: &RoomName) -> Reference {
        let digest = Sha256::new()
            .chain_update(b"anteroom reference\0")
            .chain_update(room.as_str())
            .chain_update([0])
            .chain_update(self.0)
            .finalize();
        let mut code = [b'a'; 12];
        for (letter, byte) in code.iter_mut().zip(digest) {
            if let Some(&chosen) = ALPHABET.get(usize::from(byte % 32)) {
                *letter = chosen;
            }
        }
        Reference(code)
    }
}

impl fmt::Debug for VisitorId {
    /// Two bytes only: logs must not hold an identity.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "VisitorId({first:02x}{second:02x}…)")
    }
}

/// 32 letters and digits that cannot be taken for each other when read aloud (no i, l, o, 0).
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";

/// Twelve letters and digits, 60 bits, that name a visitor to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference([u8; 12]);

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_twelve_plain_characters_and_differs_by_room() {
        let ann = VisitorId::from_bytes([7; 16]);
        let derby: RoomName = "derby".parse().unwrap();
        let final_room: RoomName = "final".parse().unwrap();

        let code = ann.reference(&derby).to_string();

        assert_eq!(code.len(), 12);
        assert!(code.bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_ne!(code, ann.reference(&final_room).to_string());
        assert!(!format!("{ann:?}").contains("07070707"));
    }
}
