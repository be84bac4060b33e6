//! A SHA-256 as people write it.

use std::str::FromStr;

/// The SHA-256 of a secret, written as 64 hexadecimal digits.
pub(super) struct Digest(pub [u8; 32]);

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        digest(text).ok_or("a SHA-256 is 64 hexadecimal digits")
    }
}

fn digest(text: &str) -> Option<Digest> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let nibble = |digit: u8| {
        let value = char::from(digit).to_digit(16)?;
        u8::try_from(value).ok()
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Some(Digest(bytes))
}
