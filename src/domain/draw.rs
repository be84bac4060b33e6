//! What is published of a window's draw.
//!
//! The facts stand in the room's orders: small, with a version, kept by every gateway. The roster
//! itself, who was drawn in which order, is kept by the store.

pub mod check;
pub mod file;
pub mod formula;
pub mod published;
pub mod receipt;
pub mod roster;
pub mod steps;
pub mod tree;

#[cfg(test)]
mod trials;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::place::Epoch;

/// 32 bytes of SHA-256; shown, and written as JSON, as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads 64 lower-case hex digits; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "Hash({first:02x}{second:02x}…)")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not 64 lower-case hex digits"))
    }
}

/// The draw of a window that had a prequeue, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// SHA-256 of the server's seed, published when the prequeue opened.
    pub commitment: Hash,
    /// Where the external value comes from; `None` where none was promised.
    pub external_source: Option<String>,
    /// The lobby as it was frozen, once its roster was read.
    pub frozen: Option<Frozen>,
    /// The external value, once it was given.
    pub external: Option<External>,
    /// The order, once the room is open.
    pub drawn: Option<Drawn>,
}

/// The frozen lobby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// RFC 6962 tree head over the leaves in ascending order.
    pub root: Hash,
    /// How many were in the lobby.
    pub count: u32,
    /// When it was frozen, in Unix milliseconds.
    pub at: u64,
    /// The epoch of the places that were kept free for it.
    pub epoch: Epoch,
    /// They are this number and 1, to this number and `count`.
    pub base: u32,
}

/// The external value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// The value, as it was given; its UTF-8 bytes count.
    pub value: String,
    /// When it was given, in Unix milliseconds.
    pub at: u64,
}

/// The order that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// What the commitment is the SHA-256 of.
    pub server_seed: Hash,
    /// What the order was made from.
    pub seed: Hash,
    /// What the facts and the drawn order are together known by: see
    /// [`Published::digest_of`](published::Published::digest_of).
    pub digest: Hash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_what_it_shows_and_nothing_else() {
        let hash = Hash([0xa7; 32]);
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
        for bad in [
            "",
            "A7",
            &"A7".repeat(32),
            &"a7".repeat(33),
            &"g0".repeat(32),
        ] {
            assert_eq!(Hash::parse(bad), None, "{bad}");
        }
    }
}
