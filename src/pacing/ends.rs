//! Sessions that ended before their tokens did, remembered as long as such a token could be
//! honoured.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::store::Ending;

/// The ends that one gateway knows of.
#[derive(Debug, Default)]
pub(super) struct Ends {
    sessions: Arc<HashSet<Jti>>,
    /// In the order in which they are forgotten.
    forget: VecDeque<Known>,
}

/// One end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Whose.
    pub(super) session: Jti,
    /// Why it came.
    pub(super) why: EndedBy,
    /// The monotonic time until which it is remembered.
    pub(super) until: Duration,
}

impl Ends {
    /// The sessions, to be shared with the gate.
    pub(super) fn shared(&self) -> Arc<HashSet<Jti>> {
        Arc::clone(&self.sessions)
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.forget.len() as u64
    }

    /// Takes in new ends, to be kept until the monotonic time `until`, and forgets what may be
    /// forgotten by `now`. Says whether anything is new.
    pub(super) fn learn(&mut self, new: &[(Jti, EndedBy)], until: Duration, now: Duration) -> bool {
        let over = self.forget.iter().take_while(|end| end.until <= now);
        let over = over.count();
        let unknown = |(session, _): &(Jti, EndedBy)| !self.sessions.contains(session);
        if over == 0 && !new.iter().any(unknown) {
            return false;
        }
        let mut sessions = HashSet::clone(&self.sessions);
        for end in self.forget.drain(..over) {
            sessions.remove(&end.session);
        }
        let mut learned = false;
        for (session, why) in new.iter().copied() {
            if sessions.insert(session) {
                learned = true;
                self.forget.push_back(Known {
                    session,
                    why,
                    until,
                });
            }
        }
        self.sessions = Arc::new(sessions);
        learned
    }

    /// Every end that is remembered.
    pub(super) fn each(&self) -> impl Iterator<Item = Known> {
        self.forget.iter().copied()
    }

    /// What to tell a store that may have forgotten them.
    pub(super) fn to_tell(&self, now: Duration) -> Vec<Ending> {
        let ending = |end: Known| Ending {
            session: end.session,
            why: end.why,
            life: end.until.saturating_sub(now),
        };
        self.each().map(ending).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_known_until_its_time_and_told_with_what_is_left_of_it() {
        let one = (Jti([1; 16]), EndedBy::Revoked);
        let two = (Jti([2; 16]), EndedBy::Completed);
        let secs = Duration::from_secs;
        let mut ends = Ends::default();
        assert!(ends.learn(&[one], secs(10), secs(0)));
        assert!(ends.learn(&[two, one], secs(15), secs(5)));
        assert!(
            !ends.learn(&[one, two], secs(16), secs(6)),
            "nothing is new"
        );
        assert_eq!(ends.count(), 2);

        let told = ends.to_tell(secs(6));
        let told = told.iter().map(|end| ((end.session, end.why), end.life));
        assert!(told.eq([(one, secs(4)), (two, secs(9))]));

        assert!(!ends.learn(&[], secs(0), secs(10)));
        assert!(!ends.shared().contains(&one.0) && ends.shared().contains(&two.0));
    }
}
