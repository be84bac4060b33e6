//! One session as a gateway knows it by a token that verified.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::clock::{Now, UnixTime};
use crate::domain::room::RoomName;
use crate::domain::session::SessionTerms;
use crate::domain::skew::WallClock;
use crate::store::notes::{Alive, Notes, Renewal};
use crate::store::survey::Snapshot;
use crate::token::admission::Admission;

use super::admit::{AdmissionToken, Door, honoured_until, is_ended, outage};
use super::room::Room;
use super::spread::Networks;

/// How long a session waits before it asks again for a touch that was not acknowledged.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// A token that verified.
#[derive(Debug)]
pub struct Known {
    room: RoomName,
    admission: Admission,
    shared: Arc<Shared>,
}

/// What all tokens of one session share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// What the store has promised of it.
    pub(super) renewal: Arc<Renewal>,
    /// Where it is used from.
    pub(super) networks: Networks,
}

impl Known {
    /// What a token of this room says, and what its session's tokens share.
    #[must_use]
    pub(super) fn of(room: &RoomName, admission: Admission, shared: Arc<Shared>) -> Self {
        Self {
            room: room.clone(),
            admission,
            shared,
        }
    }

    /// Notes a use from this address; from how many networks it is used at a time.
    pub(super) fn used_from(&self, client: IpAddr, now: Now) -> usize {
        self.shared.networks.used(client, now.mono)
    }

    /// Whether the caller is the first to find it used from too many.
    pub(super) fn flag_as_spread(&self) -> bool {
        self.shared.networks.flag()
    }

    /// The room it admits to.
    #[must_use]
    pub(super) const fn room(&self) -> &RoomName {
        &self.room
    }

    /// What the token says.
    #[must_use]
    pub(super) const fn admission(&self) -> &Admission {
        &self.admission
    }

    /// What the store has promised of its session.
    #[must_use]
    pub(super) fn renewal(&self) -> &Arc<Renewal> {
        &self.shared.renewal
    }

    /// A token that verified, for tests of what is judged by it.
    #[cfg(test)]
    pub(super) fn for_test(admission: Admission) -> Self {
        Self {
            room: "derby".parse().unwrap(),
            admission,
            shared: Arc::default(),
        }
    }

    /// Whether its session goes on at a gateway that holds something open for it. That counts as
    /// a request: at half life it leaves a note for the store, and an acknowledged one is as good
    /// as a renewed token.
    #[must_use]
    pub(super) fn goes_on(&self, room: &Room, now: Now) -> bool {
        let terms = &room.settings.terms.session;
        let snapshot = room.snapshot.load();
        let now = snapshot.skew.correct(now);
        let kept = self.shared.renewal.kept_until().max(self.admission.expires);
        let end = self.admission.since.after(terms.absolute).max(kept);
        let held = self.shared.renewal.held_until().min(end);
        let expires = held.max(kept);
        let honoured = honoured_until(expires, outage(&snapshot, terms, now));
        if is_ended(&self.admission, &snapshot) || now.wall >= end || now.wall > honoured {
            return false;
        }
        self.register(terms, &room.notes, &snapshot);
        let half_gone = expires.since(now.wall) <= terms.idle / 2;
        if half_gone && expires.secs() < end.secs() {
            self.ask_for_touch(terms, &room.notes, now.wall);
        }
        true
    }

    pub(super) fn ask_for_touch(&self, terms: &SessionTerms, notes: &Notes, now: UnixTime) {
        if self.shared.renewal.may_ask(now, ASK_AGAIN) {
            notes.touch(self.alive(terms));
        }
    }

    /// Tells the store of a session that this gateway has not yet told it of in the room's epoch:
    /// one that lost the room counts it again from then on.
    pub(super) fn register(&self, terms: &SessionTerms, notes: &Notes, snapshot: &Snapshot) {
        if self.shared.renewal.registers(snapshot.survey.epoch) {
            notes.touch(self.alive(terms));
        }
    }

    /// A token of the same session that lives until `expires`, which the store has acknowledged.
    pub(super) fn signed(
        &self,
        door: Door<'_>,
        expires: UnixTime,
        now: UnixTime,
    ) -> Option<AdmissionToken> {
        if door.snapshot.skew.clock == WallClock::Off {
            return None;
        }
        let renewed = Admission {
            expires,
            ..self.admission.clone()
        };
        let text = door.keys.sign_admission(door.room, &renewed, now).ok()?;
        Some(AdmissionToken {
            text,
            life: expires.since(now),
        })
    }

    fn alive(&self, terms: &SessionTerms) -> Alive {
        Alive {
            session: self.admission.jti,
            rev: self.admission.rev,
            ends: self.admission.since.after(terms.absolute),
            least: self.shared.renewal.kept_until().max(self.admission.expires),
            renewal: Arc::clone(&self.shared.renewal),
        }
    }
}
