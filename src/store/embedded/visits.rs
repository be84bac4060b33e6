//! A room's verbs for those who queue: join, check in, leave; and the sweep after them.

use std::time::Duration;

use super::entry::{Entry, Status};
use super::moment::Moment;
use super::room::Room;
use super::sessions::{End, Guest, Told};
use crate::domain::lane::Lane;
use crate::domain::place::{Place, Turn};
use crate::domain::presence;
use crate::domain::room::Terms;
use crate::domain::standing::{EndedBy, Stand};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowState;
use crate::store::{CheckIn, Joined, Joining, Leaving, ShownBy};

/// Places a sweep looks at, rows of old windows it clears and ends it forgets, a call at most.
const SWEEP: usize = 1_024;

impl Room {
    /// Gives a visitor a place or puts it into the lobby, or says where it stands already. A visitor with a living turn is
    /// answered in every state, so that a join whose answer was lost may be sent again.
    pub(super) fn join(&mut self, terms: &Terms, ask: &Joining) -> Joined {
        if ask.window != self.window() {
            return Joined::Shut;
        }
        let known = self.visitors.get(&ask.visitor).copied();
        let (turn, before) = match known {
            None => (Turn::FIRST, None),
            Some(entry) => match entry.status {
                Status::Ended(why) if entry.turn.next() > entry.turn => {
                    (entry.turn.next(), Some(why))
                }
                _ => {
                    let seen = (ask.promised, ShownBy::Visitor);
                    return Joined::Stands(self.see(ask.visitor, entry, seen));
                }
            },
        };
        if !self.head.orders.state.joins() {
            return Joined::Shut;
        }
        if self.waiting_in_all() >= u64::from(terms.max_waiting) || !self.has_numbers() {
            return Joined::Full;
        }
        let entry = if self.gathers(terms) {
            self.in_lobby(turn, before, ask.lane)
        } else if let Some(place) = self.next_place() {
            self.waiting(turn, place, before, ask.promised)
        } else {
            return Joined::Full;
        };
        self.head.joins_total += 1;
        self.put(ask.visitor, entry);
        Joined::Stands(self.stand(&entry))
    }

    /// Says where a token's holder stands, and marks it present.
    pub(super) fn check_in(&mut self, token: &CheckIn) -> Stand {
        let guest = Guest {
            window: token.window,
            visitor: token.visitor,
            turn: token.turn,
        };
        match self.entry(guest) {
            Ok(entry) => self.see(token.visitor, entry, (token.promised, token.shown_by)),
            Err(stand) => self.put_back(token).unwrap_or(stand),
        }
    }

    /// Ends a turn wherever it stands. A session of an older window is found by its visitor.
    pub(super) fn leave(&mut self, leaving: &Leaving) {
        let guest = Guest {
            window: leaving.window,
            visitor: leaving.visitor,
            turn: leaving.turn,
        };
        if let Some((jti, session)) = self.sessions.of(guest.window, guest.visitor)
            && session.guest == Some(guest)
        {
            let end = End {
                why: EndedBy::Left,
                number: None,
                forget: session.until,
            };
            self.end_session(jti, end, Told::Gateways);
            return;
        }
        let Ok(entry) = self.entry(guest) else {
            return;
        };
        if !matches!(entry.status, Status::Ended(_)) {
            let status = Status::Ended(EndedBy::Left);
            self.put(guest.visitor, Entry { status, ..entry });
        }
    }

    /// Clears away a bounded number of things; says how many.
    pub(super) fn sweep(&mut self) -> u64 {
        self.find_absent()
            + self.clear_leftovers()
            + self.clear_old_lobbies()
            + self.forget_ends()
            + self.forget_uses()
    }

    /// Up to which place visitors know that they are near the front: where the horizon has been
    /// for long enough, and everything at or behind the front, which only a check-in puts there.
    pub(super) fn expected(&self) -> Place {
        let covered = self.head.horizons.expected(self.now().0);
        covered.unwrap_or(Place::LOWEST).max(self.front())
    }

    /// Whether the visitor at `place` waits there and has not been seen for too long.
    pub(super) fn has_lapsed(&self, visitor: VisitorId) -> bool {
        let status = self.visitors.get(&visitor).map(|entry| entry.status);
        matches!(status, Some(Status::Waiting { seen_until }) if seen_until <= self.now())
    }

    /// Notes that a waiting visitor is not there.
    pub(super) fn lose(&mut self, visitor: VisitorId) {
        if let Some(entry) = self.visitors.get(&visitor).copied() {
            let status = Status::Absent;
            self.put(visitor, Entry { status, ..entry });
        }
    }

