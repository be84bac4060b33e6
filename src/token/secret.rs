//! Secret bytes as they stand in a key file, and what makes a secret too weak to trust.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA-256, keyed once and cloned for each use. Its state is wiped when dropped.
pub(super) type HmacSha256 = Hmac<Sha256>;

/// The shortest secret accepted, in bytes: 256 bits.
pub const SHORTEST: usize = 32;

/// The longest secret accepted, in bytes: one block of SHA-256, beyond which nothing is gained.
pub const LONGEST: usize = 64;

/// Fewer different byte values than this in one secret are not chance: 32 random bytes have
/// about 30, and fewer than 16 less than once in 10¹⁵.
const FEWEST_VALUES: usize = 16;

/// Words of keys that people copy out of examples. Each is so long that a random key of
/// 43 characters holds one less than once in a thousand million.
const KNOWN_WORDS: [&str; 10] = [
    "anteroom", "changeit", "changeme", "default", "example", "insecure", "letmein", "password",
    "replace", "secret",
];

/// Why a secret cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// Not base64url.
    #[error("is not base64url without padding (A-Z a-z 0-9 - _)")]
    NotBase64,
    /// Another kind of key, or none.
    #[error("is not an Ed25519 private key in PKCS#8 PEM")]
    NotEd25519,
    /// Fewer than [`SHORTEST`] bytes.
    #[error("holds {0} bytes; a secret needs at least {SHORTEST} (256 bits)")]
    Short(usize),
    /// More than [`LONGEST`] bytes.
    #[error("holds {0} bytes; a secret has at most {LONGEST}")]
    Long(usize),
    /// One byte or a short pattern, over and over.
    #[error("is weak: it repeats a pattern")]
    Repeats,
    /// Each byte follows from the one before by the same step.
    #[error("is weak: it counts up or down")]
    Counts,
    /// Characters somebody typed, encoded.
    #[error("is weak: it is typed text, not random bytes")]
    Text,
    /// A word that stands in examples.
    #[error("is weak: it holds a word from an example")]
    KnownWord,
    /// Too few different bytes.
    #[error("is weak: it has too few different bytes to be random")]
    FewValues,
}

/// A secret of 32 to 64 bytes that looks random. It is wiped when dropped and never shown.
pub(super) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Reads a key file's text: base64url without padding, at most one line end after it.
    pub(super) fn parse(text: &str) -> Result<Self, SecretFault> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if KNOWN_WORDS.iter().any(|word| line.contains(word)) {
            return Err(SecretFault::KnownWord);
        }
        let bytes = Zeroizing::new(
            URL_SAFE_NO_PAD
                .decode(line)
                .map_err(|_| SecretFault::NotBase64)?,
        );
        judge(&bytes)?;
        Ok(Self(bytes))
    }

    /// The raw bytes, for a library that keeps its own copy.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// HMAC-SHA-256 under this secret.
    pub(super) fn hmac(&self) -> HmacSha256 {
        let mut block = Zeroizing::new([0; LONGEST]);
        for (to, from) in block.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        HmacSha256::new((&*block).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Refuses what is too short, too long or visibly not random. It cannot prove randomness; it
/// catches what people put in by hand.
///
/// # Errors
/// The first fault found.
pub(super) fn judge(secret: &[u8]) -> Result<(), SecretFault> {
    if secret.len() < SHORTEST {
        return Err(SecretFault::Short(secret.len()));
    }
    if secret.len() > LONGEST {
        return Err(SecretFault::Long(secret.len()));
    }
    if (1..=secret.len() / 2).any(|period| repeats_every(secret, period)) {
        return Err(SecretFault::Repeats);
    }
    if counts(secret) {
        return Err(SecretFault::Counts);
    }
    let typed = |byte: &u8| (b' '..=b'~').contains(byte) || byte.is_ascii_whitespace();
    if secret.iter().all(typed) {
        return Err(SecretFault::Text);
    }
    if different_values(secret) < FEWEST_VALUES {
        return Err(SecretFault::FewValues);
    }
    Ok(())
}

fn repeats_every(secret: &[u8], period: usize) -> bool {
    secret
        .iter()
        .zip(secret.iter().skip(period))
        .all(|(one, next)| one == next)
}

fn counts(secret: &[u8]) -> bool {
    let mut steps = secret
        .iter()
        .zip(secret.iter().skip(1))
        .map(|(one, next)| next.wrapping_sub(*one));
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

fn different_values(secret: &[u8]) -> usize {
    let values: std::collections::HashSet<u8> = secret.iter().copied().collect();
    values.len()
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;
    use crate::token::chance::random_bytes;

    fn fault(bytes: &[u8]) -> Option<SecretFault> {
        judge(bytes).err()
    }

    #[test]
    fn t15_secrets_made_by_hand_are_refused() {
        let counting: Vec<u8> = (0..32).collect();
        let few = sha2::Sha256::digest("few").map(|byte| byte & 0x8b);
        assert_eq!(fault(&[0; 31]), Some(SecretFault::Short(31)));
        assert_eq!(fault(&[0; 65]), Some(SecretFault::Long(65)));
        assert_eq!(fault(&[0; 32]), Some(SecretFault::Repeats));
        assert_eq!(fault(&[0xff; 64]), Some(SecretFault::Repeats));
        assert_eq!(
            fault(&[0xde, 0xad, 0xbe, 0xef].repeat(8)),
            Some(SecretFault::Repeats)
        );
        assert_eq!(fault(&counting), Some(SecretFault::Counts));
        assert_eq!(
            fault(b"correct horse battery staple in 2026!"),
            Some(SecretFault::Text)
        );
        assert_eq!(fault(&few), Some(SecretFault::FewValues));
    }

    #[test]
    fn t15_the_text_of_an_example_is_refused() {
        for (text, want) in [
            (
                "changemechangemechangemechangemechangeme1234",
                SecretFault::KnownWord,
            ),
            (
                "my-own-password-for-the-waiting-room-2026abcd",
                SecretFault::KnownWord,
            ),
            (
                "c2VjcmV0IGtleSBvZiBvdXIgd2FpdGluZyByb29tLCAyMDI2IQ",
                SecretFault::Text,
            ),
            (
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                SecretFault::Repeats,
            ),
            ("3q2-7w", SecretFault::Short(4)),
            ("", SecretFault::Short(0)),
            (
                "not base64 at all, but long enough to be a key",
                SecretFault::NotBase64,
            ),
            ("3q2-7w==", SecretFault::NotBase64),
        ] {
            assert_eq!(Secret::parse(text).err(), Some(want), "{text}");
        }
    }

    #[test]
    fn random_secrets_are_accepted_with_one_line_end_and_never_shown() {
        for _ in 0..2_000 {
            let text = URL_SAFE_NO_PAD.encode(random_bytes::<32>().unwrap());
            let secret = Secret::parse(&format!("{text}\r\n")).unwrap();
            assert_eq!(format!("{secret:?}"), "Secret(…)");
            assert!(Secret::parse(&format!("{text}\n\n")).is_err());
        }
    }
}
