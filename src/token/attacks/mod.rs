//! Attacks on tokens, each test named by the row of the acceptance list it answers.

mod admission;
mod identity;
mod keys;
mod queue;

use std::num::NonZeroU32;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::Mac as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::TokenRefused as Refused;
use super::chance::random_bytes;
use super::keyfile::generate;
use super::secret::{Secret, SecretFault};
use super::{
    Admission, AdmissionAlgorithm, KeyFault, KeyFile, Keyring, Purpose, QueueToken, TokenRefused,
};
use crate::domain::clock::UnixTime;
use crate::domain::place::{Epoch, Place, Turn};
use crate::domain::room::RoomName;
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);
const MAX_LIFE: Duration = Duration::from_secs(1_805);

fn later(seconds: i64) -> UnixTime {
    UnixTime::from_secs(NOON.secs().saturating_add_signed(seconds))
}

fn files_of(made: UnixTime, algorithm: AdmissionAlgorithm) -> Vec<KeyFile> {
    generate(made, &Purpose::ALL, algorithm, &mut random_bytes::<32>).unwrap()
}

fn keyring(algorithm: AdmissionAlgorithm) -> Keyring {
    Keyring::read(&files_of(NOON, algorithm)).unwrap()
}

fn derby() -> RoomName {
    "derby".parse().unwrap()
}

fn ann() -> VisitorId {
    VisitorId::from_bytes(*b"0123456789abcdef")
}

fn queue_token() -> QueueToken {
    let place = Place::new(Epoch(3), 1_234);
    QueueToken {
        lane: 0,
        verdict: 2,
        rules: 7,
        visitor: ann(),
        window: WindowId(980_000),
        epoch: Epoch(4),
        turn: Turn::FIRST,
        lobby: false,
        place,
        expires: QueueToken::expiry(place, NOON),
        tick: 99,
        position: NonZeroU32::new(12),
        ended: None,
        away: None,
    }
}

fn admission(keys: &Keyring) -> Admission {
    Admission {
        jti: keys.jti(&derby(), WindowId(980_000), ann(), Turn::FIRST),
        sub: keys.subject(&derby(), ann()),
        since: NOON,
        expires: later(300),
        rev: 1,
    }
}

fn verify(keys: &Keyring, text: &str) -> Result<Admission, TokenRefused> {
    keys.verify_admission(&derby(), text, NOON, MAX_LIFE)
}

fn verify_queue(keys: &Keyring, text: &str) -> Result<QueueToken, TokenRefused> {
    keys.verify_queue(&derby(), text, NOON)
}

/// A good EdDSA token, taken apart.
fn parts(keys: &Keyring) -> (Value, Value, String) {
    let token = keys
        .sign_admission(&derby(), &admission(keys), NOON)
        .unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    (opened(parts[0]), opened(parts[1]), parts[2].to_owned())
}

fn opened(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn sealed(part: &str) -> String {
    URL_SAFE_NO_PAD.encode(part)
}
