//! The public keys of an identity provider, as its JWK set publishes them.
//!
//! What cannot be used with certainty is left out: keys for encryption, of other kinds or
//! algorithms, and those without a `kid`. A set that holds a private key, or two keys of one
//! `kid`, is refused as a whole.

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::PublicKey;
use crate::domain::session::LEEWAY;

/// The longest set that is read, in bytes.
pub const MOST_BYTES: usize = 256 * 1024;

/// Keys in a set at most.
const MOST_KEYS: usize = 100;

/// The longest `kid`, in bytes.
const LONGEST_KID: usize = 256;

/// Bytes of an RSA modulus: 2,048 to 8,192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1_024;

/// The keys of a provider by their ids. None at all until they were read for the first time.
#[derive(Default)]
pub struct ProviderKeys {
    keys: HashMap<String, PublicKey>,
}

impl fmt::Debug for ProviderKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

/// Why a text is no key set that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksFault {
    /// No JSON object with a list `keys`.
    #[error("it is no JWK set: {0}")]
    NoSet(String),
    /// Longer than [`MOST_BYTES`], or more keys than are read.
    #[error("it is too large: at most {MOST_BYTES} bytes and {MOST_KEYS} keys are read")]
    TooLarge,
    /// A private or secret key, which must not be here.
    #[error("it holds a private or secret key, which must not be published: take it out")]
    Private,
    /// Two keys that a token could mean.
    #[error("two of its keys have one `kid`")]
    Twice,
    /// Keys, if any, but none that verifies identity tokens.
    #[error(
        "none of its {0} keys can be used: they need a `kid`, and to be Ed25519, P-256 for ES256, or RSA of at least 2,048 bits for RS256"
    )]
    NoneUsable(usize),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

/// What is read of one key.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl ProviderKeys {
    /// Reads a key set.
    ///
    /// # Errors
    /// [`JwksFault`].
    pub fn parse(text: &[u8]) -> Result<Self, JwksFault> {
        if text.len() > MOST_BYTES {
            return Err(JwksFault::TooLarge);
        }
        let set: Set =
            serde_json::from_slice(text).map_err(|fault| JwksFault::NoSet(fault.to_string()))?;
        let count = set.keys.len();
        if count > MOST_KEYS {
            return Err(JwksFault::TooLarge);
        }
        let mut keys = HashMap::new();
        for jwk in set.keys {
            if jwk.d.is_some() || jwk.k.is_some() {
                return Err(JwksFault::Private);
            }
            let Some((kid, key)) = jwk.usable() else {
                continue;
            };
            if keys.insert(kid, key).is_some() {
                return Err(JwksFault::Twice);
            }
        }
        if keys.is_empty() {
            return Err(JwksFault::NoneUsable(count));
        }
        Ok(Self { keys })
    }

    /// How many can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn key(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.get(kid)
    }
}

impl Jwk {
    fn usable(self) -> Option<(String, PublicKey)> {
        let signs = self.r#use.as_deref().is_none_or(|word| word == "sig");
        let verifies = self
            .key_ops
            .as_ref()
            .is_none_or(|words| words.iter().any(|word| word == "verify"));
        let kid = self.kid.as_ref()?;
        if !signs || !verifies || !(1..=LONGEST_KID).contains(&kid.len()) {
            return None;
        }
        let kid = kid.clone();
        Some((kid, self.key()?))
    }

    /// The key with its one algorithm: that of its kind, which `alg` may say and not change.
    fn key(self) -> Option<PublicKey> {
        let (word, algorithm, verifies) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => {
                let x = fixed(self.x.as_ref()?)?;
                ("EdDSA", Algorithm::EdDSA, DecodingKey::from_ed_der(&x))
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (fixed(self.x.as_ref()?)?, fixed(self.y.as_ref()?)?);
                // An uncompressed point, as SEC 1 writes it.
                let point = [&[4_u8][..], &x, &y].concat();
                ("ES256", Algorithm::ES256, DecodingKey::from_ec_der(&point))
            }
            ("RSA", None) => {
                let (n, e) = (bytes(self.n.as_ref()?)?, bytes(self.e.as_ref()?)?);
                let zeros = n.iter().take_while(|byte| **byte == 0).count();
                let n = n.get(zeros..)?;
                MODULUS.contains(&n.len()).then_some(())?;
                let key = DecodingKey::from_rsa_raw_components(n, &e);
                ("RS256", Algorithm::RS256, key)
            }
            _ => return None,
        };
        self.alg.is_none_or(|alg| alg == word).then_some(())?;
        Some(PublicKey {
            algorithm: word,
            verifies,
            rules: rules(algorithm),
        })
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn fixed(text: &str) -> Option<[u8; 32]> {
    bytes(text)?.try_into().ok()
}

/// What the library checks: the one algorithm, and that the claims are there. Times, issuer and
/// audience are compared here, for it reads the machine's clock.
fn rules(algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.leeway = LEEWAY.as_secs();
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    rules
}
