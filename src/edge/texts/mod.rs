//! Every word a visitor reads on our pages, one value a language.
//!
//! The page's script gets the words it says as JSON of the same value, so that no sentence
//! stands twice. `{n}`, `{a}` and `{b}` mark what is filled in.

mod crew;
mod en;

use serde::Serialize;

pub use en::EN;

/// A language's words. A new language is one more constant of this type.
#[derive(Debug, Serialize)]
pub struct Texts {
    /// The language tag of the page.
    pub lang: &'static str,
    /// What stands between the thousands of a number.
    pub thousands: &'static str,
    /// The words of each state.
    pub states: States,
    /// The label under the number of people ahead.
    pub ahead: Plural,
    /// In place of the number, when nobody is ahead.
    pub next: &'static str,
    /// The tab's title: a short form of `ahead`.
    pub tab_ahead: Plural,
    /// The words around the estimated wait.
    pub wait: Wait,
    /// The label of how many there are.
    pub crowd: Crowd,
    /// The words around the times at which something opens.
    pub times: Times,
    /// How far the visitor has come.
    pub moved: Plural,
    /// Why nothing moves, or why the wait has grown.
    pub reasons: Reasons,
    /// Why the visitor is here again.
    pub again: Again,
    /// Whether something will be left.
    pub chances: Chances,
    /// What a wish came to.
    pub wishes: Wishes,
    /// When a poll got no answer.
    pub trouble: &'static str,
    /// That the lines share the turns by weight; `{share}` is how many of a hundred are this one's.
    pub lane_share: &'static str,
    /// That a code counts; `{lane}` is its lane.
    pub code_accepted: &'static str,
    /// What else may become of a code.
    #[serde(skip)]
    pub codes: Codes,
    /// Names of the figures.
    #[serde(skip)]
    pub figures: Figures,
    /// Notices and the fixed parts of the page.
    #[serde(skip)]
    pub page: Fixed,
    /// The crew's pages.
    #[serde(skip)]
    pub crew: crew::Crew,
    /// The words of a page that answers with this status code; an unlisted code gets its
    /// class's.
    #[serde(skip)]
    pub fault: fn(u16) -> FaultWords,
}

/// One form for one, another for all other numbers.
#[derive(Debug, Serialize)]
pub struct Plural {
    /// For exactly one.
    pub one: &'static str,
    /// For any other number.
    pub other: &'static str,
}

/// What a state is called, what it means for the visitor, and what can be done.
#[derive(Debug, Serialize)]
pub struct StateWords {
    /// The heading.
    pub head: &'static str,
    /// The sentence below it.
    pub lead: &'static str,
    /// The link that asks for the wanted page again; empty for none.
    pub action: &'static str,
}

/// The words of every state that the page can show.
#[derive(Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are named after what the page shows"
)]
pub struct States {
    pub first: StateWords,
    pub prequeue: StateWords,
    pub drawing: StateWords,
    pub waiting: StateWords,
    pub released: StateWords,
    pub ready: StateWords,
    pub away: StateWords,
    pub admitted: StateWords,
    pub paused: StateWords,
    pub closed: StateWords,
    pub before_lobby: StateWords,
    pub opening: StateWords,
    pub ended: StateWords,
    pub sold_out: StateWords,
    pub done: StateWords,
    pub over: StateWords,
    pub left: StateWords,
    pub full: StateWords,
    pub challenge: StateWords,
    pub recovering: StateWords,
    pub reject: StateWords,
    pub cookies: StateWords,
    pub code: StateWords,
    pub sign_in: StateWords,
}

/// The words around the estimated wait.
#[derive(Debug, Serialize)]
pub struct Wait {
    /// When even the long wait is under a minute.
    pub soon: &'static str,
    /// When the short wait rounds to nothing.
    pub up_to: &'static str,
    /// When both ends round to the same.
    pub about: &'static str,
    /// Both ends.
    pub range: &'static str,
    /// When too few releases were measured.
    pub unknown: &'static str,
    /// Seconds.
    pub seconds: Plural,
    /// Minutes.
    pub minutes: Plural,
    /// Minutes beside hours.
    pub quarters: &'static str,
    /// Whole hours.
    pub hours: &'static str,
}

