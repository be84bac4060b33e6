//! Visitors who cannot be there: stepping away, coming back, and more time for a turn.

use std::time::Duration;

use crate::domain::clock::UnixTime;
use crate::domain::lane::Lane;
use crate::domain::place::Place;
use crate::domain::skew::WallClock;
use crate::domain::standing::{Stand, Standing};
use crate::store::{CheckIn, Granted, ShownBy};
use crate::token::queue::QueueToken;

use super::Refusal;
use super::identity::Known;
use super::notice::{Face, Notice};
use super::queue::{Coming, Line, May, Outcome};

/// What a visitor wishes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To be away for a while and keep the place.
    StepAway,
    /// More time to take the turn.
    MoreTime,
}

/// Why a wish is not granted; the visitor stands where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// As often as may be in one stay.
    Spent(Wish),
    /// The visitor is not where one may wish for it.
    NotNow(Wish),
    /// The store cannot be asked now.
    Later,
}

/// The longest time between two polls of who is away, and the shortest.
const POLLS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));

impl Line<'_> {
    /// Asks the store for what a visitor wishes; what to tell, and why not where it may not be.
    ///
    /// # Errors
    /// [`Refusal::NoChance`] when the machine gives no random numbers.
    pub async fn wish(
        &self,
        token: Option<QueueToken>,
        wish: Wish,
    ) -> Result<(Box<Notice>, Option<Denial>), Refusal> {
        let placed = token.and_then(|token| Some((token, token.place?)));
        let Some((token, place)) = placed.filter(|(token, _)| !self.is_ahead_of_the_room(token))
        else {
            let notice = self.looks(token).await?;
            return Ok((notice, Some(Denial::NotNow(wish))));
        };
        if self.snapshot.skew.clock == WallClock::Off {
            return Ok((Box::new(self.kept(&token)), Some(Denial::Later)));
        }
        let Some(granted) = self.ask(self.coming(&token, place), wish).await else {
            return Ok((Box::new(self.kept(&token)), Some(Denial::Later)));
        };
        let denial = match granted {
            Granted::Yes(_) => None,
            Granted::Spent(_) => Some(Denial::Spent(wish)),
            Granted::Not(_) => Some(Denial::NotNow(wish)),
        };
        let told = Box::pin(self.stands(&token, *granted.stand(), May::Join)).await?;
        Ok((told.notice(), denial))
    }

    async fn ask(&self, token: CheckIn, wish: Wish) -> Option<Granted> {
        let terms = &self.room.settings.terms;
        let (name, tokens) = (self.name(), [token]);
        let answer = match wish {
            Wish::StepAway => self.store.step_away(name, terms, &tokens).await,
            Wish::MoreTime => self.store.extend(name, terms, &tokens).await,
        };
        answer.ok()?.first().copied()
    }

    fn coming(&self, token: &QueueToken, place: Place) -> CheckIn {
        let promised = self.poll_after(self.last_ahead(token), token);
        check_in(token, place, promised)
    }

    async fn looks(&self, token: Option<QueueToken>) -> Result<Box<Notice>, Refusal> {
        let coming = Coming {
            token,
            may: May::Look,
            returned: false,
            known: Known::default(),
            shown_by: ShownBy::Page,
        };
        Ok(Box::pin(self.serve(coming)).await?.notice())
    }

    /// How many were ahead when a position was last shown; all, where none was.
    pub(super) fn last_ahead(&self, token: &QueueToken) -> u64 {
        let shown = token.position.map(|shown| u64::from(shown.get()) - 1);
        shown.unwrap_or(self.snapshot.survey.lane(Lane(token.lane)).waiting)
    }

    /// Until when a token's holder is away, as far as the token tells.
    pub(super) fn away_until(&self, token: &QueueToken) -> Option<UnixTime> {
        token.away.filter(|until| *until > self.now.wall)
    }

    /// The token with what the store said of its holder.
    pub(super) fn learned(&self, token: &QueueToken, stand: Stand) -> QueueToken {
        QueueToken {
            turn: stand.turn,
            lobby: stand.standing == Standing::Lobby,
            place: stand.place,
            // A place keeps its lane, whichever the token asked for.
            lane: match stand.standing {
                Standing::Ended(_) | Standing::Unknown => token.lane,
                Standing::Lobby
                | Standing::Away { .. }
                | Standing::Waiting { .. }
                | Standing::Released { .. }
                | Standing::Admitted => stand.lane.0,
            },
            epoch: stand.epoch,
            tick: stand.tick,
            away: match stand.standing {
                Standing::Away { left } => Some(self.now.wall.after(left)),
                Standing::Lobby
                | Standing::Waiting { .. }
                | Standing::Released { .. }
                | Standing::Admitted
                | Standing::Ended(_)
                | Standing::Unknown => None,
            },
            ..*token
        }
    }

    /// In line and away: the position stands as it was, or falls.
    pub(super) fn is_away(&self, token: &QueueToken, until: UnixTime) -> Notice {
        let ahead = token.place.map_or(0, |place| self.surveyed(token, place));
        let mut notice = self.waits(token, ahead);
        if matches!(notice.face, Face::Waiting | Face::Paused | Face::Recovering) {
            let (shortest, longest) = POLLS;
            notice.away_until = Some(until);
            notice.poll_after = until.since(self.now.wall).clamp(shortest, longest);
        }
        notice
    }
}

/// What a token shows the store near the front, of itself.
pub(super) fn check_in(token: &QueueToken, place: Place, promised: Duration) -> CheckIn {
    CheckIn {
        visitor: token.visitor,
        window: token.window,
        lane: Lane(token.lane),
        epoch: token.epoch,
        turn: token.turn,
        place,
        tick: token.tick,
        promised,
        shown_by: ShownBy::Page,
    }
}

impl Outcome {
    /// What is told, claimed or not.
    pub(super) fn notice(self) -> Box<Notice> {
        match self {
            Self::Told(notice) | Self::Claimed { notice, .. } => notice,
        }
    }
}
