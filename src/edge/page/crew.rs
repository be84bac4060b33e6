//! The pages of the crew.

use bytes::Bytes;
use minijinja::context;
use minijinja::value::Serde;

use super::super::moments::day;
use super::super::notice::status_of;
use super::super::samples::{SAMPLES, sample};
use super::super::scene::Scene;
use super::{Page, PageView, title_of};
use crate::gate::crew::{Crew, Step};
use crate::gate::notice::Visit;

impl Page {
    /// The page on which somebody of the crew begins, goes on or has stopped.
    #[must_use]
    pub fn render_crew(&self, crew: &Crew, wanted: &str) -> Bytes {
        let room = title_of(crew.room.name.as_str());
        let words = &self.texts.crew;
        let rehearsal = crew.room.rehearsal;
        let (head, lead) = match crew.step {
            Step::Invited | Step::Begun if rehearsal => (words.invited, words.rehearsal),
            Step::Invited | Step::Begun => (words.invited, words.invited_lead),
            Step::Here | Step::Look(_) if rehearsal => (words.here, words.rehearsal),
            Step::Here | Step::Look(_) => (words.here, words.here_lead),
            Step::Stopped => (words.stopped, words.stopped_lead),
        };
        let pages: Vec<(&str, &str)> = SAMPLES
            .iter()
            .filter_map(|name| Some((*name, self.heading(name, crew)?)))
            .collect();
        self.fill(
            "crew.html",
            context! {
                crew => Serde(words),
                head => head,
                lead => lead.replace("{room}", &room),
                title => room,
                room => crew.room.name.as_str(),
                step => match crew.step {
                    Step::Invited | Step::Begun => "invited",
                    Step::Here | Step::Look(_) => "here",
                    Step::Stopped => "stopped",
                },
                go_on => if rehearsal { words.to_line } else { words.to_site },
                pass => crew.pass.as_str(),
                until => Serde(day(crew.until)),
                pages => Serde(pages),
                wanted => wanted,
            },
        )
    }

    /// The queue page as an example: nothing on it acts, and it says so.
    #[must_use]
    pub fn render_sample(&self, view: &PageView<'_>) -> Bytes {
        self.queue(view, true)
    }

    /// What stands at the top of a sample.
    fn heading(&self, name: &str, crew: &Crew) -> Option<&'static str> {
        let notice = sample(name, &crew.room, crew.at)?;
        let scene = match notice.visit {
            Visit::Rejected => Scene::Reject,
            Visit::Usual | Visit::First | Visit::CookiesOff => Scene::of(&status_of(&notice)),
        };
        Some(scene.words(self.texts).head)
    }
}
