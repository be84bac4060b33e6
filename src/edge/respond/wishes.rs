//! What a visitor's wish came to, and the answer that becomes an event stream.

use std::time::Duration;

use http::Method;
use http::header::{self, HeaderName, HeaderValue};

use super::plain::{BUSY, FINE, denied, json, own, page, problem_body, set_retry_after, way_in};
use super::{Answer, Asking, Responder};
use crate::edge::body::AnswerBody;
use crate::edge::cookies::set_tokens;
use crate::edge::events::EventBody;
use crate::edge::negotiate::{Form, form, names_html};
use crate::edge::notice::status_of;
use crate::edge::page::{Asked, PageKind, PageView, title_of};
use crate::gate::Refusal;
use crate::gate::absence::Denial;
use crate::gate::identify::CookieNames;
use crate::gate::notice::Notice;

/// When to wish again after the store gave no answer.
const LATER: Duration = Duration::from_secs(5);

/// Tells nginx to pass events on as they come.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

impl Responder {
    /// What a wish came to: granted, or denied for a reason.
    #[must_use]
    pub(super) fn wished(
        &self,
        (notice, denial): (&Notice, Option<Denial>),
        (names, asking): (Option<&CookieNames>, Asking<'_>),
    ) -> Answer {
        let Some(names) = names else {
            return self.refusal(Refusal::NotFound, asking);
        };
        let mut answer = match denial {
            None => self.granted(notice, asking),
            Some(denial) => self.denied((notice, denial), asking),
        };
        set_tokens(&mut answer, notice, (names, asking));
        answer
    }

    /// A wish is granted: the status for scripts and apps, a page for a form without a script.
    fn granted(&self, notice: &Notice, asking: Asking<'_>) -> Answer {
        if wants_a_page(asking) {
            page(
                FINE,
                self.page.render(&PageView {
                    status: &status_of(notice),
                    kind: PageKind::Wish,
                    asked: Asked::ToSee,
                    title: &title_of(notice.room.name.as_str()),
                    wanted: way_in(&notice.room),
                    claim_window: notice.room.terms.session.claim_window,
                    absence: notice.room.terms.absence,
                    takes_codes: notice.takes_codes,
                    told: None,
                    draw: notice.draw,
                }),
            )
        } else {
            json(FINE, status_of(notice).to_json())
        }
    }

    /// A wish is not granted, in words; `reason` is for programs.
    fn denied(&self, (notice, denial): (&Notice, Denial), asking: Asking<'_>) -> Answer {
        let (status, reason, detail) = denied(denial);
        let mut answer = if wants_a_page(asking) {
            let wanted = way_in(&notice.room);
            page(status, self.page.render_denial(denial, wanted))
        } else {
            let said = format!("{{\"reason\":\"{reason}\",");
            let body = problem_body(status, detail).replacen('{', &said, 1);
            own(status, "application/problem+json", body.into())
        };
        if denial == Denial::Later {
            set_retry_after(&mut answer, LATER);
        }
        answer
    }

    /// The head of an event stream, with the cookie that it cannot set later. HEAD gets no body.
    #[must_use]
    pub fn stream(
        &self,
        body: EventBody,
        notice: &Notice,
        (names, asking): (&CookieNames, Asking<'_>),
    ) -> Answer {
        let mut answer = own(FINE, "text/event-stream", bytes::Bytes::new());
        if asking.head.method != Method::HEAD {
            *answer.body_mut() = AnswerBody::events(body);
        }
        let headers = answer.headers_mut();
        headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
        headers.insert(
            header::CONTENT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        set_tokens(&mut answer, notice, (names, asking));
        answer
    }

    /// As many event streams are open as may be: the page polls instead.
    #[must_use]
    pub fn no_stream(&self, wait: Duration, asking: Asking<'_>) -> Answer {
        let mut answer = self.fault(BUSY, "no event stream can be opened now: poll", asking);
        set_retry_after(&mut answer, wait);
        answer
    }
}

/// Whether a form of our page asks, and not a script or an app.
fn wants_a_page(asking: Asking<'_>) -> bool {
    let headers = &asking.head.headers;
    names_html(headers) && form(headers) == Form::Html
}
