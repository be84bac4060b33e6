//! The version of a room's orders, as `ETag` and `If-Match` say it.

use http::header::IF_MATCH;
use http::{HeaderMap, StatusCode};

use super::problem::Problem;

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: u64) -> String {
    format!("\"v{version}\"")
}

/// Whether `If-Match`, if there is one, names this version or is `*`. A weak tag never matches.
pub(super) fn matches(headers: &HeaderMap, version: u64) -> bool {
    let mut tags = headers.get_all(IF_MATCH).iter().peekable();
    let (wanted, unconditional) = (etag(version), tags.peek().is_none());
    unconditional
        || tags
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| tag.trim() == wanted || tag.trim() == "*")
}

/// What is answered where `If-Match` names another version.
pub(super) fn changed_meanwhile(version: u64) -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        format!(
            "the room was changed by somebody else: it is at version {version}; look at it, then send the order again with `If-Match: {}`",
            etag(version)
        ),
    )
}
