//! A room's verbs of the draw: how its lobby is frozen, read, placed and kept as a roster.

use super::entry::{Entry, Status};
use super::lobby::part;
use super::moment::Moment;
use super::room::Room;
use crate::domain::draw::Frozen;
use crate::domain::lane::Lane;
use crate::domain::place::{NUMBER_BITS, Place, Turn};
use crate::domain::room::Terms;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId, WindowState};
use crate::store::lobby::{Chunk, Cut};

/// Visitors in one block of the roster: what is written to disk in one row.
pub(super) const BLOCK: usize = 1_024;

impl Room {
    /// Those who wait: in the queue, in the running lobby, and frozen without a place yet.
    pub(super) fn waiting_in_all(&self) -> u64 {
        self.queues.len() + u64::from(self.lobby.gathered()) + self.lobby.undrawn()
    }

    /// Those of a lane who wait: in its queue, in the running lobby, and frozen without a place yet.
    pub(super) fn waiting_in(&self, lane: Lane) -> u64 {
        self.queues.of(lane).len() + self.lobby.gathered_in(lane) + self.lobby.undrawn_in(lane)
    }

    /// Smaller places of a lane less those found absent, and those who will get such a place.
    pub(super) fn ahead_of(&self, lane: Lane, place: Place) -> u64 {
        self.queues.of(lane).ahead_of(place) + self.undrawn_before(lane, place)
    }

    /// Those of a lane who are frozen without a place yet, where all of theirs are before `place`.
    pub(super) fn undrawn_before(&self, lane: Lane, place: Place) -> u64 {
        match self.head.cut.and_then(|cut| cut.last()) {
            Some(last) if place > last => self.lobby.undrawn_in(lane),
            Some(_) | None => 0,
        }
    }

    /// The last place given out so far; those kept free and not yet given are not.
    pub(super) fn last_place(&self) -> Option<Place> {
        match self.head.cut {
            Some(cut) if !cut.is_complete() => Place::new(cut.epoch, cut.base + cut.placed),
            Some(_) | None => Place::new(self.epoch(), self.head.last_number),
        }
    }

    /// Whether this epoch has numbers for all in the running lobby and one more.
    pub(super) fn has_numbers(&self) -> bool {
        let taken = self.head.last_number.checked_add(self.lobby.gathered());
        taken.is_some_and(|taken| taken + 1 < 1 << NUMBER_BITS)
    }

    /// Whether who joins now has to wait for a draw.
    pub(super) fn gathers(&self, terms: &Terms) -> bool {
        match self.head.orders.state {
            WindowState::Prequeue => true,
            // The prequeue's lobby was lost before anything was published of it.
            WindowState::Drawing => !self.has_frozen(&self.head.orders),
            WindowState::Open | WindowState::Paused => terms.fairness_window.is_some(),
            WindowState::Closed | WindowState::Ended => false,
        }
    }

    /// The entry of somebody who comes into the running lobby.
    pub(super) fn in_lobby(&mut self, turn: Turn, before: Option<EndedBy>, lane: Lane) -> Entry {
        if self.lobby.gathered() == 0 {
            self.head.lobby_since = self.now();
        }
        let number = self.head.lobby;
        unplaced(Status::Lobby { number }, turn, before, lane)
    }

    /// Whether the prequeue's lobby of the orders' window has been frozen, here or as they tell.
    pub(super) fn has_frozen(&self, orders: &Orders) -> bool {
        self.head.roster_of == orders.window || published(orders).is_some()
    }

    /// Whether `orders` freeze the lobby.
    pub(super) fn freezes(&self, orders: &Orders) -> bool {
        let begins =
            orders.window != self.window() || self.head.orders.state != WindowState::Drawing;
        orders.state == WindowState::Drawing && begins && !self.has_frozen(orders)
    }

    /// Whether `orders` would go on with a window although a draw of it has to be done before.
    pub(super) fn goes_too_far(&self, orders: &Orders) -> bool {
        if orders.window != self.window() {
            return false;
        }
        let half = self.head.cut.filter(|cut| !cut.is_complete());
        match orders.state {
            WindowState::Open | WindowState::Paused => match half {
                Some(cut) if cut.round == 0 => true,
                Some(_) | None => self.lacks_its_draw(orders),
            },
            WindowState::Drawing => half.is_some() && self.freezes(orders),
            WindowState::Closed | WindowState::Prequeue | WindowState::Ended => false,
        }
    }

    /// Whether a prequeue was not frozen, or a draw that was lost is not yet put back.
    pub(super) fn lacks_its_draw(&self, orders: &Orders) -> bool {
        let state = self.head.orders.state;
        if self.has_frozen(orders) {
            return state == WindowState::Drawing && self.lacks_places(orders);
        }
        let before = matches!(state, WindowState::Prequeue | WindowState::Drawing);
        self.lobby.gathered() > 0 && (before || orders.draw.is_some())
    }

    /// Whether places that the orders tell of are not there.
    pub(super) fn lacks_places(&self, orders: &Orders) -> bool {
        published(orders).is_some_and(|draw| draw.count > self.drawn())
    }

