//! The circuit breaker of one origin: closed, open for a growing time, then half open for the
//! requests that try it, one after another. Pure; the time is an argument.

use std::time::Duration;

use crate::origin::Fitness;

/// An origin that behaved this many times the longest ejection since its last one starts again
/// with the shortest.
const FORGIVEN_AFTER: u32 = 2;

/// What an origin's failures have led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    failures: u32,
    ejections: u32,
    restored_at: Duration,
    /// How often it was tried: the number of the last trial.
    trials: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Duration,
    },
    HalfOpen {
        /// When the last ejection was over.
        until: Duration,
        /// The first trial since the last ejection.
        first: u64,
        /// Before this time nobody else tries while the last trial is under way.
        next: Duration,
    },
}

/// Whether an origin may be sent requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// All.
    Freely,
    /// One, to try it.
    OnTrial,
    /// One, to try it, which nobody has done for as long as the longest ejection.
    Overdue,
    /// None for the moment, because one tries it.
    Tried,
    /// None before this time.
    NotBefore(Duration),
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            failures: 0,
            ejections: 0,
            restored_at: Duration::ZERO,
            trials: 0,
        }
    }
}

impl Breaker {
    /// Whether nothing is held against the origin.
    pub fn is_clear(&self) -> bool {
        self.state == State::Closed && self.failures == 0
    }

    /// Whether the origin may be sent requests now.
    ///
    /// Of trials that nothing came of, none puts off the time from which any request may try.
    pub fn passing(&self, now: Duration, rules: &Fitness) -> Passing {
        match self.state {
            State::Closed => Passing::Freely,
            State::Open { until } if now < until => Passing::NotBefore(until),
            State::HalfOpen { next, .. } if now < next => Passing::Tried,
            State::Open { until } | State::HalfOpen { until, .. } => {
                if now < until + rules.eject_most {
                    Passing::OnTrial
                } else {
                    Passing::Overdue
                }
            }
        }
    }

    /// Takes the right to try an ejected origin, also before its time. `None` if another request
    /// has just begun to try it, or nothing is to be tried; else the number of the trial, under
    /// which it is to be given back by [`Breaker::end_trial`] whatever came of it.
    ///
    /// A trial that takes longer than the shortest ejection keeps the next one waiting no longer: it
    /// may be a request that takes its time on an origin that is well.
    pub fn try_out(&mut self, now: Duration, rules: &Fitness) -> Option<u64> {
        let number = self.trials.saturating_add(1);
        let (until, first) = match self.state {
            State::Closed => return None,
            State::HalfOpen { next, .. } if now < next => return None,
            State::HalfOpen { until, first, .. } => (until, first),
            State::Open { until } => (until.min(now), number),
        };
        let next = now + rules.eject;
        self.state = State::HalfOpen { until, first, next };
        self.trials = number;
        Some(number)
    }

    /// The request of this trial has ended. If nothing is known by it the next one may try.
    pub fn end_trial(&mut self, number: u64) {
        if let State::HalfOpen { next, .. } = &mut self.state
            && number == self.trials
        {
            *next = Duration::ZERO;
        }
    }

