//! Keys that are the same in every run, so that a corpus can hold tokens that count.

use std::sync::OnceLock;

use anteroom::domain::clock::UnixTime;
use anteroom::domain::room::RoomName;
use anteroom::token::keyfile::generate;
use anteroom::token::{AdmissionAlgorithm, KeyFile, Keyring, Purpose};

/// When everything here happens.
pub const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);

/// Keys of every purpose, and the files they were read from.
pub struct Keys {
    /// The keys in force.
    pub ring: Keyring,
    /// Their files.
    pub files: Vec<KeyFile>,
}

/// The keys; admissions are signed by the secret that a file holds.
///
/// # Panics
/// Never: the bytes below are as good as random ones.
pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut random = || {
            let bytes = [(); 32].map(|()| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            });
            Ok(bytes)
        };
        let files = generate(NOON, &Purpose::ALL, AdmissionAlgorithm::Hs256, &mut random);
        let files = files.expect("bytes are there");
        let ring = Keyring::read(&files).expect("the keys are sound");
        Keys { ring, files }
    })
}

/// The room of every token here.
///
/// # Panics
/// Never: the name is one.
#[must_use]
pub fn room() -> RoomName {
    "derby".parse().expect("a room's name")
}
