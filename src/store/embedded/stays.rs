//! A room's verbs for those released and inside: claim, touch, hold, end.

use std::time::Duration;

use super::entry::{Entry, Status};
use super::room::Room;
use super::sessions::{End, Guest, Session, Told};
use crate::domain::clock::UnixTime;
use crate::domain::lane::Lane;
use crate::domain::room::Terms;
use crate::domain::session::{Jti, LEEWAY};
use crate::domain::standing::{EndedBy, Stand, Standing};
use crate::store::{Claim, Claimed, Ending, Held, Hold, Touch, Touched};

impl Room {
    /// Makes a session of a released turn, or says again that it was made.
    pub(super) fn claim(&mut self, terms: &Terms, claim: &Claim) -> Claimed {
        let guest = Guest {
            window: claim.window,
            visitor: claim.visitor,
            turn: claim.turn,
        };
        let session = self.sessions.living(claim.session).copied();
        if let Some(session) = session.filter(|session| session.guest == Some(guest)) {
            return self.claim_again(terms, claim, session);
        }
        let entry = match self.entry(guest) {
            Ok(entry) => entry,
            Err(stand) => return Claimed::Not(stand),
        };
        let released = matches!(entry.status, Status::Released { .. });
        if !released || !self.head.orders.state.claims() {
            return Claimed::Not(self.stand(&entry));
        }
        if let Some(end) = self.sessions.end_of(claim.session) {
            let status = Status::Ended(end.why);
            let over = Entry { status, ..entry };
            self.put(guest.visitor, over);
            return Claimed::Not(self.stand(&over));
        }
        self.admit(terms, claim, guest, entry)
    }

    /// Holds a living session's slot, and makes a lost one again.
    pub(super) fn touch(&mut self, touch: &Touch) -> Touched {
        if let Some(end) = self.sessions.end_of(touch.session) {
            return Touched::Ended(end.why);
        }
        if touch.rev < self.head.orders.rev {
            return Touched::Ended(EndedBy::Revoked);
        }
        let session = self.sessions.living(touch.session).copied();
        let session = session.unwrap_or_else(|| self.found_again());
        self.hold(touch.session, session, touch.life);
        Touched::Held
    }

    /// Keeps a session for a while, whatever its visitor does.
    pub(super) fn keep(&mut self, hold: &Hold) -> Held {
        if let Some(end) = self.sessions.end_of(hold.session) {
            return Held::Ended(end.why);
        }
        if hold.rev.is_some_and(|rev| rev < self.head.orders.rev) {
            return Held::Ended(EndedBy::Revoked);
        }
        let known = self.sessions.living(hold.session).copied();
        let session = match known {
            Some(session) => session,
            None if hold.rev.is_none() => return Held::Unknown,
            None => self.found_again(),
        };
        let begun = session.since > UnixTime::default();
        let latest = session.since.after(hold.longest);
        let until = if begun {
            hold.until.min(latest)
        } else {
            hold.until
        };
        let kept = session.kept.max(until);
        let noted = session.guest.map_or(session.kept, |_| kept);
        let session = Session {
            kept: noted,
            ..session
        };
        self.hold(hold.session, session, until.since(hold.at));
        Held::Until(kept)
    }

    /// Ends a session, known or not, and tells the gateways.
    pub(super) fn end(&mut self, ending: &Ending) {
        let end = End {
            why: ending.why,
            number: None,
            forget: self.now().after(ending.life).after(LEEWAY),
        };
        self.end_session(ending.session, end, Told::Gateways);
    }

    /// Ends a session and its visitor's turn.
    pub(super) fn end_session(&mut self, jti: Jti, end: End, told: Told) {
        let known = self.sessions.end_of(jti).is_some();
        let session = self.sessions.end(jti, end, told);
        if session.is_none() && !known {
            self.one_found();
        }
        self.head.newest_end = self.sessions.newest_end;
        self.dirty.sessions.insert(jti);
        self.dirty.ends.insert(jti);
        self.changed();
        let Some(guest) = session.and_then(|session| session.guest) else {
            return;
        };
        if let Ok(entry) = self.entry(guest)
            && let Status::Admitted { .. } = entry.status
        {
            let status = Status::Ended(end.why);
            self.put(guest.visitor, Entry { status, ..entry });
        }
    }

    /// Ends every session. Their tokens are void by the room's `rev`, so no gateway is told.
    pub(super) fn revoke_all(&mut self) {
        let end = End {
            why: EndedBy::Revoked,
            number: None,
            forget: self.now(),
        };
        for jti in self.sessions.all() {
            self.end_session(jti, end, Told::Nobody);
        }
        self.head.missing = 0;
    }

    /// A session that was lost, of which nothing is known but that it lives.
    fn found_again(&mut self) -> Session {
        self.one_found();
        Session {
            guest: None,
            since: UnixTime::default(),
            until: self.now(),
            kept: UnixTime::default(),
        }
    }

    fn admit(&mut self, terms: &Terms, claim: &Claim, guest: Guest, entry: Entry) -> Claimed {
        let lost = self.sessions.living(claim.session);
        let until = lost.map_or(self.now(), |session| session.until);
        let session = Session {
            guest: Some(guest),
            since: claim.at,
            until,
            kept: UnixTime::default(),
        };
        self.hold(claim.session, session, first_life(terms));
        let status = Status::Admitted {
            session: claim.session,
        };
        self.head.claims_total += 1;
        self.put(guest.visitor, Entry { status, ..entry });
        Claimed::Admitted {
            since: claim.at,
            turn: claim.turn,
            rev: self.head.orders.rev,
            kept: session.kept,
        }
    }

    /// The same admission again, while its absolute end is to come or the site keeps it.
    fn claim_again(&mut self, terms: &Terms, claim: &Claim, session: Session) -> Claimed {
        let usual = terms.session.expiry(session.since, claim.at);
        let kept = (session.kept > claim.at).then_some(session.kept);
        let Some(expiry) = usual.max(kept) else {
            return Claimed::Not(Stand {
                standing: Standing::Ended(EndedBy::Expired),
                turn: claim.turn,
                place: None,
                lane: Lane::GENERAL,
                epoch: self.epoch(),
                tick: self.head.ticks.tick,
            });
        };
        self.hold(claim.session, session, expiry.since(claim.at));
        Claimed::Admitted {
            since: session.since,
            turn: claim.turn,
            rev: self.head.orders.rev,
            kept: session.kept,
        }
    }

    /// Holds a session's slot for a token that lives `life` from now; never shortens it.
    fn hold(&mut self, jti: Jti, session: Session, life: Duration) {
        let until = session.until.max(self.now().after(life).after(LEEWAY));
        self.sessions.put(jti, Session { until, ..session });
        self.dirty.sessions.insert(jti);
        self.changed();
    }
}

/// How long the first token of a session lives.
fn first_life(terms: &Terms) -> Duration {
    terms.session.idle.min(terms.session.absolute)
}
