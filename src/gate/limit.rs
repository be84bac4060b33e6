//! Stage 5: rate limits, counted in this process.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

use crate::domain::clock::Clock;
use crate::domain::visitor::VisitorId;
use crate::policy::limits::{AddressKey, Limit, Limits, address_key};

use super::Refusal;

/// The house's clock in the limiter's terms: monotonic time since the process began.
#[derive(Clone, Debug)]
struct Ticking(Clock);

impl GovernorClock for Ticking {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().mono
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Ticking, NoOpMiddleware<Duration>>;

/// Polls a second that one visitor may make, and how many at once.
const POLLS: (Option<NonZeroU32>, Option<NonZeroU32>) = (NonZeroU32::new(10), NonZeroU32::new(20));

/// Codes that one visitor may try at once; after that one every ten seconds.
const GUESSES: Option<NonZeroU32> = NonZeroU32::new(6);
/// Seconds until a visitor may try another.
const GUESS_PAUSE: Duration = Duration::from_secs(10);
/// Codes a second that may come from one address, and how many at once: a school or an office has
/// one for all of them.
const GUESSED: (Option<NonZeroU32>, Option<NonZeroU32>) =
    (NonZeroU32::new(5), NonZeroU32::new(300));

/// The limiters in force. Their tables survive a reload where the limit stays the same.
#[derive(Debug)]
pub struct Limiters {
    clock: Ticking,
    addresses: Vec<(Limit, Arc<Limiter<AddressKey>>)>,
    polls: Arc<Limiter<VisitorId>>,
    guesses: Arc<Limiter<VisitorId>>,
    guessers: Arc<Limiter<AddressKey>>,
}

impl Limiters {
    /// Prepares the limiters.
    #[must_use]
    pub fn new(limits: &Limits, clock: Clock) -> Self {
        let clock = Ticking(clock);
        let addresses = limits.limits.iter().map(|limit| fresh(limit, &clock));
        let (rate, burst) = POLLS;
        let polls = Quota::per_second(rate.unwrap_or(NonZeroU32::MIN))
            .allow_burst(burst.unwrap_or(NonZeroU32::MIN));
        let (rate, burst) = GUESSED;
        let guessers = Quota::per_second(rate.unwrap_or(NonZeroU32::MIN))
            .allow_burst(burst.unwrap_or(NonZeroU32::MIN));
        let guesses = Quota::with_period(GUESS_PAUSE)
            .unwrap_or(polls)
            .allow_burst(GUESSES.unwrap_or(NonZeroU32::MIN));
        Self {
            polls: Arc::new(RateLimiter::dashmap_with_clock(polls, clock.clone())),
            guesses: Arc::new(RateLimiter::dashmap_with_clock(guesses, clock.clone())),
            guessers: Arc::new(RateLimiter::dashmap_with_clock(guessers, clock.clone())),
            addresses: addresses.collect(),
            clock,
        }
    }

    /// The limiters of other limits. Where a limit is the same in name, rate, burst and paths its
    /// table is shared with this one, so that who was limited before is limited after.
    #[must_use]
    pub fn renewed(&self, limits: &Limits) -> Self {
        let addresses = limits.limits.iter().map(|limit| {
            let mut held = self.addresses.iter();
            let same = held.find(|(held, _)| held == limit);
            same.cloned().unwrap_or_else(|| fresh(limit, &self.clock))
        });
        Self {
            addresses: addresses.collect(),
            polls: Arc::clone(&self.polls),
            guesses: Arc::clone(&self.guesses),
            guessers: Arc::clone(&self.guessers),
            clock: self.clock.clone(),
        }
    }

    /// Counts a request of `client` for a path (in comparing form).
    ///
    /// # Errors
    /// [`Refusal::TooMany`] with the time to wait.
    pub fn visit(&self, client: IpAddr, key: &str) -> Result<(), Refusal> {
        for (limit, limiter) in &self.addresses {
            if limit.covers(key) {
                limiter
                    .check_key(&address_key(client))
                    .map_err(|until| self.too_many(&until))?;
            }
        }
        Ok(())
    }

