//! The crew's pass: who holds it may walk through the door and look at the room's pages.
//!
//! 25 bytes in canonical base64url without padding, 34 characters: version, the number of times
//! passes were withdrawn (u32), when it lapses (seconds since 2025, u32), and the first 16 bytes of
//! HMAC-SHA-256 under the identity key over label, room and those fields. So nothing is stored of
//! passes, links survive a rotation of the signing keys, and one number in the room's orders
//! withdraws them all.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;

use super::keyring::Keyring;
use crate::domain::clock::{UnixTime, YEAR_ZERO_S};
use crate::domain::room::RoomName;

/// The version of the layout; another is refused.
const VERSION: u8 = 1;
/// Bytes before the tag.
const FIELDS: usize = 9;
/// Bytes of the tag.
const TAG: usize = 16;
/// Bytes of a pass.
const PASS: usize = FIELDS + TAG;
/// Room for decoding: what base64 asks for.
const ROOM_TO_DECODE: usize = PASS.div_ceil(3) * 3;

/// What a pass says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrewPass {
    /// How often the room's passes had been withdrawn when it was made: it counts while that number
    /// stays.
    pub rev: u32,
    /// When it lapses, in whole seconds.
    pub expires: UnixTime,
}

impl CrewPass {
    fn fields(self) -> [u8; FIELDS] {
        let since = self.expires.secs().saturating_sub(YEAR_ZERO_S);
        let since = u32::try_from(since).unwrap_or(u32::MAX);
        let ([a, b, c, d], [e, f, g, h]) = (self.rev.to_be_bytes(), since.to_be_bytes());
        [VERSION, a, b, c, d, e, f, g, h]
    }

    fn read(fields: [u8; FIELDS]) -> Option<Self> {
        let [version, a, b, c, d, e, f, g, h] = fields;
        let since = u32::from_be_bytes([e, f, g, h]);
        (version == VERSION).then(|| Self {
            rev: u32::from_be_bytes([a, b, c, d]),
            expires: UnixTime::from_secs(u64::from(since) + YEAR_ZERO_S),
        })
    }
}

impl Keyring {
    /// Signs a pass for the crew of a room: 34 characters of base64url.
    #[must_use]
    pub fn sign_crew(&self, room: &RoomName, pass: CrewPass) -> String {
        let fields = pass.fields();
        let tag = self.crew_mac(room, &fields).finalize().into_bytes();
        let bytes: Vec<u8> = fields
            .into_iter()
            .chain(tag.into_iter().take(TAG))
            .collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a pass says; `None` for any text that was not signed for this room, and for one that
    /// has lapsed by `now`.
    #[must_use]
    pub fn verify_crew(&self, room: &RoomName, text: &str, now: UnixTime) -> Option<CrewPass> {
        let mut bytes = [0; ROOM_TO_DECODE];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (fields, rest) = bytes.get(..length)?.split_first_chunk::<FIELDS>()?;
        let tag: &[u8; TAG] = rest.try_into().ok()?;
        self.crew_mac(room, fields)
            .verify_truncated_left(tag)
            .ok()?;
        CrewPass::read(*fields).filter(|pass| now < pass.expires)
    }

    fn crew_mac(&self, room: &RoomName, fields: &[u8; FIELDS]) -> super::secret::HmacSha256 {
        self.identity("crew", room).chain_update(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Purpose;
    use crate::token::chance::random_bytes;
    use crate::token::keyfile::{AdmissionAlgorithm, generate};

    const NOW: UnixTime = UnixTime::from_secs(1_795_000_000);

    fn keys() -> Keyring {
        let algorithm = AdmissionAlgorithm::EdDsa;
        let files = generate(NOW, &Purpose::ALL, algorithm, &mut random_bytes::<32>).unwrap();
        Keyring::read(&files).unwrap()
    }

    fn room(name: &str) -> RoomName {
        name.parse().unwrap()
    }

    fn pass() -> CrewPass {
        CrewPass {
            rev: 7,
            expires: UnixTime::from_secs(NOW.secs() + 60),
        }
    }

    #[test]
    fn t5_a_pass_opens_its_own_room_until_it_lapses() {
        let keys = keys();
        let text = keys.sign_crew(&room("derby"), pass());
        assert_eq!(text.len(), 34);
        let verified = |room: &RoomName, at| keys.verify_crew(room, &text, at);
        assert_eq!(verified(&room("derby"), NOW), Some(pass()));
        assert_eq!(verified(&room("final"), NOW), None);
        let last = UnixTime::from_millis(pass().expires.millis() - 1);
        assert_eq!(verified(&room("derby"), last), Some(pass()));
        assert_eq!(verified(&room("derby"), pass().expires), None);
        let stranger = super::tests::keys();
        assert_eq!(stranger.verify_crew(&room("derby"), &text, NOW), None);
    }

    #[test]
    fn t6_no_changed_bit_and_no_other_length_makes_a_pass() {
        let keys = keys();
        let text = keys.sign_crew(&room("derby"), pass());
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for bit in 0..PASS * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let other = URL_SAFE_NO_PAD.encode(other);
            assert_eq!(keys.verify_crew(&room("derby"), &other, NOW), None, "{bit}");
        }
        let long = format!("{text}AA");
        for other in ["", &text[1..], &text[..33], &long, &format!("{text}="), "é"] {
            assert_eq!(
                keys.verify_crew(&room("derby"), other, NOW),
                None,
                "{other}"
            );
        }
    }
}
