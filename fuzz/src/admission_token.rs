//! Admission tokens: of all texts, also of those signed with our own key, only what says exactly
//! what we say counts.

use std::time::Duration;

use anteroom::domain::session::Jti;
use anteroom::token::{Admission, Purpose, TokenRefused};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::keys::{NOON, keys, room};

const MOST: Duration = Duration::from_secs(1_805);

/// A header and, behind a line feed, claims; both are signed with our key. A text with two dots
/// is also looked at as it is.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    counts_only_if_right(as_it_is(&text));
    counts_only_if_right(&signed(&text));
    if let Some(claims) = shifted(data) {
        counts_only_if_right(&token(&header(), &claims));
    }
}

/// What becomes of a seed: of the token that it is, or of the claims that it says, signed.
///
/// # Errors
/// Why it does not count.
pub fn judged(seed: &[u8]) -> Result<Admission, TokenRefused> {
    let text = String::from_utf8_lossy(seed);
    let text = match text.starts_with(['{', '[']) {
        true => signed(&text),
        false => as_it_is(&text).to_owned(),
    };
    let ring = &keys().ring;
    ring.verify_admission(&room(), &text, NOON, MOST)
}

fn as_it_is(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

/// The token of a header and claims, or of claims alone.
fn signed(text: &str) -> String {
    let (said, claims) = match text.split_once('\n') {
        Some((said, claims)) if !claims.is_empty() => (said.replace("KID", kid()), claims),
        _ => (header(), text),
    };
    token(&said, claims.trim_end_matches('\n'))
}

fn header() -> String {
    format!(
        r#"{{"typ":"anteroom-admission+jwt","alg":"HS256","kid":"{}"}}"#,
        kid()
    )
}

/// Good claims whose times the first bytes move.
fn shifted(data: &[u8]) -> Option<String> {
    let shift = |at: usize| {
        let bytes = data.get(at..at + 2)?.try_into().ok()?;
        Some(
            NOON.secs()
                .saturating_add_signed(i64::from(i16::from_le_bytes(bytes))),
        )
    };
    let (iat, nbf, exp) = (shift(0)?, shift(2)?, shift(4)?);
    Some(format!(
        r#"{{"iss":"anteroom","aud":"derby","sub":"s","jti":"07070707070707070707070707070707","iat":{iat},"nbf":{nbf},"exp":{exp},"rev":1}}"#
    ))
}

/// These, signed with our key.
fn token(header: &str, claims: &str) -> String {
    let said = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", said(header), said(claims));
    let tag = URL_SAFE_NO_PAD.encode(tag(&message));
    format!("{message}.{tag}")
}

fn counts_only_if_right(text: &str) {
    let ring = &keys().ring;
    let Ok(admission) = ring.verify_admission(&room(), text, NOON, MOST) else {
        return;
    };
    let mut parts = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part));
    let mut json = || -> Value { serde_json::from_slice(&parts.next().unwrap().unwrap()).unwrap() };
    let (header, claims) = (json(), json());
    let names = |object: &Value| {
        let names = object.as_object().unwrap().keys().cloned();
        names.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(
        names(&header),
        ["alg", "kid", "typ"].map(str::to_owned).into()
    );
    let wanted = ["aud", "exp", "iat", "iss", "jti", "nbf", "rev", "sub"];
    assert_eq!(names(&claims), wanted.map(str::to_owned).into());
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&"HS256".into(), &kid().into())
    );
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&"anteroom".into(), &"derby".into())
    );
    let number = |name: &str| claims[name].as_u64().expect("a whole number");
    let now = NOON.secs();
    assert!(
        number("nbf") <= now + 5 && number("iat") <= now + 5,
        "too early"
    );
    assert!(now < number("exp") + 5, "too late");
    assert!(number("iat") < number("exp") && number("exp") - number("iat") <= MOST.as_secs());
    assert_eq!(u64::from(admission.rev), number("rev"));
    let another = "final".parse().unwrap();
    assert!(
        ring.verify_admission(&another, text, NOON, MOST).is_err(),
        "another room's"
    );
}

fn kid() -> &'static str {
    let files = keys().files.iter();
    let mut named = files.filter(|file| file.purpose() == Some(Purpose::Admission));
    let name = named.next().expect("a key for admissions").name.as_str();
    name.strip_prefix("admission-")
        .and_then(|name| name.strip_suffix(".key"))
        .expect("its id")
}

fn tag(message: &str) -> Vec<u8> {
    let files = keys().files.iter();
    let mut named = files.filter(|file| file.purpose() == Some(Purpose::Admission));
    let text = &named.next().expect("a key for admissions").text;
    let secret = URL_SAFE_NO_PAD.decode(text.trim()).expect("base64url");
    let mut tag = Hmac::<Sha256>::new_from_slice(&secret).expect("any length is a key");
    tag.update(message.as_bytes());
    tag.finalize().into_bytes().to_vec()
}

/// A token that counts, for the corpus.
///
/// # Panics
/// Never: our own keys sign.
#[must_use]
pub fn a_good_one() -> String {
    let admission = Admission {
        jti: Jti([7; 16]),
        sub: "0123456789abcdef".to_owned(),
        since: NOON,
        expires: NOON.after(Duration::from_secs(300)),
        rev: 3,
    };
    keys()
        .ring
        .sign_admission(&room(), &admission, NOON)
        .expect("it signs")
}
