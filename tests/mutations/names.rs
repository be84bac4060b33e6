//! The paths of the mutations: numbered, moved into the room, and found again.

use crate::kit::wire::position;

/// Whether an arrived target lies in the room `/buy/*`.
pub fn is_inside(target: &str) -> bool {
    let target = target.to_ascii_lowercase();
    target.starts_with("/buy/") || target == "/buy"
}

/// Which of our paths a target is: its letter and number.
pub fn kind(target: &str) -> Option<(char, usize)> {
    let bytes = target.as_bytes();
    bytes.windows(6).find_map(|six| {
        let (letter, digits) = six.split_first()?;
        if !b"apte".contains(letter) || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some((char::from(*letter), number))
    })
}

/// The bytes with this number in every path.
pub fn numbered(bytes: &[u8], number: usize) -> Vec<u8> {
    let digits = format!("{number:05}");
    let mut bytes = bytes.to_vec();
    for letter in ["a", "p", "t"] {
        bytes = replaced(
            &bytes,
            format!("{letter}00000").as_bytes(),
            format!("{letter}{digits}").as_bytes(),
        );
    }
    bytes
}

/// The bytes with one word in place of another.
pub fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = position(rest, old) {
        all.extend_from_slice(&rest[..at]);
        all.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    all.extend_from_slice(rest);
    all
}
