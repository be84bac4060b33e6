//! Stage 7: join, say where the visitor stands, or claim. The store is asked only when somebody
//! joins, claims, leaves, or stands near the front.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::clock::Now;
use crate::domain::estimate::LONGEST_JITTERED_POLL;
use crate::domain::lane::Lane;
use crate::domain::place::Place;
use crate::domain::pressure::Pressure;
use crate::domain::room::Terms;
use crate::domain::session::Jti;
use crate::domain::skew::WallClock;
use crate::domain::standing::{Stand, Standing};
use crate::store::survey::{Snapshot, StoreHealth};
use crate::store::{CheckIn, Joined, Joining, QueueStore, ShownBy, StoreError};
use crate::token::chance;
use crate::token::keyring::Keyring;
use crate::token::queue::QueueToken;

use super::absence::check_in;
use super::admit::{AdmissionToken, Admissions, Known};
use super::identity::Known as Identified;
use super::notice::{Face, Notice};
use super::room::Room;
use super::{Gate, Refusal};

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
    /// Whether there is too much to do for newcomers.
    pub pressure: Pressure,
}

/// How the visitor came.
#[derive(Debug)]
pub struct Coming {
    /// The token brought, if it verified for this room and its window is not over.
    pub token: Option<QueueToken>,
    /// What this request may do.
    pub may: May,
    /// The page without script came back.
    pub returned: bool,
    /// Who it is, as far as that matters to somebody without a place.
    pub known: Identified,
    /// Whether the visitor came itself, or its page asks.
    pub shown_by: ShownBy,
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
        /// What is known of it.
        known: Arc<Known>,
        /// Its token.
        token: AdmissionToken,
        /// What the status endpoint tells.
        notice: Box<Notice>,
    },
}

/// A third of how long a join counts as a check-in, at least: the survey may not know yet how
/// many came with it, and the visitor be told to come back as late as anybody.
const JOIN_LASTS: Duration = Duration::from_secs(LONGEST_JITTERED_POLL.as_secs() / 3);

impl Gate {
    /// A room's line, as its visitors stand in it now.
    pub fn line<'a>(&'a self, room: &'a Room, snapshot: &'a Snapshot, now: Now) -> Line<'a> {
        Line {
            room,
            snapshot,
            keys: &self.keys,
            store: self.store.as_ref(),
            admissions: &self.admissions,
            now,
            pressure: self.pressure.pressure(),
        }
    }
}