    /// Marks a visitor present and says where it stands. Presence alone is written with the next
    /// tick: nobody waits for it to be durable.
    fn see(&mut self, visitor: VisitorId, entry: Entry, seen: (Duration, ShownBy)) -> Stand {
        let (promised, by) = seen;
        let now = self.now();
        let until = now.after(presence::check_in_lasts(promised));
        match entry.status {
            Status::Away { until } if until > now && by == ShownBy::Page => {}
            Status::Away { .. } => {
                let status = Status::Waiting { seen_until: until };
                let back = Entry { status, ..entry };
                self.put(visitor, back);
                return self.stand(&back);
            }
            Status::Waiting { seen_until } => {
                if let Some(kept) = self.visitors.get_mut(&visitor) {
                    kept.status = Status::Waiting {
                        seen_until: seen_until.max(until),
                    };
                    self.dirty.visitors.insert((entry.place, visitor));
                }
            }
            Status::Absent => {
                let status = Status::Waiting { seen_until: until };
                self.put(visitor, Entry { status, ..entry });
            }
            Status::Lobby { .. }
            | Status::Released { .. }
            | Status::Admitted { .. }
            | Status::Ended(_) => {}
        }
        self.stand(&entry)
    }

    /// Puts a token of an older epoch back at its own place: the store lost it. `None` where it
    /// may not, because the turn ended or a newer one began, or was never this store's to keep.
    pub(super) fn put_back(&mut self, token: &CheckIn) -> Option<Stand> {
        let lost = token.window == self.window()
            && self.head.orders.state != WindowState::Ended
            && token.epoch < self.epoch();
        if !lost || self.queue.holds(token.place) {
            return None;
        }
        let before = match self.visitors.get(&token.visitor) {
            None => None,
            Some(entry) if entry.turn >= token.turn => return None,
            Some(entry) => match entry.status {
                Status::Ended(why) => Some(why),
                Status::Lobby { .. }
                | Status::Waiting { .. }
                | Status::Absent
                | Status::Away { .. } => entry.before,
                Status::Released { .. } | Status::Admitted { .. } => return None,
            },
        };
        let inside = self.sessions.of(token.window, token.visitor);
        if before.is_none() && inside.is_some() {
            return None;
        }
        let entry = self.waiting(token.turn, token.place, before, token.promised);
        self.put(token.visitor, entry);
        Some(self.stand(&entry))
    }

    fn waiting(
        &self,
        turn: Turn,
        place: Place,
        before: Option<EndedBy>,
        promised: Duration,
    ) -> Entry {
        let seen_until = self.now().after(presence::check_in_lasts(promised));
        Entry {
            turn,
            place,
            status: Status::Waiting { seen_until },
            missed: false,
            before,
            lane: Lane::GENERAL,
            step_aways: 0,
            extensions: 0,
        }
    }

    /// Looks at the next so many places that should have checked in.
    fn find_absent(&mut self) -> u64 {
        let from = self.cursor.take().unwrap_or(Place::LOWEST);
        if from > self.expected() {
            return 0;
        }
        let range = from..=self.expected();
        let looked: Vec<_> = self.queue.iter(range).take(SWEEP + 1).collect();
        self.cursor = looked.get(SWEEP).map(|(place, _)| *place);
        let mut found = 0;
        for (_, visitor) in looked.into_iter().take(SWEEP) {
            if self.has_lapsed(visitor) {
                self.lose(visitor);
                found += 1;
            }
        }
        found
    }

    fn clear_leftovers(&mut self) -> u64 {
        let mut cleared = 0;
        while let Some(window) = self.leftovers.front_mut() {
            for (visitor, entry) in window.by_ref().take(SWEEP - cleared) {
                self.dirty.visitors.insert((entry.place, visitor));
                cleared += 1;
            }
            if cleared == SWEEP {
                break;
            }
            self.leftovers.pop_front();
        }
        if cleared > 0 {
            self.changed();
        }
        cleared as u64
    }

    fn clear_old_lobbies(&mut self) -> u64 {
        let mut cleared = 0;
        while let Some((number, members)) = self.lobby.leftovers.front_mut() {
            for (visitor, _) in members.by_ref().take(SWEEP - cleared) {
                self.dirty.members.insert((*number, visitor));
                cleared += 1;
            }
            if cleared == SWEEP {
                break;
            }
            self.lobby.leftovers.pop_front();
        }
        if cleared > 0 {
            self.changed();
        }
        cleared as u64
    }

    fn forget_ends(&mut self) -> u64 {
        let now: Moment = self.now();
        let mut forgotten = 0;
        while forgotten < SWEEP as u64
            && let Some(jti) = self.sessions.forget_one(now)
        {
            self.dirty.ends.insert(jti);
            self.changed();
            forgotten += 1;
        }
        forgotten
    }
}
