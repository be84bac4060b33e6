//! WebSocket handshakes: what a request must say to become one, and what it is let in by.
//!
//! The rules are those of RFC 6455, section 4.2.1. A request that names WebSocket in `Upgrade` is
//! a whole handshake or is refused; it is never sent on without that word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Version, request};

use super::admit::AdmissionToken;
use super::permit::{Grounds, Permit};
use super::stay::Stay;
use super::{Refusal, Request, Verdict};

/// What is wrong with a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It speaks another version than 13.
    Version,
    /// It is no plain GET of HTTP/1.1 with the one key that a handshake has.
    Shape,
}

/// The key of a handshake: 16 bytes, as the visitor wrote them in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketKey(HeaderValue);

impl SocketKey {
    /// Reads the one line that says it.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let key = only(headers, &SEC_WEBSOCKET_KEY)?;
        let bytes = STANDARD.decode(key.as_bytes()).ok()?;
        (bytes.len() == 16).then(|| Self(key.clone()))
    }

    /// As the visitor wrote it.
    #[must_use]
    pub const fn text(&self) -> &HeaderValue {
        &self.0
    }

    /// For tests of what comes after the gate.
    #[cfg(test)]
    pub(crate) const fn for_test(text: &'static str) -> Self {
        Self(HeaderValue::from_static(text))
    }
}

/// A socket that may be opened, and for how long it may stay.
#[derive(Debug)]
pub struct Opening {
    /// Proof that the handshake passed the gate.
    pub permit: Permit,
    /// What the origin's answer must be the answer to.
    pub key: SocketKey,
    /// Until when it may stay open.
    pub stay: Stay,
}

/// Whether a request names WebSocket in `Upgrade`, whatever else it says.
#[must_use]
pub fn names_websocket(headers: &HeaderMap) -> bool {
    tokens(headers, &UPGRADE).any(|token| token.eq_ignore_ascii_case(b"websocket"))
}

/// Reads a request that may be a handshake; `None` when it is none and claims nothing like it.
///
/// # Errors
/// The [`Flaw`] of a request that names WebSocket and is no handshake.
fn handshake(head: &request::Parts) -> Result<Option<SocketKey>, Flaw> {
    let headers = &head.headers;
    if !names_websocket(headers) {
        return Ok(None);
    }
    let alone = tokens(headers, &UPGRADE).count() == 1;
    let connected = tokens(headers, &CONNECTION).any(|word| word.eq_ignore_ascii_case(b"upgrade"));
    let plain = head.method == Method::GET && head.version == Version::HTTP_11;
    if !(alone && connected && plain && has_no_body(headers)) {
        return Err(Flaw::Shape);
    }
    let version = only(headers, &SEC_WEBSOCKET_VERSION).ok_or(Flaw::Shape)?;
    if version != "13" {
        return Err(Flaw::Version);
    }
    SocketKey::of(headers).map(Some).ok_or(Flaw::Shape)
}

fn has_no_body(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(CONTENT_LENGTH);
    !headers.contains_key(TRANSFER_ENCODING) && lengths.iter().all(|length| length == "0")
}

fn only<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

fn tokens<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

impl Request<'_> {
    /// Lets a request pass, as a socket if it asks for one.
    pub(super) fn pass(
        &self,
        grounds: Grounds,
        renewed: Option<AdmissionToken>,
        stay: impl FnOnce() -> Stay,
    ) -> Result<Verdict, Refusal> {
        let permit = self.permit(grounds);
        Ok(
            match handshake(self.ask.head).map_err(Refusal::Handshake)? {
                None => Verdict::Pass(permit, renewed),
                Some(key) => {
                    let stay = stay();
                    Verdict::Socket(Box::new(Opening { permit, key, stay }), renewed)
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn head(fields: &[(&str, &str)]) -> request::Parts {
        let mut asked = http::Request::get("/buy/ws");
        for (name, value) in fields {
            asked = asked.header(*name, *value);
        }
        asked.body(()).unwrap().into_parts().0
    }

    /// The good handshake with the lines of one name replaced by these.
    fn with(name: &str, values: &[&str]) -> Result<Option<SocketKey>, Flaw> {
        let kept = GOOD.into_iter().filter(|(known, _)| *known != name);
        let new = values.iter().map(|value| (name, *value));
        handshake(&head(&kept.chain(new).collect::<Vec<_>>()))
    }

    #[test]
    fn h9_a_whole_handshake_is_known_in_any_spelling() {
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("connection", "UPGRADE"),
            ("upgrade", "WebSocket"),
            ("content-length", "0"),
            ("sec-websocket-key", "AQIDBAUGBwgJCgsMDQ4PEA=="),
        ] {
            let key = with(name, &[value]).unwrap();
            assert!(key.is_some(), "{name}: {value}");
        }
        let key = handshake(&head(&GOOD)).unwrap().unwrap();
        assert_eq!(key.text(), "dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn h9_what_names_websocket_and_is_no_handshake_is_refused() {
        for (name, values) in [
            ("connection", &["keep-alive"][..]),
            ("connection", &[]),
            ("connection", &["xupgrade"]),
            ("upgrade", &["websocket, h2c"]),
            ("upgrade", &["h2c, websocket"]),
            ("upgrade", &["websocket", "websocket"]),
            ("content-length", &["5"]),
            ("transfer-encoding", &["chunked"]),
            ("sec-websocket-version", &[]),
            ("sec-websocket-version", &["13", "13"]),
            ("sec-websocket-key", &[]),
            ("sec-websocket-key", &[""]),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ"]),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZR=="]),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25j"]),
            ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZSEh"]),
            (
                "sec-websocket-key",
                &["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="],
            ),
        ] {
            assert_eq!(with(name, values), Err(Flaw::Shape), "{name}: {values:?}");
        }
        for version in ["8", "0", "013", "13, 8", "14", ""] {
            let flaw = with("sec-websocket-version", &[version]);
            assert_eq!(flaw, Err(Flaw::Version), "{version}");
        }
        let mut post = head(&GOOD);
        post.method = Method::POST;
        let mut old = head(&GOOD);
        old.version = Version::HTTP_10;
        for head in [post, old] {
            assert_eq!(handshake(&head), Err(Flaw::Shape), "{head:?}");
        }
    }

    #[test]
    fn h9_other_protocols_are_none_of_it() {
        for protocols in [
            &[][..],
            &["h2c"],
            &["TLS/1.0"],
            &["websocket/13"],
            &["xwebsocket"],
        ] {
            assert_eq!(with("upgrade", protocols), Ok(None), "{protocols:?}");
        }
    }
}
