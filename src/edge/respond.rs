//! The one place that knows status codes: what the gate decided becomes an answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode, request};

use crate::domain::room::{Method as RoomMethod, PageStatus};
use crate::gate::Refusal;
use crate::gate::identify::CookieNames;
use crate::gate::notice::{Face, Notice, Visit};
use crate::origin::OriginError;

use super::assets;
use super::body::AnswerBody;
use super::cookies::set_tokens;
use super::framing::{Fault, FaultKind};
use super::negotiate::{Form, form};
use super::notice::status_of;
use super::page::{Asked, FaultView, Page, PageKind, PageView, page_headers, title_of};
use super::status::{State, Status};

/// An answer ready to be sent.
pub type Answer = Response<AnswerBody>;

/// What an answer must know of the request it answers.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The request's head.
    pub head: &'a request::Parts,
    /// Whether the visitor came over TLS.
    pub https: bool,
}

impl Asking<'_> {
    fn sends(&self) -> Asked {
        if self.head.method.is_safe() {
            Asked::ToSee
        } else {
            Asked::ToSend
        }
    }

    fn wanted(&self) -> &str {
        self.head
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str)
    }
}

/// Makes answers.
#[derive(Debug)]
pub struct Responder {
    page: Page,
    jwks: Bytes,
}

impl Responder {
    /// For the surface below `prefix`, with these public keys.
    #[must_use]
    pub fn new(prefix: &str, jwks: &serde_json::Value) -> Self {
        Self {
            page: Page::new(prefix),
            jwks: Bytes::from(jwks.to_string()),
        }
    }

    /// Where a visitor stands, on a protected path.
    #[must_use]
    pub fn notice(&self, notice: &Notice, names: &CookieNames, asking: Asking<'_>) -> Answer {
        let form = form(&asking.head.headers);
        let status = self.notice_status(notice, form, asking);
        let mut answer = match form {
            Form::Html => {
                let html = self.page.render(&PageView {
                    status: &status_of(notice),
                    kind: page_kind(notice),
                    asked: asking.sends(),
                    title: &title_of(notice.room.name.as_str()),
                    wanted: asking.wanted(),
                    claim_window: notice.room.terms.session.claim_window,
                });
                page(status, html)
            }
            Form::Json => json(status, status_of(notice).to_json()),
        };
        if let Some(wait) = retry_after(notice) {
            set_retry_after(&mut answer, wait);
        }
        set_tokens(&mut answer, notice, (names, asking));
        answer
    }

    fn notice_status(&self, notice: &Notice, form: Form, asking: Asking<'_>) -> StatusCode {
        let waits = match notice.face {
            Face::Waiting | Face::Released | Face::Admitted | Face::Paused => true,
            Face::Closed | Face::Ended | Face::Full => false,
        };
        match (form, asking.sends(), waits) {
            (Form::Html, Asked::ToSee, _) => page_status(notice.room.page_status),
            (_, _, true) => StatusCode::TOO_MANY_REQUESTS,
            (_, _, false) => StatusCode::FORBIDDEN,
        }
    }

    /// The status JSON of our own endpoints.
    #[must_use]
    pub fn status(
        &self,
        status: StatusCode,
        notice: &Notice,
        names: &CookieNames,
        asking: Asking<'_>,
    ) -> Answer {
        let mut answer = json(status, status_of(notice).to_json());
        set_tokens(&mut answer, notice, (names, asking));
        answer
    }

    /// The visitor has left: JSON for the page's script, a page for a form without one.
    #[must_use]
    pub fn left(&self, notice: &Notice, names: &CookieNames, asking: Asking<'_>) -> Answer {
        let mut answer = match form(&asking.head.headers) {
            Form::Json => json(StatusCode::OK, status_of(notice).to_json()),
            Form::Html => {
                let html = self.page.render(&PageView {
                    status: &Status {
                        state: State::Ended,
                        ..status_of(notice)
                    },
                    kind: PageKind::Standing,
                    asked: Asked::ToSee,
                    title: &title_of(notice.room.name.as_str()),
                    wanted: "/",
                    claim_window: notice.room.terms.session.claim_window,
                });
                page(StatusCode::OK, html)
            }
        };
        set_tokens(&mut answer, notice, (names, asking));
        answer
    }

    /// The public keys.
    #[must_use]
    pub fn jwks(&self) -> Answer {
        let mut answer = own(
            StatusCode::OK,
            "application/jwk-set+json",
            self.jwks.clone(),
        );
        let hour = HeaderValue::from_static("public, max-age=300");
        answer.headers_mut().insert(header::CACHE_CONTROL, hour);
        answer
    }

    /// One of the page's own files.
    #[must_use]
    pub fn asset(&self, name: &str, asking: Asking<'_>) -> Answer {
        let Some(asset) = assets::find(name) else {
            return self.refusal(Refusal::NotFound, asking);
        };
        let held = asking.head.headers.get(header::IF_NONE_MATCH);
        let same = held.is_some_and(|held| held.as_bytes() == asset.etag.as_bytes());
        let (status, bytes) = if same {
            (StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            (StatusCode::OK, asset.bytes.clone())
        };
        let mut answer = own(status, asset.content_type, bytes);
        let headers = answer.headers_mut();
        let forever = HeaderValue::from_static(assets::CACHE_CONTROL);
        headers.insert(header::CACHE_CONTROL, forever);
        headers.remove(header::VARY);
        if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
            headers.insert(header::ETAG, etag);
        }
        answer
    }

