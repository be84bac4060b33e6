//! Stage 7: join, say where the visitor stands, or claim. The store is asked only when somebody
//! joins, claims, leaves, or stands near the front.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::clock::Now;
use crate::domain::estimate::{jittered, poll_after};
use crate::domain::place::{Place, Turn};
use crate::domain::session::Jti;
use crate::domain::standing::{EndedBy, Stand, Standing};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowState;
use crate::store::survey::{Snapshot, StoreHealth};
use crate::store::{CheckIn, Claim, Claimed, Ending, Joined, Joining, Leaving, QueueStore};
use crate::token::admission::Admission;
use crate::token::chance;
use crate::token::keyring::Keyring;
use crate::token::queue::QueueToken;

use super::Refusal;
use super::admit::{AdmissionToken, Admissions};
use super::notice::{Face, Notice, Reason, SetToken, Visit};
use super::room::Room;

/// What a request may do beyond being told where the visitor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Nothing: HEAD, a prefetch, another site's request.
    Look,
    /// Join the queue.
    Join,
    /// Join, and claim a turn.
    Claim,
}

/// One visitor at one room's queue.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The room.
    pub room: &'a Room,
    /// What is known of it.
    pub snapshot: &'a Snapshot,
    /// The keys.
    pub keys: &'a Keyring,
    /// Where the rooms are kept.
    pub store: &'a dyn QueueStore,
    /// Renewal state of sessions.
    pub admissions: &'a Admissions,
    /// The time.
    pub now: Now,
}

/// How the visitor came.
#[derive(Clone, Copy, Debug)]
pub struct Coming {
    /// The token brought, if it verified for this room and window.
    pub token: Option<QueueToken>,
    /// What this request may do.
    pub may: May,
    /// The page without script came back.
    pub returned: bool,
}

/// What came of standing in line.
#[derive(Debug)]
pub enum Outcome {
    /// The visitor waits, or is told why not.
    Told(Box<Notice>),
    /// The turn was claimed.
    Claimed {
        /// The session.
        session: Jti,
        /// Its token.
        token: AdmissionToken,
        /// What the status endpoint tells.
        notice: Box<Notice>,
    },
}

