//! What a visitor in the lobby is told: no position, and no store is asked.

use crate::domain::window::WindowState;
use crate::token::queue::QueueToken;

use super::notice::{Notice, SetToken};
use super::queue::Line;

impl Line<'_> {
    /// Whether a token's holder is in the lobby for all that is known, so that nobody is asked.
    pub(super) fn lobby_holds(&self, token: &QueueToken) -> bool {
        let survey = &self.snapshot.survey;
        let kept = matches!(
            survey.orders.state,
            WindowState::Prequeue | WindowState::Drawing
        );
        token.lobby && kept && token.epoch == survey.epoch
    }

    /// In the lobby: there is no position yet.
    pub(super) fn in_lobby(&self, token: &QueueToken) -> Notice {
        let mut notice = self.notice(self.waiting_face(token));
        self.name_holder(&mut notice, token);
        notice.ended_by = token.ended;
        notice.poll_after = self.lobby_poll(token.visitor);
        let signed = token.renewed(self.now.wall);
        notice.queue = SetToken::Give(self.sign(&signed));
        notice
    }
}
