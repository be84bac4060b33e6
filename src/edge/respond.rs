//! The one place that knows status codes: what the gate decided becomes an answer.

mod codes;
mod crew;
mod draw;
mod files;
mod last;
mod plain;
mod wishes;

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode, request};

use crate::gate::identify::CookieNames;
use crate::gate::notice::Notice;
use crate::gate::socket::Flaw;
use crate::gate::{Own, Refusal};
use crate::origin::OriginError;

use super::body::AnswerBody;
use super::cookies::set_tokens;
use super::framing::Fault;
use super::negotiate::{Form, form};
use super::notice::status_of;
use super::page::{Asked, FaultView, Page, PageKind, PageView, title_of};
use super::status::{State, Status};

pub use last::{farewell, framing_fault, speak_tls};
pub use plain::{close, go_on, has_no_body};
use plain::{
    json, over_tls, page, page_kind, page_status, problem, retry_after, say_version,
    set_retry_after,
};

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
    prefix: String,
    jwks: Bytes,
}

impl Responder {
    /// For the surface below `prefix`, with these public keys.
    #[must_use]
    pub fn new(prefix: &str, jwks: &serde_json::Value) -> Self {
        Self {
            page: Page::new(prefix),
            prefix: prefix.to_owned(),
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
                    takes_codes: notice.takes_codes,
                    told: None,
                    draw: notice.draw,
                    absence: notice.room.terms.absence,
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
        match (form, asking.sends(), notice.face.is_in_line()) {
            (Form::Html, Asked::ToSee, _) => page_status(notice.room.page_status),
            (_, _, true) => StatusCode::TOO_MANY_REQUESTS,
            (_, _, false) => StatusCode::FORBIDDEN,
        }
    }

    /// One of our own URLs; `names` are those of the room it speaks of.
    #[must_use]
    pub fn own(&self, own: &Own, names: Option<&CookieNames>, asking: Asking<'_>) -> Answer {
        let (status, notice) = match own {
            Own::Jwks => return self.jwks(),
            Own::OverTls(address) => return over_tls(address),
            Own::Asset(name) => return self.asset(name, asking),
            Own::Draw(shown) => return draw::answer(shown, asking),
            Own::Crew(crew) => return self.crew(crew, names, asking),
            Own::Left(notice) => (None, notice),
            Own::CodePage(_) | Own::Code(_) | Own::Redeemed(..) => {
                return self.of_codes(own, names, asking);
            }
            Own::Granted(notice) => return self.wished((notice, None), (names, asking)),
            Own::Denied(notice, why) => return self.wished((notice, Some(*why)), (names, asking)),
            Own::Events(watch) => (Some(StatusCode::OK), &watch.notice),
            Own::Status(notice) => (Some(StatusCode::OK), notice),
            Own::ComeBack(notice) => (Some(StatusCode::ACCEPTED), notice),
            Own::NotReleased(notice) => (Some(StatusCode::CONFLICT), notice),
        };
        match (names, status) {
            (Some(names), Some(status)) => self.status(status, notice, names, asking),
            (Some(names), None) => self.left(notice, names, asking),
            (None, _) => self.refusal(Refusal::NotFound, asking),
        }
    }

    /// The status JSON of our own endpoints.
    fn status(
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
    fn left(&self, notice: &Notice, names: &CookieNames, asking: Asking<'_>) -> Answer {
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
                    takes_codes: false,
                    told: None,
                    draw: notice.draw,
                    absence: notice.room.terms.absence,
                });
                page(StatusCode::OK, html)
            }
        };
        set_tokens(&mut answer, notice, (names, asking));
        answer
    }

    /// Why a visitor is turned away.
    #[must_use]
    pub fn refusal(&self, refusal: Refusal, asking: Asking<'_>) -> Answer {
        let status = match refusal {
            Refusal::Ambiguous(_) | Refusal::Handshake(Flaw::Shape) => StatusCode::BAD_REQUEST,
            Refusal::Handshake(Flaw::Version) => StatusCode::UPGRADE_REQUIRED,
            Refusal::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Refusal::Misdirected | Refusal::OtherName => {
                return self.elsewhere(&refusal.to_string(), asking);
            }
            Refusal::Draw(why) => return draw::unshown(why),
            Refusal::NotFound => StatusCode::NOT_FOUND,
            Refusal::Denied | Refusal::CrossSite | Refusal::Preflight | Refusal::InTheClear => {
                StatusCode::FORBIDDEN
            }
            Refusal::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::NoChance | Refusal::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut answer = self.fault(status, &refusal.to_string(), asking);
        match refusal {
            Refusal::TooMany { wait } => set_retry_after(&mut answer, wait),
            Refusal::NoChance => set_retry_after(&mut answer, Duration::from_secs(10)),
            Refusal::Busy => {
                set_retry_after(&mut answer, Duration::from_secs(10));
                // Its place goes to those inside and in line.
                close(&mut answer);
            }
            Refusal::Ambiguous(_) => close(&mut answer),
            Refusal::Handshake(Flaw::Version) => say_version(&mut answer),
            Refusal::MethodNotAllowed => {
                let allow = HeaderValue::from_static("GET, HEAD, POST");
                answer.headers_mut().insert(header::ALLOW, allow);
            }
            Refusal::Handshake(Flaw::Shape)
            | Refusal::ExpectationFailed
            | Refusal::Misdirected
            | Refusal::OtherName
            | Refusal::InTheClear
            | Refusal::NotFound
            | Refusal::Draw(_)
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
            OriginError::Untrusted { .. } => (
                StatusCode::BAD_GATEWAY,
                "the ticket site cannot be reached safely",
            ),
            OriginError::BadAnswer { .. } => (
                StatusCode::BAD_GATEWAY,
                "the ticket site gave no usable answer",
            ),
            OriginError::NoAnswer { .. } => (
                StatusCode::GATEWAY_TIMEOUT,
                "the ticket site did not answer in time",
            ),
            OriginError::Busy | OriginError::LeftOut => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the ticket site is busy; your admission stays",
            ),
            OriginError::RequestBody { source } if Fault::is_slowness(&**source) => (
                StatusCode::REQUEST_TIMEOUT,
                "the request's body did not come in time",
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
            | OriginError::Untrusted { .. }
            | OriginError::LeftOut
            | OriginError::BadAnswer { .. }
            | OriginError::NoAnswer { .. } => set_retry_after(&mut answer, Duration::from_secs(5)),
        }
        answer
    }

    fn fault(&self, status: StatusCode, detail: &str, asking: Asking<'_>) -> Answer {
        match self.form_of(asking) {
            Form::Html => {
                let html = self.page.render_fault(&FaultView {
                    code: status,
                    wanted: asking.wanted(),
                });
                page(status, html)
            }
            Form::Json => problem(status, detail),
        }
    }
}
