//! Makes admission tokens, good and bad, with a house's own key and none of its code.

use std::path::Path;

use anteroom::domain::clock::Clock;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A house's signing key.
pub struct Forge {
    /// Its id.
    pub kid: String,
    pair: Ed25519KeyPair,
}

/// base64url without padding.
pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What base64url says.
pub fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The claims of a token.
pub fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&decoded(token.split('.').nth(1).unwrap())).unwrap()
}

/// The place that a queue token holds, 0 for none.
pub fn place_of(token: &str) -> u64 {
    u64::from_be_bytes(decoded(token)[36..44].try_into().unwrap())
}

/// Whose queue token this is.
pub fn visitor_of(token: &str) -> Vec<u8> {
    decoded(token)[9..25].to_vec()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    Clock::machine().now().wall.secs()
}

impl Forge {
    /// The admission key in a folder.
    pub fn of(keys: &Path) -> Self {
        let mut files = std::fs::read_dir(keys)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let pem = files
            .find(|path| path.extension().is_some_and(|kind| kind == "pem"))
            .unwrap();
        let name = pem.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&pem).unwrap();
        let lines: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        Self {
            kid: name.strip_prefix("admission-").unwrap().to_owned(),
            pair: Ed25519KeyPair::from_pkcs8(&STANDARD.decode(lines).unwrap()).unwrap(),
        }
    }

    /// The same key under another id.
    pub fn named(self, kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            ..self
        }
    }

    /// The public half.
    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Claims that open the room `derby` for five minutes.
    pub fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": "anteroom", "aud": "derby", "sub": "5".repeat(32),
            "jti": format!("{:032x}", u128::from(now) * 1_000_003),
            "iat": now, "nbf": now, "exp": now + 300, "rev": 0,
        })
    }

    /// The header of a good token.
    pub fn header(&self) -> Value {
        json!({"typ": "anteroom-admission+jwt", "alg": "EdDSA", "kid": self.kid})
    }

    /// A token with a good header and these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_text(&self.header().to_string(), &claims.to_string())
    }

    /// A token with good claims, some of them changed.
    pub fn with(&self, changes: Value) -> String {
        self.sign(&merged(self.claims(), changes))
    }

    /// A token with a changed header and good claims.
    pub fn with_header(&self, changes: Value) -> String {
        let header = merged(self.header(), changes);
        self.sign_text(&header.to_string(), &self.claims().to_string())
    }

    /// A token of these two texts, signed as they stand.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", encoded(signature))
    }
}

/// `changes` laid over `base`; `null` takes a key out.
fn merged(mut base: Value, changes: Value) -> Value {
    let fields = base.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(key);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
    base
}
