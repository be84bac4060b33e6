//! A turn is claimed: the visitor gets its admission.

use std::sync::Arc;

use crate::domain::clock::UnixTime;
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::store::{Claim, Claimed};
use crate::token::admission::Admission;
use crate::token::queue::QueueToken;

use super::Refusal;
use super::admit::{AdmissionToken, Known};
use super::notice::SetToken;
use super::queue::{Line, Outcome, told};

/// When a session began, and under which `rev` its tokens are signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since {
    pub since: UnixTime,
    pub rev: u32,
    /// Until when the site keeps it; zero time where it does not.
    pub kept: UnixTime,
}

impl Line<'_> {
    pub(super) async fn claim(&self, token: &QueueToken) -> Result<Outcome, Refusal> {
        let claim = Claim {
            visitor: token.visitor,
            window: token.window,
            turn: token.turn,
            session: self.session(token),
            at: self.now.wall,
        };
        let terms = &self.terms();
        let answer = self.store.claim(self.name(), terms, &[claim]).await;
        let begun = match answer.as_deref() {
            Ok(
                [
                    Claimed::Admitted {
                        since, rev, kept, ..
                    },
                ],
            ) => Since {
                since: *since,
                rev: *rev,
                kept: *kept,
            },
            Ok([Claimed::Not(stand)]) => return Ok(told(self.not_claimed(token, *stand))),
            Ok(_) | Err(_) => return Ok(told(self.kept(token))),
        };
        self.admitted(token, begun)
    }

    /// The name of a token's session.
    pub(super) fn session(&self, token: &QueueToken) -> Jti {
        self.keys
            .jti(self.name(), token.window, token.visitor, token.turn)
    }

    /// Lets in a visitor whose slot the store holds.
    pub(super) fn admitted(&self, token: &QueueToken, begun: Since) -> Result<Outcome, Refusal> {
        let terms = &self.room.settings.terms.session;
        let usual = terms.expiry(begun.since, self.now.wall);
        let kept = (begun.kept > self.now.wall).then_some(begun.kept);
        let Some(expires) = usual.max(kept) else {
            return Ok(told(
                self.place_less((token.visitor, token.lane), Some(EndedBy::Expired)),
            ));
        };
        let shared = self.admissions.shared(self.session(token));
        shared.renewal.hold_until(expires);
        shared.renewal.keep_until(begun.kept);
        shared.renewal.registered_in(token.epoch);
        self.lets_in(token, begun, expires)
    }

    /// Gives an admission that lives until `expires`.
    pub(super) fn lets_in(
        &self,
        token: &QueueToken,
        begun: Since,
        expires: UnixTime,
    ) -> Result<Outcome, Refusal> {
        let Since { since, rev, .. } = begun;
        let session = self.session(token);
        let admission = Admission {
            jti: session,
            sub: self.keys.subject(self.name(), token.visitor),
            since,
            expires,
            rev,
        };
        let text = self
            .keys
            .sign_admission(self.name(), &admission, self.now.wall)
            .map_err(|_| Refusal::NoChance)?;
        let given = AdmissionToken {
            text,
            life: expires.since(self.now.wall),
        };
        let mut notice = self.inside(token);
        notice.admission = SetToken::Give(given.clone());
        let shared = self.admissions.shared(session);
        Ok(Outcome::Claimed {
            session,
            known: Arc::new(Known::of(self.name(), admission, shared)),
            token: given,
            notice: Box::new(notice),
        })
    }
}
