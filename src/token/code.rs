//! Invitation codes: how they are made, written, and known again.
//!
//! A code certifies itself: it holds the number of its batch, its number in the batch, and 80 bits
//! of HMAC over both and the room. So no store holds codes: neither a stolen store nor a stolen
//! backup gives any away, a lost one voids none, and a guess costs one HMAC and no call of the
//! store. What lane a batch leads into, how many codes it has and when they lapse stands in the
//! room's orders, so that a code can be shorter. The store keeps only which codes were used.
//!
//! The key is the identity key, which is never replaced: codes that were sent out survive a
//! rotation of the signing keys. Whoever steals it could make codes, as they could name sessions;
//! but the key folder opens every door anyway.
//!
//! 15 bytes: batch and serial (2 each, hidden by a pad made from the tag, so that codes look
//! unlike each other and do not tell how many there are), the tag (10), and a check byte that
//! anybody may compute, by which a slip of the pen is found before it counts as a guess. Written
//! as 24 characters of Crockford's base 32 in six groups.

use std::fmt;

use hmac::Mac as _;

use super::keyring::Keyring;
use super::secret::HmacSha256;
use crate::domain::invitation::CodeNumber;
use crate::domain::room::RoomName;

/// Bytes of the tag: 80 bits.
const TAG: usize = 10;
/// Bytes before the check byte.
const BODY: usize = 4 + TAG;
/// Bytes of a code.
const BYTES: usize = BODY + 1;
/// Characters of a code, without what stands between its groups.
const CHARACTERS: usize = BYTES * 8 / 5;
/// Characters of a group.
const GROUP: usize = 4;

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code somebody typed, well-formed; whether it was ever handed out is for [`CodeKey::number`]
/// to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code([u8; BYTES]);

impl fmt::Display for Code {
    /// As people get it: `7KQ2-M9X4-…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bits = 0_u16;
        let mut held = 0_u32;
        let mut written = 0_usize;
        for byte in self.0 {
            bits = bits << 8 | u16::from(byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                let letter = ALPHABET.get(usize::from(bits >> held & 31));
                if written > 0 && written.is_multiple_of(GROUP) {
                    f.write_str("-")?;
                }
                write!(f, "{}", letter.copied().map_or('0', char::from))?;
                written += 1;
            }
            bits &= (1 << held) - 1;
        }
        Ok(())
    }
}

impl fmt::Debug for Code {
    /// Nothing of it: logs must not hold codes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

impl Code {
    /// Reads a code as somebody typed it: in any case, with or without what stands between its
    /// groups, O for 0 and I or L for 1. `None` when it cannot be a code: of another length, with
    /// another letter, or with a slip that the check byte shows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; BYTES];
        let mut bits = 0_u16;
        let mut held = 0_u32;
        let mut read = 0_usize;
        let mut slots = bytes.iter_mut();
        for letter in text.chars().filter(|letter| !is_gap(*letter)) {
            read += 1;
            bits = bits << 5 | value(letter)?;
            held += 5;
            if held >= 8 {
                held -= 8;
                *slots.next()? = u8::try_from(bits >> held & 255).ok()?;
                bits &= (1 << held) - 1;
            }
        }
        let code = Self(bytes);
        let (body, check) = code.parts()?;
        (read == CHARACTERS && check == check_of(body)).then_some(code)
    }

    fn parts(&self) -> Option<(&[u8; BODY], u8)> {
        let (body, rest) = self.0.split_first_chunk::<BODY>()?;
        Some((body, *rest.first()?))
    }
}

/// What may stand between letters: mail programs and people make their own hyphens.
fn is_gap(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(
            letter,
            '-' | '_' | '.' | '\u{ad}' | '\u{2010}'
                ..='\u{2015}' | '\u{2212}' | '\u{200b}' | '\u{feff}'
        )
}

fn value(letter: char) -> Option<u16> {
    let plain = match letter.to_ascii_uppercase() {
        'O' => b'0',
        'I' | 'L' => b'1',
        other => u8::try_from(other).ok()?,
    };
    let at = ALPHABET.iter().position(|known| *known == plain)?;
    u16::try_from(at).ok()
}

