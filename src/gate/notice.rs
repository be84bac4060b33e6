//! What a visitor who does not pass is told: facts, which `edge` turns into a page or JSON.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::chance::Chance;
use crate::domain::clock::UnixTime;
use crate::domain::estimate::WaitRange;
use crate::domain::lane::Lane;
pub use crate::domain::reason::Reason;
use crate::domain::room::RoomSettings;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::Reference;
use crate::domain::window::WindowState;

use super::admit::AdmissionToken;

/// Where the visitor stands, in the status JSON's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// In the queue, or about to join it.
    Waiting,
    /// In the lobby of a sale that has not opened, or about to come into it.
    Prequeue,
    /// In the lobby, or behind it, while it is drawn.
    Drawing,
    /// Called; the turn may be claimed.
    Released,
    /// Inside.
    Admitted,
    /// In the queue of a paused room.
    Paused,
    /// The room is closed.
    Closed,
    /// The sale window has ended.
    Ended,
    /// The room takes no more visitors now.
    Full,
    /// In the queue of a room whose places are being made sure of after a loss.
    Recovering,
}

impl Face {
    /// What somebody in line is to a room whose window is in this state.
    #[must_use]
    pub const fn in_line_at(state: WindowState) -> Self {
        match state {
            WindowState::Prequeue => Self::Prequeue,
            WindowState::Drawing => Self::Drawing,
            WindowState::Paused => Self::Paused,
            WindowState::Open | WindowState::Closed | WindowState::Ended => Self::Waiting,
        }
    }

    /// Whether the visitor is taken in or waits for it; otherwise the room takes nobody.
    #[must_use]
    pub const fn is_in_line(self) -> bool {
        match self {
            Self::Waiting
            | Self::Prequeue
            | Self::Drawing
            | Self::Released
            | Self::Admitted
            | Self::Paused
            | Self::Recovering => true,
            Self::Closed | Self::Ended | Self::Full => false,
        }
    }
}

/// What to do with a cookie on the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SetToken<T> {
    /// Leave what the visitor has.
    #[default]
    Keep,
    /// Give this one.
    Give(T),
    /// Take it back.
    Clear,
}

/// Why this answer is what it is, where the page says more than the face does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visit {
    /// Nothing special.
    #[default]
    Usual,
    /// The visitor was just given a token without a place and joins by coming back.
    First,
    /// The visitor came back without the cookie it was given: cookies are off.
    CookiesOff,
    /// Nobody gets in, now or later.
    Rejected,
}

/// What a visitor can look at of the window's draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checkable {
    /// There is no draw.
    #[default]
    Nothing,
    /// What is published.
    Facts,
    /// That, and a receipt of its own.
    Receipt,
}

/// Signing in at the site comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Where, by the configuration.
    pub link: Option<String>,
}

/// The facts of one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The room.
    pub room: Arc<RoomSettings>,
    /// Where the visitor stands.
    pub face: Face,
    /// Whether this is a first visit, or one without cookies.
    pub visit: Visit,
    /// Place in line, 1 for who is next; `None` without a place and when released.
    pub position: Option<u64>,
    /// All unreleased.
    pub waiting: u64,
    /// The estimated wait, once known.
    pub wait: Option<WaitRange>,
    /// Why nothing moves, or why the wait has grown.
    pub reason: Option<Reason>,
    /// Whether something will be left at this visitor's turn, where the stock is known.
    pub chance: Option<Chance>,
    /// When to ask again.
    pub poll_after: Duration,
    /// Until when a released turn may be claimed.
    pub claim_by: Option<UnixTime>,
    /// Until when the visitor is away by its own wish.
    pub away_until: Option<UnixTime>,
    /// When a room that is not open yet opens, as far as is known.
    pub opens_at: Option<UnixTime>,
    /// When its lobby opens, if there is one and it is still to come.
    pub prequeue_opens_at: Option<UnixTime>,
    /// The operator's message.
    pub message: Option<String>,
    /// The visitor's reference code.
    pub reference: Option<Reference>,
    /// Why an earlier turn ended.
    pub ended_by: Option<EndedBy>,
    /// When these facts were true.
    pub at: UnixTime,
    /// The lane of the visitor's token; `None` without one.
    pub lane: Option<Lane>,
    /// The visitor must sign in at the site before anything else.
    pub sign_in: Option<SignIn>,
    /// There are codes that lead into a lane of this room.
    pub takes_codes: bool,
    /// What there is of the draw.
    pub draw: Checkable,
    /// The queue token.
    pub queue: SetToken<String>,
    /// The admission token.
    pub admission: SetToken<AdmissionToken>,
    /// Tokens are told in the JSON, for an app without cookies.
    pub tells_tokens: bool,
}

impl Notice {
    /// A notice of a room with nothing but its face and the time.
    #[must_use]
    pub fn of(room: Arc<RoomSettings>, face: Face, at: UnixTime) -> Self {
        Self {
            room,
            face,
            visit: Visit::Usual,
            position: None,
            waiting: 0,
            wait: None,
            reason: None,
            chance: None,
            poll_after: Duration::from_mins(1),
            claim_by: None,
            away_until: None,
            opens_at: None,
            prequeue_opens_at: None,
            message: None,
            reference: None,
            ended_by: None,
            at,
            lane: None,
            sign_in: None,
            takes_codes: false,
            draw: Checkable::Nothing,
            queue: SetToken::Keep,
            admission: SetToken::Keep,
            tells_tokens: false,
        }
    }
}

impl SetToken<String> {
    /// The token given, if one is.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        match self {
            Self::Give(text) => Some(text),
            Self::Keep | Self::Clear => None,
        }
    }
}