    /// How many of the present window's drawn order are kept.
    pub(super) fn drawn(&self) -> u32 {
        if self.head.roster_of == self.window() {
            u32::try_from(self.roster.len()).unwrap_or(u32::MAX)
        } else {
            0
        }
    }

    /// The lane of somebody in the lobby of this number, as far as it is kept.
    pub(super) fn lane_in(&self, number: u32, visitor: VisitorId) -> Option<Lane> {
        if number == self.head.lobby {
            return self.lobby.running(visitor);
        }
        let frozen = self.head.cut.is_some() && number + 1 == self.head.lobby;
        frozen.then(|| self.lobby.frozen(visitor)).flatten()
    }

    /// Notes a member of the lobby of this number as it is read from disk, after all visitors.
    pub(super) fn read_member(&mut self, number: u32, visitor: VisitorId, lane: Lane) -> bool {
        if number == self.head.lobby {
            self.lobby.add(visitor, lane);
        } else if self.head.cut.is_some() && number + 1 == self.head.lobby {
            self.lobby.read_frozen(visitor, lane);
        } else {
            return false;
        }
        if !self.visitors.contains_key(&visitor) {
            let status = Status::Lobby { number };
            self.put(visitor, unplaced(status, Turn::FIRST, None, lane));
        }
        true
    }

    /// Freezes the running lobby: it gets the next numbers, and nobody comes into it any more.
    pub(super) fn freeze(&mut self, round: u32) {
        let cut = Cut {
            round,
            epoch: self.epoch(),
            base: self.head.last_number,
            count: self.lobby.freeze(),
            placed: 0,
        };
        self.head.last_number += cut.count;
        self.head.cut = Some(cut);
        self.head.lobby += 1;
        if round == 0 {
            self.begin_roster(self.window());
        }
        self.changed();
    }

    /// Freezes the next round, if one is due: see [`crate::store::lobby`]. Whoever is left in the
    /// lobby of a room that draws no rounds, after a loss, is drawn at once.
    pub(super) fn freeze_round(&mut self, terms: &Terms) {
        let lacking = self.lacks_places(&self.head.orders);
        if self.head.cut.is_some() || self.lobby.gathered() == 0 || lacking {
            return;
        }
        let span = terms.fairness_window.unwrap_or_default();
        if self.head.lobby_since.after(span) <= self.now() {
            self.head.rounds += 1;
            self.freeze(self.head.rounds);
        }
    }

    /// Gives up the frozen lobby, once all of it have their places.
    pub(super) fn dismiss_complete(&mut self) {
        if self.head.cut.is_some_and(|cut| cut.is_complete()) {
            self.dismiss_cut();
            self.changed();
        }
    }

    /// Sends everybody home who waits for a draw.
    pub(super) fn dismiss_lobbies(&mut self) {
        self.dismiss_cut();
        self.lobby.dismiss_running(self.head.lobby);
        self.head.lobby += 1;
        self.head.rounds = 0;
    }

    pub(super) fn dismiss_cut(&mut self) {
        if self.head.cut.take().is_some() {
            self.lobby.dismiss_frozen(self.head.lobby.saturating_sub(1));
        }
    }

    pub(super) fn begin_roster(&mut self, window: WindowId) {
        let blocks = self.roster.len().div_ceil(BLOCK);
        self.dirty
            .roster
            .extend((0..blocks).filter_map(|block| u32::try_from(block).ok()));
        self.roster.clear();
        self.head.roster_of = window;
    }
}

/// An entry without a place.
pub(super) fn unplaced(status: Status, turn: Turn, before: Option<EndedBy>, lane: Lane) -> Entry {
    Entry {
        turn,
        place: Place::LOWEST,
        status,
        missed: false,
        before,
        lane,
        step_aways: 0,
        extensions: 0,
    }
}

/// The same at its place in the queue; nobody has seen its visitor there.
pub(super) fn queued(entry: Entry, place: Place) -> Entry {
    let status = Status::Waiting {
        seen_until: Moment::default(),
    };
    Entry {
        place,
        status,
        ..entry
    }
}

/// What the orders tell of the prequeue's cut.
pub(super) fn published(orders: &Orders) -> Option<&Frozen> {
    orders.draw.as_ref().and_then(|draw| draw.frozen.as_ref())
}

pub(super) fn is_of(chunk: &Chunk, cut: &Cut) -> bool {
    (chunk.round, chunk.epoch, chunk.base) == (cut.round, cut.epoch, cut.base)
}

pub(super) fn is_told(chunk: &Chunk, draw: &Frozen) -> bool {
    (chunk.round, chunk.epoch, chunk.base) == (0, draw.epoch, draw.base)
}

/// Those of a chunk who come right after the `placed` first of `count`.
pub(super) fn next_of(chunk: &Chunk, placed: u32, count: u32) -> &[VisitorId] {
    match placed.checked_sub(chunk.from) {
        Some(done) => part(&chunk.visitors, done, count.saturating_sub(placed)),
        None => &[],
    }
}
