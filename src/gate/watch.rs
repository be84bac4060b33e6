//! Visitors who watch their places through open event streams: what each is told, and when the
//! store is asked for it.
//!
//! Far from the front a watcher is told from the snapshot. Near it the gateway checks in for its
//! watchers, many in one call: by the time that a poll would have been promised, and where
//! somebody was released and nobody is ahead of them any more. It never claims.
//!
//! In the lobby nobody is asked: the opening and the draw show in the room's orders, and the place
//! in the order that this gateway has of the draw.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::lane::Lane;
use crate::domain::place::Epoch;
use crate::domain::skew::WallClock;
use crate::domain::standing::{Stand, Standing};
use crate::domain::window::WindowState;
use crate::store::CheckIn;
use crate::store::survey::StoreHealth;
use crate::token::queue::QueueToken;

use super::absence::check_in;
use super::notice::{Face, Notice, SetToken};
use super::queue::Line;

/// How often the store is asked about a watcher who is away: it may come back elsewhere.
const AWAY: Duration = Duration::from_secs(10);

/// How long those in the lobby wait here for an order that another gateway has drawn. It comes
/// within moments; where it does not, the page asks.
const ORDER: Duration = Duration::from_secs(10);

/// An event stream about to be opened.
#[derive(Debug)]
pub struct Watch {
    /// Where the visitor stands now: the first event, and the head's cookie.
    pub notice: Box<Notice>,
    /// Who watches from then on; `None` where there is nothing to wait for.
    pub watcher: Option<Watcher>,
}

/// One visitor who watches.
#[derive(Clone, Debug)]
pub struct Watcher {
    token: QueueToken,
    /// When the store is to be asked again, by the gateway's own clock.
    due: Duration,
    /// How many had been released when the store was last asked.
    released: u64,
    /// The room's epoch when the store was last asked.
    asked_in: Epoch,
    /// Until when this gateway may do without the order that the lobby was drawn in.
    order_by: Option<Duration>,
}

/// What a look at a watcher comes to.
#[derive(Debug)]
pub enum Look {
    /// This is what there is to tell.
    Told(Box<Notice>),
    /// The store must be asked; [`Watcher::hears`] takes the answer.
    Ask(CheckIn),
    /// There is nothing more to watch: the page must ask, and gets another token.
    Over,
}

impl Watcher {
    /// Somebody who was just told `notice`, and brought `token` or was given another; `None` where
    /// there is nothing to wait for.
    #[must_use]
    pub fn new(line: &Line<'_>, notice: &Notice, token: Option<QueueToken>) -> Option<Self> {
        let given = match &notice.queue {
            SetToken::Give(text) => {
                let read = line.keys.verify_queue(line.name(), text, line.now.wall);
                Some(read.ok()?)
            }
            SetToken::Keep => token,
            SetToken::Clear => None,
        };
        let waits = matches!(
            notice.face,
            Face::Waiting | Face::Prequeue | Face::Drawing | Face::Paused | Face::Recovering
        );
        let watches = |token: &QueueToken| token.place.is_some() || line.lobby_holds(token);
        let token = given.filter(|token| waits && watches(token))?;
        Some(Self {
            token,
            due: line.now.mono.saturating_add(notice.poll_after),
            released: line.released_total(),
            asked_in: line.snapshot.survey.epoch,
            order_by: None,
        })
    }

