//! What a fan makes of an answer: where it stands from then on, and for how long it stays inside.

use super::{Event, Sale};
use crate::cli::simulate::fan::Stage;
use crate::cli::simulate::gateway::Answer;
use crate::gate::notice::{Face, Notice};
use crate::gate::queue::Outcome;

impl Sale {
    /// Takes in what a fan was answered; gives it back while the fan waits.
    pub(super) fn take_in(&mut self, number: u32, answer: &Answer) -> Option<Notice> {
        let token = answer.token;
        let stage = match &answer.outcome {
            Outcome::Claimed { .. } => Stage::Served,
            Outcome::Told(notice) => match notice.face {
                Face::Waiting | Face::Paused | Face::Released | Face::Recovering
                    if token.is_none_or(|token| token.place.is_some()) =>
                {
                    Stage::Waiting
                }
                Face::Waiting
                | Face::Paused
                | Face::Released
                | Face::Recovering
                | Face::Prequeue
                | Face::Drawing
                | Face::Admitted
                | Face::Closed
                | Face::Ended
                | Face::Full => Stage::Lost,
            },
        };
        self.with_fan(number, |fan| {
            fan.stage = stage;
            if let Some(token) = token {
                fan.place = token.place;
                fan.turn = token.turn;
                fan.position = token.position;
                fan.tick = token.tick;
            }
        });
        if stage == Stage::Served {
            let stays = self.stays();
            self.plan(self.now + stays, Event::Done(number));
        }
        match &answer.outcome {
            Outcome::Told(notice) if stage == Stage::Waiting => Some(Notice::clone(notice)),
            Outcome::Told(_) | Outcome::Claimed { .. } => None,
        }
    }

    /// How long a fan stays inside, in microseconds: two exponential halves (Erlang's
    /// distribution), so that few are done at once and few stay for very long.
    fn stays(&mut self) -> u64 {
        let half = self.stay.as_secs_f64() / 2.0;
        let stay = self.dice.exponential(half) + self.dice.exponential(half);
        (stay * 1e6) as u64
    }
}
