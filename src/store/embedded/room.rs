//! One room's state, and the operator's verbs. Pure: no waiting, no disk, no clock.
//!
//! Visitors' verbs are in `visits`, the tick in `release` and `call`, sessions' verbs in `stays`. Every
//! change of a visitor's entry goes through [`Room::put`], which keeps queue, turns and what must
//! be written in step with it.

use std::collections::{BTreeSet, HashMap, VecDeque, hash_map};

use super::dirty::Dirty;
use super::entry::{Entry, Head, Status};
use super::lanes::Queues;
use super::lobby::Lobby;
use super::moment::Moment;
use super::sessions::{Guest, Sessions};
use super::spent::Uses;
use crate::domain::lane::Lane;
use crate::domain::place::{Epoch, NUMBER_BITS, Place, Turn};
use crate::domain::standing::{EndedBy, Stand, Standing};
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowId, WindowState};
use crate::store::Ordered;

/// One room.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) head: Head,
    pub(super) visitors: HashMap<VisitorId, Entry>,
    pub(super) queues: Queues,
    pub(super) turns: BTreeSet<(Moment, Place, VisitorId)>,
    pub(super) sessions: Sessions,
    /// Single-use things; they outlast windows.
    pub(super) uses: Uses,
    pub(super) lobby: Lobby,
    /// The order that the lobby of the prequeue of `head.roster_of` was drawn in.
    pub(super) roster: Vec<VisitorId>,
    /// Visitors of dismissed windows, not yet cleared from disk.
    pub(super) leftovers: VecDeque<hash_map::IntoIter<VisitorId, Entry>>,
    pub(super) dirty: Dirty,
    /// Grows with every change that an answer may show.
    pub(super) version: u64,
}

impl Room {
    /// A room nobody has ordered anything for.
    pub(super) fn new(epoch: Epoch, incarnation: u64) -> Self {
        let head = Head {
            epoch: epoch.0,
            incarnation,
            ..Head::default()
        };
        let mut room = Self {
            head,
            ..Self::default()
        };
        room.changed();
        room
    }

    /// Room time: all accepted elapsed time.
    pub(super) const fn now(&self) -> Moment {
        Moment(self.head.ticks.earned)
    }

    pub(super) const fn epoch(&self) -> Epoch {
        Epoch(self.head.epoch)
    }

    pub(super) const fn window(&self) -> WindowId {
        self.head.orders.window
    }

    /// The highest place released from a lane so far.
    pub(super) fn front(&self, lane: Lane) -> Place {
        Place::from_score(self.head.lanes.of(lane).front).unwrap_or(Place::LOWEST)
    }

    /// Notes a change that answers may show; they wait until it is durable.
    pub(super) const fn changed(&mut self) {
        self.version += 1;
        self.dirty.head = true;
    }

    /// Writes a visitor's entry and whatever follows from it.
    pub(super) fn put(&mut self, visitor: VisitorId, entry: Entry) {
        if let Some(old) = self.visitors.insert(visitor, entry) {
            match old.status {
                Status::Waiting { .. } | Status::Absent | Status::Away { .. } => {
                    self.queues.of_mut(old.lane).remove(old.place);
                }
                Status::Released { until } => {
                    self.turns.remove(&(until, old.place, visitor));
                }
                Status::Lobby { number } => self.leave_lobby(number, visitor, old.lane),
                Status::Admitted { .. } | Status::Ended(_) => {}
            }
            if !old.is_plain_lobby() {
                self.dirty.visitors.insert((old.place, visitor));
            }
        }
        match entry.status {
            Status::Waiting { .. } => self.queues.add(entry.lane, entry.place, visitor),
            Status::Absent | Status::Away { .. } => {
                self.queues.add_absent(entry.lane, entry.place, visitor);
            }
            Status::Released { until } => {
                self.turns.insert((until, entry.place, visitor));
            }
            Status::Lobby { number } => self.enter_lobby(number, visitor, entry.lane),
            Status::Admitted { .. } | Status::Ended(_) => {}
        }
        if !entry.is_plain_lobby() {
            self.dirty.visitors.insert((entry.place, visitor));
        }
        self.changed();
    }

    fn enter_lobby(&mut self, number: u32, visitor: VisitorId, lane: Lane) {
        self.queues.use_lane(lane);
        if number == self.head.lobby {
            self.lobby.add(visitor, lane);
            self.dirty.members.insert((number, visitor));
        } else {
            self.lobby.wait(lane);
        }
    }

