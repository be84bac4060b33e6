//! What is written down of a run while it goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ask::Deed;
use crate::check::{Checker, Sight};
use crate::histogram::Histogram;
use crate::life::Life;
use crate::mind::End;
use crate::seen::Seen;

/// The whole of it.
#[derive(Debug)]
pub struct Journal {
    /// One a fan.
    pub lives: Vec<Life>,
    /// By the second; none where nothing happened.
    pub seconds: BTreeMap<u64, Second>,
    /// How long answers took, by what was asked; from when the request was due.
    pub took: BTreeMap<Deed, Histogram>,
    /// How late requests were sent: the load generator's own delay.
    pub late: Histogram,
    /// Answers by status code; 0 for none.
    pub answers: BTreeMap<u16, u64>,
    /// How often a fan went over to another gateway because its own could not be reached.
    pub switches: u64,
    /// Connections opened.
    pub connections: u64,
    /// The promises.
    pub checker: Checker,
}

/// What happened in one second.
#[derive(Clone, Debug, Default)]
pub struct Second {
    /// Fans who came.
    pub arrivals: u32,
    /// Requests answered, by what was asked.
    pub asked: BTreeMap<Deed, u32>,
    /// Answers of 200 to 299, 300 to 399, 400 to 499, 500 and above, and none.
    pub classes: [u32; 5],
    /// Answers about the line.
    pub line: Histogram,
    /// Pages of the shop.
    pub site: Histogram,
}

/// One request and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When it was due.
    pub due: Duration,
    /// The status code; 0 for no answer.
    pub status: u16,
    /// What the fan saw.
    pub sight: Sight<'a>,
}

impl Journal {
    /// For `fans` fans.
    #[must_use]
    pub fn new(fans: usize) -> Self {
        Self {
            lives: vec![Life::default(); fans],
            seconds: BTreeMap::new(),
            took: BTreeMap::new(),
            late: Histogram::default(),
            answers: BTreeMap::new(),
            switches: 0,
            connections: 0,
            checker: Checker::new(fans),
        }
    }

    /// A fan comes.
    pub fn arrived(&mut self, fan: u32, at: Duration) {
        self.second(at).arrivals += 1;
        if let Some(life) = self.lives.get_mut(fan as usize) {
            life.arrived_s = Some(at.as_secs_f64());
        }
    }

    /// A fan is gone.
    pub fn ended(&mut self, fan: u32, at: Duration, end: End) {
        self.checker.went(fan);
        if let Some(life) = self.lives.get_mut(fan as usize) {
            (life.gone_s, life.end) = (Some(at.as_secs_f64()), Some(end));
        }
    }

    /// A request was answered, or was not.
    pub fn wrote(&mut self, entry: &Entry<'_>) {
        let sight = &entry.sight;
        let took = sight.at.saturating_sub(entry.due.min(sight.sent));
        self.late.add(sight.sent.saturating_sub(entry.due));
        *self.answers.entry(entry.status).or_default() += 1;
        self.took.entry(sight.deed).or_default().add(took);
        let second = self.second(sight.at);
        *second.asked.entry(sight.deed).or_default() += 1;
        if let Some(count) = second.classes.get_mut(class(entry.status)) {
            *count += 1;
        }
        match sight.seen {
            Seen::Site => second.site.add(took),
            Seen::Line(_) | Seen::NotReleased => second.line.add(took),
            Seen::Refused(_) | Seen::Nothing => {}
        }
        if let Some(life) = self.lives.get_mut(sight.fan as usize) {
            life.learns(sight);
        }
        self.checker.saw(sight);
    }

    fn second(&mut self, at: Duration) -> &mut Second {
        self.seconds.entry(at.as_secs()).or_default()
    }
}

const fn class(status: u16) -> usize {
    match status {
        200..300 => 0,
        300..400 => 1,
        400..500 => 2,
        500.. => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::{Standing, State};

    #[test]
    fn a_visit_is_written_down_with_its_moments() {
        let mut journal = Journal::new(1);
        let ms = Duration::from_millis;
        journal.arrived(0, ms(2_100));
        let line = |state, position| {
            Seen::Line(Standing {
                state,
                position,
                poll_after: ms(2_000),
                recovering: false,
                told_why: false,
            })
        };
        let answers = [
            (2_100, Deed::Arrive, line(State::Waits, None), None),
            (3_100, Deed::Join, line(State::Waits, Some(4)), None),
            (5_100, Deed::Poll, line(State::Released, None), None),
            (5_200, Deed::Claim, line(State::Admitted, None), Some("a")),
            (5_300, Deed::Enter, Seen::Site, Some("a")),
        ];
        for (due, deed, seen, admission) in &answers {
            journal.wrote(&Entry {
                due: ms(*due),
                status: 200,
                sight: Sight {
                    fan: 0,
                    deed: *deed,
                    sent: ms(due + 1),
                    at: ms(due + 10),
                    seen,
                    place: Some(77),
                    admission: *admission,
                },
            });
        }
        journal.ended(0, ms(9_000), End::Left);

        let life = &journal.lives[0];
        assert_eq!((life.arrived_s, life.token_s), (Some(2.1), Some(2.11)));
        assert_eq!((life.joined_s, life.first_position), (Some(3.11), Some(4)));
        assert_eq!((life.called_s, life.admitted_s), (Some(5.11), Some(5.21)));
        assert_eq!((life.end, life.place), (Some(End::Left), Some(77)));
        assert_eq!(journal.seconds[&2].arrivals, 1);
        assert_eq!(journal.seconds[&5].classes, [3, 0, 0, 0, 0]);
        assert_eq!(journal.seconds[&5].site.total(), 1);
        assert_eq!(journal.took[&Deed::Join].total(), 1);
        assert_eq!(journal.checker.breaches(), []);
    }
}
