//! The crew: those who were given a signed link, walk through the door before and during a sale,
//! and look at the room's pages. They take no place, no slot and no turn.
//!
//! The link only shows what it is; the form on that page takes the pass into a cookie. So a mail
//! scanner or a chat's preview of the link is nobody's crew.

use std::sync::Arc;

use http::Method;

use crate::domain::clock::UnixTime;
use crate::domain::room::RoomSettings;
use crate::store::survey::StoreHealth;
use crate::token::crew::CrewPass;

use super::identify::Token;
use super::room::Room;
use super::{Gate, Own, Refusal, Request};

/// What somebody of the crew is shown.
#[derive(Clone, Debug)]
pub struct Crew {
    /// The room.
    pub room: Arc<RoomSettings>,
    /// What they did.
    pub step: Step,
    /// The pass they hold.
    pub pass: String,
    /// When it lapses.
    pub until: UnixTime,
    /// When they asked.
    pub at: UnixTime,
}

/// What somebody of the crew did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Followed the link.
    Invited,
    /// Took the pass: it goes into a cookie.
    Begun,
    /// Came back with the cookie.
    Here,
    /// Wants to see the page of this name.
    Look(String),
    /// Gave the pass back.
    Stopped,
}

impl Gate {
    /// The pass in a request's cookie, if it counts.
    pub(super) fn crew(&self, room: &Room, request: &Request<'_>) -> Option<CrewPass> {
        let headers = &request.ask.head.headers;
        let text = room.cookies.brought(headers, Token::Crew, request.https)?;
        self.crew_pass(room, request, text)
    }

    /// What a pass says, if it counts: it was signed here for this room, has not lapsed, and passes
    /// were not withdrawn since. While nothing is known of the room none does.
    fn crew_pass(&self, room: &Room, request: &Request<'_>, text: &str) -> Option<CrewPass> {
        let snapshot = room.snapshot.load();
        let now = snapshot.skew.correct(request.ask.now).wall;
        let pass = self.keys.verify_crew(&room.settings.name, text, now)?;
        let known = snapshot.store != StoreHealth::NotYet;
        (known && pass.rev == snapshot.survey.orders.crew_rev).then_some(pass)
    }

    /// `rooms/{room}/crew`. Who has no pass that counts learns nothing.
    pub(super) fn crew_page(&self, room: &Room, request: &Request<'_>) -> Result<Own, Refusal> {
        let head = request.ask.head;
        let query = request.canonical.target.query();
        let asked = Query::read(query.unwrap_or_default());
        let cookie = || {
            room.cookies
                .brought(&head.headers, Token::Crew, request.https)
        };
        let sends = head.method == Method::POST;
        // No other site's page can name the pass, so who names it may change what the browser keeps.
        let text = asked.pass.or_else(|| cookie().filter(|_| !sends));
        let text = text.ok_or(Refusal::NotFound)?;
        let pass = self.crew_pass(room, request, text);
        let pass = pass.ok_or(Refusal::NotFound)?;
        let step = match (sends, asked) {
            (true, Query { stop: true, .. }) => Step::Stopped,
            (true, _) => Step::Begun,
            (false, Query { pass: Some(_), .. }) => Step::Invited,
            (
                false,
                Query {
                    page: Some(page), ..
                },
            ) => Step::Look(page.to_owned()),
            (false, _) => Step::Here,
        };
        Ok(Own::Crew(Box::new(Crew {
            room: Arc::clone(&room.settings),
            step,
            pass: text.to_owned(),
            until: pass.expires,
            at: request.ask.now.wall,
        })))
    }
}

/// `pass=…`, `stop=1` and `page=…`; anything else in a query says nothing.
#[derive(Clone, Copy, Default)]
struct Query<'q> {
    pass: Option<&'q str>,
    stop: bool,
    page: Option<&'q str>,
}

impl<'q> Query<'q> {
    fn read(query: &'q str) -> Self {
        let mut asked = Self::default();
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("pass", pass)) => asked.pass = Some(pass),
                Some(("stop", "1")) => asked.stop = true,
                Some(("page", page)) => asked.page = Some(page),
                Some(_) | None => {}
            }
        }
        asked
    }
}
