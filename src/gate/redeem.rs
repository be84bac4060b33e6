//! Codes: a visitor without a place brings one, and gets into the lane it leads to.
//!
//! What a code is can be told without the store; only one that was handed out and has not lapsed
//! is used there. Nothing is used that could not be followed by a join at once.

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::clock::{Now, UnixTime};
use crate::domain::invitation::{Batch, CodeNumber};
use crate::domain::lane::Lane;
use crate::domain::skew::WallClock;
use crate::domain::window::WindowState;
use crate::store::ShownBy;
use crate::store::survey::StoreHealth;
use crate::store::{Leaving, Spending, Spent};
use crate::token::code::{Code, CodeKey};
use crate::token::queue::QueueToken;

use super::identity::Known;
use super::notice::{Notice, SetToken};
use super::queue::{Coming, Line, May, Outcome};
use super::{Gate, Own, Refusal};

/// How long the use of a code that never lapses is remembered: longer than anybody keeps one.
const FOR_EVER: Duration = Duration::from_hours(10 * 365 * 24);

/// A request that brings a code, whose body is still to be read.
#[derive(Debug)]
pub struct Bringing {
    /// The index of the room.
    pub(super) room: usize,
    /// The token brought.
    pub(super) token: Option<QueueToken>,
    /// Who the visitor is.
    pub(super) known: Known,
    /// Whether the visitor is inside already.
    pub(super) inside: Option<Box<Notice>>,
    /// Where the request came from.
    pub(super) client: IpAddr,
    /// When.
    pub(super) now: Now,
    /// Whether tokens are told in the JSON.
    pub(super) tells: bool,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It counts: the visitor is in its lane, or on the way there.
    Accepted,
    /// The visitor has a place or is inside: a code counts before that.
    Late,
    /// The visitor had no token; it has one now, and brings the code again.
    Again,
    /// The visitor must sign in first.
    SignIn,
    /// No code of this house, or one that was mistyped: nobody is told which.
    Wrong,
    /// Another visitor used it.
    Used,
    /// It has lapsed, or its lane is gone.
    Lapsed,
    /// It is for another room of this house.
    Elsewhere,
    /// Nobody can join now; the code is not used.
    Shut,
    /// The store cannot be asked now; the code stays this visitor's.
    Away,
}

impl Redeemed {
    /// One word for the metrics and for apps: one of
    /// [`CODE_RESULTS`](crate::telemetry::labels::CODE_RESULTS).
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Late => "late",
            Self::Again => "again",
            Self::SignIn => "sign_in",
            Self::Wrong => "wrong",
            Self::Used => "used",
            Self::Lapsed => "expired",
            Self::Elsewhere => "other_room",
            Self::Shut => "shut",
            Self::Away => "away",
        }
    }
}

impl Gate {
    /// Tries the code that stood in a request's body, if one did.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] for who guesses, [`Refusal::NoChance`] when the machine gives no
    /// random numbers.
    pub async fn redeem(&self, bringing: Bringing, typed: Option<&str>) -> Result<Own, Refusal> {
        let Some(room) = self.rooms.get(bringing.room) else {
            return Err(Refusal::NotFound);
        };
        let snapshot = room.snapshot.load_full();
        let line = self.line(room, &snapshot, bringing.now);
        let (mut notice, redeemed) = match self.fresh(&line, &bringing).await? {
            Fresh::Told(notice, redeemed) => (notice, redeemed),
            Fresh::Token(token) => self.bring(&line, token, (&bringing, typed)).await?,
        };
        notice.tells_tokens = bringing.tells;
        Ok(Own::Redeemed(notice, redeemed))
    }

    /// The token to be brought into a lane, or why there is none.
    async fn fresh(&self, line: &Line<'_>, bringing: &Bringing) -> Result<Fresh, Refusal> {
        if let Some(inside) = &bringing.inside {
            return Ok(Fresh::Told(inside.clone(), Redeemed::Late));
        }
        let look = |token| Coming {
            token,
            may: May::Look,
            returned: false,
            known: Known::Anybody,
            shown_by: ShownBy::Visitor,
        };
        let told = |outcome| match outcome {
            Outcome::Told(notice) | Outcome::Claimed { notice, .. } => notice,
        };
        if let Known::SignIn(sign_in) = &bringing.known {
            let notice = Box::new(line.sign_in(sign_in.clone()));
            return Ok(Fresh::Told(notice, Redeemed::SignIn));
        }
        let Some(token) = bringing.token else {
            let first = Coming {
                may: May::Join,
                ..look(None)
            };
            let notice = told(line.serve(first).await?);
            let redeemed = match notice.queue {
                SetToken::Give(_) => Redeemed::Again,
                SetToken::Keep | SetToken::Clear => Redeemed::Shut,
            };
            return Ok(Fresh::Told(notice, redeemed));
        };
        if line.keeps_lane(&token) {
            let notice = told(line.serve(look(Some(token))).await?);
            return Ok(Fresh::Told(notice, Redeemed::Late));
        }
        if let Some(why) = line.cannot_join() {
            return Ok(Fresh::Told(Box::new(line.without_place(&token)), why));
        }
        Ok(Fresh::Token(line.identified(token, &bringing.known)))
    }

