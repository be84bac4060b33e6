//! Who is inside: living sessions and their slots, and the ends that gateways must hear of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::moment::Moment;
use crate::domain::clock::UnixTime;
use crate::domain::place::Turn;
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

/// Whose stay a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Guest {
    pub(super) window: WindowId,
    pub(super) visitor: VisitorId,
    pub(super) turn: Turn,
}

/// A living session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Whose it is; unknown when a touch made a lost session again.
    pub(super) guest: Option<Guest>,
    /// Wall time of the first claim.
    pub(super) since: UnixTime,
    /// Room time until which the slot is held.
    pub(super) until: Moment,
    /// Wall time until which the site keeps it; zero time where it does not.
    pub(super) kept: UnixTime,
}

/// A session that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Why.
    pub(super) why: EndedBy,
    /// Its number among the ends told to gateways; `None` where the token ran out by itself.
    pub(super) number: Option<u64>,
    /// Room time until which it is remembered.
    pub(super) forget: Moment,
}

/// The sessions of a room, over all its windows.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    living: HashMap<Jti, Session>,
    by_until: BTreeSet<(Moment, Jti)>,
    by_guest: HashMap<(WindowId, VisitorId), Jti>,
    ends: HashMap<Jti, End>,
    by_number: BTreeMap<u64, Jti>,
    by_forget: BTreeSet<(Moment, Jti)>,
    /// Number of the newest end told to gateways.
    pub(super) newest_end: u64,
}

impl Sessions {
    /// How many slots are held.
    pub(super) fn active(&self) -> u64 {
        self.living.len() as u64
    }

    /// The names of all living sessions.
    pub(super) fn all(&self) -> Vec<Jti> {
        self.living.keys().copied().collect()
    }

    /// A living session.
    pub(super) fn living(&self, jti: Jti) -> Option<&Session> {
        self.living.get(&jti)
    }

    /// The end of a session, while it is remembered.
    pub(super) fn end_of(&self, jti: Jti) -> Option<&End> {
        self.ends.get(&jti)
    }

    /// The living session of a visitor's stay in any window.
    pub(super) fn of(&self, window: WindowId, visitor: VisitorId) -> Option<(Jti, Session)> {
        let jti = *self.by_guest.get(&(window, visitor))?;
        Some((jti, *self.living.get(&jti)?))
    }

    /// Writes a living session, in place of what was there.
    pub(super) fn put(&mut self, jti: Jti, session: Session) {
        self.take(jti);
        self.by_until.insert((session.until, jti));
        if let Some(guest) = session.guest {
            self.by_guest.insert((guest.window, guest.visitor), jti);
        }
        self.living.insert(jti, session);
    }

    /// The session whose slot ran out longest ago, if any has by `now`.
    pub(super) fn run_out(&self, now: Moment) -> Option<Jti> {
        let (until, jti) = self.by_until.first()?;
        (*until <= now).then_some(*jti)
    }

    /// Ends a session or remembers that an unknown one ended; gives back what was living. The
    /// first reason stays; `told` says whether gateways must hear of it.
    pub(super) fn end(&mut self, jti: Jti, end: End, told: Told) -> Option<Session> {
        let session = self.take(jti);
        let mut kept = self.ends.get(&jti).copied().unwrap_or(end);
        self.by_forget.remove(&(kept.forget, jti));
        kept.forget = kept.forget.max(end.forget);
        if told == Told::Gateways && kept.number.is_none() {
            self.newest_end += 1;
            kept.number = Some(self.newest_end);
        }
        self.put_end(jti, kept);
        session
    }

    /// Writes an end as it is.
    pub(super) fn put_end(&mut self, jti: Jti, end: End) {
        if let Some(number) = end.number {
            self.by_number.insert(number, jti);
        }
        self.by_forget.insert((end.forget, jti));
        self.ends.insert(jti, end);
    }

    /// Forgets one end that is no longer needed at `now`.
    pub(super) fn forget_one(&mut self, now: Moment) -> Option<Jti> {
        let &(forget, jti) = self.by_forget.first()?;
        if forget > now {
            return None;
        }
        self.by_forget.remove(&(forget, jti));
        if let Some(number) = self.ends.remove(&jti).and_then(|end| end.number) {
            self.by_number.remove(&number);
        }
        Some(jti)
    }

    /// The ends numbered above `seen` that are still remembered, and why each was.
    pub(super) fn ends_after(&self, seen: u64) -> Vec<(Jti, EndedBy)> {
        let told = self.by_number.range(seen.saturating_add(1)..);
        told.filter_map(|(_, jti)| Some((*jti, self.ends.get(jti)?.why)))
            .collect()
    }

    fn take(&mut self, jti: Jti) -> Option<Session> {
        let session = self.living.remove(&jti)?;
        self.by_until.remove(&(session.until, jti));
        if let Some(guest) = session.guest {
            self.by_guest.remove(&(guest.window, guest.visitor));
        }
        Some(session)
    }
}

/// Who must hear of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Every gateway: the token may still live.
    Gateways,
    /// Nobody: the token has run out.
    Nobody,
}