    /// Counts a poll of a visitor.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] above ten a second.
    pub fn poll(&self, visitor: VisitorId) -> Result<(), Refusal> {
        self.polls
            .check_key(&visitor)
            .map_err(|until| self.too_many(&until))
    }

    /// Counts a code that a visitor tries, right or wrong.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] for who tries many, and for an address from which many are tried.
    pub fn guess(&self, visitor: VisitorId, client: IpAddr) -> Result<(), Refusal> {
        self.guesses
            .check_key(&visitor)
            .map_err(|until| self.too_many(&until))?;
        self.guessers
            .check_key(&address_key(client))
            .map_err(|until| self.too_many(&until))
    }

    fn too_many(&self, until: &NotUntil<Duration>) -> Refusal {
        Refusal::TooMany {
            wait: until.wait_time_from(self.clock.now()),
        }
    }

    /// Forgets everybody whose allowance is whole again; to be called every few seconds, so that
    /// the tables hold no more than those who asked lately.
    pub fn tidy(&self) {
        for (_, limiter) in &self.addresses {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        for limiter in [&self.polls, &self.guesses] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        self.guessers.retain_recent();
        self.guessers.shrink_to_fit();
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        let addresses: usize = self
            .addresses
            .iter()
            .map(|(_, limiter)| limiter.len())
            .sum();
        addresses + self.polls.len() + self.guesses.len() + self.guessers.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn fresh(limit: &Limit, clock: &Ticking) -> (Limit, Arc<Limiter<AddressKey>>) {
    let quota = Quota::per_second(limit.rate).allow_burst(limit.burst);
    let limiter = RateLimiter::dashmap_with_clock(quota, clock.clone());
    (limit.clone(), Arc::new(limiter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UnixTime;

    #[test]
    fn a_limit_that_stays_the_same_keeps_its_table_and_any_other_begins_anew() {
        let one = NonZeroU32::MIN;
        let two = NonZeroU32::new(2).unwrap();
        let limit = Limit {
            name: "address".parse().unwrap(),
            rate: one,
            burst: two,
            paths: vec!["/buy/*".parse().unwrap()],
        };
        let of = |limit: Limit| Limits {
            limits: vec![limit],
        };
        let clock = Clock::by_hand(UnixTime::from_secs(1_800_000_000));
        let ann: IpAddr = "192.0.2.7".parse().unwrap();
        let visitor = VisitorId::from_bytes([1; 16]);
        let before = Limiters::new(&of(limit.clone()), clock);
        while before.visit(ann, "/buy/1").is_ok() {}
        while before.poll(visitor).is_ok() {}

        let same = before.renewed(&of(limit.clone()));
        assert!(same.visit(ann, "/buy/1").is_err());
        assert!(same.poll(visitor).is_err());
        for other in [
            Limit {
                name: "other".parse().unwrap(),
                ..limit.clone()
            },
            Limit {
                rate: two,
                ..limit.clone()
            },
            Limit {
                burst: one,
                ..limit.clone()
            },
            Limit {
                paths: Vec::new(),
                ..limit
            },
        ] {
            let anew = before.renewed(&of(other.clone()));
            assert!(anew.visit(ann, "/buy/1").is_ok(), "{other:?}");
            assert!(anew.poll(visitor).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_poller_gets_twenty_at_once_and_ten_a_second_and_is_then_forgotten() {
        let clock = Clock::by_hand(UnixTime::from_secs(1_800_000_000));
        let limiters = Limiters::new(&Limits::default(), clock.clone());
        let ann = VisitorId::from_bytes([1; 16]);
        let allowed = |limiters: &Limiters| (0..100).filter(|_| limiters.poll(ann).is_ok()).count();

        assert_eq!(allowed(&limiters), 20);
        clock.advance(Duration::from_secs(1));
        assert_eq!(allowed(&limiters), 10);
        assert!(matches!(
            limiters.poll(ann),
            Err(Refusal::TooMany { wait }) if wait <= Duration::from_millis(100)
        ));
        assert_eq!(limiters.len(), 1);
        clock.advance(Duration::from_secs(10));
        limiters.tidy();
        assert!(limiters.is_empty());
    }
}