    /// Why a visitor is turned away.
    #[must_use]
    pub fn refusal(&self, refusal: Refusal, asking: Asking<'_>) -> Answer {
        let status = match refusal {
            Refusal::Ambiguous(_) => StatusCode::BAD_REQUEST,
            Refusal::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Refusal::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Refusal::NotFound => StatusCode::NOT_FOUND,
            Refusal::Denied | Refusal::CrossSite | Refusal::Preflight => StatusCode::FORBIDDEN,
            Refusal::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::NoChance => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut answer = self.fault(status, &refusal.to_string(), asking);
        match refusal {
            Refusal::TooMany { wait } => set_retry_after(&mut answer, wait),
            Refusal::NoChance => set_retry_after(&mut answer, Duration::from_secs(10)),
            Refusal::Ambiguous(_) => close(&mut answer),
            Refusal::MethodNotAllowed => {
                let allow = HeaderValue::from_static("GET, HEAD, POST");
                answer.headers_mut().insert(header::ALLOW, allow);
            }
            Refusal::ExpectationFailed
            | Refusal::Misdirected
            | Refusal::NotFound
            | Refusal::Denied
            | Refusal::CrossSite
            | Refusal::Preflight => {}
        }
        answer
    }

    /// Why the site's answer does not come. The visitor's admission stays.
    #[must_use]
    pub fn origin_fault(&self, fault: &OriginError, asking: Asking<'_>) -> Answer {
        let (status, detail) = match fault {
            OriginError::Unreachable { .. } => {
                (StatusCode::BAD_GATEWAY, "the ticket site cannot be reached")
            }
            OriginError::BadAnswer { .. } => (
                StatusCode::BAD_GATEWAY,
                "the ticket site gave no usable answer",
            ),
            OriginError::NoAnswer { .. } => (
                StatusCode::GATEWAY_TIMEOUT,
                "the ticket site did not answer in time",
            ),
            OriginError::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the ticket site is busy; your admission stays",
            ),
            OriginError::RequestBody { .. } => (
                StatusCode::BAD_REQUEST,
                "the request's body broke off or was malformed",
            ),
        };
        let mut answer = self.fault(status, detail, asking);
        match fault {
            OriginError::Busy => set_retry_after(&mut answer, Duration::from_secs(2)),
            OriginError::RequestBody { .. } => close(&mut answer),
            OriginError::Unreachable { .. }
            | OriginError::BadAnswer { .. }
            | OriginError::NoAnswer { .. } => set_retry_after(&mut answer, Duration::from_secs(5)),
        }
        answer
    }

    fn fault(&self, status: StatusCode, detail: &str, asking: Asking<'_>) -> Answer {
        match form(&asking.head.headers) {
            Form::Html if asking.head.method != Method::OPTIONS => {
                let html = self.page.render_fault(&FaultView {
                    code: status,
                    wanted: asking.wanted(),
                });
                page(status, html)
            }
            Form::Html | Form::Json => problem(status, detail),
        }
    }
}

/// The whole last answer to a connection whose next request cannot be read.
#[must_use]
pub fn farewell(fault: Fault) -> Bytes {
    let status = match fault.kind() {
        FaultKind::BadRequest => StatusCode::BAD_REQUEST,
        FaultKind::UriTooLong => StatusCode::URI_TOO_LONG,
        FaultKind::FieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        FaultKind::VersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        FaultKind::Timeout => StatusCode::REQUEST_TIMEOUT,
    };
    let body = problem_body(status, &fault.to_string());
    Bytes::from(format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        body.len()
    ))
}

/// Ends the connection behind an answer.
pub fn close(answer: &mut Answer) {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
}

const fn page_status(status: PageStatus) -> StatusCode {
    match status {
        PageStatus::Ok => StatusCode::OK,
        PageStatus::Accepted => StatusCode::ACCEPTED,
        PageStatus::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        PageStatus::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn page_kind(notice: &Notice) -> PageKind {
    match (notice.room.method, notice.visit) {
        (RoomMethod::Reject, _) => PageKind::Reject,
        (_, Visit::First) => PageKind::FirstVisit,
        (_, Visit::CookiesOff) => PageKind::CookiesOff,
        (_, Visit::Usual) => PageKind::Standing,
    }
}

/// When to come back: the poll for who waits, the opening for who is shut out.
fn retry_after(notice: &Notice) -> Option<Duration> {
    match notice.face {
        Face::Waiting | Face::Released | Face::Admitted | Face::Paused => Some(notice.poll_after),
        Face::Full => Some(Duration::from_mins(1)),
        Face::Closed | Face::Ended => notice.opens_at.map(|at| at.since(notice.at)),
    }
}

fn set_retry_after(answer: &mut Answer, wait: Duration) {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(secs.max(1)));
}

fn page(status: StatusCode, html: Bytes) -> Answer {
    let mut answer = Response::new(AnswerBody::own(html));
    *answer.status_mut() = status;
    answer.headers_mut().extend(page_headers());
    answer
}

fn json(status: StatusCode, body: Vec<u8>) -> Answer {
    own(status, "application/json", Bytes::from(body))
}

fn own(status: StatusCode, kind: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(AnswerBody::own(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.extend(page_headers());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn problem(status: StatusCode, detail: &str) -> Answer {
    let body = problem_body(status, detail);
    own(status, "application/problem+json", Bytes::from(body))
}

fn problem_body(status: StatusCode, detail: &str) -> String {
    serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    })
    .to_string()
}
