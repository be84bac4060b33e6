//! A draw, its roster and receipts, as answers.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use super::plain::{json, own, problem, set_retry_after};
use super::{Answer, Asking};
use crate::domain::draw::file::RosterFile;
use crate::edge::assets;
use crate::edge::body::AnswerBody;
use crate::gate::draw::{Shown, Unshown};

/// How the roster may be kept where the address does not name its window: the next sale's stands
/// there one day.
const FOR_AN_HOUR: &str = "public, max-age=3600, immutable";

/// When to ask again for what is about to be there.
const SOON: Duration = Duration::from_secs(2);

/// What is shown of a draw.
pub(super) fn answer(shown: &Shown, asking: Asking<'_>) -> Answer {
    match shown {
        Shown::Facts(facts) => told(facts),
        Shown::Receipt(receipt) => told(receipt),
        Shown::Roster { file, forever } => {
            let keep = if *forever {
                assets::CACHE_CONTROL
            } else {
                FOR_AN_HOUR
            };
            roster(file, keep, &asking.head.headers)
        }
    }
}

/// Why nothing can be shown. These addresses speak JSON, whoever asks.
pub(super) fn unshown(why: Unshown) -> Answer {
    let status = match why {
        Unshown::NoDraw | Unshown::NotFrozen | Unshown::NoReceipt => StatusCode::NOT_FOUND,
        Unshown::NotHere => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer = problem(status, &why.to_string());
    if why == Unshown::NotHere {
        set_retry_after(&mut answer, SOON);
    }
    answer
}

fn told(facts: &impl serde::Serialize) -> Answer {
    // Structs of text and numbers always have a JSON text.
    json(
        StatusCode::OK,
        serde_json::to_vec(facts).unwrap_or_default(),
    )
}

/// The file, compressed for those who can undo that.
fn roster(file: &RosterFile, keep: &'static str, headers: &HeaderMap) -> Answer {
    let gzip = takes_gzip(headers);
    let etag = if gzip {
        format!("\"{}-gzip\"", file.digest())
    } else {
        format!("\"{}\"", file.digest())
    };
    let held = headers.get(header::IF_NONE_MATCH);
    let same = held.is_some_and(|held| held.as_bytes() == etag.as_bytes());
    let (status, body) = match (same, gzip) {
        (true, _) => (StatusCode::NOT_MODIFIED, AnswerBody::own(Bytes::new())),
        (false, true) => (StatusCode::OK, AnswerBody::own(file.gzip().clone())),
        (false, false) => (
            StatusCode::OK,
            AnswerBody::pieces(file.plain(), file.length()),
        ),
    };
    let mut answer: Response<AnswerBody> =
        own(status, "application/json", Bytes::new()).map(|_| body);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    let vary = HeaderValue::from_static("accept-encoding");
    headers.insert(header::VARY, vary);
    if gzip {
        let encoding = HeaderValue::from_static("gzip");
        headers.insert(header::CONTENT_ENCODING, encoding);
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    answer
}

/// Whether `Accept-Encoding` names gzip and does not refuse it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let refused = weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32));
        name.eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_name_it() {
        for (text, takes) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip; q=1", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("br", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, text.parse().unwrap());
            assert_eq!(takes_gzip(&headers), takes, "{text}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
