//! A draw as everybody may read it: the JSON of `GET …/draw`.

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Draw, Hash};
use crate::domain::clock::UnixTime;
use crate::domain::room::RoomName;
use crate::domain::window::WindowId;

/// What is published of a window's draw, with hashes `H`: [`Hash`] where they are known to be
/// some, [`Hex`] in a file that is still to be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published<H = Hash> {
    /// The room's name.
    pub room: String,
    /// The sale window.
    pub window: u64,
    /// SHA-256 of `server_seed`, published when the prequeue opened.
    pub commitment: H,
    /// The server's share; none until the room is open.
    pub server_seed: Option<H>,
    /// What the order follows from; none until the room is open.
    pub seed: Option<H>,
    /// The tree head over the lobby; none until it is frozen.
    pub roster_root: Option<H>,
    /// Where the value that nobody can choose was promised to come from, if any was.
    pub external_source: Option<String>,
    /// That value; none until it was given, and where none was promised.
    pub external_value: Option<String>,
    /// How many were in the lobby; none until it is frozen.
    pub count: Option<u64>,
    /// When the lobby was frozen.
    pub frozen_at: Option<String>,
    /// When the external value was given.
    pub external_value_at: Option<String>,
    /// SHA-256 over all of this, beside the roster only; see [`Published::digest_of`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<H>,
    /// All leaves in drawn order, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roster: Option<Vec<H>>,
}

/// The first bytes of what a digest covers.
const DIGEST: &str = "anteroom draw 1";

impl Published {
    /// What may be known of a window's draw so far, without the roster.
    #[must_use]
    pub fn of(room: &RoomName, window: WindowId, draw: &Draw) -> Self {
        let time = |millis: u64| UnixTime::from_millis(millis).rfc3339();
        Self {
            room: room.to_string(),
            window: window.0.into(),
            commitment: draw.commitment,
            server_seed: draw.drawn.map(|drawn| drawn.server_seed),
            seed: draw.drawn.map(|drawn| drawn.seed),
            roster_root: draw.frozen.map(|frozen| frozen.root),
            external_source: draw.external_source.clone(),
            external_value: draw.external.as_ref().map(|given| given.value.clone()),
            count: draw.frozen.map(|frozen| frozen.count.into()),
            frozen_at: draw.frozen.map(|frozen| time(frozen.at)),
            external_value_at: draw.external.as_ref().map(|given| time(given.at)),
            digest: None,
            roster: None,
        }
    }

    /// What the published facts and the drawn order are together known by: SHA-256 over
    /// `anteroom draw 1` and the fields from `room` to `external_value_at` in the order of this
    /// struct, as they stand in the JSON without quotes (nothing for null), each followed by a
    /// zero byte, and then over the raw leaves in drawn order.
    #[must_use]
    pub fn digest_of(&self, roster: impl Iterator<Item = Hash>) -> Hash {
        let text = |hash: Option<Hash>| hash.map(|hash| hash.to_string());
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let fields = [
            Some(DIGEST.to_owned()),
            Some(self.room.clone()),
            number(Some(self.window)),
            text(Some(self.commitment)),
            text(self.server_seed),
            text(self.seed),
            text(self.roster_root),
            self.external_source.clone(),
            self.external_value.clone(),
            number(self.count),
            self.frozen_at.clone(),
            self.external_value_at.clone(),
        ];
        let mut all = Sha256::new();
        for field in fields {
            all.update(field.unwrap_or_default());
            all.update([0]);
        }
        for leaf in roster {
            all.update(leaf.0);
        }
        Hash(all.finalize().into())
    }
}

/// Text where a hash should stand: `None` if it is none, so that whoever asked for it can say
/// which field it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex(pub Option<Hash>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(HexText).map(Self)
    }
}

struct HexText;

impl serde::de::Visitor<'_> for HexText {
    type Value = Option<Hash>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("64 lower-case hexadecimal digits")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Hash::parse(text))
    }
}
