//! How fit one origin is for requests: what became of visitors' requests (`breaker`), what it
//! answers to our own questions (`probed`), and how long it has been back (`ramp`).
//!
//! An origin against which nothing speaks costs a request one look at a flag: no lock and no
//! clock.

mod breaker;
mod probed;
mod ramp;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) use breaker::Passing;
pub(super) use probed::Answer;
pub(super) use ramp::WHOLE;

use super::{Check, Fitness};
use breaker::Breaker;
use probed::Probed;

/// One origin's health.
#[derive(Debug)]
pub(super) struct Health {
    rules: Fitness,
    /// Nothing speaks against it, and it has its full share.
    plain: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    breaker: Breaker,
    probed: Probed,
    /// Since when its share grows; `None` once it has all of it.
    growing_since: Option<Duration>,
}

/// What an origin can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// Whether it may have requests.
    pub(super) passing: Passing,
    /// Whether it says that it is unwell.
    pub(super) unwell: bool,
    /// Its share, in thousandths.
    pub(super) share: u32,
}

impl Fit {
    /// Fit for everything.
    const PLAIN: Self = Self {
        passing: Passing::Freely,
        unwell: false,
        share: WHOLE,
    };

    /// Whether it may have any request.
    pub(super) fn passes(self) -> bool {
        self.passing == Passing::Freely
    }

    /// Whether nothing keeps requests from it.
    pub(super) fn is_whole(self) -> bool {
        self.passes() && !self.unwell
    }
}

/// What changed about an origin, to be told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is left out for so long.
    Ejected(Duration),
    /// It was left out and has answered.
    Restored,
    /// It says that it is unwell, or gives no answer.
    Unwell,
    /// It is well again.
    Well,
}

impl Health {
    /// Of an origin that is thought fit.
    pub(super) fn new(rules: Fitness) -> Self {
        Self {
            rules,
            plain: AtomicBool::new(true),
            inner: Mutex::default(),
        }
    }

    /// Of an origin that joins others at `now`: its share grows.
    pub(super) fn joining(rules: Fitness, now: Duration) -> Self {
        let health = Self::new(rules);
        health.act(|inner| inner.growing_since = Some(now));
        health
    }

    /// What it can be given. `now` is read only if that depends on the time.
    pub(super) fn fit(&self, now: impl FnOnce() -> Duration) -> Fit {
        if self.plain.load(Ordering::Acquire) {
            return Fit::PLAIN;
        }
        let now = now();
        self.act(|inner| {
            let share = inner.growing_since.map_or(WHOLE, |since| {
                ramp::share(since, now, self.rules.slow_start)
            });
            if share == WHOLE {
                inner.growing_since = None;
            }
            Fit {
                passing: inner.breaker.passing(now, &self.rules),
                unwell: inner.probed.is_unwell(),
                share,
            }
        })
    }

    /// Takes the right to try it out, if nobody has it: the number under which it is given back.
    pub(super) fn try_out(&self, now: Duration) -> Option<u64> {
        self.act(|inner| inner.breaker.try_out(now, &self.rules))
    }

    /// A request that tried it has ended.
    pub(super) fn end_trial(&self, number: u64) {
        self.act(|inner| inner.breaker.end_trial(number));
    }

    /// A visitor's request was answered.
    pub(super) fn succeeded(&self, now: impl FnOnce() -> Duration) -> Option<Turn> {
        if self.plain.load(Ordering::Acquire) {
            return None;
        }
        let now = now();
        self.act(|inner| {
            let restored = inner.breaker.succeeded(now);
            if restored {
                inner.growing_since = Some(now);
            }
            restored.then_some(Turn::Restored)
        })
    }

    /// A visitor's request, perhaps the trial of this number, failed in a way that speaks against
    /// the origin.
    pub(super) fn failed(&self, now: Duration, trial: Option<u64>) -> Option<Turn> {
        self.act(|inner| {
            let ejected = inner.breaker.failed(now, trial, &self.rules);
            ejected.map(Turn::Ejected)
        })
    }

    /// It answered a question of ours, or did not. What changes about how well it says it is comes
    /// first: an ejection is ended by the next good answer.
    pub(super) fn heard(&self, answer: Answer, check: &Check, now: Duration) -> Option<Turn> {
        self.act(|inner| {
            let has_turned = inner.probed.hear(answer, check);
            let turn = match (has_turned, inner.probed.is_unwell(), answer) {
                (true, true, _) => return Some(Turn::Unwell),
                (true, false, _) => Turn::Well,
                (false, false, Answer::Good) if inner.breaker.answered(now, &self.rules) => {
                    Turn::Restored
                }
                (false, _, _) => return None,
            };
            inner.growing_since = Some(now);
            Some(turn)
        })
    }

    /// Whether requests are kept from it at present.
    pub(super) fn is_out(&self) -> bool {
        let inner = self.inner();
        inner.probed.is_unwell()
            || inner.breaker.passing(Duration::ZERO, &self.rules) != Passing::Freely
    }

    fn act<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner();
        let done = act(&mut inner);
        let plain =
            inner.breaker.is_clear() && !inner.probed.is_unwell() && inner.growing_since.is_none();
        self.plain.store(plain, Ordering::Release);
        done
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::testing::site_settings;

    const SECOND: Duration = Duration::from_secs(1);

    fn never() -> Duration {
        panic!("the clock is not read")
    }

    #[test]
    fn an_origin_against_which_nothing_speaks_needs_no_clock() {
        let health = Health::new(site_settings().fitness);

        assert_eq!(health.fit(never), Fit::PLAIN);
        assert_eq!(health.succeeded(never), None);
    }

    #[test]
    fn an_origin_that_was_ejected_comes_back_slowly() {
        let health = Health::new(site_settings().fitness);
        for _ in 0..4 {
            assert_eq!(health.failed(SECOND, None), None);
        }
        assert_eq!(health.failed(SECOND, None), Some(Turn::Ejected(5 * SECOND)));
        assert!(health.is_out());
        assert!(health.try_out(SECOND).is_some());

        assert_eq!(health.succeeded(|| 7 * SECOND), Some(Turn::Restored));

        let share = |at: u32| health.fit(|| at * SECOND).share;
        assert_eq!([share(7), share(22), share(37)], [100, 550, 1_000]);
        assert_eq!(health.fit(never), Fit::PLAIN);
    }

    #[test]
    fn a_failure_that_ejects_nobody_is_forgotten_with_the_next_answer() {
        let health = Health::new(site_settings().fitness);
        assert_eq!(health.failed(SECOND, None), None);

        assert_eq!(health.succeeded(|| SECOND), None);

        assert_eq!(health.fit(never), Fit::PLAIN);
    }
}