    /// A request failed; if it was a trial, with its number. How long the origin is ejected for, if
    /// it is by this.
    pub fn failed(
        &mut self,
        now: Duration,
        trial: Option<u64>,
        rules: &Fitness,
    ) -> Option<Duration> {
        match self.state {
            // What was sent before the ejection says nothing new.
            State::Open { .. } => return None,
            State::HalfOpen { first, .. } if trial.is_none_or(|number| number < first) => {
                return None;
            }
            State::HalfOpen { .. } => {}
            State::Closed => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < rules.failures {
                    return None;
                }
            }
        }
        let good_for = now.saturating_sub(self.restored_at);
        if self.state == State::Closed && good_for > rules.eject_most * FORGIVEN_AFTER {
            self.ejections = 0;
        }
        let growth = 2_u32.saturating_pow(self.ejections.min(16));
        let span = rules.eject.saturating_mul(growth).min(rules.eject_most);
        self.ejections = self.ejections.saturating_add(1);
        self.state = State::Open { until: now + span };
        Some(span)
    }

    /// The origin answered a question of ours as it should. `true` if that ends an ejection: it was
    /// due to be tried. The next request that fails ejects it again, unless others succeeded before.
    pub fn answered(&mut self, now: Duration, rules: &Fitness) -> bool {
        let is_due = match self.passing(now, rules) {
            Passing::OnTrial | Passing::Overdue => true,
            Passing::Freely | Passing::Tried | Passing::NotBefore(_) => false,
        };
        if is_due {
            self.close(now);
            self.failures = rules.failures.saturating_sub(1);
        }
        is_due
    }

    fn close(&mut self, now: Duration) {
        self.state = State::Closed;
        self.failures = 0;
        self.restored_at = now;
    }

    /// A request was answered. `true` if that ends an ejection.
    pub fn succeeded(&mut self, now: Duration) -> bool {
        match self.state {
            State::Closed => {
                self.failures = 0;
                false
            }
            // An answer to what was sent before the ejection.
            State::Open { .. } => false,
            State::HalfOpen { .. } => {
                self.close(now);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::testing::site_settings;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules() -> Fitness {
        Fitness {
            failures: 3,
            eject: 5 * SECOND,
            eject_most: 15 * SECOND,
            ..site_settings().fitness
        }
    }

    fn ejected_at(now: Duration) -> Breaker {
        let mut breaker = Breaker::default();
        let spans = [(); 3].map(|()| breaker.failed(now, None, &rules()));
        assert_eq!(spans, [None, None, Some(5 * SECOND)]);
        breaker
    }

    #[test]
    fn r9_only_failures_in_a_row_open_the_breaker() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed(SECOND, None, &rules());
            breaker.failed(SECOND, None, &rules());
            breaker.succeeded(SECOND);
        }
        assert!(breaker.is_clear());
        assert_eq!(breaker.passing(SECOND, &rules()), Passing::Freely);
        assert_eq!(
            ejected_at(SECOND).passing(SECOND, &rules()),
            Passing::NotBefore(6 * SECOND)
        );
    }

    #[test]
    fn r9_one_request_at_a_time_tries_an_ejected_origin() {
        let mut breaker = ejected_at(SECOND);
        let at = 6 * SECOND;
        assert_eq!(breaker.passing(at, &rules()), Passing::OnTrial);

        let first = breaker.try_out(at, &rules()).unwrap();
        assert_eq!(breaker.try_out(at, &rules()), None, "one at a time");
        assert_eq!(breaker.passing(10 * SECOND, &rules()), Passing::Tried);
        breaker.end_trial(first);
        assert_eq!(breaker.passing(at, &rules()), Passing::OnTrial, "the next");
        let second = breaker.try_out(at, &rules()).unwrap();
        breaker.end_trial(first);
        assert_eq!(
            breaker.try_out(at, &rules()),
            None,
            "the first is over already"
        );

        assert!(breaker.succeeded(8 * SECOND));
        breaker.end_trial(second);
        assert_eq!(breaker.passing(8 * SECOND, &rules()), Passing::Freely);
        assert_eq!(
            breaker.try_out(9 * SECOND, &rules()),
            None,
            "nothing is to be tried"
        );
    }

    #[test]
    fn r9_a_trial_that_fails_leaves_the_origin_out_for_its_time() {
        let mut breaker = ejected_at(SECOND);
        let trial = breaker.try_out(10 * SECOND, &rules()).unwrap();

        let ejected = breaker.failed(10 * SECOND, Some(trial), &rules());
        assert_eq!(ejected, Some(10 * SECOND));
        breaker.end_trial(trial);

        assert_eq!(
            breaker.passing(11 * SECOND, &rules()),
            Passing::NotBefore(20 * SECOND)
        );
    }

    #[test]
    fn each_ejection_is_longer_than_the_last_up_to_a_limit_and_good_times_are_remembered() {
        let mut breaker = ejected_at(Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut spans = Vec::new();
        for _ in 0..3 {
            now += 60 * SECOND;
            let trial = breaker.try_out(now, &rules());
            spans.push(breaker.failed(now, trial, &rules()).unwrap().as_secs());
        }
        assert_eq!(spans, [10, 15, 15]);

        now += 60 * SECOND;
        let _ = breaker.try_out(now, &rules());
        breaker.succeeded(now);
        let again = |breaker: &mut Breaker, now| {
            let _ = breaker.failed(now, None, &rules());
            let _ = breaker.failed(now, None, &rules());
            breaker.failed(now, None, &rules()).unwrap().as_secs()
        };
        assert_eq!(again(&mut breaker.clone(), now + 30 * SECOND), 15);
        assert_eq!(again(&mut breaker, now + 31 * SECOND), 5, "forgiven");
    }

    #[test]
    fn what_was_sent_before_an_ejection_changes_nothing() {
        let mut breaker = ejected_at(SECOND);
        let before = breaker;

        assert_eq!(breaker.failed(2 * SECOND, None, &rules()), None);
        assert!(!breaker.succeeded(2 * SECOND));

        assert_eq!(breaker, before);
    }

    #[test]
    fn r9_only_trials_since_the_ejection_decide_about_it() {
        let mut breaker = ejected_at(SECOND);
        let old = breaker.try_out(6 * SECOND, &rules());
        assert_eq!(breaker.failed(6 * SECOND, None, &rules()), None, "no trial");
        assert_eq!(breaker.passing(6 * SECOND, &rules()), Passing::Tried);

        // It hangs, and so does the one that may try after it.
        assert_eq!(breaker.passing(11 * SECOND, &rules()), Passing::OnTrial);
        let later = breaker.try_out(11 * SECOND, &rules());
        assert_ne!(later, old);
        assert!(breaker.failed(60 * SECOND, old, &rules()).is_some());

        let newest = breaker.try_out(80 * SECOND, &rules());
        assert_eq!(
            breaker.failed(81 * SECOND, later, &rules()),
            None,
            "an old one"
        );
        assert_eq!(breaker.passing(81 * SECOND, &rules()), Passing::Tried);
        assert!(breaker.failed(82 * SECOND, newest, &rules()).is_some());
    }

    #[test]
    fn r9_who_was_not_tried_for_the_longest_ejection_may_be_tried_by_anything() {
        let mut breaker = ejected_at(SECOND);
        let passing = |breaker: &Breaker, at: u32| breaker.passing(at * SECOND, &rules());
        assert_eq!(passing(&breaker, 20), Passing::OnTrial);
        assert_eq!(passing(&breaker, 21), Passing::Overdue);

        let trial = breaker.try_out(21 * SECOND, &rules()).unwrap();
        assert_eq!(passing(&breaker, 22), Passing::Tried);
        breaker.end_trial(trial);
        assert_eq!(passing(&breaker, 22), Passing::Overdue, "it told nothing");

        let trial = breaker.try_out(22 * SECOND, &rules());
        let _ = breaker.failed(22 * SECOND, trial, &rules());
        assert_eq!(passing(&breaker, 32), Passing::OnTrial, "from anew");
    }

    #[test]
    fn r9_a_good_answer_to_a_question_ends_an_ejection_that_is_due_until_the_next_failure() {
        let mut breaker = ejected_at(SECOND);
        assert!(
            !breaker.answered(5 * SECOND, &rules()),
            "not before its time"
        );

        assert!(breaker.answered(6 * SECOND, &rules()));
        assert_eq!(breaker.passing(6 * SECOND, &rules()), Passing::Freely);
        assert!(breaker.failed(7 * SECOND, None, &rules()).is_some());

        assert!(breaker.answered(17 * SECOND, &rules()));
        breaker.succeeded(18 * SECOND);
        assert_eq!(breaker.failed(19 * SECOND, None, &rules()), None);
    }
}
