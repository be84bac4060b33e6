//! The parts that answers are put together from.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use super::Answer;
use crate::domain::pattern::PathPattern;
use crate::domain::room::{Activation, PageStatus, RoomSettings};
use crate::edge::body::AnswerBody;
use crate::edge::page::{PageKind, page_headers};
use crate::gate::absence::{Denial, Wish};
use crate::gate::notice::{Face, Notice, Visit};

/// What was asked for is done.
pub(super) const FINE: StatusCode = StatusCode::OK;
/// Not now, for want of a place or of the store.
pub(super) const BUSY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// How a wish is denied: the status, a word for programs, and a sentence.
pub(super) const fn denied(denial: Denial) -> (StatusCode, &'static str, &'static str) {
    let detail = match denial {
        Denial::Spent(Wish::StepAway) => {
            "the visitor has stepped away as often as one may in one stay"
        }
        Denial::Spent(Wish::MoreTime) => {
            "the visitor has asked for more time as often as one may in one stay"
        }
        Denial::NotNow(Wish::StepAway) => "the visitor neither waits nor was called",
        Denial::NotNow(Wish::MoreTime) => "it is not this visitor's turn",
        Denial::Later => "the queue cannot be asked at present",
    };
    match denial {
        Denial::Spent(_) => (StatusCode::CONFLICT, "spent", detail),
        Denial::NotNow(_) => (StatusCode::CONFLICT, "not_now", detail),
        Denial::Later => (BUSY, "later", detail),
    }
}

/// What is said ahead of an answer to whoever waits to be asked for a body.
#[must_use]
pub fn go_on() -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::CONTINUE;
    head
}

/// Whether an answer has no body, whatever is in it.
#[must_use]
pub fn has_no_body(answer: &Answer) -> bool {
    let status = answer.status();
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Ends the connection behind an answer.
pub fn close(answer: &mut Answer) {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
}

/// Says which version of WebSocket is spoken here.
pub(super) fn say_version(answer: &mut Answer) {
    let headers = answer.headers_mut();
    let protocol = HeaderValue::from_static("websocket");
    headers.insert(header::UPGRADE, protocol);
    let version = HeaderValue::from_static("13");
    headers.insert(header::SEC_WEBSOCKET_VERSION, version);
}

/// Sends a visitor in the clear to the same page over TLS. Not kept by anybody: once it was
/// followed, `Strict-Transport-Security` does it better.
pub(super) fn over_tls(address: &str) -> Answer {
    let Ok(location) = HeaderValue::try_from(address) else {
        return problem(StatusCode::BAD_REQUEST, "this address cannot be asked for");
    };
    let mut answer = own(
        StatusCode::PERMANENT_REDIRECT,
        "text/plain; charset=utf-8",
        Bytes::from_static(b"This site is visited over https.\n"),
    );
    answer.headers_mut().insert(header::LOCATION, location);
    answer
}

pub(super) const fn page_status(status: PageStatus) -> StatusCode {
    match status {
        PageStatus::Ok => StatusCode::OK,
        PageStatus::Accepted => StatusCode::ACCEPTED,
        PageStatus::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        PageStatus::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

pub(super) fn page_kind(notice: &Notice) -> PageKind {
    match notice.visit {
        Visit::Rejected => PageKind::Reject,
        Visit::First if notice.room.activation == Activation::Overload => PageKind::Passing,
        Visit::First => PageKind::FirstVisit,
        Visit::CookiesOff => PageKind::CookiesOff,
        Visit::Usual => PageKind::Standing,
    }
}

/// When to come back: the poll for who waits, the opening for who is shut out.
pub(super) fn retry_after(notice: &Notice) -> Option<Duration> {
    match notice.face {
        Face::Full => Some(Duration::from_mins(1)),
        Face::Closed | Face::Ended => {
            let next = notice.prequeue_opens_at.or(notice.opens_at);
            next.map(|at| at.since(notice.at))
        }
        _ => Some(notice.poll_after),
    }
}

pub(super) fn set_retry_after(answer: &mut Answer, wait: Duration) {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(secs.max(1)));
}

pub(super) fn page(status: StatusCode, html: Bytes) -> Answer {
    let mut answer = Response::new(AnswerBody::own(html));
    *answer.status_mut() = status;
    answer.headers_mut().extend(page_headers());
    answer
}

pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Answer {
    own(status, "application/json", Bytes::from(body))
}

pub(super) fn own(status: StatusCode, kind: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(AnswerBody::own(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    // Room for cookies and `Retry-After` too, so that the map grows once.
    headers.reserve(12);
    headers.extend(page_headers());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

pub(super) fn problem(status: StatusCode, detail: &str) -> Answer {
    let body = problem_body(status, detail);
    own(status, "application/problem+json", Bytes::from(body))
}

pub(super) fn problem_body(status: StatusCode, detail: &str) -> String {
    serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    })
    .to_string()
}

/// The first path of a room: where a visitor goes on to from a page that no protected path asked
/// for.
pub(super) fn way_in(room: &RoomSettings) -> &str {
    match room.paths.first() {
        Some(PathPattern::Exact(path) | PathPattern::Below(path)) if !path.is_empty() => path,
        Some(_) | None => "/",
    }
}
