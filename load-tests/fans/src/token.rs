//! What a fan could read in its own tokens: the number of its place, and of its admission.
//!
//! Nothing here verifies a signature. A token of a layout unknown here shows nothing.

use serde_json::Value;

/// The layout of the queue token that is read here.
const VERSION: u8 = 2;
/// Characters of such a token.
const LENGTH: usize = 108;
/// Where the place stands in it, in bytes.
const PLACE: std::ops::Range<usize> = 36..44;

/// The place in a queue token: a number that is smaller the earlier its turn comes. `None` before
/// there is a place.
#[must_use]
pub fn place(token: &str) -> Option<u64> {
    let bytes = decoded(token).filter(|_| token.len() == LENGTH)?;
    if *bytes.first()? != VERSION {
        return None;
    }
    let place = <[u8; 8]>::try_from(bytes.get(PLACE)?).ok()?;
    Some(u64::from_be_bytes(place)).filter(|place| *place != 0)
}

/// The `jti` of an admission token.
#[must_use]
pub fn admission(token: &str) -> Option<String> {
    let claims = decoded(token.split('.').nth(1)?)?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("jti")?.as_str().map(str::to_owned)
}

/// Base64url without padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_stands_where_the_layout_says() {
        // 2 at the front, and the place 0x0102030405060708 in bytes 36 to 43.
        let mut token = format!("Ag{}", "A".repeat(106));
        assert_eq!(place(&token), None, "no place yet");
        token.replace_range(48..59, "AQIDBAUGBwg");
        assert_eq!(decoded(&token).unwrap()[PLACE], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(place(&token), Some(0x0102_0304_0506_0708));
        token.replace_range(..2, "AQ");
        assert_eq!(place(&token), None, "another layout");
        assert_eq!(place("Ag"), None);
    }

    #[test]
    fn the_admissions_number_stands_in_its_claims() {
        // {"jti":"seven"}
        assert_eq!(
            admission("e30.eyJqdGkiOiJzZXZlbiJ9.c2ln").as_deref(),
            Some("seven")
        );
        assert_eq!(admission("nothing"), None);
        assert_eq!(admission("e30.e30.e30"), None);
    }
}
