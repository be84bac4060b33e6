//! What a visitor in line is told: each standing becomes a notice, with the token to keep.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::clock::Now;
use crate::domain::estimate::{LONGEST_POLL, jittered, poll_after};
use crate::domain::lane::Lane;
use crate::domain::pressure::Pressure;
use crate::domain::reason::Facts;
use crate::domain::room::RoomName;
use crate::domain::standing::{Stand, Standing};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowState;
use crate::store::survey::StoreHealth;
use crate::token::queue::QueueToken;

use super::admit::AdmissionToken;
use super::notice::{Face, Notice, Reason, SetToken};
use super::queue::Line;

/// When to ask again while the store is away, or the room recovers from a loss.
const STORE_AWAY: Duration = Duration::from_secs(10);
/// When a released or admitted visitor's page asks again.
const SOON: Duration = Duration::from_secs(2);

impl Line<'_> {
    /// What an admitted visitor is told.
    #[must_use]
    pub fn is_inside(&self, renewed: Option<AdmissionToken>) -> Notice {
        let mut notice = self.notice(Face::Admitted);
        notice.reason = None;
        notice.admission = renewed.map_or(SetToken::Keep, SetToken::Give);
        notice
    }

    pub(super) fn name(&self) -> &RoomName {
        &self.room.settings.name
    }

    pub(super) fn notice(&self, face: Face) -> Notice {
        let survey = &self.snapshot.survey;
        let now = self.snapshot.skew.correct(self.now).wall;
        let mut notice = Notice::of(Arc::clone(&self.room.settings), face, now);
        notice.waiting = survey.waiting;
        notice.message.clone_from(&survey.orders.message);
        notice.takes_codes = self.takes_codes();
        notice.reason = self.reason(None);
        self.tell_times(&mut notice);
        notice
    }

    /// Why nothing moves or the wait has grown, for somebody in this lane.
    fn reason(&self, lane: Option<Lane>) -> Option<Reason> {
        let survey = &self.snapshot.survey;
        let capacity = survey
            .orders
            .capacity
            .unwrap_or(self.room.settings.terms.capacity);
        let facts = Facts {
            recovering: self.snapshot.store != StoreHealth::Reachable || self.snapshot.recovers(),
            sold_out: survey.orders.is_sold_out(),
            state: survey.orders.state,
            inside: survey.inside(),
            capacity: capacity.map(|cap| cap.get().into()),
            lately: self.snapshot.lately,
            other_lanes: lane.is_some_and(|lane| self.snapshot.lately.has_joined(lane)),
        };
        facts.reason()
    }

    /// The face of a room that takes no visitors; while nothing is known of it, or its newest
    /// orders are not, it does.
    pub(super) fn shut_face(&self) -> Option<Face> {
        if self.snapshot.store == StoreHealth::NotYet || self.snapshot.unknown.is_some() {
            return None;
        }
        match self.snapshot.survey.orders.state {
            WindowState::Closed => Some(Face::Closed),
            WindowState::Ended => Some(Face::Ended),
            WindowState::Prequeue
            | WindowState::Drawing
            | WindowState::Open
            | WindowState::Paused => None,
        }
    }

    pub(super) fn sign(&self, token: &QueueToken) -> String {
        self.keys.sign_queue(self.name(), token, self.now.wall)
    }

    /// The last position, while the store cannot be asked.
    pub(super) fn kept(&self, token: &QueueToken) -> Notice {
        let waits = if token.place.is_some() && self.snapshot.recovers() {
            Face::Recovering
        } else {
            Face::Waiting
        };
        self.stays(token, self.shut_face().unwrap_or(waits))
    }

    /// The last position, where the store answers and has forgotten the room: that is put back in a
    /// moment, so nobody asks again later than otherwise.
    pub(super) fn forgotten(&self, token: &QueueToken, ahead: u64) -> Notice {
        let mut notice = self.kept(token);
        let usual = self.poll_after(ahead, token);
        notice.poll_after = notice.poll_after.min(usual);
        notice
    }

    /// The last position of a visitor whose sale window nobody has the orders of.
    pub(super) fn held(&self, token: &QueueToken) -> Notice {
        self.stays(token, Face::Recovering)
    }

    /// What there is to tell where nothing may be signed: the visitor keeps what it has.
    pub(super) fn unsigned(&self, token: Option<&QueueToken>) -> Notice {
        if let Some(token) = token {
            return self.kept(token);
        }
        let mut notice = self.notice(self.shut_face().unwrap_or(Face::Waiting));
        notice.reason = Some(Reason::Recovering);
        notice.poll_after = STORE_AWAY;
        notice
    }

    /// Whether a token is of a newer window than the room's orders.
    pub(super) fn is_ahead_of_the_room(&self, token: &QueueToken) -> bool {
        self.snapshot.store != StoreHealth::NotYet
            && token.window > self.snapshot.survey.orders.window
    }

    fn stays(&self, token: &QueueToken, face: Face) -> Notice {
        let mut notice = self.notice(face);
        self.name_holder(&mut notice, token);
        notice.position = token.position.map(|shown| u64::from(shown.get()));
        // The store may know fewer than were shown.
        notice.waiting = notice.waiting.max(notice.position.unwrap_or(0));
        notice.ended_by = token.ended;
        notice.reason = Some(Reason::Recovering);
        notice.poll_after = jittered(STORE_AWAY, seed(token.visitor, self.now));
        notice
    }

    /// Waiting with `ahead` before: the position shown never grows. While places come back after a
    /// loss it stands still, and who joins meanwhile is shown none yet.
    pub(super) fn waits(&self, token: &QueueToken, ahead: u64) -> Notice {
        let now = NonZeroU32::new(u32::try_from(ahead.saturating_add(1)).unwrap_or(u32::MAX));
        let shown = if self.recovers(token) {
            token.position
        } else {
            token.position.min(now).or(now)
        };
        let position = shown.map(|shown| u64::from(shown.get()));
        let ahead = position.map_or(ahead, |position| position - 1);
        let face = self.waiting_face(token);
        let mut notice = self.notice(face);
        notice.position = position;
        // The survey may be older than the place.
        notice.waiting = notice.waiting.max(ahead.saturating_add(1));
        notice.reason = self.reason(Some(Lane(token.lane)));
        self.name_holder(&mut notice, token);
        let moves = face == Face::Waiting && notice.reason != Some(Reason::Recovering);
        notice.wait = moves
            .then(|| self.snapshot.flow(Lane(token.lane)))
            .flatten()
            .and_then(|flow| flow.wait(ahead));
        notice.chance = position.and_then(|_| self.chance(face, Lane(token.lane), ahead));
        notice.poll_after = self.poll_after(ahead, token);
        if face == Face::Recovering {
            let soon = jittered(STORE_AWAY, seed(token.visitor, self.now));
            notice.poll_after = notice.poll_after.min(soon);
        }
        // Why am I here again: told for as long as the visitor waits again.
        if matches!(face, Face::Waiting | Face::Paused | Face::Recovering) {
            notice.ended_by = token.ended;
        }
        let signed = QueueToken {
            position: shown,
            tick: self.newest_tick(token),
            expires: QueueToken::expiry(token.place, self.now.wall),
            ..*token
        };
        notice.queue = SetToken::Give(self.sign(&signed));
        notice
    }

    /// Whether places are coming back after a loss. A stand of an epoch that this gateway has not
    /// surveyed yet tells so first: another gateway has just put the room back, and few are there.
    fn recovers(&self, token: &QueueToken) -> bool {
        let known = self.snapshot.store != StoreHealth::NotYet;
        let newer = token.epoch > self.snapshot.survey.epoch;
        self.snapshot.recovers() || (known && newer)
    }

    pub(super) fn waiting_face(&self, token: &QueueToken) -> Face {
        let open = match self.snapshot.survey.orders.state {
            _ if self.recovers(token) => Face::Recovering,
            state => Face::in_line_at(state),
        };
        self.shut_face().unwrap_or(open)
    }

    /// The newest tick that what is shown was made from: the token's own or the survey's. After a
    /// loss the ticks of different epochs have nothing to do with each other.
    fn newest_tick(&self, token: &QueueToken) -> u64 {
        let survey = &self.snapshot.survey;
        if token.epoch == survey.epoch {
            token.tick.max(survey.ticks.tick)
        } else {
            token.tick
        }
    }

    pub(super) fn released(&self, token: &QueueToken, left: Duration) -> Notice {
        let mut notice = self.inside(token);
        notice.face = self.shut_face().unwrap_or(Face::Released);
        notice.claim_by = Some(self.now.wall.after(left));
        notice
    }

    pub(super) fn inside(&self, token: &QueueToken) -> Notice {
        let mut notice = self.notice(Face::Admitted);
        self.name_holder(&mut notice, token);
        notice.poll_after = SOON;
        notice.queue = SetToken::Give(self.sign(&QueueToken {
            expires: QueueToken::expiry(token.place, self.now.wall),
            ..*token
        }));
        notice
    }

    /// A claim that came too late or too early: told where the visitor stands instead.
    pub(super) fn not_claimed(&self, token: &QueueToken, stand: Stand) -> Notice {
        match stand.standing {
            Standing::Lobby => self.in_lobby(token),
            Standing::Waiting { ahead } => self.waits(token, ahead),
            Standing::Away { left } => self.is_away(token, self.now.wall.after(left)),
            Standing::Released { left } => self.released(token, left),
            Standing::Admitted => self.inside(token),
            Standing::Ended(why) => self.place_less((token.visitor, token.lane), Some(why)),
            Standing::Unknown => self.kept(token),
        }
    }

    pub(super) fn poll_after(&self, ahead: u64, token: &QueueToken) -> Duration {
        let flow = self.snapshot.flow(Lane(token.lane));
        let median = flow
            .and_then(|flow| flow.wait(ahead))
            .map(|wait| wait.median);
        let pace = self
            .snapshot
            .survey
            .orders
            .pace
            .unwrap_or(self.room.settings.terms.pace);
        let usual = poll_after(ahead, median, pace);
        let asked = match self.pressure {
            Pressure::Calm => usual,
            Pressure::High => (usual * 2).min(LONGEST_POLL),
        };
        jittered(asked, seed(token.visitor, self.now))
    }
}

/// Spreads polls: differs by visitor and by minute.
pub(super) fn seed(visitor: VisitorId, now: Now) -> u64 {
    let [first, second, third, fourth, ..] = *visitor.as_bytes();
    u64::from(u32::from_le_bytes([first, second, third, fourth])) ^ (now.wall.secs() / 7)
}
