//! A visitor who passes at once: join, release and claim in one step, where nobody waits.

use super::room::Room;
use crate::domain::place::Turn;
use crate::domain::room::Terms;
use crate::domain::standing::{Stand, Standing};
use crate::store::{Claim, Claimed, Joined, Passed, Passing};

impl Room {
    /// Lets a visitor in where nobody present waits and bucket and capacity allow; else it has
    /// joined.
    pub(super) fn pass(&mut self, terms: &Terms, ask: &Passing) -> Passed {
        let free = self.is_free(terms);
        // Whoever passes waits for no draw.
        let drawn = terms.fairness_window.filter(|_| !free);
        let joining = Terms {
            fairness_window: drawn,
            ..*terms
        };
        let joined = self.join(&joining, &ask.joining);
        let Joined::Stands(stand) = joined else {
            return Passed::Joined(joined);
        };
        let waits = matches!(stand.standing, Standing::Waiting { .. });
        let (true, true, Some(place)) = (free, waits, stand.place) else {
            return Passed::Joined(joined);
        };
        let pace = terms.pace_in_force(self.head.orders.pace);
        if !self.head.ticks.pass(pace) {
            return Passed::Joined(joined);
        }
        let until = self.head.claim_time.after(terms.session.claim_window);
        self.let_go((stand.lane, place), ask.joining.visitor, until);
        self.head.releases_total += 1;
        self.changed();
        self.claims_first_turn(terms, ask, stand)
    }

    /// Whether the next visitor may pass: nobody who has not been found absent waits.
    fn is_free(&self, terms: &Terms) -> bool {
        self.head.orders.state.releases()
            && self.recovering().is_zero()
            && self.waiting_in_all() == self.queues.absent()
            && self.capacity_left(terms) > 0
            && { self.head.ticks }.pass(terms.pace_in_force(self.head.orders.pace))
    }

    fn claims_first_turn(&mut self, terms: &Terms, ask: &Passing, stand: Stand) -> Passed {
        let claim = Claim {
            visitor: ask.joining.visitor,
            window: ask.joining.window,
            turn: stand.turn,
            session: ask.session,
            at: ask.at,
        };
        let stand = self.present_stand(&stand, ask);
        if stand.turn != Turn::FIRST {
            return Passed::Joined(Joined::Stands(stand));
        }
        match self.claim(terms, &claim) {
            Claimed::Admitted { rev, .. } => Passed::Admitted {
                rev,
                stand: self.present_stand(&stand, ask),
            },
            Claimed::Not(stand) => Passed::Joined(Joined::Stands(stand)),
        }
    }

    /// Where the visitor stands by now.
    fn present_stand(&self, before: &Stand, ask: &Passing) -> Stand {
        let entry = self.visitors.get(&ask.joining.visitor);
        entry.map_or(*before, |entry| self.stand(entry))
    }
}
