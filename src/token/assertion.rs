//! The assertion: our signed word to a ticket site that one request came through the gate.
//!
//! A JWT in the header `Anteroom-Assertion`, good for a minute and for one method, host and path.
//! A site that refuses whoever brings none cannot be reached past the gateway, whoever knows its
//! address. It is signed by HMAC-SHA-256 under a secret that gateway and site share: a signature
//! of the other kind would cost each request as much as forwarding it does.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::admission::SigningFailed;
use super::secret::{Secret, SecretFault};
use crate::domain::clock::UnixTime;
use crate::domain::room::RoomName;
use crate::domain::session::Jti;

/// `typ` of every assertion.
pub const TYP: &str = "anteroom-assertion+jwt";

/// How long an assertion is good; the clocks of gateway and site may differ by less.
pub const LIFE: Duration = Duration::from_secs(60);

/// What is asserted of one request.
#[derive(Clone, Copy, Debug)]
pub struct Asserted<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its host, as the site gets it.
    pub host: &'a str,
    /// Its canonical path, without the query.
    pub path: &'a str,
    /// Why it may pass: `admitted`, `outside`, `exempt`, `passthrough` or `crew`.
    pub grounds: &'a str,
    /// The session of an admitted visitor.
    pub session: Option<Jti>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    grounds: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

/// Signs what came through the gate on its way to one site.
pub struct Assertor {
    key: EncodingKey,
    header: Header,
    issuer: String,
    site: RoomName,
    /// SHA-256 of the secret, by which two are compared.
    print: [u8; 32],
}

impl Assertor {
    /// An assertor for a site, from the text of its secret's file: 32 to 64 random bytes in
    /// base64url, one line. The key is that line as it stands, so that a site need not decode it.
    ///
    /// # Errors
    /// When the secret is none, or too weak.
    pub fn read(issuer: &str, site: &RoomName, text: &str) -> Result<Self, SecretFault> {
        Secret::parse(text)?;
        let line = text.trim_end().as_bytes();
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYP.to_owned());
        Ok(Self {
            key: EncodingKey::from_secret(line),
            header,
            issuer: issuer.to_owned(),
            site: site.clone(),
            print: Sha256::digest(line).into(),
        })
    }

    /// Whether the other signs with the same secret.
    #[must_use]
    pub fn has_secret_of(&self, other: &Self) -> bool {
        self.print == other.print
    }

    /// Signs an assertion.
    ///
    /// # Errors
    /// When the library cannot sign, which a secret that was read rules out.
    pub fn sign(&self, of: Asserted<'_>, now: UnixTime) -> Result<String, SigningFailed> {
        let claims = Claims {
            iss: &self.issuer,
            aud: self.site.as_str(),
            iat: now.secs(),
            exp: now.secs().saturating_add(LIFE.as_secs()),
            method: of.method,
            host: of.host,
            path: of.path,
            grounds: of.grounds,
            jti: of.session.map(|session| session.to_string()),
        };
        encode(&self.header, &claims, &self.key).map_err(SigningFailed)
    }
}

impl fmt::Debug for Assertor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assertor({} …)", self.site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::chance::random_bytes;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use serde_json::{Value, json};

    const NOW: UnixTime = UnixTime::from_secs(1_795_000_000);

    fn secret() -> String {
        URL_SAFE_NO_PAD.encode(random_bytes::<32>().unwrap())
    }

    fn asserted<'a>() -> Asserted<'a> {
        Asserted {
            method: "POST",
            host: "shop.example",
            path: "/buy/1",
            grounds: "outside",
            session: None,
        }
    }

    fn part(text: &str, at: usize) -> Value {
        let part = text.split('.').nth(at).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn a6_a_site_checks_an_assertion_with_the_line_of_the_secrets_file() {
        let secret = secret();
        let site = "shop".parse().unwrap();
        let assertor = Assertor::read("anteroom", &site, &format!("{secret}\n")).unwrap();

        let text = assertor.sign(asserted(), NOW).unwrap();

        assert_eq!(part(&text, 0), json!({"alg": "HS256", "typ": TYP}));
        let says = json!({
            "iss": "anteroom", "aud": "shop", "iat": NOW.secs(), "exp": NOW.secs() + 60,
            "method": "POST", "host": "shop.example", "path": "/buy/1", "grounds": "outside",
        });
        assert_eq!(part(&text, 1), says);
        let (signed, tag) = text.rsplit_once('.').unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
        assert!(mac.verify_slice(&tag).is_ok());
    }

    #[test]
    fn an_admitted_visitors_assertion_names_the_session() {
        let assertor = Assertor::read("a", &"shop".parse().unwrap(), &secret()).unwrap();
        let session = Some(Jti([7; 16]));

        let text = assertor
            .sign(
                Asserted {
                    session,
                    ..asserted()
                },
                NOW,
            )
            .unwrap();

        assert_eq!(part(&text, 1)["jti"], Jti([7; 16]).to_string());
    }

    #[test]
    fn t15_a_weak_secret_signs_nothing_and_no_secret_is_shown() {
        let site = "shop".parse().unwrap();
        for weak in ["", "short", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"] {
            assert!(Assertor::read("a", &site, weak).is_err(), "{weak}");
        }
        let shown = format!("{:?}", Assertor::read("a", &site, &secret()).unwrap());
        assert_eq!(shown, "Assertor(shop …)");
    }
}
