//! What a visitor in the lobby is told: no position, and no store is asked.

use crate::domain::window::WindowState;
use crate::token::queue::QueueToken;

use super::notice::{Face, Notice, SetToken};
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
        let mut notice = self.notice(self.lobby_face(token));
        if self.in_round() {
            notice.opens_at = None;
            notice.waiting = self.snapshot.survey.lobby;
        }
        // The survey may be older than the visitor.
        notice.waiting = notice.waiting.max(1);
        self.name_holder(&mut notice, token);
        notice.ended_by = token.ended;
        notice.poll_after = self.lobby_poll(token.visitor);
        let signed = token.renewed(self.now.wall);
        notice.queue = SetToken::Give(self.sign(&signed));
        notice
    }

    /// Whether the room is open and has a lobby all the same, because it draws round after round.
    pub(super) fn in_round(&self) -> bool {
        let open = self.snapshot.survey.orders.state == WindowState::Open;
        open && self.terms().fairness_window.is_some()
    }

    /// In an open room only a round has a lobby; who is in another one's is about to get a place.
    fn lobby_face(&self, token: &QueueToken) -> Face {
        match self.waiting_face(token) {
            Face::Waiting if self.in_round() => Face::Prequeue,
            Face::Waiting => Face::Drawing,
            other => other,
        }
    }
}
