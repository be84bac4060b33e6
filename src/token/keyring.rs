//! The keyring: every key in memory. One of a purpose signs (`duty` says which) and all of them
//! verify; a key that is taken out of the folder verifies nothing more.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hmac::Mac as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::admission::AdmissionKey;
use super::duty::{KeyLine, Keys, lines};
use super::inspect::{KeyFault, Material, SoundKey, inspect};
use super::keyfile::{KeyFile, Purpose};
use super::queue::QueueKey;
use super::secret::HmacSha256;
use crate::domain::draw::{Hash, formula};
use crate::domain::place::Turn;
use crate::domain::room::RoomName;
use crate::domain::session::Jti;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

/// `iss` where the configuration names no other.
pub const DEFAULT_ISSUER: &str = "anteroom";

/// The keys in force, for whoever lives longer than one reload.
pub type SharedKeyring = Arc<ArcSwap<Keyring>>;

/// All keys of a gateway. Secrets are wiped when it is dropped and never shown.
pub struct Keyring {
    pub(super) issuer: Box<str>,
    pub(super) queue: Keys<QueueKey>,
    pub(super) admission: Keys<AdmissionKey>,
    identity: HmacSha256,
    /// The draw key in use.
    draw: HmacSha256,
    /// Draw keys that were in use, or will be.
    other_draws: Vec<HmacSha256>,
    lines: Vec<KeyLine>,
    /// SHA-256 over every key file's name and text.
    digest: [u8; 32],
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("issuer", &self.issuer)
            .field("keys", &self.lines)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Reads a folder's key files, in any order, for the issuer [`DEFAULT_ISSUER`].
    ///
    /// # Errors
    /// Every fault of every file, and every purpose without a file.
    pub fn read(files: &[KeyFile]) -> Result<Self, Vec<KeyFault>> {
        let keyring = inspect(files).and_then(Self::of)?;
        Ok(Self {
            digest: digest(files),
            ..keyring
        })
    }

    /// The keyring of sound keys, in the order in which they sign.
    fn of(found: Vec<SoundKey>) -> Result<Self, Vec<KeyFault>> {
        let missing = |purpose| vec![KeyFault::Missing(purpose)];
        let lines = lines(&found);
        let (mut queue, mut admission) = (Vec::new(), Vec::new());
        let (mut identity, mut draws) = (None, Vec::new());
        for key in found {
            match (key.purpose, key.material) {
                (Purpose::Queue, Material::Secret(secret)) => {
                    let signs = QueueKey::new(&key.kid, secret.hmac(), DEFAULT_ISSUER);
                    queue.push((key.from, signs));
                }
                (Purpose::Admission, Material::Secret(secret)) => {
                    let signs = AdmissionKey::hs256(key.kid, secret.as_bytes());
                    admission.push((key.from, signs));
                }
                (_, Material::Ed25519(signs)) => admission.push((key.from, *signs)),
                (Purpose::Identity, Material::Secret(secret)) => {
                    identity.get_or_insert_with(|| secret.hmac());
                }
                (Purpose::Draw, Material::Secret(secret)) => {
                    draws.push(secret.hmac());
                }
            }
        }
        let mut draws = draws.into_iter();
        Ok(Self {
            issuer: DEFAULT_ISSUER.into(),
            queue: Keys::in_turn(queue).ok_or_else(|| missing(Purpose::Queue))?,
            admission: Keys::in_turn(admission).ok_or_else(|| missing(Purpose::Admission))?,
            identity: identity.ok_or_else(|| missing(Purpose::Identity))?,
            draw: draws.next().ok_or_else(|| missing(Purpose::Draw))?,
            other_draws: draws.collect(),
            lines,
            digest: [0; 32],
        })
    }

    /// The same keys for another issuer (`[keys] issuer`): `iss` of admission tokens, and part of
    /// what a queue token's tag covers.
    #[must_use]
    pub fn with_issuer(mut self, issuer: &str) -> Self {
        self.issuer = issuer.into();
        self.queue = self.queue.map(|key| key.with_issuer(issuer));
        self
    }

    /// A session's name: the same however often and wherever it is asked for, and nothing that a
    /// visitor can compute.
    #[must_use]
    pub fn jti(&self, room: &RoomName, window: WindowId, visitor: VisitorId, turn: Turn) -> Jti {
        let tag = self
            .identity("session", room)
            .chain_update(window.0.to_be_bytes())
            .chain_update(visitor.as_bytes())
            .chain_update(turn.0.to_be_bytes())
            .finalize()
            .into_bytes();
        Jti(first_half(tag.into()))
    }

