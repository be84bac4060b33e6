//! Keys as files: what they are called, what stands in them, and how new ones are made.
//!
//! One file a key, `PURPOSE-KID.key` (base64url of 32 random bytes) or, for admission by
//! EdDSA, `PURPOSE-KID.pem` (Ed25519, PKCS#8). A key that signs only from a later time than it
//! was made says so in its name, where nobody need open it to see: `PURPOSE-KID.from-TIME.key`.
//! This file knows text only; `cli` reads and writes the folder.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::chance::NoChance;
use crate::domain::clock::UnixTime;

/// What a key is for. Each purpose has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Signs queue tokens. The newest signs, all verify.
    Queue,
    /// Signs admission tokens. The newest signs, all verify.
    Admission,
    /// Names sessions and visitors towards the origin. Only the *oldest* is used: another key
    /// would give every session another name.
    Identity,
    /// The secret behind every draw. Only the *oldest* is used: another key would change a
    /// commitment that has been published.
    Draw,
}

impl Purpose {
    /// Every purpose, in the order people see them.
    pub const ALL: [Self; 4] = [Self::Queue, Self::Admission, Self::Identity, Self::Draw];

    /// The word a key file's name begins with.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Admission => "admission",
            Self::Identity => "identity",
            Self::Draw => "draw",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How admission tokens are signed. One algorithm a key, fixed by the key's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdmissionAlgorithm {
    /// Ed25519: origins can check tokens with the public key.
    #[default]
    EdDsa,
    /// HMAC-SHA-256: only who holds the secret can check.
    Hs256,
}

impl AdmissionAlgorithm {
    /// The word in `alg`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }
}

/// A key's id: `[A-Za-z0-9_-]{1,32}`, beginning with the UTC time it was made
/// (`20261201T100000Z`), so that the last in the order of text is the newest key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kid(Box<str>);

impl Kid {
    /// Reads an id; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let stamped = text
            .bytes()
            .zip(b"00000000T000000Z")
            .filter(|(byte, mark)| match mark {
                b'0' => byte.is_ascii_digit(),
                letter => byte == *letter,
            })
            .count()
            == STAMP;
        (text.len() <= 32 && stamped && text.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When it was made; 1970 where the digits are no time.
    #[must_use]
    pub fn made(&self) -> UnixTime {
        self.0.get(..STAMP).and_then(time_of).unwrap_or_default()
    }
}

/// Characters of `20261201T100000Z`.
const STAMP: usize = 16;

/// A time to the second, as in `20261201T100000Z`.
fn stamp(time: UnixTime) -> String {
    let plain = |letter: &char| !matches!(letter, '-' | ':');
    time.rfc3339().chars().filter(plain).collect()
}

/// The time that [`stamp`] writes so.
fn time_of(text: &str) -> Option<UnixTime> {
    let seconds = text.parse::<jiff::Timestamp>().ok()?.as_second();
    let time = UnixTime::from_secs(u64::try_from(seconds).ok()?);
    (stamp(time) == text).then_some(time)
}

/// One key file: its name without the folder, its text, and who may read it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// `PURPOSE-KID.key` or `PURPOSE-KID.pem`.
    pub name: String,
    /// What stands in it. Wiped when dropped, never shown.
    pub text: Zeroizing<String>,
    /// Its Unix permission bits: as found, or as a new file must have them.
    pub mode: u32,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({} {:04o} …)", self.name, self.mode)
    }
}

/// What a key file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyName {
    pub(super) purpose: Purpose,
    pub(super) kid: Kid,
    pub(super) form: Form,
    /// From when it signs.
    pub(super) from: UnixTime,
}

/// How a key stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `.key`: base64url.
    Secret,
    /// `.pem`: Ed25519 in PKCS#8.
    Ed25519,
}

impl KeyFile {
    /// What the file's name says it is for; `None` when it is no key's name.
    #[must_use]
    pub fn purpose(&self) -> Option<Purpose> {
        self.parts().map(|name| name.purpose)
    }

    /// The parts of the file's name; `None` when it is no key's name.
    pub(super) fn parts(&self) -> Option<KeyName> {
        let (stem, form) = match self.name.rsplit_once('.')? {
            (stem, "key") => (stem, Form::Secret),
            (stem, "pem") => (stem, Form::Ed25519),
            _ => return None,
        };
        let (stem, from) = match stem.split_once(FROM) {
            Some((stem, from)) => (stem, Some(time_of(from)?)),
            None => (stem, None),
        };
        let (word, kid) = stem.split_once('-')?;
        let purpose = Purpose::ALL.into_iter().find(|one| one.word() == word)?;
        let kid = Kid::parse(kid)?;
        let turns = matches!(purpose, Purpose::Queue | Purpose::Admission);
        if (form == Form::Ed25519 && purpose != Purpose::Admission) || (from.is_some() && !turns) {
            return None;
        }
        Some(KeyName {
            from: from.unwrap_or_else(|| kid.made()),
            purpose,
            kid,
            form,
        })
    }

    /// The same key, to sign from a time on; whole seconds, the rest is cut off.
    #[must_use]
    pub fn signing_from(mut self, from: UnixTime) -> Self {
        if let Some((stem, ending)) = self.name.rsplit_once('.') {
            self.name = format!("{stem}{FROM}{}.{ending}", stamp(from));
        }
        self
    }
}

/// What stands before the time from which a key signs. No kid has a dot.
const FROM: &str = ".from-";

