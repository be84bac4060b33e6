//! The sweep: clears away what is of no use any more, a bounded part each time.

use super::moment::Moment;
use super::room::Room;
use crate::domain::lane::Lane;
use crate::domain::place::Place;

/// Places a sweep looks at, rows of old windows it clears and ends it forgets, a call at most.
const SWEEP: usize = 1_024;

impl Room {
    /// Clears away a bounded number of things; says how many.
    pub(super) fn sweep(&mut self) -> u64 {
        self.find_absent()
            + self.clear_leftovers()
            + self.clear_old_lobbies()
            + self.forget_ends()
            + self.forget_uses()
    }

    /// Looks at the next so many places of each lane that should have checked in.
    fn find_absent(&mut self) -> u64 {
        let lanes = self.queues.used();
        let most = SWEEP.checked_div(lanes).unwrap_or(SWEEP);
        let lanes = Lane::all().take(lanes);
        lanes.map(|lane| self.find_absent_in(lane, most)).sum()
    }

    fn find_absent_in(&mut self, lane: Lane, most: usize) -> u64 {
        let expected = self.expected(lane);
        let queue = self.queues.of_mut(lane);
        let from = queue.cursor.take().unwrap_or(Place::LOWEST);
        if from > expected {
            return 0;
        }
        let looked: Vec<_> = queue.iter(from..=expected).take(most + 1).collect();
        queue.cursor = looked.get(most).map(|(place, _)| *place);
        let mut found = 0;
        for (_, visitor) in looked.into_iter().take(most) {
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