    /// Somebody in the lobby, for tests of what is told.
    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        use crate::domain::clock::UnixTime;
        use crate::domain::place::Turn;
        use crate::domain::visitor::VisitorId;
        use crate::domain::window::WindowId;
        Self {
            token: QueueToken {
                lane: 0,
                verdict: 0,
                rules: 0,
                visitor: VisitorId::from_bytes([7; 16]),
                window: WindowId(7),
                epoch: Epoch(7),
                turn: Turn::FIRST,
                lobby: true,
                place: None,
                expires: UnixTime::from_secs(1_800_000_000),
                tick: 0,
                position: None,
                ended: None,
                away: None,
            },
            due: Duration::ZERO,
            released: 0,
            asked_in: Epoch(7),
            order_by: None,
        }
    }

    /// Looks where the watcher stands.
    pub fn look(&mut self, line: &Line<'_>) -> Look {
        let snapshot = line.snapshot;
        if line.is_ahead_of_the_room(&self.token) {
            return Look::Told(Box::new(line.held(&self.token)));
        }
        if !line.room.counts(&self.token) || snapshot.survey.orders.state == WindowState::Ended {
            return Look::Over;
        }
        if snapshot.skew.clock == WallClock::Off || snapshot.store != StoreHealth::Reachable {
            return Look::Told(Box::new(line.kept(&self.token)));
        }
        self.token = line.drawn(&self.token).unwrap_or(self.token);
        let Some(place) = self.token.place else {
            return self.look_in_lobby(line);
        };
        if self.is_to_be_asked(line) {
            return Look::Ask(self.ask(line, check_in(&self.token, place, Duration::ZERO)));
        }
        let notice = match line.away_until(&self.token) {
            Some(until) => line.is_away(&self.token, until),
            None => line.waits(&self.token, line.surveyed(&self.token, place)),
        };
        self.shown(&notice);
        Look::Told(Box::new(notice))
    }

    /// Somebody without a place: in the lobby until the room opens, and then for as long as this
    /// gateway may lack the order.
    fn look_in_lobby(&mut self, line: &Line<'_>) -> Look {
        let now = line.now.mono;
        let holds = line.lobby_holds(&self.token);
        if !holds && line.lacks_order(&self.token) {
            self.order_by.get_or_insert(now.saturating_add(ORDER));
        }
        if holds || self.order_by.is_some_and(|by| now < by) {
            Look::Told(Box::new(line.in_lobby(&self.token)))
        } else {
            Look::Over
        }
    }

    /// Takes in what the store said; what there is to tell, or `None` where the watch is over.
    pub fn hears(&mut self, line: &Line<'_>, stand: Stand) -> Option<Box<Notice>> {
        let token = line.learned(&self.token, stand);
        let notice = match stand.standing {
            Standing::Waiting { ahead } => line.waits(&token, ahead),
            Standing::Away { left } => line.is_away(&token, line.now.wall.after(left)),
            Standing::Released { left } => line.released(&token, left),
            Standing::Lobby => line.in_lobby(&token),
            Standing::Admitted | Standing::Ended(_) | Standing::Unknown => return None,
        };
        self.token = token;
        self.shown(&notice);
        Some(Box::new(notice))
    }

    /// What there is to tell while the store gives no answer.
    #[must_use]
    pub fn unheard(&self, line: &Line<'_>) -> Box<Notice> {
        Box::new(line.kept(&self.token))
    }

    fn is_to_be_asked(&self, line: &Line<'_>) -> bool {
        let survey = &line.snapshot.survey;
        let (Some(place), due) = (self.token.place, line.now.mono >= self.due) else {
            return false;
        };
        if self.token.away.is_some() {
            return due;
        }
        // After a loss everybody shows the token once, so that the place comes back.
        if self.asked_in != survey.epoch {
            return true;
        }
        let lane = survey.lane(Lane(self.token.lane));
        let near = self.token.epoch != survey.epoch || lane.is_near(place);
        let moved = line.released_total() != self.released;
        near && (due || (moved && lane.ahead_of(place) == 0))
    }

    /// Notes that the store is being asked, and promises when it is asked again.
    fn ask(&mut self, line: &Line<'_>, ask: CheckIn) -> CheckIn {
        let usual = line.poll_after(line.last_ahead(&self.token), &self.token);
        let promised = if self.token.away.is_some() {
            AWAY
        } else {
            usual
        };
        self.due = line.now.mono.saturating_add(promised);
        self.released = line.released_total();
        self.asked_in = line.snapshot.survey.epoch;
        CheckIn { promised, ..ask }
    }

    /// Keeps the least position that was shown: the next is never above it.
    fn shown(&mut self, notice: &Notice) {
        let shown = notice.position.and_then(|shown| u32::try_from(shown).ok());
        let shown = shown.and_then(NonZeroU32::new);
        self.token.position = self.token.position.min(shown).or(shown);
    }
}

impl Line<'_> {
    fn released_total(&self) -> u64 {
        let survey = &self.snapshot.survey;
        survey.releases_total.saturating_add(survey.granted_total)
    }
}
