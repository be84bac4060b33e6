//! What a fan does next. Decides only; `fan` moves the bytes.

use std::time::Duration;

use serde::Serialize;

use crate::ask::Deed;
use crate::chance::Chance;
use crate::plan::Habits;
use crate::seen::{Seen, Standing, State};

/// How a fan's visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Shopped and said goodbye.
    Left,
    /// Shopped and went.
    Went,
    /// Closed the page while waiting, as was its habit.
    Vanished,
    /// Was called and did not come, as was its habit.
    NeverClaimed,
    /// Found the room closed, ended or full.
    TurnedAway,
    /// Was inside and found itself in line again.
    QueuedAgain,
}

impl End {
    /// What it is called in the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Went => "went",
            Self::Vanished => "vanished",
            Self::NeverClaimed => "never_claimed",
            Self::TurnedAway => "turned_away",
            Self::QueuedAgain => "queued_again",
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Ask after this time.
    Ask(Deed, Duration),
    /// Be gone.
    End(End),
}

/// One fan's nature, and what it remembers of its way.
#[derive(Clone, Debug)]
pub struct Mind {
    chance: Chance,
    script: bool,
    never_claims: bool,
    impatient: bool,
    claims_by_page: bool,
    leaves: bool,
    /// After how many looks at the line it vanishes.
    patience: Option<u32>,
    pages: u32,
    think_s: f64,
    inside: bool,
    failures: u32,
}

/// What the page's script takes for the least time between two polls.
const LEAST_POLL: Duration = Duration::from_secs(1);
/// When a page without script comes back from a first visit.
const REFRESH: Duration = Duration::from_secs(2);
/// The longest time until a failed request is tried again.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// When to ask again after a claim that was too early.
const TOO_EARLY: Duration = Duration::from_secs(2);
/// How long a fan looks at "it is your turn" before the page is loaded by hand.
const REACTION: Duration = Duration::from_secs(1);

impl Mind {
    /// A fan as `habits` make them.
    #[must_use]
    pub fn new(habits: &Habits, mut chance: Chance) -> Self {
        let patience = chance
            .happens(habits.vanish)
            .then(|| chance.between(1.0, 6.0) as u32);
        Self {
            script: !chance.happens(habits.without_script),
            never_claims: chance.happens(habits.never_claim),
            impatient: chance.happens(habits.impatient),
            claims_by_page: chance.happens(habits.claim_by_page),
            leaves: chance.happens(habits.leave),
            patience,
            pages: habits.pages,
            think_s: habits.think_s,
            inside: false,
            failures: 0,
            chance,
        }
    }

    /// What to do after `seen` came of `deed`.
    pub fn next(&mut self, deed: Deed, seen: &Seen) -> Step {
        match seen {
            Seen::Nothing => self.again(deed, Duration::ZERO),
            Seen::Refused(after) => self.again(deed, *after),
            _ if deed == Deed::Leave => Step::End(End::Left),
            Seen::NotReleased => Step::Ask(Deed::Poll, TOO_EARLY),
            Seen::Site => self.shops(),
            Seen::Line(standing) => self.stands(deed, standing),
        }
    }

    /// Tries again ever more slowly, as the page's script does. A failed claim goes on as a poll.
    fn again(&mut self, deed: Deed, least: Duration) -> Step {
        self.failures += 1;
        let grown = Duration::from_secs(1 << self.failures.min(6));
        let after = grown.max(least).min(LONGEST_RETRY);
        let deed = if deed == Deed::Claim {
            Deed::Poll
        } else {
            deed
        };
        Step::Ask(deed, after.mul_f64(self.chance.between(0.95, 1.0)))
    }

    fn shops(&mut self) -> Step {
        self.inside = true;
        self.failures = 0;
        let think = Duration::from_secs_f64(self.think_s * self.chance.between(0.5, 1.5));
        match (self.pages.checked_sub(1), self.leaves) {
            (None | Some(0), true) => Step::Ask(Deed::Leave, think),
            (None | Some(0), false) => Step::End(End::Went),
            (Some(left), _) => {
                self.pages = left;
                Step::Ask(Deed::Shop, think)
            }
        }
    }

    fn stands(&mut self, deed: Deed, standing: &Standing) -> Step {
        if standing.state == State::Admitted && deed == Deed::Enter {
            return self.again(deed, Duration::ZERO);
        }
        self.failures = 0;
        match standing.state {
            State::Admitted => Step::Ask(Deed::Enter, Duration::ZERO),
            _ if self.inside => Step::End(End::QueuedAgain),
            State::Shut => Step::End(End::TurnedAway),
            State::Released if self.never_claims => Step::End(End::NeverClaimed),
            State::Released if self.script && !self.claims_by_page => {
                Step::Ask(Deed::Claim, Duration::ZERO)
            }
            State::Released => Step::Ask(Deed::Enter, REACTION),
            State::Waits => self.waits(deed, standing),
        }
    }

