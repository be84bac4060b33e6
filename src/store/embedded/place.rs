//! The frozen lobby is read, and those in it get the places that were drawn.

use super::draw::{BLOCK, is_of, is_told, next_of, published, queued, unplaced};
use super::entry::{Entry, Status};
use super::lobby::part;
use super::room::Room;
use crate::domain::lane::Lane;
use crate::domain::place::{Place, Turn};
use crate::domain::visitor::VisitorId;
use crate::domain::window::{WindowId, WindowState};
use crate::store::lobby::{Chunk, Cut, LobbyPage, MOST_PAGE, Placed};

impl Room {
    /// A page of the frozen lobby.
    pub(super) fn lobby_page(&self, from: u32, most: u32) -> LobbyPage {
        let Some(cut) = self.head.cut else {
            return LobbyPage::default();
        };
        LobbyPage {
            round: cut.round,
            count: cut.count,
            visitors: self.lobby.page(from, most.min(MOST_PAGE)),
        }
    }

    /// A page of a window's drawn order.
    pub(super) fn roster_page(&self, window: WindowId, from: u32, most: u32) -> Vec<VisitorId> {
        if self.head.roster_of != window {
            return Vec::new();
        }
        part(&self.roster, from, most.min(MOST_PAGE)).to_vec()
    }

    /// Gives the next of a round their places.
    pub(super) fn place(&mut self, chunk: &Chunk) -> Placed {
        if chunk.window != self.window() || self.head.orders.state == WindowState::Ended {
            return Placed { upto: 0 };
        }
        match self.head.cut {
            Some(cut) if is_of(chunk, &cut) => self.place_frozen(chunk, cut),
            Some(_) | None => self.place_lost(chunk),
        }
    }

    fn place_frozen(&mut self, chunk: &Chunk, mut cut: Cut) -> Placed {
        let next = next_of(chunk, cut.placed, cut.count);
        if !next.iter().all(|one| self.lobby.frozen(*one).is_some()) {
            return Placed { upto: 0 };
        }
        let number = self.head.lobby.saturating_sub(1);
        for visitor in next {
            cut.placed += 1;
            let place = Place::new(cut.epoch, cut.base + cut.placed);
            let entry = self.visitors.get(visitor).copied();
            let waits = entry.filter(|entry| entry.status == Status::Lobby { number });
            if let (Some(entry), Some(place)) = (waits, place) {
                self.put(*visitor, queued(entry, place));
            }
            if cut.round == 0 {
                self.draw(*visitor);
            }
        }
        if !next.is_empty() {
            self.head.cut = Some(cut);
            self.changed();
        }
        if cut.round > 0 || self.head.orders.state.claims() {
            self.dismiss_complete();
        }
        Placed { upto: cut.placed }
    }

    /// Puts places of a draw back that the orders tell of and the room does not know. What was
    /// lost is of an older epoch.
    fn place_lost(&mut self, chunk: &Chunk) -> Placed {
        let told = published(&self.head.orders).copied();
        let Some(draw) = told.filter(|draw| is_told(chunk, draw)) else {
            return Placed { upto: 0 };
        };
        let mut placed = self.drawn();
        let next = next_of(chunk, placed, draw.count);
        if next.is_empty() || draw.epoch >= self.epoch() {
            return Placed { upto: placed };
        }
        if self.head.roster_of != chunk.window {
            self.begin_roster(chunk.window);
        }
        for visitor in next {
            placed += 1;
            if let Some(place) = Place::new(draw.epoch, draw.base.saturating_add(placed)) {
                self.put_back_drawn(*visitor, place);
            }
            self.draw(*visitor);
        }
        Placed { upto: placed }
    }

    /// Puts somebody at the place that was drawn, unless more is known of the visitor than that it
    /// waits since the loss. Whose lane is not known gets into it with the token: see
    /// [`Room::settle_lane`].
    fn put_back_drawn(&mut self, visitor: VisitorId, place: Place) {
        if self.queues.holds(place) {
            return;
        }
        let Some(entry) = self.visitors.get(&visitor).copied() else {
            if self.sessions.of(self.window(), visitor).is_none() {
                let entry = unplaced(Status::Absent, Turn::FIRST, None, Lane::GENERAL);
                self.put(visitor, queued(entry, place));
            }
            return;
        };
        let came_since = entry.turn == Turn::FIRST && entry.place.epoch() > place.epoch();
        match entry.status {
            Status::Lobby { .. } => self.put(visitor, queued(entry, place)),
            Status::Waiting { .. } | Status::Absent | Status::Away { .. } if came_since => {
                self.put(visitor, Entry { place, ..entry });
            }
            Status::Waiting { .. }
            | Status::Absent
            | Status::Away { .. }
            | Status::Released { .. }
            | Status::Admitted { .. }
            | Status::Ended(_) => {}
        }
    }

    /// Notes who is next in the drawn order.
    fn draw(&mut self, visitor: VisitorId) {
        let block = self.roster.len() / BLOCK;
        self.dirty.roster.extend(u32::try_from(block).ok());
        self.roster.push(visitor);
        self.changed();
    }
}