    async fn bring(
        &self,
        line: &Line<'_>,
        token: QueueToken,
        (bringing, typed): (&Bringing, Option<&str>),
    ) -> Result<(Box<Notice>, Redeemed), Refusal> {
        let stays = |why| (Box::new(line.without_place(&token)), why);
        let Some(code) = typed.and_then(Code::parse) else {
            return Ok(stays(Redeemed::Wrong));
        };
        self.limiters.guess(token.visitor, bringing.client)?;
        let key = self.keys.codes();
        let Some(number) = key.number(line.name(), &code) else {
            let elsewhere = self.is_of_another_room(&key, &code);
            let why = if elsewhere {
                Redeemed::Elsewhere
            } else {
                Redeemed::Wrong
            };
            return Ok(stays(why));
        };
        let found = line.invites(number);
        let (batch, lane) = match found {
            Ok(found) => found,
            Err(why) => return Ok(stays(why)),
        };
        let spending = Spending {
            key: key.mark(line.name(), number),
            visitor: token.visitor,
            window: token.window,
            keep: line.remembered(batch),
        };
        match line.store.spend(line.name(), &[spending]).await.as_deref() {
            Ok([Spent::Now | Spent::Before]) => {}
            Ok([Spent::ByAnother]) => return Ok(stays(Redeemed::Used)),
            Ok(_) | Err(_) => return Ok(stays(Redeemed::Away)),
        }
        let token = QueueToken {
            lane: lane.0,
            ..token
        };
        let notice = line.come_in(token).await?;
        Ok((notice, Redeemed::Accepted))
    }

    /// Whether a code was handed out for another room of ours and is not lapsed there.
    fn is_of_another_room(&self, key: &CodeKey, code: &Code) -> bool {
        self.rooms.iter().any(|room| {
            let snapshot = room.snapshot.load();
            let batches = &snapshot.survey.orders.batches;
            // Rooms without codes cost nothing.
            !batches.is_empty()
                && key
                    .number(&room.settings.name, code)
                    .is_some_and(|number| batches.iter().any(|batch| batch.has(number)))
        })
    }
}

/// What can be said before the code is looked at.
enum Fresh {
    Told(Box<Notice>, Redeemed),
    Token(QueueToken),
}

impl Line<'_> {
    /// Whether a token's lane can be changed no more: its holder has a place, or the lobby is
    /// being drawn.
    fn keeps_lane(&self, token: &QueueToken) -> bool {
        let drawn = self.snapshot.survey.orders.state != WindowState::Prequeue;
        token.place.is_some() || (token.lobby && drawn)
    }

    /// Whether there are codes that count here.
    pub(super) fn takes_codes(&self) -> bool {
        let batches = &self.snapshot.survey.orders.batches;
        batches.iter().any(|batch| batch.counts(self.now.wall))
    }

    /// Why nobody can join now, so that no code is used up before anybody can.
    fn cannot_join(&self) -> Option<Redeemed> {
        let away = self.snapshot.store != StoreHealth::Reachable
            || self.snapshot.skew.clock == WallClock::Off
            || self.snapshot.unknown.is_some();
        let full = self.snapshot.survey.waiting >= u64::from(self.room.settings.terms.max_waiting);
        match (away, self.shut_face().is_some() || full) {
            (true, _) => Some(Redeemed::Away),
            (false, true) => Some(Redeemed::Shut),
            (false, false) => None,
        }
    }

    /// The batch of a code and the lane it leads into.
    fn invites(&self, number: CodeNumber) -> Result<(&Batch, Lane), Redeemed> {
        let batches = &self.snapshot.survey.orders.batches;
        let batch = batches.iter().find(|batch| batch.has(number));
        let batch = batch.ok_or(Redeemed::Wrong)?;
        let lane = self.room.settings.lane_named(&batch.lane);
        let lane = lane.filter(|_| batch.counts(self.now.wall));
        Ok((batch, lane.ok_or(Redeemed::Lapsed)?))
    }

    /// For how long the use of a batch's code is remembered: until it lapses, as any gateway's
    /// clock may have it.
    fn remembered(&self, batch: &Batch) -> Duration {
        let lapses = batch.expires_at.map(UnixTime::from_millis);
        lapses.map_or(FOR_EVER, |at| {
            at.since(self.now.wall)
                .saturating_add(Duration::from_hours(1))
        })
    }

    /// Joins with a token in its new lane. Whatever the answer, the visitor gets that token.
    /// In the lobby, where nobody has an order yet, it is left and joined anew: a stay keeps the
    /// lane it began in.
    async fn come_in(&self, token: QueueToken) -> Result<Box<Notice>, Refusal> {
        if token.lobby {
            let leaving = Leaving {
                visitor: token.visitor,
                window: token.window,
                turn: token.turn,
            };
            // Where that fails the join says where the visitor stands.
            let _ = self.store.leave(self.name(), &[leaving]).await;
        }
        let coming = Coming {
            token: Some(QueueToken {
                lobby: false,
                ..token
            }),
            may: May::Join,
            returned: false,
            known: Known::Anybody,
            shown_by: ShownBy::Visitor,
        };
        let (Outcome::Told(mut notice) | Outcome::Claimed { mut notice, .. }) =
            self.serve(coming).await?;
        if notice.queue == SetToken::Keep {
            notice.queue = SetToken::Give(self.sign(&token.renewed(self.now.wall)));
            notice.lane = Some(Lane(token.lane));
        }
        Ok(notice)
    }
}
