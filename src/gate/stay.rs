//! How long an open socket, or an event stream of the site, may stay: as long as the session that
//! opened it.

use std::sync::Arc;

use crate::domain::clock::Now;

use super::admit::Known;
use super::room::Room;

/// What ends what is open.
#[derive(Debug)]
pub enum Stay {
    /// No session: it was opened outside any room, exempt, or where nobody waits.
    Unbound,
    /// The end of a session.
    Session(Box<Watch>),
}

/// The session that opened it is over: it ran out, or was ended or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session that opened it is over")]
pub struct Over;

/// One session, and the room that says when it is over.
#[derive(Debug)]
pub struct Watch {
    known: Arc<Known>,
    room: Room,
}

impl Stay {
    /// The stay of an admitted visitor in a room.
    #[must_use]
    pub fn of(room: &Room, known: Arc<Known>) -> Self {
        let room = room.clone();
        Self::Session(Box::new(Watch { known, room }))
    }

    /// Looks whether it may go on. While it is open that is a sign of life: like a request it
    /// leaves word for the store at half life, so that its slot is held.
    ///
    /// # Errors
    /// [`Over`] when it may not.
    pub fn look(&self, now: Now) -> Result<(), Over> {
        match self {
            Self::Unbound => Ok(()),
            Self::Session(watch) if watch.known.goes_on(&watch.room, now) => Ok(()),
            Self::Session(_) => Err(Over),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use crate::domain::clock::UnixTime;
    use crate::domain::session::{Jti, SessionTerms};
    use crate::store::survey::{Snapshot, StoreHealth};
    use crate::telemetry::reading::settings_for_test;
    use crate::token::admission::Admission;

    const BEGAN: UnixTime = UnixTime::from_secs(1_800_000_000);
    const JTI: Jti = Jti([7; 16]);

    /// A room whose sessions last 10 seconds without a sign of life and a minute at most, and
    /// the stay of one that began just now.
    fn stay() -> (Room, Stay) {
        let mut settings = settings_for_test("derby");
        settings.terms.session = SessionTerms {
            idle: Duration::from_secs(10),
            absolute: Duration::from_secs(60),
            ..SessionTerms::default()
        };
        let room = Room::new(settings);
        surveyed(&room, |_| {});
        let known = Known::for_test(Admission {
            jti: JTI,
            sub: "5".repeat(32),
            since: BEGAN,
            expires: BEGAN.after(Duration::from_secs(10)),
            rev: 3,
        });
        let stay = Stay::of(&room, Arc::new(known));
        (room, stay)
    }

    fn surveyed(room: &Room, change: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = Snapshot {
            store: StoreHealth::Reachable,
            ..Snapshot::default()
        };
        snapshot.survey.orders.rev = 3;
        change(&mut snapshot);
        room.snapshot.store(Arc::new(snapshot));
    }

    fn at(secs: u64) -> Now {
        let span = Duration::from_secs(secs);
        Now {
            mono: span,
            wall: BEGAN.after(span),
        }
    }

    #[test]
    fn a8_a_socket_without_a_session_stays() {
        assert_eq!(Stay::Unbound.look(at(1_000_000)), Ok(()));
    }

    #[test]
    fn a8_a_socket_goes_with_its_session_when_that_is_ended_or_revoked() {
        let (room, stay) = stay();
        assert_eq!(stay.look(at(1)), Ok(()));

        surveyed(&room, |snapshot| {
            snapshot.ended = Arc::new(HashSet::from([JTI]))
        });
        assert_eq!(stay.look(at(1)), Err(Over), "ended");
        surveyed(&room, |snapshot| snapshot.survey.orders.rev = 4);
        assert_eq!(stay.look(at(1)), Err(Over), "revoked");
        surveyed(&room, |snapshot| {
            snapshot.ended = Arc::new(HashSet::from([Jti([8; 16])]))
        });
        assert_eq!(stay.look(at(1)), Ok(()), "another session");
    }

    #[test]
    fn a_socket_leaves_word_at_half_life_and_stays_while_it_is_acknowledged() {
        let (room, stay) = stay();
        stay.look(at(4)).unwrap();
        assert!(
            room.notes.take_touches().is_empty(),
            "half its life has not gone by"
        );

        for second in (5..60).step_by(5) {
            assert_eq!(stay.look(at(second)), Ok(()), "{second}");
            let touches = room.notes.take_touches();
            let [touch] = touches.as_slice() else {
                assert!(touches.is_empty(), "{touches:?}");
                continue;
            };
            assert_eq!((touch.session, touch.rev), (JTI, 3));
            let held = at(second + 10).wall.min(touch.ends);
            touch.renewal.hold_until(held);
        }
        assert_eq!(stay.look(at(59)), Ok(()));
        assert_eq!(stay.look(at(60)), Err(Over), "its longest stay");
    }

    #[test]
    fn a_socket_goes_when_the_store_no_longer_holds_its_slot() {
        let (_room, stay) = stay();
        assert_eq!(stay.look(at(15)), Ok(()), "within the leeway");
        assert_eq!(stay.look(at(16)), Err(Over));
    }

    #[test]
    fn a_socket_stays_for_a_while_when_the_store_is_away() {
        let (room, stay) = stay();
        surveyed(&room, |snapshot| {
            snapshot.store = StoreHealth::AwaySince(Duration::from_secs(9));
        });
        assert_eq!(stay.look(at(24)), Ok(()));
        assert_eq!(stay.look(at(26)), Err(Over));
    }
}