    fn waits(&mut self, deed: Deed, standing: &Standing) -> Step {
        if let Some(left) = &mut self.patience {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Step::End(End::Vanished);
            }
        }
        match (deed, self.script) {
            (Deed::Arrive, true) => return Step::Ask(Deed::Join, LEAST_POLL),
            (Deed::Arrive, false) => return Step::Ask(Deed::Reload, REFRESH),
            _ => {}
        }
        if self.impatient {
            let soon = Duration::from_secs_f64(self.chance.between(3.0, 10.0));
            if soon < standing.poll_after {
                return Step::Ask(Deed::Reload, soon);
            }
        }
        // Never later than told, and a little earlier at random, as the page's script does.
        let jitter = self.chance.between(0.95, 1.0);
        let after = standing.poll_after.max(LEAST_POLL).mul_f64(jitter);
        let deed = if self.script {
            Deed::Poll
        } else {
            Deed::Reload
        };
        Step::Ask(deed, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Habits = Habits {
        vanish: 0.0,
        never_claim: 0.0,
        impatient: 0.0,
        without_script: 0.0,
        claim_by_page: 0.0,
        leave: 1.0,
        pages: 2,
        think_s: 4.0,
    };

    fn fan(habits: &Habits) -> Mind {
        Mind::new(habits, Chance::seeded(1))
    }

    fn line(state: State, poll_after_s: u64) -> Seen {
        Seen::Line(Standing {
            state,
            position: Some(3),
            poll_after: Duration::from_secs(poll_after_s),
            recovering: false,
            told_why: false,
        })
    }

    fn deed(step: Step) -> Deed {
        match step {
            Step::Ask(deed, _) => deed,
            Step::End(end) => panic!("{end:?}"),
        }
    }

    #[test]
    fn a_fan_joins_waits_claims_shops_and_leaves() {
        let mut fan = fan(&PLAIN);
        let mut way = vec![Deed::Arrive];
        for seen in [
            line(State::Waits, 2),
            line(State::Waits, 9),
            line(State::Released, 2),
            line(State::Admitted, 2),
            Seen::Site,
            Seen::Site,
        ] {
            let now = *way.last().unwrap();
            way.push(deed(fan.next(now, &seen)));
        }
        assert_eq!(
            way,
            [
                Deed::Arrive,
                Deed::Join,
                Deed::Poll,
                Deed::Claim,
                Deed::Enter,
                Deed::Shop,
                Deed::Leave
            ]
        );
        let gone = fan.next(Deed::Leave, &line(State::Waits, 2));
        assert_eq!(gone, Step::End(End::Left));
    }

    #[test]
    fn polls_come_when_told_or_a_little_earlier() {
        let mut fan = fan(&PLAIN);
        for _ in 0..50 {
            let Step::Ask(Deed::Poll, after) = fan.next(Deed::Poll, &line(State::Waits, 40)) else {
                panic!("a fan waits by polling");
            };
            let range = Duration::from_secs(38)..=Duration::from_secs(40);
            assert!(range.contains(&after), "{after:?}");
        }
    }

    #[test]
    fn failures_are_tried_again_ever_more_slowly() {
        let mut fan = fan(&PLAIN);
        let mut last = Duration::ZERO;
        for _ in 0..5 {
            let Step::Ask(Deed::Poll, after) = fan.next(Deed::Claim, &Seen::Nothing) else {
                panic!("a failed claim goes on as a poll");
            };
            assert!(after > last);
            last = after;
        }
        let told = fan.next(Deed::Shop, &Seen::Refused(Duration::from_secs(900)));
        assert!(matches!(told, Step::Ask(Deed::Shop, after) if after <= LONGEST_RETRY));
    }

    #[test]
    fn habits_show() {
        let end = |habits: Habits, seen: Seen| fan(&habits).next(Deed::Poll, &seen);
        let vanishing = Habits {
            vanish: 1.0,
            ..PLAIN
        };
        let mut fan = fan(&vanishing);
        let gone = (0..6)
            .find(|_| fan.next(Deed::Poll, &line(State::Waits, 2)) == Step::End(End::Vanished));
        assert!(gone.is_some());

        let never = Habits {
            never_claim: 1.0,
            ..PLAIN
        };
        assert_eq!(
            end(never, line(State::Released, 2)),
            Step::End(End::NeverClaimed)
        );
        let by_page = Habits {
            claim_by_page: 1.0,
            ..PLAIN
        };
        assert_eq!(deed(end(by_page, line(State::Released, 2))), Deed::Enter);
        let plain = Habits {
            without_script: 1.0,
            ..PLAIN
        };
        assert_eq!(deed(end(plain, line(State::Waits, 2))), Deed::Reload);
        let hasty = Habits {
            impatient: 1.0,
            ..PLAIN
        };
        assert_eq!(deed(end(hasty, line(State::Waits, 60))), Deed::Reload);
        let going = Habits {
            leave: 0.0,
            pages: 1,
            ..PLAIN
        };
        assert_eq!(end(going, Seen::Site), Step::End(End::Went));
        assert_eq!(
            end(PLAIN, line(State::Shut, 60)),
            Step::End(End::TurnedAway)
        );
    }

    #[test]
    fn whoever_was_inside_and_stands_in_line_again_notices() {
        let mut fan = fan(&PLAIN);
        fan.next(Deed::Enter, &Seen::Site);
        let again = fan.next(Deed::Shop, &line(State::Waits, 2));
        assert_eq!(again, Step::End(End::QueuedAgain));
    }
}
