//! A room's verbs for those who cannot be there: stepping away, and more time for a turn.

use super::entry::{Entry, Status};
use super::room::Room;
use super::sessions::Guest;
use crate::domain::room::Terms;
use crate::domain::standing::Stand;
use crate::store::{CheckIn, Granted};

impl Room {
    /// Lets a visitor step away, who keeps the place and is not called until it is back.
    pub(super) fn step_away(&mut self, terms: &Terms, token: &CheckIn) -> Granted {
        let entry = match self.entry_of(terms, token) {
            Ok(entry) => entry,
            Err(stand) => return Granted::Not(stand),
        };
        match entry.status {
            Status::Away { until } if until > self.now() => {
                return Granted::Yes(self.stand(&entry));
            }
            Status::Released { .. } if self.queues.holds(entry.place) => {
                return Granted::Not(self.stand(&entry));
            }
            Status::Waiting { .. }
            | Status::Absent
            | Status::Away { .. }
            | Status::Released { .. } => {}
            Status::Lobby { .. } | Status::Admitted { .. } | Status::Ended(_) => {
                return Granted::Not(self.stand(&entry));
            }
        }
        if entry.step_aways >= terms.absence.step_aways {
            return Granted::Spent(self.stand(&entry));
        }
        let until = self.now().after(terms.absence.step_away);
        let away = Entry {
            status: Status::Away { until },
            step_aways: entry.step_aways + 1,
            ..entry
        };
        self.put(token.visitor, away);
        Granted::Yes(self.stand(&away))
    }

    /// Gives a visitor who was called another claim window from now on.
    pub(super) fn extend(&mut self, terms: &Terms, token: &CheckIn) -> Granted {
        let entry = match self.entry_of(terms, token) {
            Ok(entry) => entry,
            Err(stand) => return Granted::Not(stand),
        };
        let Status::Released { until } = entry.status else {
            return Granted::Not(self.stand(&entry));
        };
        let now = self.head.claim_time;
        if terms.session.is_fresh(until.left(now)) {
            return Granted::Yes(self.stand(&entry));
        }
        if entry.extensions >= terms.absence.extensions {
            return Granted::Spent(self.stand(&entry));
        }
        let until = until.max(now.after(terms.session.claim_window));
        let longer = Entry {
            status: Status::Released { until },
            extensions: entry.extensions + 1,
            ..entry
        };
        self.put(token.visitor, longer);
        Granted::Yes(self.stand(&longer))
    }

    /// The entry that a token speaks of, put back where the store lost it; else what is to be
    /// said.
    fn entry_of(&mut self, terms: &Terms, token: &CheckIn) -> Result<Entry, Stand> {
        let guest = Guest {
            window: token.window,
            visitor: token.visitor,
            turn: token.turn,
        };
        let stand = match self.entry(guest) {
            Ok(entry) => return Ok(self.settle_lane(terms, token, entry)),
            Err(stand) => stand,
        };
        self.put_back(terms, token)
            .and_then(|_| self.visitors.get(&token.visitor).copied())
            .ok_or(stand)
    }
}