/// CRC-8 (x⁸ + x² + x + 1): it shows every single changed bit, and every run of up to eight.
fn check_of(body: &[u8; BODY]) -> u8 {
    body.iter().fold(0, |check, byte| {
        (0..8).fold(check ^ byte, |rest, _| {
            let shifted = rest << 1;
            if rest & 0x80 == 0 {
                shifted
            } else {
                shifted ^ 0x07
            }
        })
    })
}

/// Makes codes and knows them again.
#[derive(Clone)]
pub struct CodeKey(HmacSha256);

impl Keyring {
    /// The key of invitation codes.
    #[must_use]
    pub fn codes(&self) -> CodeKey {
        CodeKey(self.identity_key())
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey(…)")
    }
}

impl CodeKey {
    /// The code of a room with this number; the same whenever it is asked for.
    #[must_use]
    pub fn code(&self, room: &RoomName, number: CodeNumber) -> Code {
        let number = packed(number);
        let tag = self.tag(room, number);
        let hidden = hide(number, self.pad(room, tag));
        let mut body = [0; BODY];
        for (to, from) in body.iter_mut().zip(hidden.into_iter().chain(tag)) {
            *to = from;
        }
        let mut bytes = [check_of(&body); BYTES];
        for (to, from) in bytes.iter_mut().zip(body) {
            *to = from;
        }
        Code(bytes)
    }

    /// The number of a code of this room; `None` when it was not made with this key for this room.
    #[must_use]
    pub fn number(&self, room: &RoomName, code: &Code) -> Option<CodeNumber> {
        let (body, _) = code.parts()?;
        let (hidden, tag) = body.split_first_chunk::<4>()?;
        let tag: [u8; TAG] = *tag.first_chunk()?;
        let number = hide(*hidden, self.pad(room, tag));
        self.of("code", room, &number)
            .verify_truncated_left(&tag)
            .ok()?;
        let [a, b, c, d] = number;
        Some(CodeNumber {
            batch: u16::from_be_bytes([a, b]),
            serial: u16::from_be_bytes([c, d]),
        })
    }

    /// Under which a used code is kept: nothing from which the code could be found.
    #[must_use]
    pub fn mark(&self, room: &RoomName, number: CodeNumber) -> [u8; 16] {
        first(self.of("code used", room, &packed(number)))
    }

    fn tag(&self, room: &RoomName, number: [u8; 4]) -> [u8; TAG] {
        first(self.of("code", room, &number))
    }

    fn pad(&self, room: &RoomName, tag: [u8; TAG]) -> [u8; 4] {
        first(self.of("code pad", room, &tag))
    }

    /// HMAC over a label that keeps its uses apart, the room, and what it is about.
    fn of(&self, label: &str, room: &RoomName, about: &[u8]) -> HmacSha256 {
        self.0
            .clone()
            .chain_update("anteroom ")
            .chain_update(label)
            .chain_update([0])
            .chain_update(room.as_str())
            .chain_update([0])
            .chain_update(about)
    }
}

fn packed(number: CodeNumber) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.batch.to_be_bytes(), number.serial.to_be_bytes());
    [a, b, c, d]
}

fn hide(number: [u8; 4], pad: [u8; 4]) -> [u8; 4] {
    let mut hidden = number;
    for (byte, pad) in hidden.iter_mut().zip(pad) {
        *byte ^= pad;
    }
    hidden
}