/// Where new keys take their chance from, 32 bytes at a time.
pub type Random<'a> = dyn FnMut() -> Result<[u8; 32], NoChance> + 'a;

/// The DER of an Ed25519 private key in PKCS#8, up to its 32 secret bytes (RFC 8410, section 7).
pub(super) const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Makes one new key for each of `purposes`, as files still to be written.
///
/// # Errors
/// When `random` has nothing to give.
pub fn generate(
    now: UnixTime,
    purposes: &[Purpose],
    algorithm: AdmissionAlgorithm,
    random: &mut Random<'_>,
) -> Result<Vec<KeyFile>, NoChance> {
    purposes
        .iter()
        .map(|&purpose| {
            let kid = new_kid(now, &random()?);
            let secret = Zeroizing::new(random()?);
            let eddsa = purpose == Purpose::Admission && algorithm == AdmissionAlgorithm::EdDsa;
            Ok(if eddsa {
                new_file(format!("{purpose}-{kid}.pem"), ed25519_pem(&secret))
            } else {
                let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(&secret));
                new_file(format!("{purpose}-{kid}.key"), text)
            })
        })
        .collect()
}

/// The time to the second, and eight hex digits so that two keys of one second differ.
fn new_kid(now: UnixTime, random: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = random;
    format!("{}-{a:02x}{b:02x}{c:02x}{d:02x}", stamp(now))
}

fn new_file(name: String, mut text: Zeroizing<String>) -> KeyFile {
    text.push('\n');
    KeyFile {
        name,
        text,
        mode: 0o600,
    }
}

fn ed25519_pem(secret: &[u8; 32]) -> Zeroizing<String> {
    let mut der = Zeroizing::new(Vec::with_capacity(ED25519_PKCS8.len() + secret.len()));
    der.extend_from_slice(&ED25519_PKCS8);
    der.extend_from_slice(secret);
    let body = Zeroizing::new(STANDARD.encode(&*der));
    Zeroizing::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        *body
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::chance::random_bytes;

    #[test]
    fn a_kid_begins_with_its_time_and_is_plain() {
        for good in [
            "20261201T100000Z",
            "20261201T100000Z-1f2e",
            "20261201T100000Z_A-b-C0123456789",
        ] {
            assert!(Kid::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "newest",
            "20261201T100000",
            "2026-12-01T10:00:00Z",
            "20261201T100000Z/../../dev/null",
            "20261201T100000Z' OR 1=1",
            "20261201T100000Z-é",
            "20261201T100000Z-0123456789abcdef",
        ] {
            assert_eq!(Kid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn new_keys_are_named_by_purpose_and_time_and_nothing_of_them_is_shown() {
        let now = UnixTime::from_secs(1_795_000_000);
        let files = generate(
            now,
            &Purpose::ALL,
            AdmissionAlgorithm::EdDsa,
            &mut random_bytes::<32>,
        )
        .unwrap();

        let found: Vec<_> = files.iter().map(KeyFile::purpose).collect();
        assert_eq!(found, Purpose::ALL.map(Some));
        for file in &files {
            let kid = file.parts().unwrap().kid;
            assert!(kid.as_str().starts_with("20261118T"), "{kid:?}");
            assert_eq!(file.mode, 0o600);
            assert!(!format!("{file:?}").contains(file.text.trim_end()));
        }
    }

    #[test]
    fn a_name_says_when_a_key_was_made_and_from_when_it_signs() {
        let named = |name: &str| KeyFile {
            name: name.to_owned(),
            text: Zeroizing::default(),
            mode: 0o600,
        };
        let ten = UnixTime::from_secs(1_796_119_200);
        let old = named("queue-20261201T100000Z-1f2e.key");
        let name = old.parts().unwrap();
        assert_eq!((name.kid.made(), name.from), (ten, ten));

        let later = ten.after(std::time::Duration::from_secs(600));
        let new = old.signing_from(later);
        assert_eq!(
            new.name,
            "queue-20261201T100000Z-1f2e.from-20261201T101000Z.key"
        );
        let name = new.parts().unwrap();
        assert_eq!((name.kid.made(), name.from), (ten, later));
        for odd in [
            "queue-20261201T100000Z.from-.key",
            "queue-20261201T100000Z.from-20261301T100000Z.key",
            "queue-20261201T100000Z.from-2026-12-01T10:00:00Z.key",
            "queue-20261201T100000Z.from-20261201T100000Z.from-20261201T100000Z.key",
            "queue-20261201T100000Z.to-20261201T100000Z.key",
            "draw-20261201T100000Z.from-20261201T101000Z.key",
            "identity-20261201T100000Z.from-20261201T101000Z.key",
        ] {
            assert_eq!(named(odd).parts(), None, "{odd}");
        }
        let no_time = named("queue-20269999T999999Z.key").parts().unwrap();
        assert_eq!(no_time.from, UnixTime::default(), "signs from ever");
    }

    #[test]
    fn only_admission_keys_come_as_pem() {
        let named = |name: &str| KeyFile {
            name: name.to_owned(),
            text: Zeroizing::default(),
            mode: 0o600,
        };
        assert!(named("admission-20261201T100000Z.pem").purpose().is_some());
        assert!(named("admission-20261201T100000Z.key").purpose().is_some());
        assert_eq!(named("queue-20261201T100000Z.pem").purpose(), None);
        assert_eq!(named("admin-20261201T100000Z.key").purpose(), None);
        assert_eq!(named("queue-20261201T100000Z.txt").purpose(), None);
        assert_eq!(named("queue.key").purpose(), None);
    }
}
