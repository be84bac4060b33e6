//! The answers to the room's crew.

use std::time::Duration;

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::plain::{FINE, page, page_kind, way_in};
use super::{Answer, Asking, Responder};
use crate::edge::cookies::set_crew;
use crate::edge::notice::status_of;
use crate::edge::page::{Asked, PageView, title_of};
use crate::edge::samples::sample;
use crate::gate::Refusal;
use crate::gate::crew::{Crew, Step};
use crate::gate::identify::CookieNames;

impl Responder {
    /// What somebody of the crew is shown; `names` are those of the room.
    pub(super) fn crew(
        &self,
        crew: &Crew,
        names: Option<&CookieNames>,
        asking: Asking<'_>,
    ) -> Answer {
        let Some(names) = names else {
            return self.refusal(Refusal::NotFound, asking);
        };
        match &crew.step {
            Step::Invited | Step::Here => self.crew_page(crew),
            Step::Look(name) => self.sample(name, crew, asking),
            Step::Begun => {
                let mut answer = self.crew_page(crew);
                *answer.status_mut() = StatusCode::SEE_OTHER;
                let to = format!("{}/rooms/{}/crew", self.prefix, crew.room.name);
                if let Ok(to) = HeaderValue::from_str(&to) {
                    answer.headers_mut().insert(header::LOCATION, to);
                }
                let life = crew.until.since(crew.at);
                set_crew(&mut answer, &crew.pass, (names, asking), life);
                answer
            }
            Step::Stopped => {
                let mut answer = self.crew_page(crew);
                set_crew(&mut answer, "", (names, asking), Duration::ZERO);
                answer
            }
        }
    }

    fn crew_page(&self, crew: &Crew) -> Answer {
        page(FINE, self.page.render_crew(crew, way_in(&crew.room)))
    }

    /// A page as a fan would see it.
    fn sample(&self, name: &str, crew: &Crew, asking: Asking<'_>) -> Answer {
        let Some(notice) = sample(name, &crew.room, crew.at) else {
            return self.refusal(Refusal::NotFound, asking);
        };
        let html = self.page.render_sample(&PageView {
            status: &status_of(&notice),
            kind: page_kind(&notice),
            asked: Asked::ToSee,
            title: &title_of(notice.room.name.as_str()),
            wanted: way_in(&notice.room),
            claim_window: notice.room.terms.session.claim_window,
            takes_codes: notice.takes_codes,
            told: None,
            absence: notice.room.terms.absence,
            draw: notice.draw,
        });
        page(FINE, html)
    }
}
