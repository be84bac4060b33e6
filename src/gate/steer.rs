//! The site steers a session of its visitor: by a word on the answer to a request of that very
//! session, which nobody but the site can give.

use crate::domain::clock::Now;
use crate::domain::session::Steer;
use crate::domain::standing::EndedBy;
use crate::store::notes::Kept;
use crate::store::survey::StoreHealth;
use crate::store::{Held, Hold};

use super::Gate;
use super::admit::{AdmissionToken, Known};
use super::room::Room;

/// What came of a site's word, for the visitor.
#[derive(Debug)]
pub enum Steered {
    /// The session ends, and its token is to be taken back.
    Ended,
    /// The session is kept: this token lives as long.
    Kept(AdmissionToken),
    /// Nothing that the visitor could be given now: it was kept as long before, it has ended, or
    /// the store does not answer, and a later answer will bring the token.
    AsBefore,
}

impl Gate {
    /// Does what the site says of a session, at the time of its answer.
    ///
    /// An end is told to the store before the next tick. A hold is told at once, so that the
    /// visitor can leave for the bank with a token that lives long enough; a store that does not
    /// answer is told later.
    pub async fn steer(&self, room: &Room, holder: &Known, (steer, now): (Steer, Now)) -> Steered {
        let session = holder.admission().jti;
        let length = match steer {
            Steer::Complete => {
                room.end(session, EndedBy::Completed);
                return Steered::Ended;
            }
            Steer::Revoke => {
                room.end(session, EndedBy::Revoked);
                return Steered::Ended;
            }
            Steer::Hold(length) => length,
        };
        let snapshot = room.snapshot.load_full();
        let at = snapshot.skew.correct(now).wall;
        let admission = holder.admission();
        let terms = &room.settings.terms.session;
        let hold = Hold {
            session,
            at,
            until: terms.held_until(admission.since, at, length),
            longest: terms.longest_stay(),
            rev: Some(admission.rev),
        };
        let kept = match snapshot.store {
            StoreHealth::Reachable => self.store.hold(&room.settings.name, &[hold]).await.ok(),
            StoreHealth::NotYet | StoreHealth::AwaySince(_) | StoreHealth::LostSince(_) => None,
        };
        let until = match kept.as_deref() {
            Some([Held::Until(until)]) => *until,
            Some(_) => return Steered::AsBefore,
            None => {
                let renewal = holder.renewal().clone();
                room.notes.hold(Kept { hold, renewal });
                return Steered::AsBefore;
            }
        };
        holder.renewal().keep_until(until);
        if until.secs() <= admission.expires.secs() {
            return Steered::AsBefore;
        }
        let door = room.door(&self.keys, &snapshot);
        let token = holder.signed(door, until, at);
        token.map_or(Steered::AsBefore, Steered::Kept)
    }
}