impl Line<'_> {
    /// Serves one visitor.
    ///
    /// # Errors
    /// [`Refusal::NoChance`] when the machine gives no random numbers.
    pub async fn serve(&self, coming: Coming) -> Result<Outcome, Refusal> {
        let Some(token) = coming.token else {
            return self.first_visit(coming).map(told);
        };
        let outcome = match (token.place, coming.may) {
            (None, May::Look) => told(self.without_place(&token)),
            (None, May::Join | May::Claim) => self.join(&token, coming.may).await?,
            (Some(place), _) => self.stand(&token, place, coming.may).await?,
        };
        Ok(outcome)
    }

    /// Ends the visitor's turn. A store that cannot be asked now leaves the place to lapse.
    pub async fn leave(&self, token: Option<&QueueToken>) -> Notice {
        if let Some(token) = token.filter(|token| token.place.is_some()) {
            let leaving = Leaving {
                visitor: token.visitor,
                window: token.window,
                turn: token.turn,
            };
            let left = self.store.leave(self.name(), &[leaving]).await;
            if let Err(fault) = left {
                tracing::warn!(room = %self.name(), %fault, "a visitor left while the store was away");
            }
        }
        let mut notice = self.notice(self.shut_face().unwrap_or(Face::Waiting));
        notice.ended_by = Some(EndedBy::Left);
        notice.queue = SetToken::Clear;
        notice.admission = SetToken::Clear;
        notice
    }

    /// What an admitted visitor is told.
    #[must_use]
    pub fn is_inside(&self, renewed: Option<AdmissionToken>) -> Notice {
        let mut notice = self.notice(Face::Admitted);
        notice.reason = None;
        notice.admission = renewed.map_or(SetToken::Keep, SetToken::Give);
        notice
    }

    /// Leaves word that a session has ended by the visitor's own wish.
    pub fn end(&self, session: Jti) {
        self.room.notes.end(Ending {
            session,
            why: EndedBy::Left,
            life: self.room.settings.terms.session.idle,
        });
    }

    fn name(&self) -> &crate::domain::room::RoomName {
        &self.room.settings.name
    }

    fn notice(&self, face: Face) -> Notice {
        let survey = &self.snapshot.survey;
        let mut notice = Notice::of(Arc::clone(&self.room.settings), face, self.now.wall);
        notice.waiting = survey.waiting;
        notice.message.clone_from(&survey.orders.message);
        notice.reason = self.reason();
        notice.opens_at = (face == Face::Closed || face == Face::Ended)
            .then(|| survey.orders.opening(&self.room.settings.schedule))
            .flatten();
        notice
    }

    fn reason(&self) -> Option<Reason> {
        let survey = &self.snapshot.survey;
        if self.snapshot.store != StoreHealth::Reachable {
            return Some(Reason::Recovering);
        }
        if survey.orders.state == WindowState::Paused {
            return Some(Reason::Paused);
        }
        let capacity = survey
            .orders
            .capacity
            .unwrap_or(self.room.settings.terms.capacity);
        let full = capacity.is_some_and(|cap| survey.released + survey.active >= cap.get().into());
        full.then_some(Reason::CapacityFull)
    }

    /// The face of a room that takes no visitors; while nothing is known of it, it does.
    fn shut_face(&self) -> Option<Face> {
        if self.snapshot.store == StoreHealth::NotYet {
            return None;
        }
        match self.snapshot.survey.orders.state {
            WindowState::Closed => Some(Face::Closed),
            WindowState::Ended => Some(Face::Ended),
            WindowState::Open | WindowState::Paused => None,
        }
    }

    fn first_visit(&self, coming: Coming) -> Result<Notice, Refusal> {
        if let Some(face) = self.shut_face() {
            return Ok(self.notice(face));
        }
        if self.snapshot.survey.waiting >= self.room.settings.terms.max_waiting.into() {
            return Ok(self.notice(Face::Full));
        }
        if coming.returned {
            let mut notice = self.notice(Face::Waiting);
            notice.visit = Visit::CookiesOff;
            return Ok(notice);
        }
        if coming.may == May::Look {
            return Ok(self.notice(Face::Waiting));
        }
        let visitor = chance::visitor_id().map_err(|_| Refusal::NoChance)?;
        Ok(self.place_less(visitor, None))
    }

    /// Gives a token without a place: the visitor joins by coming back with it.
    fn place_less(&self, visitor: VisitorId, ended: Option<EndedBy>) -> Notice {
        let token = QueueToken {
            lane: 0,
            verdict: 0,
            rules: 0,
            visitor,
            window: self.snapshot.survey.orders.window,
            epoch: self.snapshot.survey.epoch,
            turn: Turn::FIRST,
            place: None,
            expires: QueueToken::expiry(None, self.now.wall),
            tick: 0,
            position: None,
            ended,
        };
        let mut notice = self.without_place(&token);
        notice.visit = Visit::First;
        notice.queue = SetToken::Give(self.keys.sign_queue(self.name(), &token));
        notice
    }

    fn without_place(&self, token: &QueueToken) -> Notice {
        let mut notice = self.notice(self.shut_face().unwrap_or(Face::Waiting));
        notice.ended_by = token.ended;
        notice.reference = Some(token.visitor.reference(self.name()));
        notice.poll_after = FIRST_RETURN;
        notice
    }

    async fn join(&self, token: &QueueToken, may: May) -> Result<Outcome, Refusal> {
        if self.shut_face().is_some() {
            return Ok(told(self.without_place(token)));
        }
        let ask = Joining {
            visitor: token.visitor,
            window: token.window,
            promised: self.poll_after(self.snapshot.survey.waiting, token.visitor),
        };
        let terms = &self.room.settings.terms;
        match self.store.join(self.name(), terms, &[ask]).await.as_deref() {
            Ok([Joined::Stands(stand)]) => Box::pin(self.stands(token, *stand, may)).await,
            Ok([Joined::Full]) => Ok(told(self.notice(Face::Full))),
            Ok(_) => Ok(told(self.without_place(token))),
            Err(_) => {
                let mut notice = self.without_place(token);
                notice.reason = Some(Reason::Recovering);
                notice.poll_after = STORE_AWAY;
                Ok(told(notice))
            }
        }
    }

    async fn stand(&self, token: &QueueToken, place: Place, may: May) -> Result<Outcome, Refusal> {
        let survey = &self.snapshot.survey;
        let known = self.snapshot.store != StoreHealth::NotYet;
        if known && token.epoch == survey.epoch && !survey.is_near(place) {
            return Ok(told(self.waits(token, survey.ahead_of(place))));
        }
        let ahead = token
            .position
            .map_or(survey.waiting, |shown| u64::from(shown.get()) - 1);
        let ask = CheckIn {
            visitor: token.visitor,
            window: token.window,
            epoch: token.epoch,
            turn: token.turn,
            place,
            promised: self.poll_after(ahead, token.visitor),
        };
        let terms = &self.room.settings.terms;
        match self
            .store
            .check_in(self.name(), terms, &[ask])
            .await
            .as_deref()
        {
            Ok([stand]) => Box::pin(self.stands(token, *stand, may)).await,
            Ok(_) | Err(_) => Ok(told(self.kept(token))),
        }
    }

    /// The last position, while the store cannot be asked.
    fn kept(&self, token: &QueueToken) -> Notice {
        let mut notice = self.notice(self.shut_face().unwrap_or(Face::Waiting));
        notice.reference = Some(token.visitor.reference(self.name()));
        notice.position = token.position.map(|shown| u64::from(shown.get()));
        notice.reason = Some(Reason::Recovering);
        notice.poll_after = jittered(STORE_AWAY, seed(token.visitor, self.now));
        notice
    }

    async fn stands(&self, token: &QueueToken, stand: Stand, may: May) -> Result<Outcome, Refusal> {
        let token = QueueToken {
            turn: stand.turn,
            place: stand.place,
            epoch: stand.epoch,
            ..*token
        };
        match stand.standing {
            Standing::Waiting { ahead } => Ok(told(self.waits(&token, ahead))),
            Standing::Released { left } if may != May::Claim => {
                Ok(told(self.released(&token, left)))
            }
            Standing::Admitted if may != May::Claim => Ok(told(self.inside(&token))),
            Standing::Released { .. } | Standing::Admitted => self.claim(&token).await,
            Standing::Ended(why) => Ok(told(self.place_less(token.visitor, Some(why)))),
            Standing::Unknown => {
                let visitor = chance::visitor_id().map_err(|_| Refusal::NoChance)?;
                Ok(told(self.place_less(visitor, None)))
            }
        }
    }

    /// Waiting with `ahead` before: the position shown never grows.
    fn waits(&self, token: &QueueToken, ahead: u64) -> Notice {
        let survey = &self.snapshot.survey;
        let now = NonZeroU32::new(u32::try_from(ahead.saturating_add(1)).unwrap_or(u32::MAX));
        let shown = token.position.min(now).or(now).or(token.position);
        let position = shown.map_or(1, |shown| u64::from(shown.get()));
        let face = self.shut_face().unwrap_or(match survey.orders.state {
            WindowState::Paused => Face::Paused,
            WindowState::Open | WindowState::Closed | WindowState::Ended => Face::Waiting,
        });
        let mut notice = self.notice(face);
        notice.position = Some(position);
        notice.reference = Some(token.visitor.reference(self.name()));
        let moves = face == Face::Waiting && notice.reason != Some(Reason::Recovering);
        notice.wait = moves
            .then(|| {
                self.snapshot
                    .flow
                    .as_ref()
                    .map(|flow| flow.wait(position - 1))
            })
            .flatten();
        notice.poll_after = self.poll_after(position - 1, token.visitor);
        let signed = QueueToken {
            position: shown,
            tick: survey.ticks.tick,
            expires: QueueToken::expiry(token.place, self.now.wall),
            ended: None,
            ..*token
        };
        notice.queue = SetToken::Give(self.keys.sign_queue(self.name(), &signed));
        notice
    }

    fn released(&self, token: &QueueToken, left: Duration) -> Notice {
        let mut notice = self.inside(token);
        notice.face = self.shut_face().unwrap_or(Face::Released);
        notice.claim_by = Some(self.now.wall.after(left));
        notice
    }

    fn inside(&self, token: &QueueToken) -> Notice {
        let mut notice = self.notice(Face::Admitted);
        notice.reference = Some(token.visitor.reference(self.name()));
        notice.poll_after = SOON;
        notice.queue = SetToken::Give(self.keys.sign_queue(
            self.name(),
            &QueueToken {
                expires: QueueToken::expiry(token.place, self.now.wall),
                ..*token
            },
        ));
        notice
    }

    async fn claim(&self, token: &QueueToken) -> Result<Outcome, Refusal> {
        let session = self
            .keys
            .jti(self.name(), token.window, token.visitor, token.turn);
        let claim = Claim {
            visitor: token.visitor,
            window: token.window,
            turn: token.turn,
            session,
            at: self.now.wall,
        };
        let terms = &self.room.settings.terms;
        let answer = self.store.claim(self.name(), terms, &[claim]).await;
        let since = match answer.as_deref() {
            Ok([Claimed::Admitted { since, .. }]) => *since,
            Ok([Claimed::Not(stand)]) => return Ok(told(self.not_claimed(token, *stand))),
            Ok(_) | Err(_) => return Ok(told(self.kept(token))),
        };
        let Some(expires) = terms.session.expiry(since, self.now.wall) else {
            return Ok(told(self.place_less(token.visitor, Some(EndedBy::Expired))));
        };
        self.admissions.renewal(session).hold_until(expires);
        let admission = Admission {
            jti: session,
            sub: self.keys.subject(self.name(), token.visitor),
            since,
            expires,
            rev: self.snapshot.survey.orders.rev,
        };
        let text = self
            .keys
            .sign_admission(self.name(), &admission)
            .map_err(|_| Refusal::NoChance)?;
        let given = AdmissionToken {
            text,
            life: expires.since(self.now.wall),
        };
        let mut notice = self.inside(token);
        notice.admission = SetToken::Give(given.clone());
        Ok(Outcome::Claimed {
            session,
            token: given,
            notice: Box::new(notice),
        })
    }

    /// A claim that came too late or too early: told where the visitor stands instead.
    fn not_claimed(&self, token: &QueueToken, stand: Stand) -> Notice {
        match stand.standing {
            Standing::Waiting { ahead } => self.waits(token, ahead),
            Standing::Released { left } => self.released(token, left),
            Standing::Admitted => self.inside(token),
            Standing::Ended(why) => self.place_less(token.visitor, Some(why)),
            Standing::Unknown => self.kept(token),
        }
    }

    fn poll_after(&self, ahead: u64, visitor: VisitorId) -> Duration {
        let median = self
            .snapshot
            .flow
            .as_ref()
            .map(|flow| flow.wait(ahead).median);
        let pace = self
            .snapshot
            .survey
            .orders
            .pace
            .unwrap_or(self.room.settings.terms.pace);
        jittered(poll_after(ahead, median, pace), seed(visitor, self.now))
    }
}

/// When the page of a first visit comes back.
const FIRST_RETURN: Duration = Duration::from_secs(2);
/// When to ask again while the store is away.
const STORE_AWAY: Duration = Duration::from_secs(10);
/// When a released or admitted visitor's page asks again.
const SOON: Duration = Duration::from_secs(2);

fn told(notice: Notice) -> Outcome {
    Outcome::Told(Box::new(notice))
}

/// Spreads polls: differs by visitor and by minute.
fn seed(visitor: VisitorId, now: Now) -> u64 {
    let [first, second, third, fourth, ..] = *visitor.as_bytes();
    u64::from(u32::from_le_bytes([first, second, third, fourth])) ^ (now.wall.secs() / 7)
}