    /// Who a visitor is to the room's origin: 32 hex digits, another in each room, from which
    /// the visitor's identity cannot be found.
    #[must_use]
    pub fn subject(&self, room: &RoomName, visitor: VisitorId) -> String {
        let tag = self
            .identity("subject", room)
            .chain_update(visitor.as_bytes())
            .finalize()
            .into_bytes();
        hex(&first_half(tag.into()))
    }

    /// Who somebody is in a window, by what an identity provider says: the same on every device, in
    /// another window or room somebody else, and nothing that can be computed outside. Lengths
    /// stand before the texts, so that no issuer and subject together read like another pair.
    #[must_use]
    pub fn person(
        &self,
        room: &RoomName,
        window: WindowId,
        (issuer, subject): (&str, &str),
    ) -> VisitorId {
        let mut mac = self
            .identity("person", room)
            .chain_update(window.0.to_be_bytes());
        for text in [issuer, subject] {
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            mac.update(&length.to_be_bytes());
            mac.update(text.as_bytes());
        }
        VisitorId::from_bytes(first_half(mac.finalize().into_bytes().into()))
    }

    /// The server's share of a window's draw, fixed before anybody joins: HMAC(draw key, room ‖ 0 ‖
    /// window as 8 bytes big-endian), under the key in use.
    #[must_use]
    pub fn draw_seed(&self, room: &RoomName, window: WindowId) -> Hash {
        seed_under(&self.draw, room, window)
    }

    /// The server's share that was committed to, whichever draw key it was made with; `None` where
    /// that key is not here.
    #[must_use]
    pub fn committed_seed(
        &self,
        room: &RoomName,
        window: WindowId,
        commitment: Hash,
    ) -> Option<Hash> {
        let keys = std::iter::once(&self.draw).chain(&self.other_draws);
        let mut seeds = keys.map(|key| seed_under(key, room, window));
        seeds.find(|seed| formula::commitment(*seed) == commitment)
    }

    /// What is published of a window's draw when its prequeue opens: SHA-256 of
    /// [the server's share](Self::draw_seed).
    #[must_use]
    pub fn commitment(&self, room: &RoomName, window: WindowId) -> Hash {
        formula::commitment(self.draw_seed(room, window))
    }

    /// The public keys of admission tokens as a JWK set (RFC 7517, RFC 8037), newest first, with
    /// those that do not sign yet or no more.
    /// Secrets have no public half: HS256 keys never appear.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .admission
            .iter()
            .filter_map(AdmissionKey::jwk)
            .collect();
        json!({ "keys": keys })
    }

    /// Whether two keyrings were read from the same files.
    #[must_use]
    pub fn has_keys_of(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Whether what one keyring verifies, the other does: the same keys for the same issuer.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.has_keys_of(other) && self.issuer == other.issuer
    }

    /// Every key by purpose, in the order in which they sign.
    #[must_use]
    pub fn lines(&self) -> &[KeyLine] {
        &self.lines
    }

    /// The identity key itself, for uses that keep themselves apart from these by their labels.
    pub(super) fn identity_key(&self) -> HmacSha256 {
        self.identity.clone()
    }

    /// HMAC under the identity key over a label that keeps its uses apart, and the room.
    pub(super) fn identity(&self, label: &str, room: &RoomName) -> HmacSha256 {
        self.identity
            .clone()
            .chain_update("anteroom ")
            .chain_update(label)
            .chain_update([0])
            .chain_update(room.as_str())
            .chain_update([0])
    }
}

fn seed_under(key: &HmacSha256, room: &RoomName, window: WindowId) -> Hash {
    let tag = key
        .clone()
        .chain_update(room.as_str())
        .chain_update([0])
        .chain_update(u64::from(window.0).to_be_bytes());
    Hash(tag.finalize().into_bytes().into())
}

/// One figure for all key files, whatever their order.
fn digest(files: &[KeyFile]) -> [u8; 32] {
    let mut files: Vec<&KeyFile> = files.iter().collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    let mut digest = Sha256::new();
    for file in files {
        for part in [file.name.as_bytes(), file.text.as_bytes()] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
    }
    digest.finalize().into()
}

/// 128 of a tag's 256 bits.
fn first_half(tag: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(tag) {
        *to = from;
    }
    half
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
