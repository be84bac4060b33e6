//! A visitor goes, from the line or from inside.

use crate::domain::session::Jti;
use crate::domain::skew::WallClock;
use crate::domain::standing::EndedBy;
use crate::store::Leaving;
use crate::token::queue::QueueToken;

use super::notice::{Face, Notice, SetToken};
use super::queue::Line;

impl Line<'_> {
    /// Ends the visitor's turn. A store that cannot be asked now leaves the place to lapse.
    pub async fn leave(&self, token: Option<&QueueToken>) -> Notice {
        let token = token.filter(|token| token.place.is_some());
        if let Some(token) = token {
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
        let mut notice = self.notice(Face::Ended);
        notice.ended_by = Some(EndedBy::Left);
        // The next visit joins at the end of the line, and its page says why.
        let signs = token.filter(|_| self.snapshot.skew.clock == WallClock::Right);
        notice.queue = signs.map_or(SetToken::Clear, |token| {
            self.place_less((token.visitor, token.lane), Some(EndedBy::Left))
                .queue
        });
        notice.admission = SetToken::Clear;
        notice
    }

    /// Leaves word that a session has ended by the visitor's own wish.
    pub fn end(&self, session: Jti) {
        self.room.end(session, EndedBy::Left);
    }
}
