//! What is answered to a code: a page for people, the status or a problem for apps.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::plain::{json, own, page, set_retry_after, way_in};
use super::{Answer, Asking, Responder};
use crate::edge::cookies::set_tokens;
use crate::edge::negotiate::{Form, form};
use crate::edge::notice::status_of;
use crate::edge::page::{Asked, PageKind, PageView, title_of};
use crate::edge::texts::{EN, Texts};
use crate::gate::identify::CookieNames;
use crate::gate::notice::Notice;
use crate::gate::redeem::Redeemed;
use crate::gate::{Own, Refusal};

/// When to bring a code again that could not be checked.
const AWAY: Duration = Duration::from_secs(10);

impl Responder {
    /// The answers about codes; `names` are those of the room.
    pub(super) fn of_codes(
        &self,
        own: &Own,
        names: Option<&CookieNames>,
        asking: Asking<'_>,
    ) -> Answer {
        match (own, names) {
            (Own::CodePage(notice), Some(names)) => self.code_page(notice, names, asking),
            (Own::Redeemed(notice, redeemed), Some(names)) => {
                self.redeemed((notice, *redeemed), names, asking)
            }
            // A code is answered once it was tried.
            (_, _) => self.refusal(Refusal::NotFound, asking),
        }
    }

    /// The page on which a code is entered; where the visitor stands, for apps and for who has a
    /// place.
    fn code_page(&self, notice: &Notice, names: &CookieNames, asking: Asking<'_>) -> Answer {
        let fresh = notice.position.is_none() && notice.face.is_in_line();
        let kind = if fresh && notice.sign_in.is_none() {
            PageKind::Code
        } else {
            PageKind::Standing
        };
        let mut answer = match form(&asking.head.headers) {
            Form::Json => json(StatusCode::OK, status_of(notice).to_json()),
            Form::Html => page(StatusCode::OK, self.told_page(notice, kind, None)),
        };
        set_tokens(&mut answer, notice, (names, asking));
        answer
    }

    /// What became of a code.
    fn redeemed(
        &self,
        (notice, redeemed): (&Notice, Redeemed),
        names: &CookieNames,
        asking: Asking<'_>,
    ) -> Answer {
        let status = status_code(redeemed);
        let sentence = sentence(&EN, redeemed, notice);
        let mut answer = match (form(&asking.head.headers), redeemed) {
            (Form::Json, Redeemed::Accepted | Redeemed::Again) => {
                json(status, status_of(notice).to_json())
            }
            (Form::Json, _) => problem(status, &sentence, redeemed),
            (Form::Html, _) => {
                let kind = page_kind(redeemed);
                page(status, self.told_page(notice, kind, Some(&sentence)))
            }
        };
        if redeemed == Redeemed::Away {
            set_retry_after(&mut answer, AWAY);
        }
        set_tokens(&mut answer, notice, (names, asking));
        answer
    }

    /// A page that no request for a protected path asked for: from it the visitor goes on to the
    /// room's first path.
    fn told_page(&self, notice: &Notice, kind: PageKind, told: Option<&str>) -> Bytes {
        self.page.render(&PageView {
            status: &status_of(notice),
            kind,
            asked: Asked::ToSee,
            title: &title_of(notice.room.name.as_str()),
            wanted: way_in(&notice.room),
            claim_window: notice.room.terms.session.claim_window,
            absence: notice.room.terms.absence,
            takes_codes: notice.takes_codes,
            told,
            draw: notice.draw,
        })
    }
}

const fn status_code(redeemed: Redeemed) -> StatusCode {
    match redeemed {
        Redeemed::Accepted => StatusCode::OK,
        Redeemed::Again => StatusCode::ACCEPTED,
        Redeemed::Late | Redeemed::Used => StatusCode::CONFLICT,
        Redeemed::SignIn | Redeemed::Shut => StatusCode::FORBIDDEN,
        Redeemed::Wrong | Redeemed::Elsewhere => StatusCode::UNPROCESSABLE_ENTITY,
        Redeemed::Lapsed => StatusCode::GONE,
        Redeemed::Away => StatusCode::SERVICE_UNAVAILABLE,
    }
}

const fn page_kind(redeemed: Redeemed) -> PageKind {
    match redeemed {
        Redeemed::Accepted | Redeemed::Late | Redeemed::Shut | Redeemed::SignIn => {
            PageKind::Standing
        }
        Redeemed::Again
        | Redeemed::Wrong
        | Redeemed::Used
        | Redeemed::Lapsed
        | Redeemed::Elsewhere
        | Redeemed::Away => PageKind::Code,
    }
}

/// As any problem, with one word for apps about what became of the code.
fn problem(status: StatusCode, detail: &str, redeemed: Redeemed) -> Answer {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "code": redeemed.word(),
    });
    own(
        status,
        "application/problem+json",
        Bytes::from(body.to_string()),
    )
}

fn sentence(texts: &'static Texts, redeemed: Redeemed, notice: &Notice) -> String {
    let codes = &texts.codes;
    let plain = match redeemed {
        Redeemed::Accepted => {
            let lane = status_of(notice).lane.map_or_else(String::new, title_of);
            return texts.code_accepted.replace("{lane}", &lane);
        }
        Redeemed::Late => codes.late,
        Redeemed::Again => codes.again,
        Redeemed::SignIn => codes.sign_in,
        Redeemed::Wrong => codes.wrong,
        Redeemed::Used => codes.used,
        Redeemed::Lapsed => codes.expired,
        Redeemed::Elsewhere => codes.other_room,
        Redeemed::Shut => codes.shut,
        Redeemed::Away => codes.away,
    };
    plain.to_owned()
}
