//! Identity tokens: JWTs by which the site's own identity provider says who a visitor is.
//!
//! They are made elsewhere, so more is allowed in them than in our own, and nothing more is
//! believed: each is verified with a key from the provider's set as it was last read, by the one
//! algorithm of that key. A token is never a reason to fetch anything, and what it says about
//! algorithms, keys or addresses is not followed.

mod claims;
mod jwks;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::admission::{halves, why};
use super::refused::TokenRefused;
use crate::domain::clock::UnixTime;
use crate::domain::session::LEEWAY;

pub use claims::Claims;
pub use jwks::{JwksFault, MOST_BYTES, ProviderKeys};

/// The longest identity token that is looked at, in bytes. They carry a site's own claims and are
/// longer than ours.
pub const LONGEST_TEXT: usize = 8_192;

/// What a provider's tokens must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demands {
    /// Their `iss`, to the letter.
    pub issuer: String,
    /// What their `aud` must be or contain.
    pub audience: String,
    /// The longest they may live, from `iat` where they have one and from now on.
    pub max_life: Duration,
}

/// The header: which key and algorithm, and nothing that would lead elsewhere. Thumbprints of a
/// certificate are common, harmless and not looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityHeader {
    alg: String,
    kid: String,
    typ: Option<String>,
    #[serde(rename = "x5t")]
    _thumbprint: Option<IgnoredAny>,
    #[serde(rename = "x5t#S256")]
    _thumbprint_256: Option<IgnoredAny>,
}

/// A key of a provider, prepared once.
struct PublicKey {
    /// The word in `alg` of every token it verifies.
    algorithm: &'static str,
    verifies: DecodingKey,
    rules: Validation,
}

impl ProviderKeys {
    /// Verifies an identity token.
    ///
    /// # Errors
    /// Why it counts for nothing. The answer to the visitor must not depend on which.
    pub fn verify(
        &self,
        demands: &Demands,
        text: &str,
        now: UnixTime,
    ) -> Result<Claims, TokenRefused> {
        let header = read_header(text)?;
        let key = self.key(&header.kid).ok_or(TokenRefused::UnknownKey)?;
        if header.alg != key.algorithm {
            return Err(TokenRefused::Algorithm);
        }
        let claims: Claims = decode(text, &key.verifies, &key.rules)
            .map_err(|error| why(&error))?
            .claims;
        claims.meet(demands)?;
        claims.live(demands.max_life, now)?;
        Ok(claims)
    }
}

/// Everything that can be refused before a signature is looked at.
fn read_header(text: &str) -> Result<IdentityHeader, TokenRefused> {
    let (header, _) = halves(text, LONGEST_TEXT)?;
    let json = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| TokenRefused::Malformed)?;
    // An array of the same values would be read as the object.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(TokenRefused::Malformed);
    }
    let header: IdentityHeader = serde_json::from_slice(&json).map_err(|_| TokenRefused::Header)?;
    let known = |typ: &String| {
        let kinds = ["JWT", "at+jwt", "application/at+jwt"];
        kinds.iter().any(|kind| kind.eq_ignore_ascii_case(typ))
    };
    // A token of another kind, ours among them, must not pass for an identity.
    header
        .typ
        .as_ref()
        .is_none_or(known)
        .then_some(header)
        .ok_or(TokenRefused::Header)
}

impl Claims {
    fn meet(&self, demands: &Demands) -> Result<(), TokenRefused> {
        if self.issuer() != demands.issuer {
            return Err(TokenRefused::Issuer);
        }
        self.is_for(&demands.audience)
            .then_some(())
            .ok_or(TokenRefused::Audience)
    }

    /// Times. Like our own tokens it is good up to, not at, the leeway past its expiry.
    fn live(&self, longest: Duration, now: UnixTime) -> Result<(), TokenRefused> {
        let soon = now.after(LEEWAY);
        let begins = self.not_before().max(self.issued_at());
        if begins.is_some_and(|at| soon < at) {
            return Err(TokenRefused::NotYetValid);
        }
        let expires = self.expires();
        if now >= expires.after(LEEWAY) {
            return Err(TokenRefused::Expired);
        }
        let since = self.issued_at().unwrap_or(now).min(now);
        if expires.since(since) > longest.saturating_add(LEEWAY) {
            return Err(TokenRefused::Lifetime);
        }
        Ok(())
    }
}
