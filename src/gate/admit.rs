//! Stage 6: a valid admission token opens the origin. No store call; a token's signature is
//! verified once and then found in a bounded cache. The hot path ends here.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::domain::clock::{Now, UnixTime};
use crate::domain::room::RoomName;
use crate::domain::session::{Jti, LEEWAY, SessionTerms};
use crate::domain::skew::WallClock;
use crate::store::notes::{Alive, Notes, Renewal};
use crate::store::survey::{Snapshot, StoreHealth};
use crate::token::admission::Admission;
use crate::token::keyring::Keyring;

use super::room::Room;

/// Verified tokens remembered at most, over all rooms of a gateway.
const MOST_VERIFIED: u64 = 200_000;

/// How long a session waits before it asks again for a touch that was not acknowledged.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// An admission token to be set on the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionToken {
    /// The token itself.
    pub text: String,
    /// The token's own life.
    pub life: Duration,
}

/// Why no admission was found. All of them get what no token gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The token does not verify; the word is for counting.
    Refused(&'static str),
    /// Its time is over.
    Expired,
    /// Its session ended before it did.
    Ended,
}

impl NotAdmitted {
    /// The `reason` label of the metric.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason,
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }
}

/// A token that verified.
#[derive(Debug)]
pub struct Known {
    room: RoomName,
    admission: Admission,
    renewal: Arc<Renewal>,
}

impl Known {
    /// A token that verified, for tests of what is judged by it.
    #[cfg(test)]
    pub(super) fn for_test(admission: Admission) -> Self {
        Self {
            room: "derby".parse().unwrap(),
            admission,
            renewal: Arc::default(),
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
        let end = self.admission.since.after(terms.absolute);
        let held = self.renewal.held_until().min(end);
        let expires = held.max(self.admission.expires);
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

    fn ask_for_touch(&self, terms: &SessionTerms, notes: &Notes, now: UnixTime) {
        if self.renewal.may_ask(now, ASK_AGAIN) {
            notes.touch(self.alive(terms));
        }
    }

    /// Tells the store of a session that this gateway has not yet told it of in the room's epoch:
    /// one that lost the room counts it again from then on.
    fn register(&self, terms: &SessionTerms, notes: &Notes, snapshot: &Snapshot) {
        if self.renewal.registers(snapshot.survey.epoch) {
            notes.touch(self.alive(terms));
        }
    }

    fn alive(&self, terms: &SessionTerms) -> Alive {
        Alive {
            session: self.admission.jti,
            rev: self.admission.rev,
            ends: self.admission.since.after(terms.absolute),
            renewal: Arc::clone(&self.renewal),
        }
    }
}

/// What the gate remembers of verified admissions. A clone shares it.
#[derive(Clone, Debug)]
pub struct Admissions {
    verified: Cache<Box<str>, Arc<Known>>,
    renewals: Cache<Jti, Arc<Renewal>>,
}

impl Default for Admissions {
    fn default() -> Self {
        let life = Duration::from_hours(1);
        Self {
            verified: Cache::builder()
                .max_capacity(MOST_VERIFIED)
                .time_to_idle(life)
                .build(),
            renewals: Cache::builder()
                .max_capacity(MOST_VERIFIED)
                .time_to_idle(life)
                .build(),
        }
    }
}

/// What an admission is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// The keys.
    pub keys: &'a Keyring,
    /// The room.
    pub room: &'a RoomName,
    /// Its sessions' limits.
    pub terms: &'a SessionTerms,
    /// What is known of it.
    pub snapshot: &'a Snapshot,
    /// Where touches are left.
    pub notes: &'a Notes,
}

/// An admission that holds.
#[derive(Debug)]
pub struct Admitted {
    /// The session.
    pub session: Jti,
    /// What is known of it, for whatever stays open beyond this request.
    pub known: Arc<Known>,
    /// A renewed token, where one is due and the store has acknowledged it.
    pub renewed: Option<AdmissionToken>,
}

impl Admissions {
    /// Judges a token. At half life it leaves a note for the store, and once that was
    /// acknowledged gives the renewed token.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub fn admit(&self, door: Door<'_>, text: &str, now: Now) -> Result<Admitted, NotAdmitted> {
        // Who was admitted passes also where this gateway's own clock is wrong.
        let now = door.snapshot.skew.correct(now);
        let known = self.known(door, text, now)?;
        let admission = &known.admission;
        if is_ended(admission, door.snapshot) {
            return Err(NotAdmitted::Ended);
        }
        let away = outage(door.snapshot, door.terms, now);
        // An outage makes no stay longer than the longest there is.
        let end = admission.since.after(door.terms.absolute).after(LEEWAY);
        if now.wall > honoured_until(admission.expires, away).min(end) {
            return Err(NotAdmitted::Expired);
        }
        known.register(door.terms, door.notes, door.snapshot);
        Ok(Admitted {
            session: admission.jti,
            renewed: renew(&known, door, now.wall),
            known,
        })
    }

