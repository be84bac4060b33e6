//! The admission token: the signed proof of admission, a JWT. Only this opens the origin.
//!
//! `jsonwebtoken` makes and verifies it. Around that stand the checks it does not make: the
//! header is read strictly before any signature work, the claims are exactly ours, and time is
//! an argument.

use std::borrow::Cow;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::keyfile::{AdmissionAlgorithm, ED25519_PKCS8, Kid};
use super::keyring::Keyring;
use super::refused::TokenRefused;
use super::secret::{SecretFault, judge};
use crate::domain::clock::UnixTime;
use crate::domain::room::RoomName;
use crate::domain::session::{Jti, LEEWAY};

/// `typ` of every admission token.
pub const TYP: &str = "anteroom-admission+jwt";

/// The longest token that is looked at, in bytes.
pub const LONGEST_TEXT: usize = 4_096;

/// What base64url makes of `{"`: how each JSON part of our tokens begins, so that neither an
/// array nor white space can stand for it.
const OBJECT: &str = "eyJ";

/// The library's name for an algorithm of ours.
const fn jwt(algorithm: AdmissionAlgorithm) -> Algorithm {
    match algorithm {
        AdmissionAlgorithm::EdDsa => Algorithm::EdDSA,
        AdmissionAlgorithm::Hs256 => Algorithm::HS256,
    }
}

/// What an admission token says, apart from its room and issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The session.
    pub jti: Jti,
    /// Who the visitor is to the origin: [`Keyring::subject`].
    pub sub: String,
    /// When the turn was claimed; it stays when the token is renewed. Whole seconds.
    pub since: UnixTime,
    /// When the token expires; whole seconds, the rest is cut off.
    pub expires: UnixTime,
    /// The room's revocation number when it was signed. The caller compares it.
    pub rev: u32,
}

/// The library could not sign: a fault of the key or of this program, never of a visitor.
#[derive(Debug, thiserror::Error)]
#[error("a token could not be signed")]
pub struct SigningFailed(#[source] pub(super) Error);

/// The claims, all required and no others. Derived reading refuses duplicates, and numbers that
/// are negative, fractional or text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims<'a> {
    iss: Cow<'a, str>,
    aud: Cow<'a, str>,
    sub: Cow<'a, str>,
    jti: Cow<'a, str>,
    iat: u64,
    nbf: u64,
    exp: u64,
    rev: u32,
}

/// The header, all required and nothing else: no `jku`, `x5u`, `jwk`, `x5c`, `crit`, `zip`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    typ: String,
    alg: String,
    kid: String,
}

/// A key of admission tokens, prepared once.
pub(super) struct AdmissionKey {
    kid: Kid,
    algorithm: AdmissionAlgorithm,
    signs: EncodingKey,
    verifies: DecodingKey,
    rules: Validation,
    /// The public half as a JWK; a secret has none.
    jwk: Option<Value>,
}

impl AdmissionKey {
    /// A key from a PEM file's text.
    pub(super) fn eddsa(kid: Kid, pem: &str) -> Result<Self, SecretFault> {
        let signs =
            EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| SecretFault::NotEd25519)?;
        let pair =
            Ed25519KeyPair::from_pkcs8(signs.as_bytes()).map_err(|_| SecretFault::NotEd25519)?;
        judge(ed25519_secret(signs.as_bytes()).ok_or(SecretFault::NotEd25519)?)?;
        let public = pair.public_key().as_ref();
        let algorithm = AdmissionAlgorithm::EdDsa;
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "alg": algorithm.word(), "use": "sig",
            "kid": kid.as_str(), "x": URL_SAFE_NO_PAD.encode(public),
        });
        Ok(Self {
            kid,
            algorithm,
            verifies: DecodingKey::from_ed_der(public),
            signs,
            rules: rules(algorithm),
            jwk: Some(jwk),
        })
    }

    /// A key from a sound secret.
    pub(super) fn hs256(kid: Kid, secret: &[u8]) -> Self {
        let algorithm = AdmissionAlgorithm::Hs256;
        Self {
            kid,
            algorithm,
            signs: EncodingKey::from_secret(secret),
            verifies: DecodingKey::from_secret(secret),
            rules: rules(algorithm),
            jwk: None,
        }
    }

    /// The public key as a JWK; `None` for HS256.
    pub(super) fn jwk(&self) -> Option<&Value> {
        self.jwk.as_ref()
    }
}

/// The 32 secret bytes inside a PKCS#8 document; `None` when they stand elsewhere than RFC 8410
/// puts them.
fn ed25519_secret(der: &[u8]) -> Option<&[u8]> {
    let (length, key) = (5, ED25519_PKCS8.len());
    let as_expected = der.get(length..key) == ED25519_PKCS8.get(length..);
    as_expected.then(|| der.get(key..key + 32)).flatten()
}

