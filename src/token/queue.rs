//! The queue token: the signed proof of a place. Not an admission.
//!
//! 81 bytes in canonical base64url without padding, 108 characters: 65 bytes of fixed-width
//! big-endian fields, then the first 16 bytes of HMAC-SHA-256 over label, issuer, room and those
//! fields. The room is not in the token: a token of another room does not verify. Verifying
//! allocates nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Buf, BufMut as _, TryGetError};
use hmac::Mac as _;
use sha2::{Digest as _, Sha256};

use super::keyfile::Kid;
use super::keyring::Keyring;
use super::refused::TokenRefused;
use super::secret::HmacSha256;
use crate::domain::clock::{UnixTime, YEAR_ZERO_S};
use crate::domain::place::{Epoch, Place, Turn};
use crate::domain::room::RoomName;
use crate::domain::session::LEEWAY;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

/// The version of the layout below; another is refused.
const VERSION: u8 = 2;
/// Bytes of the fields.
const FIELDS: usize = 65;
/// Bytes of the tag.
const TAG: usize = 16;
/// Bytes of a token.
const TOKEN: usize = FIELDS + TAG;
/// Characters of a token.
pub const TEXT: usize = (TOKEN * 8).div_ceil(6);
/// Room for decoding: what base64 asks for to decode [`TEXT`] characters.
const ROOM_TO_DECODE: usize = TEXT.div_ceil(4) * 3;

/// How long a token without a place may be brought back.
const WITHOUT_PLACE: Duration = Duration::from_mins(10);
/// How long a token with a place lives from its last signature.
pub(super) const WITH_PLACE: Duration = Duration::from_hours(24);

/// What a queue token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueToken {
    /// The lane of the room; 0 is the only one where a room has no lanes.
    pub lane: u8,
    /// What the bot rules thought of this visitor, in the numbering of their version; 0 is none.
    pub verdict: u8,
    /// The version of the bot rules that said so.
    pub rules: u16,
    /// Who it belongs to.
    pub visitor: VisitorId,
    /// The sale window it counts in; in another it is worth what no token is.
    pub window: WindowId,
    /// The room's epoch when it was signed.
    pub epoch: Epoch,
    /// Which stay of the visitor this is.
    pub turn: Turn,
    /// Whether the visitor is in the lobby: the place is drawn when the room opens.
    pub lobby: bool,
    /// The place held; `None` until the visitor has joined, and in the lobby.
    pub place: Option<Place>,
    /// When it lapses; whole seconds, the rest is cut off.
    pub expires: UnixTime,
    /// The tick of the survey behind the position last shown.
    pub tick: u64,
    /// The position last shown, 1 for who is next; `None` when none was shown.
    pub position: Option<NonZeroU32>,
    /// Why the turn before this one ended: "why am I here again".
    pub ended: Option<EndedBy>,
    /// Until when the visitor is away by its own wish, as it was told; whole seconds.
    pub away: Option<UnixTime>,
}

impl QueueToken {
    /// When a token signed now lapses: after 10 minutes without a place, 24 hours with one.
    #[must_use]
    pub fn expiry(place: Option<Place>, signed_at: UnixTime) -> UnixTime {
        signed_at.after(place.map_or(WITHOUT_PLACE, |_| WITH_PLACE))
    }

    /// The same token signed again at `now`: in the lobby it lives as long as with a place.
    #[must_use]
    pub fn renewed(self, now: UnixTime) -> Self {
        let life = if self.lobby || self.place.is_some() {
            WITH_PLACE
        } else {
            WITHOUT_PLACE
        };
        Self {
            expires: now.after(life),
            ..self
        }
    }

    fn fields(&self, key: KeyReference) -> [u8; FIELDS] {
        let mut fields = [0; FIELDS];
        let mut rest = &mut fields[..];
        rest.put_u8(VERSION);
        rest.put_slice(&key);
        rest.put_u8(self.lane);
        rest.put_u8(self.verdict);
        rest.put_u16(self.rules);
        rest.put_slice(self.visitor.as_bytes());
        rest.put_u32(self.window.0);
        rest.put_u32(self.epoch.0);
        rest.put_u16(self.turn.0);
        rest.put_u8(u8::from(self.lobby));
        rest.put_u64(self.place.map_or(0, Place::score));
        rest.put_u32(since_2025(self.expires));
        rest.put_u64(self.tick);
        rest.put_u32(self.position.map_or(0, NonZeroU32::get));
        rest.put_u8(ended_number(self.ended));
        rest.put_u32(self.away.map_or(0, since_2025));
        fields
    }

    /// Reads the fields after version and key.
    fn parse(mut rest: &[u8]) -> Result<Self, Unreadable> {
        let (lane, verdict, rules) = (rest.try_get_u8()?, rest.try_get_u8()?, rest.try_get_u16()?);
        let mut visitor = [0; 16];
        rest.try_copy_to_slice(&mut visitor)?;
        Ok(Self {
            lane,
            verdict,
            rules,
            visitor: VisitorId::from_bytes(visitor),
            window: WindowId(rest.try_get_u32()?),
            epoch: Epoch(rest.try_get_u32()?),
            turn: Turn(rest.try_get_u16()?),
            lobby: match rest.try_get_u8()? {
                0 => false,
                1 => true,
                2.. => return Err(Unreadable),
            },
            place: match rest.try_get_u64()? {
                0 => None,
                score => Some(Place::from_score(score).ok_or(Unreadable)?),
            },
            expires: moment(rest.try_get_u32()?),
            tick: rest.try_get_u64()?,
            position: NonZeroU32::new(rest.try_get_u32()?),
            ended: ended_by(rest.try_get_u8()?)?,
            away: match rest.try_get_u32()? {
                0 => None,
                since => Some(moment(since)),
            },
        })
    }
}