    /// The same memory for other keys: what older keys verified is verified anew.
    #[must_use]
    pub fn for_other_keys(&self) -> Self {
        Self {
            renewals: self.renewals.clone(),
            ..Self::default()
        }
    }

    /// The renewal state that all tokens of a session share.
    #[must_use]
    pub fn renewal(&self, session: Jti) -> Arc<Renewal> {
        self.renewals.get_with(session, Arc::default)
    }

    fn known(&self, door: Door<'_>, text: &str, now: Now) -> Result<Arc<Known>, NotAdmitted> {
        if let Some(known) = self.verified.get(text) {
            let same = known.room == *door.room;
            return same.then_some(known).ok_or(NotAdmitted::Refused("room"));
        }
        let longest = door.terms.absolute.saturating_add(LEEWAY);
        let away = outage(door.snapshot, door.terms, now);
        let then = UnixTime::from_millis(now.wall.millis().saturating_sub(millis(away)));
        let admission = door
            .keys
            .verify_admission(door.room, text, then, longest)
            .map_err(|refused| NotAdmitted::Refused(refused.reason()))?;
        let known = Arc::new(Known {
            room: door.room.clone(),
            renewal: self.renewal(admission.jti),
            admission,
        });
        self.verified.insert(text.into(), Arc::clone(&known));
        Ok(known)
    }
}

/// How long a token's life is stretched now: while the store is away, tokens that were valid when
/// it went are honoured for the idle limit past their expiry.
fn outage(snapshot: &Snapshot, terms: &SessionTerms, now: Now) -> Duration {
    match snapshot.store {
        StoreHealth::AwaySince(since) | StoreHealth::LostSince(since) => {
            now.mono.saturating_sub(since).min(terms.idle)
        }
        StoreHealth::Reachable | StoreHealth::NotYet => Duration::ZERO,
    }
}

fn honoured_until(expires: UnixTime, outage: Duration) -> UnixTime {
    expires.after(LEEWAY).after(outage)
}

fn is_ended(admission: &Admission, snapshot: &Snapshot) -> bool {
    admission.rev < snapshot.survey.orders.rev || snapshot.ended.contains(&admission.jti)
}

fn renew(known: &Known, door: Door<'_>, now: UnixTime) -> Option<AdmissionToken> {
    let admission = &known.admission;
    let left = admission.expires.since(now);
    let wanted = door.terms.expiry(admission.since, now)?;
    // A token says whole seconds: what is less is no renewal.
    if left > door.terms.idle / 2 || wanted.secs() <= admission.expires.secs() {
        return None;
    }
    let held = known.renewal.held_until().min(wanted);
    // Near its absolute end a session cannot be held for as long as elsewhere.
    if held < wanted && held.since(now) <= door.terms.idle / 2 {
        known.ask_for_touch(door.terms, door.notes, now);
        return None;
    }
    if door.snapshot.skew.clock == WallClock::Off {
        return None;
    }
    let renewed = Admission {
        expires: held,
        ..admission.clone()
    };
    let text = door.keys.sign_admission(door.room, &renewed, now).ok()?;
    Some(AdmissionToken {
        text,
        life: held.since(now),
    })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
