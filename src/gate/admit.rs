//! Stage 6: a valid admission token opens the origin. No store call; a token's signature is
//! verified once and then found in a bounded cache. The hot path ends here.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::domain::clock::{Now, UnixTime};
use crate::domain::room::RoomName;
use crate::domain::session::{Jti, LEEWAY, SessionTerms};
use crate::domain::standing::EndedBy;
use crate::store::notes::Notes;
use crate::store::survey::{Snapshot, StoreHealth};
use crate::token::admission::Admission;
use crate::token::keyring::Keyring;

use super::known::Shared;
use super::room::Room;
use super::spread::USUAL;
use super::{Gate, Request, Trace, identify};

pub use super::known::Known;

/// Verified tokens remembered at most, over all rooms of a gateway.
const MOST_VERIFIED: u64 = 200_000;

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

/// What the gate remembers of verified admissions. A clone shares it.
#[derive(Clone, Debug)]
pub struct Admissions {
    verified: Cache<Box<str>, Arc<Known>>,
    sessions: Cache<Jti, Arc<Shared>>,
}

impl Default for Admissions {
    fn default() -> Self {
        let life = Duration::from_hours(1);
        Self {
            verified: Cache::builder()
                .max_capacity(MOST_VERIFIED)
                .time_to_idle(life)
                .build(),
            sessions: Cache::builder()
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
        let admission = known.admission();
        if is_ended(admission, door.snapshot) {
            return Err(NotAdmitted::Ended);
        }
        let away = outage(door.snapshot, door.terms, now);
        // An outage makes no stay longer than the longest there is; a hold may have.
        let whole = admission.since.after(door.terms.absolute);
        let end = whole.max(admission.expires).after(LEEWAY);
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
            sessions: self.sessions.clone(),
            ..Self::default()
        }
    }

    /// What all tokens of a session share.
    #[must_use]
    pub(super) fn shared(&self, session: Jti) -> Arc<Shared> {
        self.sessions.get_with(session, Arc::default)
    }

    fn known(&self, door: Door<'_>, text: &str, now: Now) -> Result<Arc<Known>, NotAdmitted> {
        if let Some(known) = self.verified.get(text) {
            let same = known.room() == door.room;
            return same.then_some(known).ok_or(NotAdmitted::Refused("room"));
        }
        let longest = door.terms.longest_stay().saturating_add(LEEWAY);
        let away = outage(door.snapshot, door.terms, now);
        let then = UnixTime::from_millis(now.wall.millis().saturating_sub(millis(away)));
        let admission = door
            .keys
            .verify_admission(door.room, text, then, longest)
            .map_err(|refused| NotAdmitted::Refused(refused.reason()))?;
        let shared = self.shared(admission.jti);
        let known = Arc::new(Known::of(door.room, admission, shared));
        self.verified.insert(text.into(), Arc::clone(&known));
        Ok(known)
    }
}

/// How long a token's life is stretched now: while the store is away, tokens that were valid when
/// it went are honoured for the idle limit past their expiry.
pub(super) fn outage(snapshot: &Snapshot, terms: &SessionTerms, now: Now) -> Duration {
    match snapshot.store {
        StoreHealth::AwaySince(since) | StoreHealth::LostSince(since) => {
            now.mono.saturating_sub(since).min(terms.idle)
        }
        StoreHealth::Reachable | StoreHealth::NotYet => Duration::ZERO,
    }
}

pub(super) fn honoured_until(expires: UnixTime, outage: Duration) -> UnixTime {
    expires.after(LEEWAY).after(outage)
}

pub(super) fn is_ended(admission: &Admission, snapshot: &Snapshot) -> bool {
    admission.rev < snapshot.survey.orders.rev || snapshot.ended.contains(&admission.jti)
}

fn renew(known: &Known, door: Door<'_>, now: UnixTime) -> Option<AdmissionToken> {
    let admission = known.admission();
    let kept = known.renewal().kept_until();
    if kept.secs() > admission.expires.secs() {
        return known.signed(door, kept, now);
    }
    let left = admission.expires.since(now);
    let wanted = door.terms.expiry(admission.since, now)?;
    // A token says whole seconds: what is less is no renewal.
    if left > door.terms.idle / 2 || wanted.secs() <= admission.expires.secs() {
        return None;
    }
    let held = known.renewal().held_until().min(wanted);
    // Near its absolute end a session cannot be held for as long as elsewhere.
    if held < wanted && held.since(now) <= door.terms.idle / 2 {
        known.ask_for_touch(door.terms, door.notes, now);
        return None;
    }
    known.signed(door, held, now)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Gate {
    /// The admission that a request brings, if it holds. One that is used from more networks at a
    /// time than its room allows ends here.
    pub(super) fn admit(
        &self,
        room: &Room,
        request: &Request<'_>,
        trace: &mut Trace,
    ) -> Option<Admitted> {
        let headers = &request.ask.head.headers;
        let text = room
            .cookies
            .brought(headers, identify::Token::Admission, request.https)?;
        let snapshot = room.snapshot.load();
        match self
            .admissions
            .admit(room.door(&self.keys, &snapshot), text, request.ask.now)
        {
            Ok(admitted) => self.unless_spread((room, admitted), request, trace),
            Err(refused) => {
                trace.token = Some(refused.reason());
                None
            }
        }
    }

    fn unless_spread(
        &self,
        (room, admitted): (&Room, Admitted),
        request: &Request<'_>,
        trace: &mut Trace,
    ) -> Option<Admitted> {
        let limit = room.settings.terms.session.max_networks;
        let most = limit.map_or(USUAL, |limit| usize::from(limit.get()));
        if admitted.known.used_from(request.client, request.ask.now) <= most {
            return Some(admitted);
        }
        trace.spread = admitted.known.flag_as_spread();
        if limit.is_none() {
            return Some(admitted);
        }
        room.end(admitted.session, EndedBy::Revoked);
        trace.token = Some("spread");
        None
    }
}