/// The label of how many there are.
#[derive(Debug, Serialize)]
pub struct Crowd {
    /// In line.
    pub line: &'static str,
    /// In the lobby.
    pub lobby: &'static str,
}

/// The words around the times at which something opens.
#[derive(Debug, Serialize)]
pub struct Times {
    /// Before the time at which the lobby opens.
    pub lobby: &'static str,
    /// Before the time of opening.
    pub opens: &'static str,
    /// The same, of the sale after one that is over.
    pub next: &'static str,
    /// Above what is left until the lobby opens.
    pub lobby_in: &'static str,
    /// Above what is left until the opening.
    pub opens_in: &'static str,
    /// When nothing is left.
    pub now: &'static str,
    /// Days, hours, minutes and seconds that are left.
    pub units: [&'static str; 4],
}

/// Names of the figures.
#[derive(Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are named after what the page shows"
)]
pub struct Figures {
    pub wait: &'static str,
    pub updated: &'static str,
    pub reference: &'static str,
    pub claim_by: &'static str,
    pub lane: &'static str,
    pub away_until: &'static str,
    pub way: &'static str,
}

/// Why nothing moves, or why the wait has grown; fields are the words of the status JSON.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the words of the status JSON")]
pub struct Reasons {
    pub pace_lowered: &'static str,
    pub paused: &'static str,
    pub capacity_full: &'static str,
    pub absent_returned: &'static str,
    pub lanes: &'static str,
    pub recovering: &'static str,
    pub sold_out: &'static str,
}

/// Why the visitor is here again; fields are the words of the status JSON.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the words of the status JSON")]
pub struct Again {
    /// The question, for those who are in line again; one of the answers follows.
    pub why: &'static str,
    /// And where they are now.
    pub back: &'static str,
    pub completed: &'static str,
    pub left: &'static str,
    pub removed: &'static str,
    pub expired: &'static str,
    pub missed: &'static str,
    pub revoked: &'static str,
}

/// Whether something will be left; fields are the words of the status JSON.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the words of the status JSON")]
pub struct Chances {
    pub likely: &'static str,
    pub possible: &'static str,
    pub unlikely: &'static str,
}

/// What may become of a code that does not count.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the words of the answer's JSON")]
pub struct Codes {
    pub late: &'static str,
    pub again: &'static str,
    pub sign_in: &'static str,
    pub wrong: &'static str,
    pub used: &'static str,
    pub expired: &'static str,
    pub other_room: &'static str,
    pub shut: &'static str,
    pub away: &'static str,
}

/// What a wish for a break or for more time came to, and the time that is left.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are named after what became of it")]
pub struct Wishes {
    pub left: &'static str,
    pub longer: &'static str,
    pub spent_break: &'static str,
    pub spent_time: &'static str,
    pub no_break: &'static str,
    pub no_time: &'static str,
    pub later: &'static str,
}

/// Notices and the fixed parts of the page.
#[derive(Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are named after what the page shows"
)]
pub struct Fixed {
    pub message: &'static str,
    pub form_not_sent: &'static str,
    pub good_to_know: &'static str,
    pub kept: &'static str,
    pub no_faster: &'static str,
    pub turn: &'static str,
    pub ask_first: &'static str,
    pub pause: &'static str,
    pub pause_how: &'static str,
    pub pause_do: &'static str,
    pub more_time: &'static str,
    pub denied: &'static str,
    pub back_to_line: &'static str,
    pub draw: &'static str,
    pub draw_facts: &'static str,
    pub draw_receipt: &'static str,
    pub leave: &'static str,
    pub leave_sure: &'static str,
    pub leave_do: &'static str,
    pub code: &'static str,
    pub code_lead: &'static str,
    pub code_label: &'static str,
    pub code_do: &'static str,
    pub sign_in_do: &'static str,
    pub cookies_steps: [&'static str; 3],
    pub retry: &'static str,
    pub home: &'static str,
}

/// A page that says what went wrong.
#[derive(Debug)]
pub struct FaultWords {
    /// The heading.
    pub head: &'static str,
    /// What it means and what to do.
    pub lead: &'static str,
    /// What whoever runs the site looks at; empty where it is none of theirs.
    pub owner: &'static str,
}