/// A time in whole seconds since 2025.
fn since_2025(time: UnixTime) -> u32 {
    u32::try_from(time.secs().saturating_sub(YEAR_ZERO_S)).unwrap_or(u32::MAX)
}

fn moment(since: u32) -> UnixTime {
    UnixTime::from_secs(u64::from(since) + YEAR_ZERO_S)
}

/// A field that no gateway of this version writes.
struct Unreadable;

impl From<TryGetError> for Unreadable {
    fn from(_: TryGetError) -> Self {
        Self
    }
}

/// 0 for none, else one more than the reason's place in [`EndedBy::ALL`].
fn ended_number(ended: Option<EndedBy>) -> u8 {
    EndedBy::ALL
        .iter()
        .zip(1..)
        .find_map(|(reason, number)| (Some(*reason) == ended).then_some(number))
        .unwrap_or(0)
}

fn ended_by(number: u8) -> Result<Option<EndedBy>, Unreadable> {
    match usize::from(number).checked_sub(1) {
        None => Ok(None),
        Some(index) => match EndedBy::ALL.get(index) {
            Some(reason) => Ok(Some(*reason)),
            None => Err(Unreadable),
        },
    }
}

/// The first 4 bytes of the SHA-256 of a kid: which key to try. Two keys that share one are both
/// tried.
type KeyReference = [u8; 4];

/// A key of queue tokens, with everything before the room already taken in.
pub(super) struct QueueKey {
    reference: KeyReference,
    keyed: HmacSha256,
    primed: HmacSha256,
}

impl QueueKey {
    pub(super) fn new(kid: &Kid, keyed: HmacSha256, issuer: &str) -> Self {
        let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(kid.as_str()).into();
        let primed = keyed.clone();
        Self {
            reference: [a, b, c, d],
            keyed,
            primed,
        }
        .with_issuer(issuer)
    }

    /// The same key for tokens of another issuer. The length goes before the name, so that no
    /// issuer and room together read like another pair.
    pub(super) fn with_issuer(mut self, issuer: &str) -> Self {
        let length = u64::try_from(issuer.len()).unwrap_or(u64::MAX);
        self.primed = self
            .keyed
            .clone()
            .chain_update(b"anteroom queue token\0")
            .chain_update(length.to_be_bytes())
            .chain_update(issuer);
        self
    }

    fn mac(&self, room: &RoomName, fields: &[u8]) -> HmacSha256 {
        self.primed
            .clone()
            .chain_update(room.as_str())
            .chain_update([0])
            .chain_update(fields)
    }
}

impl Keyring {
    /// Signs a queue token for a room with the key of this time: 108 characters of base64url.
    #[must_use]
    pub fn sign_queue(&self, room: &RoomName, token: &QueueToken, now: UnixTime) -> String {
        let key = self.queue.signing(now);
        let fields = token.fields(key.reference);
        let tag: [u8; 32] = key.mac(room, &fields).finalize().into_bytes().into();
        let mut bytes = [0; TOKEN];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().chain(tag)) {
            *to = from;
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a queue token of this room. The window is the caller's to compare: an older epoch
    /// of the same window is healed, not refused.
    ///
    /// # Errors
    /// Why it counts for nothing. The answer to the visitor must not depend on which.
    pub fn verify_queue(
        &self,
        room: &RoomName,
        text: &str,
        now: UnixTime,
    ) -> Result<QueueToken, TokenRefused> {
        let mut buffer = [0; ROOM_TO_DECODE];
        let (fields, tag) = decode(text, &mut buffer)?;
        let Some((&[VERSION, a, b, c, d], rest)) = fields.split_first_chunk() else {
            return Err(TokenRefused::Malformed);
        };
        let mut refused = TokenRefused::UnknownKey;
        let named = |key: &&QueueKey| key.reference == [a, b, c, d];
        for key in self.queue.iter().filter(named) {
            if key.mac(room, fields).verify_truncated_left(tag).is_err() {
                refused = TokenRefused::Signature;
                continue;
            }
            let token = QueueToken::parse(rest).map_err(|_| TokenRefused::Malformed)?;
            let lives = now < token.expires.after(LEEWAY);
            return lives.then_some(token).ok_or(TokenRefused::Expired);
        }
        Err(refused)
    }
}

/// Splits a token into fields and tag. Only the one spelling that we write is read: this length,
/// the URL alphabet, no padding, no bits left over.
fn decode<'a>(
    text: &str,
    buffer: &'a mut [u8; ROOM_TO_DECODE],
) -> Result<(&'a [u8], &'a [u8]), TokenRefused> {
    if text.len() != TEXT {
        return Err(TokenRefused::Malformed);
    }
    URL_SAFE_NO_PAD
        .decode_slice(text, buffer)
        .map_err(|_| TokenRefused::Malformed)?;
    let token = buffer.first_chunk::<TOKEN>();
    let halves = token.and_then(|token| token.split_at_checked(FIELDS));
    halves.ok_or(TokenRefused::Malformed)
}