/// The first bytes of a tag.
fn first<const N: usize>(mac: HmacSha256) -> [u8; N] {
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(tag) {
        *to = from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::domain::clock::UnixTime;
    use crate::token::chance::random_bytes;
    use crate::token::keyfile::{AdmissionAlgorithm, generate};
    use crate::token::{Keyring, Purpose};

    fn key() -> CodeKey {
        let made = UnixTime::from_secs(1_795_000_000);
        let algorithm = AdmissionAlgorithm::EdDsa;
        let files = generate(made, &Purpose::ALL, algorithm, &mut random_bytes::<32>).unwrap();
        Keyring::read(&files).unwrap().codes()
    }

    fn derby() -> RoomName {
        "derby".parse().unwrap()
    }

    fn number(serial: u16) -> CodeNumber {
        CodeNumber { batch: 7, serial }
    }

    #[test]
    fn a_code_is_known_again_in_its_own_room_and_no_other() {
        let key = key();
        for serial in [1, 2, 10_000] {
            let code = key.code(&derby(), number(serial));
            let typed = Code::parse(&code.to_string()).unwrap();
            assert_eq!(typed, code);
            assert_eq!(key.number(&derby(), &typed), Some(number(serial)));
            assert_eq!(key.number(&"final".parse().unwrap(), &typed), None);
        }
        let stranger = super::tests::key();
        let code = stranger.code(&derby(), number(1));
        assert_eq!(key.number(&derby(), &code), None, "of another house");
    }

    #[test]
    fn a_code_is_six_groups_of_four_plain_characters() {
        let text = key().code(&derby(), number(1)).to_string();
        let groups: Vec<&str> = text.split('-').collect();
        assert_eq!(groups.len(), 6, "{text}");
        let plain = |letter: u8| ALPHABET.contains(&letter);
        assert!(
            groups
                .iter()
                .all(|group| group.len() == 4 && group.bytes().all(plain))
        );
    }

    #[test]
    fn people_may_type_a_code_in_their_own_way() {
        let key = key();
        for serial in 1..=50 {
            let code = key.code(&derby(), number(serial));
            let text = code.to_string();
            let bare = text.replace('-', "");
            let folded = text.replace('0', "o").replace('1', "l");
            let capital = text.replace('0', "O").replace('1', "I");
            for typed in [
                text.to_lowercase(),
                bare.clone(),
                format!("  {} ", text.replace('-', " ")),
                text.replace('-', "\u{2013}"),
                folded,
                capital,
            ] {
                assert_eq!(Code::parse(&typed), Some(code), "{typed}");
            }
            assert_eq!(Code::parse(&bare[1..]), None);
            assert_eq!(Code::parse(&format!("{bare}0")), None);
        }
        for none in ["", "-", "U", "hello", "é", &"0".repeat(10_000)] {
            assert_eq!(Code::parse(none), None);
        }
    }

    #[test]
    fn q8_codes_of_a_batch_look_nothing_like_each_other() {
        let key = key();
        let codes: Vec<String> = (1..=2_000)
            .map(|serial| key.code(&derby(), number(serial)).to_string())
            .collect();
        let different: HashSet<&String> = codes.iter().collect();
        assert_eq!(different.len(), codes.len());
        for at in 0..29 {
            let letters: HashSet<u8> = codes.iter().map(|code| code.as_bytes()[at]).collect();
            let expected = if at % 5 == 4 { 1 } else { 32 };
            assert_eq!(letters.len(), expected, "character {at}");
        }
    }

    #[test]
    fn q8_no_changed_bit_makes_another_code() {
        let key = key();
        let code = key.code(&derby(), number(5));
        for bit in 0..BODY * 8 {
            let mut other = code;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Code::parse(&other.to_string()), None, "the check byte");
            other.0[BODY] = check_of(other.parts().unwrap().0);
            assert!(Code::parse(&other.to_string()).is_some());
            assert_eq!(key.number(&derby(), &other), None, "bit {bit}");
        }
    }

    #[test]
    fn marks_of_used_codes_differ_and_are_not_in_the_code() {
        let key = key();
        let marks: HashSet<[u8; 16]> = (1..=500)
            .map(|serial| key.mark(&derby(), number(serial)))
            .collect();
        assert_eq!(marks.len(), 500);
        let code = key.code(&derby(), number(1));
        assert_ne!(key.mark(&derby(), number(1))[..TAG], code.0[4..BODY]);
        assert_eq!(format!("{code:?} {key:?}"), "Code(…) CodeKey(…)");
    }
}
