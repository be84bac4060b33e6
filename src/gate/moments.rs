//! The times that a visitor is told before the opening, and when the page asks again around them.

use std::time::Duration;

use crate::domain::estimate::{LONGEST_POLL, SHORTEST_POLL, jittered};
use crate::domain::poll::{crowd_poll, poll_around};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowState;

use super::notice::{Face, Notice};
use super::queue::Line;
use super::tell::seed;

/// How many come to a room whose opening is awaited, as long as nobody can know: before the
/// prequeue nothing is written of anybody.
const UNKNOWN_CROWD: u64 = 100_000;

/// When the page of a lobby asks again whose opening nobody has set a time for.
const LOBBY: Duration = Duration::from_secs(30);

impl Line<'_> {
    /// Tells when the room opens, where it is not open, and when to come back for that.
    pub(super) fn tell_times(&self, notice: &mut Notice) {
        let (orders, schedule) = (&self.snapshot.survey.orders, &self.room.settings.schedule);
        let shut = matches!(notice.face, Face::Closed | Face::Ended);
        if shut || notice.face == Face::Prequeue {
            notice.opens_at = orders.opening(schedule);
        }
        if !shut {
            return;
        }
        notice.prequeue_opens_at = orders.prequeue_opening(schedule);
        let by_chance = self.now.mono.subsec_nanos().into();
        notice.poll_after = match notice.prequeue_opens_at.or(notice.opens_at) {
            Some(at) => poll_around(at.since(notice.at), UNKNOWN_CROWD, by_chance),
            None => jittered(LONGEST_POLL, by_chance),
        };
    }

    /// When somebody in the lobby asks again: nothing changes there until the opening, and then
    /// for everybody at once. The lobby of a round is drawn when its time is up.
    pub(super) fn lobby_poll(&self, visitor: VisitorId) -> Duration {
        let survey = &self.snapshot.survey;
        let (crowd, by_chance) = (survey.waiting, seed(visitor, self.now));
        if survey.orders.state == WindowState::Drawing {
            return crowd_poll(crowd, by_chance);
        }
        if let Some(round) = self.terms().fairness_window.filter(|_| self.in_round()) {
            return jittered(round.clamp(SHORTEST_POLL, LOBBY), by_chance);
        }
        let now = self.snapshot.skew.correct(self.now).wall;
        match survey.orders.opening(&self.room.settings.schedule) {
            Some(at) => poll_around(at.since(now), crowd, by_chance),
            None => jittered(LOBBY, by_chance),
        }
    }
}
