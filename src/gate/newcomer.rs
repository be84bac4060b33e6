//! Those who have no place yet: the first visit, the return with its token, and what they are
//! told until they have joined.

use std::time::Duration;

use crate::domain::lane::Lane;
use crate::domain::place::Turn;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::VisitorId;
use crate::token::chance;
use crate::token::queue::QueueToken;

use super::Refusal;
use super::identity::Known;
use super::notice::{Face, Notice, SetToken, Visit};
use super::queue::{Coming, Line, May, Outcome, told};

/// When the page of a first visit comes back.
const FIRST_RETURN: Duration = Duration::from_secs(2);
/// When the page of somebody who is signing in asks again.
const UNKNOWN_RETURN: Duration = Duration::from_secs(10);

impl Line<'_> {
    /// Somebody who may have no place yet, with a token that lived.
    pub(super) async fn come(
        &self,
        token: &QueueToken,
        (may, known): (May, Known),
    ) -> Result<Outcome, Refusal> {
        let token = self.identified(*token, &known);
        match (known, may) {
            (Known::SignIn(sign_in), _) => Ok(told(self.sign_in(sign_in))),
            (Known::Anybody | Known::Person { .. }, May::Look) => {
                Ok(told(self.without_place(&token)))
            }
            (Known::Anybody | Known::Person { .. }, May::Join | May::Claim) => {
                self.join(&token, may).await
            }
        }
    }

    pub(super) fn first_visit(&self, coming: Coming) -> Result<Notice, Refusal> {
        if let Some(face) = self.shut_face() {
            return Ok(self.notice(face));
        }
        if self.snapshot.survey.waiting >= self.room.settings.terms.max_waiting.into() {
            return Ok(self.notice(Face::Full));
        }
        if let Known::SignIn(sign_in) = coming.known {
            return Ok(self.sign_in(sign_in));
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
        let token = self.identified(self.bare(visitor, Lane::GENERAL.0, None), &coming.known);
        Ok(self.place_less((token.visitor, token.lane), None))
    }

    /// Gives a token without a place: the visitor joins by coming back with it.
    pub(super) fn place_less(
        &self,
        (visitor, lane): (VisitorId, u8),
        ended: Option<EndedBy>,
    ) -> Notice {
        let token = self.bare(visitor, lane, ended);
        let mut notice = self.without_place(&token);
        notice.visit = Visit::First;
        notice.queue = SetToken::Give(self.sign(&token));
        notice
    }

    /// A token without a place.
    pub(super) fn bare(&self, visitor: VisitorId, lane: u8, ended: Option<EndedBy>) -> QueueToken {
        QueueToken {
            lane,
            verdict: 0,
            rules: 0,
            visitor,
            window: self.snapshot.window(),
            epoch: self.snapshot.survey.epoch,
            turn: Turn::FIRST,
            lobby: false,
            place: None,
            expires: QueueToken::expiry(None, self.now.wall),
            tick: 0,
            position: None,
            ended,
            away: None,
        }
    }

    pub(super) fn without_place(&self, token: &QueueToken) -> Notice {
        let mut notice = self.notice(self.shut_face().unwrap_or(Face::Waiting));
        notice.ended_by = token.ended;
        self.name_holder(&mut notice, token);
        if notice.face.is_in_line() {
            notice.poll_after = FIRST_RETURN;
        }
        notice
    }

    /// What there is to tell somebody of whom nothing is known.
    pub(super) fn without_anybody(&self) -> Notice {
        let mut notice = self.notice(self.shut_face().unwrap_or(Face::Waiting));
        notice.poll_after = UNKNOWN_RETURN;
        notice
    }

    /// Whom a notice is for: the code by which people know the visitor, the lane, and whether
    /// there is a receipt.
    pub(super) fn name_holder(&self, notice: &mut Notice, token: &QueueToken) {
        notice.reference = Some(token.visitor.reference(self.name()));
        notice.lane = Some(Lane(token.lane));
        notice.draw = self.checkable(token);
    }
}
