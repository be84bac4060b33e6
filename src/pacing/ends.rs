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
    forget: VecDeque<(Duration, Jti)>,
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
    pub(super) fn learn(&mut self, new: &[Jti], until: Duration, now: Duration) -> bool {
        let over = self.forget.iter().take_while(|(at, _)| *at <= now).count();
        let unknown = |session: &&Jti| !self.sessions.contains(*session);
        if over == 0 && !new.iter().any(|session| unknown(&session)) {
            return false;
        }
        let mut sessions = HashSet::clone(&self.sessions);
        for (_, session) in self.forget.drain(..over) {
            sessions.remove(&session);
        }
        let mut learned = false;
        for session in new {
            if sessions.insert(*session) {
                learned = true;
                self.forget.push_back((until, *session));
            }
        }
        self.sessions = Arc::new(sessions);
        learned
    }

    /// Each end with the monotonic time until which it is remembered.
    pub(super) fn each(&self) -> impl Iterator<Item = (Duration, Jti)> {
        self.forget.iter().copied()
    }

    /// What to tell a store that may have forgotten them. Why they ended is not known here: the
    /// visitor is told that the last visit was finished.
    pub(super) fn to_tell(&self, now: Duration) -> Vec<Ending> {
        let ending = |(until, session): (Duration, Jti)| Ending {
            session,
            why: EndedBy::Completed,
            life: until.saturating_sub(now),
        };
        self.each().map(ending).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_known_until_its_time_and_told_with_what_is_left_of_it() {
        let (one, two) = (Jti([1; 16]), Jti([2; 16]));
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
        let told: Vec<_> = told.iter().map(|end| (end.session, end.life)).collect();
        assert_eq!(told, [(one, secs(4)), (two, secs(9))]);

        assert!(!ends.learn(&[], secs(0), secs(10)));
        assert!(!ends.shared().contains(&one) && ends.shared().contains(&two));
    }
}
