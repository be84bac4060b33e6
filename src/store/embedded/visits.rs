//! A room's verbs for those who queue: join, check in, leave.

use std::time::Duration;

use super::entry::{Entry, Status};
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

impl Room {
    /// Gives a visitor a place or puts it into the lobby, or says where it stands already. A
    /// visitor with a living turn is answered in every state, so that a join whose answer was lost
    /// may be sent again.
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
        let lane = terms.lanes.lane(ask.lane);
        let entry = if self.gathers(terms) {
            self.in_lobby(turn, before, lane)
        } else if let Some(place) = self.next_place() {
            let entry = self.waiting(turn, place, lane, ask.promised);
            Entry { before, ..entry }
        } else {
            return Joined::Full;
        };
        self.head.joins_total += 1;
        self.put(ask.visitor, entry);
        Joined::Stands(self.stand(&entry))
    }

    /// Says where a token's holder stands, and marks it present.
    pub(super) fn check_in(&mut self, terms: &Terms, token: &CheckIn) -> Stand {
        let guest = Guest {
            window: token.window,
            visitor: token.visitor,
            turn: token.turn,
        };
        match self.entry(guest) {
            Ok(entry) => {
                let entry = self.settle_lane(terms, token, entry);
                self.see(token.visitor, entry, (token.promised, token.shown_by))
            }
            Err(stand) => self.put_back(terms, token).unwrap_or(stand),
        }
    }

    /// A drawn place that a gateway put back after a loss is in the general lane until a token
    /// from before the loss tells its own: the drawn order says nothing of lanes. The entry after
    /// it.
    pub(super) fn settle_lane(&mut self, terms: &Terms, token: &CheckIn, entry: Entry) -> Entry {
        let lane = terms.lanes.lane(token.lane);
        let waits = matches!(
            entry.status,
            Status::Waiting { .. } | Status::Absent | Status::Away { .. }
        );
        let proves = token.epoch < self.epoch() && token.place == entry.place;
        let own = entry.lane != Lane::GENERAL || lane == Lane::GENERAL;
        if !(waits && proves) || own {
            return entry;
        }
        let entry = Entry { lane, ..entry };
        self.put(token.visitor, entry);
        entry
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

    /// Up to which place visitors of a lane know that they are near the front: where the horizon
    /// has been for long enough, and everything at or behind the front, which only a check-in puts
    /// there.
    pub(super) fn expected(&self, lane: Lane) -> Place {
        let covered = self.head.lanes.of(lane).horizons.expected(self.now().0);
        covered.unwrap_or(Place::LOWEST).max(self.front(lane))
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
    pub(super) fn put_back(&mut self, terms: &Terms, token: &CheckIn) -> Option<Stand> {
        let lost = token.window == self.window()
            && self.head.orders.state != WindowState::Ended
            && token.epoch < self.epoch();
        if !lost || self.queues.holds(token.place) {
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
        let lane = terms.lanes.lane(token.lane);
        let entry = Entry {
            before,
            ..self.waiting(token.turn, token.place, lane, token.promised)
        };
        self.put(token.visitor, entry);
        Some(self.stand(&entry))
    }

    fn waiting(&self, turn: Turn, place: Place, lane: Lane, promised: Duration) -> Entry {
        let seen_until = self.now().after(presence::check_in_lasts(promised));
        Entry {
            turn,
            place,
            status: Status::Waiting { seen_until },
            missed: false,
            before: None,
            lane,
            step_aways: 0,
            extensions: 0,
        }
    }
}