    /// Who leaves a frozen lobby stays in its roster.
    fn leave_lobby(&mut self, number: u32, visitor: VisitorId, lane: Lane) {
        if number == self.head.lobby {
            self.lobby.remove(visitor);
            self.dirty.members.insert((number, visitor));
        } else {
            self.lobby.wait_no_longer(lane);
        }
    }

    /// Where an entry stands, as its visitor is told.
    pub(super) fn stand(&self, entry: &Entry) -> Stand {
        let standing = match entry.status {
            Status::Lobby { .. } => Standing::Lobby,
            Status::Away { until } if until > self.now() => Standing::Away {
                left: until.left(self.now()),
            },
            Status::Waiting { .. } | Status::Absent | Status::Away { .. } => Standing::Waiting {
                ahead: self.ahead_of(entry.lane, entry.place),
            },
            Status::Released { until } => Standing::Released {
                left: until.left(self.head.claim_time),
            },
            Status::Admitted { .. } => Standing::Admitted,
            Status::Ended(why) => Standing::Ended(why),
        };
        let placed = !matches!(entry.status, Status::Lobby { .. } | Status::Ended(_));
        Stand {
            standing,
            turn: entry.turn,
            place: placed.then_some(entry.place),
            lane: entry.lane,
            epoch: self.epoch(),
            tick: self.head.ticks.tick,
        }
    }

    /// The entry of a stay, or what is to be said where there is none: the turn is over, the
    /// visitor is inside although the queue was dismissed, or nothing is known.
    pub(super) fn entry(&self, guest: Guest) -> Result<Entry, Stand> {
        let stand = |standing, turn| Stand {
            standing,
            turn,
            place: None,
            lane: Lane::GENERAL,
            epoch: self.epoch(),
            tick: self.head.ticks.tick,
        };
        let unknown = stand(Standing::Unknown, Turn::FIRST);
        if guest.window != self.window() {
            return Err(unknown);
        }
        match self.visitors.get(&guest.visitor) {
            Some(entry) if entry.turn == guest.turn => Ok(*entry),
            Some(entry) if entry.turn > guest.turn => {
                let why = entry.before.unwrap_or(EndedBy::Expired);
                Err(stand(Standing::Ended(why), guest.turn))
            }
            Some(_) => Err(unknown),
            None => match self.sessions.of(guest.window, guest.visitor) {
                Some((_, session)) if session.guest == Some(guest) => {
                    Err(stand(Standing::Admitted, guest.turn))
                }
                Some(_) | None => Err(unknown),
            },
        }
    }

    /// Writes standing orders if their version is still `if_version`. Gives back the dismissed
    /// queues, if any, for the caller to drop at leisure.
    pub(super) fn order(&mut self, orders: &Orders, if_version: u64) -> (Ordered, Queues) {
        if self.head.orders == *orders {
            return (Ordered::Done, Queues::default());
        }
        if self.head.orders.version != if_version || self.goes_too_far(orders) {
            let present = Box::new(self.head.orders.clone());
            return (Ordered::Changed(present), Queues::default());
        }
        let freezes = self.freezes(orders);
        let dismissed = self.write(orders);
        if freezes {
            self.freeze(0);
        }
        (Ordered::Done, dismissed)
    }

    /// Puts `orders` in force, whatever their version.
    pub(super) fn write(&mut self, orders: &Orders) -> Queues {
        if orders.rev > self.head.orders.rev {
            self.revoke_all();
        }
        let ends = orders.state == WindowState::Ended && self.head.orders.state != orders.state;
        let dismissed = if ends || orders.window != self.window() {
            self.dismiss()
        } else {
            Queues::default()
        };
        self.head.orders.clone_from(orders);
        if orders.state.claims() && self.head.cut.is_some_and(|cut| cut.round == 0) {
            self.dismiss_complete();
        }
        self.changed();
        dismissed
    }

    /// Sends everybody home who waits or was released. Sessions live on, and so does the roster.
    fn dismiss(&mut self) -> Queues {
        let visitors = std::mem::take(&mut self.visitors);
        if !visitors.is_empty() {
            self.leftovers.push_back(visitors.into_iter());
        }
        self.dismiss_lobbies();
        self.turns.clear();
        self.head.grants_met = self.head.orders.grants;
        for lane in self.head.lanes.iter_mut() {
            lane.history.clear();
            lane.lead = 0;
        }
        std::mem::take(&mut self.queues)
    }

    /// The next place, never given out before; `None` when this epoch's numbers are used up.
    pub(super) fn next_place(&mut self) -> Option<Place> {
        let number = self.head.last_number + 1;
        let place = Place::new(self.epoch(), number).filter(|_| number < 1 << NUMBER_BITS)?;
        self.head.last_number = number;
        Some(place)
    }
}
