//! What a page shows: which of the scenes a status is.

use crate::domain::standing::EndedBy;

use super::status::{Reason, State, Status};
use super::texts::{StateWords, Texts};

/// What the page shows: a status' own state, or a nearer word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// On the way into the line: there is no place yet.
    First,
    /// A state as it is.
    Plain(State),
    /// In line, and away by its own wish.
    Away,
    /// Closed, and the time at which the lobby opens is known.
    BeforeLobby,
    /// Closed, and the time of opening is known.
    Opening,
    /// Ended because nothing is left.
    SoldOut,
    /// Over for this visitor, who has bought.
    Done,
    /// This visitor's turn is over.
    Over,
    /// The visitor left.
    Left,
    /// Nobody gets in.
    Reject,
    /// The browser keeps no cookies.
    Cookies,
    /// A code may be entered.
    Code,
    /// The visitor must sign in at the site first.
    SignIn,
}

impl Scene {
    /// The scene that tells `status` best.
    pub(super) fn of(status: &Status<'_>) -> Self {
        match (status.state, status.ended_by) {
            _ if status.sign_in.is_some() => Self::SignIn,
            (State::Waiting | State::Paused | State::Recovering, _)
                if status.away_until.is_some() =>
            {
                Self::Away
            }
            (State::Waiting, _) if status.position.is_none() => Self::First,
            (State::Closed, _) if status.prequeue_opens_at.is_some() => Self::BeforeLobby,
            (State::Closed, _) if status.opens_at.is_some() => Self::Opening,
            (State::Ended, Some(EndedBy::Left)) => Self::Left,
            (State::Ended, Some(EndedBy::Completed)) => Self::Done,
            (State::Ended, _) if status.reason == Some(Reason::SoldOut) => Self::SoldOut,
            (State::Ended, Some(_)) => Self::Over,
            (state, _) => Self::Plain(state),
        }
    }

    /// Its name in the page: the key of its words, and what the style sheet goes by.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Away => "away",
            Self::BeforeLobby => "before_lobby",
            Self::Opening => "opening",
            Self::SoldOut => "sold_out",
            Self::Done => "done",
            Self::Over => "over",
            Self::Left => "left",
            Self::Reject => "reject",
            Self::Cookies => "cookies",
            Self::Code => "code",
            Self::SignIn => "sign_in",
            Self::Plain(State::Prequeue) => "prequeue",
            Self::Plain(State::Drawing) => "drawing",
            Self::Plain(State::Waiting) => "waiting",
            Self::Plain(State::Released) => "released",
            Self::Plain(State::Admitted) => "admitted",
            Self::Plain(State::Paused) => "paused",
            Self::Plain(State::Closed) => "closed",
            Self::Plain(State::Ended) => "ended",
            Self::Plain(State::Full) => "full",
            Self::Plain(State::Challenge) => "challenge",
            Self::Plain(State::Recovering) => "recovering",
        }
    }

    /// Its words in a language.
    pub(super) fn words(self, texts: &'static Texts) -> &'static StateWords {
        let states = &texts.states;
        match self {
            Self::First => &states.first,
            Self::Away => &states.away,
            Self::BeforeLobby => &states.before_lobby,
            Self::Opening => &states.opening,
            Self::SoldOut => &states.sold_out,
            Self::Done => &states.done,
            Self::Over => &states.over,
            Self::Left => &states.left,
            Self::Reject => &states.reject,
            Self::Cookies => &states.cookies,
            Self::Code => &states.code,
            Self::SignIn => &states.sign_in,
            Self::Plain(State::Prequeue) => &states.prequeue,
            Self::Plain(State::Drawing) => &states.drawing,
            Self::Plain(State::Waiting) => &states.waiting,
            Self::Plain(State::Released) => &states.released,
            Self::Plain(State::Admitted) => &states.admitted,
            Self::Plain(State::Paused) => &states.paused,
            Self::Plain(State::Closed) => &states.closed,
            Self::Plain(State::Ended) => &states.ended,
            Self::Plain(State::Full) => &states.full,
            Self::Plain(State::Challenge) => &states.challenge,
            Self::Plain(State::Recovering) => &states.recovering,
        }
    }

    /// Whether it speaks of an opening to come, where the time of one is known.
    pub(super) const fn awaits_opening(self) -> bool {
        matches!(
            self,
            Self::BeforeLobby
                | Self::Opening
                | Self::SoldOut
                | Self::Plain(State::Prequeue | State::Ended)
        )
    }

    /// Whether the draw of the window is something that this visitor may want to check.
    pub(super) const fn shows_draw(self) -> bool {
        let over = matches!(self, Self::SoldOut | Self::Plain(State::Ended));
        over || (self.in_line() && !matches!(self, Self::First))
    }

    /// Whether this visitor is in the line or its lobby, or about to be.
    pub(super) const fn in_line(self) -> bool {
        matches!(
            self,
            Self::First
                | Self::Away
                | Self::Plain(
                    State::Waiting
                        | State::Prequeue
                        | State::Drawing
                        | State::Paused
                        | State::Recovering
                )
        )
    }
}
