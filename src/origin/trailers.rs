//! Which fields may come behind a body: those that a site lists, in either direction. Everything
//! else is dropped.

use std::str::FromStr;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TE, TRAILER};
use http::{HeaderMap, HeaderValue, Response, Version, request};
use http_body::Body;

use super::headers;
use crate::telemetry::asides::{Asides, TrailersOf};

/// The most bytes of names and values behind one body; more are dropped together.
const MOST_BYTES: usize = 8 << 10;

/// The most fields behind one body; more are dropped together.
const MOST_FIELDS: usize = 32;

/// The name of a field that may come behind a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailerName(HeaderName);

/// Why a name is not one that may come behind a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTrailer {
    /// It is not the name of a field.
    #[error("the name of a field, as in `server-timing`")]
    NoName,
    /// Whoever reads it behind a body could take it for what only a head may say.
    #[error(
        "a field that may come behind a body: never one about framing, routing, who asks, cookies, caches, content, \
         or the gateway itself"
    )]
    Never,
}

impl FromStr for TrailerName {
    type Err = NoTrailer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = HeaderName::from_str(text).map_err(|_| NoTrailer::NoName)?;
        if is_never(name.as_str()) {
            return Err(NoTrailer::Never);
        }
        Ok(Self(name))
    }
}

impl std::fmt::Display for TrailerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Whether a field of this name, however its letters are written, may come behind some body.
#[must_use]
pub fn may_be(name: &[u8]) -> bool {
    HeaderName::from_bytes(name).is_ok_and(|name| !is_never(name.as_str()))
}

/// What a recipient needs before the body, RFC 9110 section 6.5.1, and what only a gateway may say.
/// A digest of the content can only be known behind it, RFC 9530 section 2.
fn is_never(name: &str) -> bool {
    headers::goes_either_way(name)
        || name.starts_with("content-") && name != "content-digest"
        || name.starts_with("if-")
        || name.starts_with("accept")
        || name.starts_with("access-control-")
        || name.starts_with("sec-")
        || is_about_the_asker(name)
        || is_control(name)
}

fn is_about_the_asker(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "www-authenticate"
            | "authentication-info"
            | "authentication-control"
            | "optional-www-authenticate"
            | "cookie"
            | "cookie2"
            | "set-cookie"
            | "set-cookie2"
            | "clear-site-data"
            | "from"
            | "origin"
            | "referer"
            | "user-agent"
            | "via"
    )
}

fn is_control(name: &str) -> bool {
    matches!(
        name,
        "host"
            | "status"
            | "location"
            | "max-forwards"
            | "range"
            | "pragma"
            | "cache-control"
            | "age"
            | "date"
            | "expires"
            | "vary"
            | "warning"
            | "retry-after"
            | "allow"
            | "alt-svc"
            | "refresh"
            | "strict-transport-security"
            | "x-frame-options"
            | "x-content-type-options"
            | "x-http-method-override"
            | "x-http-method"
            | "x-method-override"
    )
}

/// What of one site's trailers passes.
#[derive(Debug)]
pub(super) struct Sieve {
    names: Vec<HeaderName>,
    /// The names in one line; `None` if there are none.
    line: Option<HeaderValue>,
    asides: Arc<Asides>,
}

/// Whether a visitor's client reads what comes behind a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// It said so, in words of HTTP/1.1.
    Asks,
    /// It speaks HTTP/2, where trailers are frames like others.
    Http2,
    /// No.
    Deaf,
}

impl Reader {
    /// Reads it from a request as it came.
    pub(super) fn of(head: &request::Parts) -> Self {
        match head.version {
            Version::HTTP_2 => Self::Http2,
            Version::HTTP_11 if takes_trailers(&head.headers) => Self::Asks,
            _ => Self::Deaf,
        }
    }
}

/// Whether `TE` lists `trailers`.
fn takes_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|word| word.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

impl Sieve {
    pub(super) fn new(names: &[TrailerName], asides: Arc<Asides>) -> Self {
        let names: Vec<HeaderName> = names.iter().map(|name| name.0.clone()).collect();
        let words: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
        let line = HeaderValue::from_str(&words.join(", ")).ok();
        Self {
            line: line.filter(|_| !names.is_empty()),
            names,
            asides,
        }
    }

    /// Where what passes and what does not is counted.
    pub(super) fn asides(&self) -> Arc<Asides> {
        Arc::clone(&self.asides)
    }

    /// What passes of these; `None` if nothing does.
    pub(super) fn pass(&self, trailers: HeaderMap, of: TrailersOf) -> Option<HeaderMap> {
        let came = trailers.len();
        let mut kept = trailers;
        let going: Vec<HeaderName> = kept
            .keys()
            .filter(|name| !self.names.contains(name))
            .cloned()
            .collect();
        for name in going {
            kept.remove(name);
        }
        let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        let bytes: usize = kept.iter().map(size).sum();
        if kept.len() > MOST_FIELDS || bytes > MOST_BYTES {
            kept.clear();
        }
        self.asides.trailers_dropped(of, came - kept.len());
        (!kept.is_empty()).then_some(kept)
    }

    /// Says in a request's head that trailers of its answer are read.
    pub(super) fn ask(&self, reader: Reader, headers: &mut HeaderMap) {
        if self.line.is_some() && reader != Reader::Deaf {
            headers.insert(TE, HeaderValue::from_static("trailers"));
            headers.insert(CONNECTION, HeaderValue::from_static("te"));
        }
    }

    /// Names in a head what may come behind a body of unknown length: over HTTP/1.1 nothing else
    /// is sent there.
    pub(super) fn announce(&self, headers: &mut HeaderMap) {
        if let Some(line) = &self.line {
            headers.insert(TRAILER, line.clone());
        }
    }

    /// [`Sieve::announce`] in an answer, to whoever reads what comes behind its body.
    pub(super) fn announce_to<B: Body>(&self, reader: Reader, answer: &mut Response<B>) {
        let bounded = answer.headers().contains_key(CONTENT_LENGTH);
        if reader != Reader::Deaf && !bounded && !answer.body().is_end_stream() {
            self.announce(answer.headers_mut());
        }
    }
}

#[cfg(test)]
mod tests;