impl Line<'_> {
    /// Serves one visitor.
    ///
    /// # Errors
    /// [`Refusal::NoChance`] when the machine gives no random numbers, [`Refusal::Busy`] for who
    /// is neither in line nor in the lobby while there is too much to do.
    pub async fn serve(&self, coming: Coming) -> Result<Outcome, Refusal> {
        if self.snapshot.skew.clock == WallClock::Off {
            return Ok(told(self.unsigned(coming.token.as_ref())));
        }
        let holds_nothing = |token: &QueueToken| token.place.is_none() && !token.lobby;
        let holds_nothing = coming.token.as_ref().is_none_or(holds_nothing);
        if self.pressure == Pressure::High && holds_nothing && coming.may != May::Look {
            return Err(Refusal::Busy);
        }
        let Some(token) = coming.token else {
            return self.first_visit(coming).map(told);
        };
        if self.is_ahead_of_the_room(&token) {
            return Ok(told(self.held(&token)));
        }
        let token = self.drawn(&token).unwrap_or(token);
        let outcome = match (token.place, coming.may) {
            (None, _) if self.lobby_holds(&token) => told(self.in_lobby(&token)),
            (None, may) => self.come(&token, (may, coming.known)).await?,
            (Some(place), _) => self.stand(&token, place, coming).await?,
        };
        Ok(outcome)
    }

    /// The terms that hold now.
    pub(super) fn terms(&self) -> Terms {
        self.snapshot.survey.orders.terms(&self.room.settings)
    }

    pub(super) async fn join(&self, token: &QueueToken, may: May) -> Result<Outcome, Refusal> {
        if self.shut_face().is_some() {
            return Ok(told(self.without_place(token)));
        }
        let ask = self.joining(token);
        if may == May::Claim && self.may_pass() {
            return self.pass(token, ask).await;
        }
        let terms = &self.terms();
        match self.store.join(self.name(), terms, &[ask]).await.as_deref() {
            Ok([Joined::Stands(stand)]) => Box::pin(self.stands(token, *stand, may)).await,
            Ok([Joined::Full]) => Ok(told(self.notice(Face::Full))),
            Ok(_) => Ok(told(self.without_place(token))),
            Err(_) => Ok(told(self.kept(token))),
        }
    }

    fn joining(&self, token: &QueueToken) -> Joining {
        let lane = Lane(token.lane);
        let waiting = self.snapshot.survey.lane(lane).waiting;
        Joining {
            visitor: token.visitor,
            window: token.window,
            lane,
            promised: self.poll_after(waiting, token).max(JOIN_LASTS),
        }
    }

    async fn stand(
        &self,
        token: &QueueToken,
        place: Place,
        coming: Coming,
    ) -> Result<Outcome, Refusal> {
        let Coming { may, shown_by, .. } = coming;
        let by_page = shown_by == ShownBy::Page || may == May::Look;
        if let Some(until) = self.away_until(token).filter(|_| by_page) {
            return Ok(told(self.is_away(token, until)));
        }
        let survey = &self.snapshot.survey;
        let lane = survey.lane(Lane(token.lane));
        let known = self.snapshot.store != StoreHealth::NotYet;
        // Who was away is told apart from the others by the store alone.
        let far = token.epoch == survey.epoch && !lane.is_near(place) && token.away.is_none();
        if known && (far || may == May::Look) {
            return Ok(told(self.waits(token, self.surveyed(token, place))));
        }
        if may == May::Look {
            return Ok(told(self.kept(token)));
        }
        let ahead = self.last_ahead(token);
        let promised = self.poll_after(ahead, token);
        let ask = CheckIn {
            shown_by,
            ..check_in(token, place, promised)
        };
        let terms = &self.terms();
        match self
            .store
            .check_in(self.name(), terms, &[ask])
            .await
            .as_deref()
        {
            Ok([stand]) => Box::pin(self.stands(token, *stand, may)).await,
            Err(StoreError::Lost) => Ok(told(self.forgotten(token, ahead))),
            Ok(_) | Err(_) => Ok(told(self.kept(token))),
        }
    }

    /// How many are ahead as far as the survey tells; what was shown stands where the token has
    /// seen more than the survey, or the place was given since.
    pub(super) fn surveyed(&self, token: &QueueToken, place: Place) -> u64 {
        let survey = &self.snapshot.survey;
        let lane = survey.lane(Lane(token.lane));
        let older =
            token.epoch != survey.epoch || token.tick > survey.ticks.tick || !lane.has_seen(place);
        match token.position {
            Some(shown) if older => u64::from(shown.get()) - 1,
            Some(_) | None => lane.ahead_of(place),
        }
    }

    pub(super) async fn stands(
        &self,
        token: &QueueToken,
        stand: Stand,
        may: May,
    ) -> Result<Outcome, Refusal> {
        let token = self.learned(token, stand);
        match stand.standing {
            Standing::Lobby => Ok(told(self.in_lobby(&token))),
            Standing::Waiting { ahead } => Ok(told(self.waits(&token, ahead))),
            Standing::Away { left } => Ok(told(self.is_away(&token, self.now.wall.after(left)))),
            Standing::Released { left } if may != May::Claim => {
                Ok(told(self.released(&token, left)))
            }
            Standing::Admitted if may != May::Claim => Ok(told(self.inside(&token))),
            Standing::Released { .. } | Standing::Admitted => self.claim(&token).await,
            Standing::Ended(why) => {
                let who = (token.visitor, token.lane);
                Ok(told(self.place_less(who, Some(why))))
            }
            Standing::Unknown => {
                let visitor = chance::visitor_id().map_err(|_| Refusal::NoChance)?;
                Ok(told(self.place_less((visitor, token.lane), None)))
            }
        }
    }
}

pub(super) fn told(notice: Notice) -> Outcome {
    Outcome::Told(Box::new(notice))
}
