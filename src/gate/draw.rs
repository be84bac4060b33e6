//! The published draw, a fan's receipt, and the place of who was drawn: all without the store.

use std::sync::Arc;

use crate::domain::draw::file::RosterFile;
use crate::domain::draw::published::Published;
use crate::domain::draw::receipt::Receipt;
use crate::domain::place::{Place, Turn};
use crate::domain::window::WindowState;
use crate::store::drawn::KeptDraw;
use crate::store::survey::Snapshot;
use crate::token::queue::QueueToken;

use super::notice::Checkable;
use super::queue::Line;
use super::room::Room;
use super::{Gate, Refusal, Request, Trace};

/// What is shown of a draw.
#[derive(Clone)]
pub enum Shown {
    /// The facts, as far as there are any yet.
    Facts(Box<Published>),
    /// The whole, roster and all.
    Roster {
        /// The file.
        file: Arc<RosterFile>,
        /// Whether the address names the window, so that what stands there never changes.
        forever: bool,
    },
    /// A fan's receipt.
    Receipt(Box<Receipt>),
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Facts(_) => "Facts",
            Self::Roster { .. } => "Roster",
            Self::Receipt(_) => "Receipt",
        })
    }
}

/// Why nothing of a draw can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unshown {
    /// The window had no prequeue.
    #[error("this sale window has no draw")]
    NoDraw,
    /// There is nothing to have a receipt of yet.
    #[error("there are no receipts before the lobby is frozen")]
    NotFrozen,
    /// Nobody known, or somebody who came later.
    #[error(
        "a receipt is for who was in the lobby when it was frozen: ask with the queue token of then"
    )]
    NoReceipt,
    /// This gateway has just started, or the order was drawn this moment.
    #[error("this gateway does not have the roster yet; ask again in a moment")]
    NotHere,
}

impl From<Unshown> for Refusal {
    fn from(why: Unshown) -> Self {
        Self::Draw(why)
    }
}

impl Gate {
    /// `GET …/draw`: what is published so far; with `?roster=1`, once it is drawn, the roster too.
    pub(super) fn published(room: &Room, query: Option<&str>) -> Result<Shown, Unshown> {
        let snapshot = room.snapshot.load();
        let orders = &snapshot.survey.orders;
        let draw = orders.draw.as_ref().ok_or(Unshown::NoDraw)?;
        let asked = Query::read(query.unwrap_or_default());
        let window = orders.window.0.to_string();
        if asked.window.is_some_and(|wanted| wanted != window) {
            return Err(Unshown::NoDraw);
        }
        if !asked.roster || draw.drawn.is_none() {
            let facts = Published::of(&room.settings.name, orders.window, draw);
            return Ok(Shown::Facts(Box::new(facts)));
        }
        let kept = kept(room, &snapshot).ok_or(Unshown::NotHere)?;
        let file = kept.file.clone().ok_or(Unshown::NotHere)?;
        let forever = asked.window.is_some();
        Ok(Shown::Roster { file, forever })
    }

    /// `GET …/receipt`: of who brings a queue token of this window.
    pub(super) fn receipt(
        &self,
        room: &Room,
        request: &Request<'_>,
        trace: &mut Trace,
    ) -> Result<Shown, Refusal> {
        let snapshot = room.snapshot.load();
        let draw = snapshot.survey.orders.draw.as_ref();
        let draw = draw.ok_or(Unshown::NoDraw)?;
        if draw.frozen.is_none() {
            return Err(Unshown::NotFrozen.into());
        }
        let token = self.queue_token(room, request, trace)?;
        let token = token.filter(|token| token.window == snapshot.survey.orders.window);
        let token = token.ok_or(Unshown::NoReceipt)?;
        let kept = kept(room, &snapshot).ok_or(Unshown::NotHere)?;
        if draw.drawn.is_some() && kept.roster.is_none() {
            return Err(Unshown::NotHere.into());
        }
        let receipt = kept.receipt(token.visitor).ok_or(Unshown::NoReceipt)?;
        Ok(Shown::Receipt(Box::new(receipt)))
    }
}

/// What this gateway keeps of the present window's draw.
fn kept(room: &Room, snapshot: &Snapshot) -> Option<Arc<KeptDraw>> {
    let kept = room.draw.load_full()?;
    (kept.window == snapshot.survey.orders.window).then_some(kept)
}

/// `roster=1` and `window=N`; anything else in a query says nothing.
#[derive(Default)]
struct Query<'q> {
    roster: bool,
    window: Option<&'q str>,
}

impl<'q> Query<'q> {
    fn read(query: &'q str) -> Self {
        let mut asked = Self::default();
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("roster", "1")) => asked.roster = true,
                Some(("window", window)) => asked.window = Some(window),
                Some(_) | None => {}
            }
        }
        asked
    }
}

impl Line<'_> {
    /// What the holder of a token can look at of the draw: the receipt is for who was drawn.
    pub(super) fn checkable(&self, token: &QueueToken) -> Checkable {
        let orders = &self.snapshot.survey.orders;
        let Some(draw) = orders.draw.as_ref() else {
            return Checkable::Nothing;
        };
        let ours = draw.frozen.filter(|_| token.window == orders.window);
        let was_drawn = ours.is_some_and(|frozen| match token.place {
            None => token.lobby && orders.state == WindowState::Drawing,
            Some(place) => {
                let rank = place.number().checked_sub(frozen.base);
                let among = rank.is_some_and(|rank| (1..=frozen.count).contains(&rank));
                among && place.epoch() == frozen.epoch
            }
        });
        if was_drawn {
            Checkable::Receipt
        } else {
            Checkable::Facts
        }
    }

    /// Whether this gateway has the order that the window's lobby was drawn in.
    #[must_use]
    pub fn has_order(&self) -> bool {
        kept(self.room, self.snapshot).is_some_and(|kept| kept.roster.is_some())
    }

    /// Whether the holder of a token was drawn, for all that is known, in an order that this
    /// gateway has not got yet.
    pub(super) fn lacks_order(&self, token: &QueueToken) -> bool {
        let survey = &self.snapshot.survey;
        let draw = survey.orders.draw.as_ref();
        let drawn = draw.is_some_and(|draw| draw.drawn.is_some());
        token.lobby && token.epoch == survey.epoch && drawn && !self.has_order()
    }

    /// The token of who was drawn, with the place: told from the roster that this gateway keeps.
    /// `None` where the visitor has a place already, was not drawn, or the store must be asked: who
    /// came back in a room of rounds may be in the lobby of a later one.
    pub(super) fn drawn(&self, token: &QueueToken) -> Option<QueueToken> {
        let came_back = token.turn > Turn::FIRST && self.terms().fairness_window.is_some();
        if !token.lobby || token.place.is_some() || came_back {
            return None;
        }
        let orders = &self.snapshot.survey.orders;
        let draw = orders.draw.as_ref()?;
        let (frozen, _drawn) = (draw.frozen?, draw.drawn?);
        let kept = kept(self.room, self.snapshot)?;
        if token.window != kept.window {
            return None;
        }
        let number = frozen.base.checked_add(kept.rank(token.visitor)?)?;
        Some(QueueToken {
            lobby: false,
            place: Some(Place::new(frozen.epoch, number)?),
            ..*token
        })
    }
}