/// What the library checks: the one algorithm, and that the claims are there. It reads the
/// machine's clock for times, so those are ours; issuer and room are compared with them.
fn rules(algorithm: AdmissionAlgorithm) -> Validation {
    let mut rules = Validation::new(jwt(algorithm));
    rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    rules.leeway = LEEWAY.as_secs();
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    rules
}

impl Keyring {
    /// Signs an admission token for a room with the key of this time.
    ///
    /// # Errors
    /// When the library cannot sign, which a keyring that was read rules out.
    pub fn sign_admission(
        &self,
        room: &RoomName,
        admission: &Admission,
        now: UnixTime,
    ) -> Result<String, SigningFailed> {
        let key = self.admission.signing(now);
        let mut header = Header::new(jwt(key.algorithm));
        header.typ = Some(TYP.to_owned());
        header.kid = Some(key.kid.as_str().to_owned());
        let claims = Claims {
            iss: Cow::Borrowed(&self.issuer),
            aud: Cow::Borrowed(room.as_str()),
            sub: Cow::Borrowed(&admission.sub),
            jti: Cow::Owned(admission.jti.to_string()),
            iat: admission.since.secs(),
            nbf: admission.since.secs(),
            exp: admission.expires.secs(),
            rev: admission.rev,
        };
        encode(&header, &claims, &key.signs).map_err(SigningFailed)
    }

    /// Verifies an admission token of this room.
    ///
    /// `max_life` is the longest a token may reach from claim to expiry: the room's absolute
    /// limit, and the leeway. `rev` and ended sessions are the caller's to compare.
    ///
    /// # Errors
    /// Why it counts for nothing. The answer to the visitor must not depend on which.
    pub fn verify_admission(
        &self,
        room: &RoomName,
        text: &str,
        now: UnixTime,
        max_life: Duration,
    ) -> Result<Admission, TokenRefused> {
        let header = read_header(text)?;
        let key = self
            .admission
            .iter()
            .find(|key| key.kid.as_str() == header.kid)
            .ok_or(TokenRefused::UnknownKey)?;
        if header.alg != key.algorithm.word() {
            return Err(TokenRefused::Algorithm);
        }
        let claims: Claims<'static> = decode(text, &key.verifies, &key.rules)
            .map_err(|error| why(&error))?
            .claims;
        if *claims.iss != *self.issuer {
            return Err(TokenRefused::Issuer);
        }
        if claims.aud != room.as_str() {
            return Err(TokenRefused::Room);
        }
        claims.judge(now, max_life)
    }
}

impl Claims<'_> {
    /// Times and shapes. A token is good up to, not at, the leeway past its expiry: that is when
    /// the store frees its slot.
    fn judge(self, now: UnixTime, max_life: Duration) -> Result<Admission, TokenRefused> {
        let admission = Admission {
            jti: Jti::parse(&self.jti).ok_or(TokenRefused::Claims)?,
            since: UnixTime::from_secs(self.iat),
            expires: UnixTime::from_secs(self.exp),
            rev: self.rev,
            sub: self.sub.into_owned(),
        };
        let soon = now.after(LEEWAY);
        if soon < UnixTime::from_secs(self.nbf) || soon < admission.since {
            return Err(TokenRefused::NotYetValid);
        }
        if self.exp <= self.iat || admission.expires.since(admission.since) > max_life {
            return Err(TokenRefused::Lifetime);
        }
        if now >= admission.expires.after(LEEWAY) {
            return Err(TokenRefused::Expired);
        }
        Ok(admission)
    }
}

/// Everything that can be refused before a signature is looked at.
fn read_header(text: &str) -> Result<StrictHeader, TokenRefused> {
    let (header, claims) = halves(text, LONGEST_TEXT)?;
    if !header.starts_with(OBJECT) || !claims.starts_with(OBJECT) {
        return Err(TokenRefused::Malformed);
    }
    let json = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| TokenRefused::Malformed)?;
    let header: StrictHeader = serde_json::from_slice(&json).map_err(|_| TokenRefused::Header)?;
    (header.typ == TYP)
        .then_some(header)
        .ok_or(TokenRefused::Header)
}

/// Header and claims of a token that is not too long and has three parts, still encoded.
pub(super) fn halves(text: &str, longest: usize) -> Result<(&str, &str), TokenRefused> {
    if text.len() > longest {
        return Err(TokenRefused::TooLong);
    }
    let mut parts = text.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(claims), Some(_), None) => Ok((header, claims)),
        _ => Err(TokenRefused::Malformed),
    }
}

/// The library's faults in our words; what it adds later counts as a bad signature.
pub(super) fn why(error: &Error) -> TokenRefused {
    match error.kind() {
        ErrorKind::Json(_)
        | ErrorKind::Base64(_)
        | ErrorKind::Utf8(_)
        | ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_) => TokenRefused::Claims,
        _ => TokenRefused::Signature,
    }
}
