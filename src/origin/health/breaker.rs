//! The circuit breaker of one origin: closed, open for a growing time, then half open for one
//! request that tries it. Pure; the time is an argument.

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
        /// The one under way.
        trial: Option<u64>,
    },
}

/// Whether an origin may be sent requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// All.
    Freely,
    /// One, to try it.
    OnTrial,
    /// None, as long as one tries it.
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
    pub fn passing(&self, now: Duration) -> Passing {
        match self.state {
            State::Closed => Passing::Freely,
            State::Open { until } if now < until => Passing::NotBefore(until),
            State::Open { .. } | State::HalfOpen { trial: None } => Passing::OnTrial,
            State::HalfOpen { trial: Some(_) } => Passing::Tried,
        }
    }

    /// Takes the right to try an ejected origin, also before its time. `None` if another request
    /// tries it, or nothing is to be tried; else the number of the trial, under which it is to be
    /// given back by [`Breaker::end_trial`] whatever came of it.
    pub const fn try_out(&mut self) -> Option<u64> {
        match self.state {
            State::Closed | State::HalfOpen { trial: Some(_) } => None,
            State::Open { .. } | State::HalfOpen { trial: None } => {
                self.trials = self.trials.wrapping_add(1);
                self.state = State::HalfOpen {
                    trial: Some(self.trials),
                };
                Some(self.trials)
            }
        }
    }

    /// The request of this trial has ended. If nothing is known by it the next one may try.
    pub fn end_trial(&mut self, number: u64) {
        if self.state
            == (State::HalfOpen {
                trial: Some(number),
            })
        {
            self.state = State::HalfOpen { trial: None };
        }
    }

    /// A request failed. How long the origin is ejected for, if it is by this.
    pub fn failed(&mut self, now: Duration, rules: &Fitness) -> Option<Duration> {
        match self.state {
            // It was sent before the ejection and says nothing new.
            State::Open { .. } => return None,
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
                self.state = State::Closed;
                self.failures = 0;
                self.restored_at = now;
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
        let spans = [(); 3].map(|()| breaker.failed(now, &rules()));
        assert_eq!(spans, [None, None, Some(5 * SECOND)]);
        breaker
    }

    #[test]
    fn r9_only_failures_in_a_row_open_the_breaker() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed(SECOND, &rules());
            breaker.failed(SECOND, &rules());
            breaker.succeeded(SECOND);
        }
        assert!(breaker.is_clear());
        assert_eq!(breaker.passing(SECOND), Passing::Freely);
        assert_eq!(
            ejected_at(SECOND).passing(SECOND),
            Passing::NotBefore(6 * SECOND)
        );
    }

    #[test]
    fn r9_one_request_at_a_time_tries_an_ejected_origin_however_long_it_takes() {
        let mut breaker = ejected_at(SECOND);
        assert_eq!(breaker.passing(6 * SECOND), Passing::OnTrial);

        let first = breaker.try_out().unwrap();
        assert_eq!(breaker.try_out(), None, "one at a time");
        assert_eq!(breaker.passing(600 * SECOND), Passing::Tried);
        breaker.end_trial(first);
        assert_eq!(breaker.passing(6 * SECOND), Passing::OnTrial, "the next");
        let second = breaker.try_out().unwrap();
        breaker.end_trial(first);
        assert_eq!(breaker.try_out(), None, "the first is over already");

        assert!(breaker.succeeded(8 * SECOND));
        breaker.end_trial(second);
        assert_eq!(breaker.passing(8 * SECOND), Passing::Freely);
        assert_eq!(breaker.try_out(), None, "nothing is to be tried");
    }

    #[test]
    fn r9_a_trial_that_fails_leaves_the_origin_out_for_its_time() {
        let mut breaker = ejected_at(SECOND);
        let trial = breaker.try_out().unwrap();

        assert_eq!(breaker.failed(10 * SECOND, &rules()), Some(10 * SECOND));
        breaker.end_trial(trial);

        assert_eq!(
            breaker.passing(11 * SECOND),
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
            assert!(breaker.try_out().is_some());
            spans.push(breaker.failed(now, &rules()).unwrap().as_secs());
        }
        assert_eq!(spans, [10, 15, 15]);

        now += 60 * SECOND;
        let _ = breaker.try_out();
        breaker.succeeded(now);
        let again = |breaker: &mut Breaker, now| {
            let _ = breaker.failed(now, &rules());
            let _ = breaker.failed(now, &rules());
            breaker.failed(now, &rules()).unwrap().as_secs()
        };
        assert_eq!(again(&mut breaker.clone(), now + 30 * SECOND), 15);
        assert_eq!(again(&mut breaker, now + 31 * SECOND), 5, "forgiven");
    }

    #[test]
    fn what_was_sent_before_an_ejection_changes_nothing() {
        let mut breaker = ejected_at(SECOND);
        let before = breaker;

        assert_eq!(breaker.failed(2 * SECOND, &rules()), None);
        assert!(!breaker.succeeded(2 * SECOND));

        assert_eq!(breaker, before);
    }
}
