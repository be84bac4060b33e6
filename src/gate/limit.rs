//! Stage 5: rate limits, counted in this process.

mod table;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::clock::Clock;
use crate::domain::visitor::VisitorId;
use crate::policy::limits::{Limit, Limits, Network, TIERS, counted_by, neighbourhood};
use crate::policy::quota::{Quota, nanos};
use crate::telemetry::limits::LimitMetrics;

use super::Refusal;
use table::{Guest, Table};

pub use table::MOST_KEYS;

/// Polls that one visitor may make: ten a second, twenty at once.
const POLLS: (Duration, NonZeroU32) = (
    Duration::from_millis(100),
    NonZeroU32::MIN.saturating_add(19),
);

/// Codes that one visitor may try: six at once, and then one every ten seconds.
const GUESSES: (Duration, NonZeroU32) =
    (Duration::from_secs(10), NonZeroU32::MIN.saturating_add(5));

/// Codes that may come from one address: 300 at once, and then five a second. A school or an office
/// has one for all of them.
const GUESSED: (Duration, NonZeroU32) = (
    Duration::from_millis(200),
    NonZeroU32::MIN.saturating_add(299),
);

/// Counts by address.
#[derive(Debug)]
struct Addresses {
    table: Table<Network>,
    /// Of each network that counts an address, in the order of [`TIERS`].
    quotas: [Quota; TIERS.len()],
}

/// Counts by visitor.
#[derive(Debug)]
struct Visitors {
    table: Table<VisitorId>,
    quota: Quota,
}

/// The limiters in force. Their tables survive a reload where the limit stays the same, and each
/// holds at most [`MOST_KEYS`].
#[derive(Debug)]
pub struct Limiters {
    clock: Clock,
    metrics: Arc<LimitMetrics>,
    addresses: Vec<(Limit, Arc<Addresses>)>,
    polls: Arc<Visitors>,
    guesses: Arc<Visitors>,
    guessers: Arc<Addresses>,
}

impl Limiters {
    /// Prepares the limiters.
    #[must_use]
    pub fn new(limits: &Limits, clock: Clock, metrics: Arc<LimitMetrics>) -> Self {
        let addresses = limits.limits.iter().map(|limit| fresh(limit, &metrics));
        let visitors = |(step, burst)| {
            Arc::new(Visitors {
                table: Table::new(Arc::clone(&metrics)),
                quota: Quota::every(step, burst),
            })
        };
        let (step, burst) = GUESSED;
        Self {
            addresses: addresses.collect(),
            polls: visitors(POLLS),
            guesses: visitors(GUESSES),
            guessers: Arc::new(Addresses::of(Quota::every(step, burst), &metrics)),
            clock,
            metrics,
        }
    }

    /// The limiters of other limits. Where a limit is the same in name, rate, burst and paths its
    /// table is shared with this one, so that who was limited before is limited after.
    #[must_use]
    pub fn renewed(&self, limits: &Limits) -> Self {
        let addresses = limits.limits.iter().map(|limit| {
            let mut held = self.addresses.iter();
            let same = held.find(|(held, _)| held == limit);
            same.cloned().unwrap_or_else(|| fresh(limit, &self.metrics))
        });
        Self {
            addresses: addresses.collect(),
            polls: Arc::clone(&self.polls),
            guesses: Arc::clone(&self.guesses),
            guessers: Arc::clone(&self.guessers),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Counts a request of `client` for a path (in comparing form).
    ///
    /// # Errors
    /// [`Refusal::TooMany`] with the time to wait.
    pub fn visit(&self, client: IpAddr, key: &str) -> Result<(), Refusal> {
        let mut covering = self.addresses.iter();
        covering
            .try_for_each(|(limit, addresses)| {
                if limit.covers(key) {
                    addresses.take(client, self.now())
                } else {
                    Ok(())
                }
            })
            .map_err(too_many)
    }

    /// Counts a poll of a visitor.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] above ten a second.
    pub fn poll(&self, visitor: VisitorId, client: IpAddr) -> Result<(), Refusal> {
        let polled = self.polls.take(visitor, client, self.now());
        polled.map_err(too_many)
    }

    /// Counts a code that a visitor tries, right or wrong.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] for who tries many, and for an address from which many are tried.
    pub fn guess(&self, visitor: VisitorId, client: IpAddr) -> Result<(), Refusal> {
        let now = self.now();
        let guessed = self.guesses.take(visitor, client, now);
        guessed
            .and_then(|()| self.guessers.take(client, now))
            .map_err(too_many)
    }

    /// Forgets everybody whose allowance is whole again; to be called every few seconds, so that
    /// the tables hold no more than those who asked lately.
    pub fn tidy(&self) {
        let now = self.now();
        for (_, addresses) in &self.addresses {
            addresses.table.tidy(now);
        }
        self.polls.table.tidy(now);
        self.guesses.table.tidy(now);
        self.guessers.table.tidy(now);
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        let addresses = self.addresses.iter().map(|(_, held)| held.table.len());
        let visitors = self.polls.table.len() + self.guesses.table.len();
        addresses.sum::<usize>() + visitors + self.guessers.table.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn now(&self) -> u64 {
        nanos(self.clock.now().mono)
    }
}

impl Addresses {
    fn of(quota: Quota, metrics: &Arc<LimitMetrics>) -> Self {
        Self {
            table: Table::new(Arc::clone(metrics)),
            quotas: TIERS.map(|(_, times)| quota.times(times)),
        }
    }

    /// Counts by each network of the address, the narrowest first: one that is beyond its own limit
    /// takes nothing from the larger ones around it.
    fn take(&self, client: IpAddr, now: u64) -> Result<(), Duration> {
        let neighbourhood = neighbourhood(client);
        let mut networks = counted_by(client).zip(self.quotas);
        networks.try_for_each(|(key, quota)| {
            let guest = Guest { key, neighbourhood };
            self.table.take(guest, quota, now)
        })
    }
}

impl Visitors {
    fn take(&self, visitor: VisitorId, client: IpAddr, now: u64) -> Result<(), Duration> {
        let guest = Guest {
            key: visitor,
            neighbourhood: neighbourhood(client),
        };
        self.table.take(guest, self.quota, now)
    }
}

const fn too_many(wait: Duration) -> Refusal {
    Refusal::TooMany { wait }
}

fn fresh(limit: &Limit, metrics: &Arc<LimitMetrics>) -> (Limit, Arc<Addresses>) {
    let quota = Quota::per_second(limit.rate, limit.burst);
    (limit.clone(), Arc::new(Addresses::of(quota, metrics)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UnixTime;
    use crate::telemetry::metrics::Metrics;

    fn limiters(limits: &Limits, clock: Clock) -> Limiters {
        Limiters::new(limits, clock, Metrics::new().unwrap().limits)
    }

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
        let before = limiters(&of(limit.clone()), clock);
        while before.visit(ann, "/buy/1").is_ok() {}
        while before.poll(visitor, ann).is_ok() {}

        let same = before.renewed(&of(limit.clone()));
        assert!(same.visit(ann, "/buy/1").is_err());
        assert!(same.poll(visitor, ann).is_err());
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
            assert!(anew.poll(visitor, ann).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_poller_gets_twenty_at_once_and_ten_a_second_and_is_then_forgotten() {
        let clock = Clock::by_hand(UnixTime::from_secs(1_800_000_000));
        let limiters = limiters(&Limits::default(), clock.clone());
        let (home, ann) = ("192.0.2.7".parse().unwrap(), VisitorId::from_bytes([1; 16]));
        let allowed = |limiters: &Limiters| {
            (0..100)
                .filter(|_| limiters.poll(ann, home).is_ok())
                .count()
        };

        assert_eq!(allowed(&limiters), 20);
        clock.advance(Duration::from_secs(1));
        assert_eq!(allowed(&limiters), 10);
        assert!(matches!(
            limiters.poll(ann, home),
            Err(Refusal::TooMany { wait }) if wait <= Duration::from_millis(100)
        ));
        assert_eq!(limiters.len(), 1);
        clock.advance(Duration::from_secs(10));
        limiters.tidy();
        assert!(limiters.is_empty());
    }

    /// One request a second and two at once from each address.
    fn few() -> Limits {
        let limit = Limit {
            name: "few".parse().unwrap(),
            rate: NonZeroU32::MIN,
            burst: NonZeroU32::new(2).unwrap(),
            paths: Vec::new(),
        };
        Limits {
            limits: vec![limit],
        }
    }

    /// How many of requests from these addresses, each once, are within the limits.
    fn within(limiters: &Limiters, from: impl Iterator<Item = u128>) -> usize {
        let from = from.map(|bits| IpAddr::V6(bits.into()));
        from.filter(|from| limiters.visit(*from, "/about").is_ok())
            .count()
    }

    /// A network of 32 bits.
    const PROVIDER: u128 = 0x2001_0db8 << 96;

    #[test]
    fn r6_who_has_a_larger_network_has_a_few_times_the_limit_and_not_65_536_times() {
        let clock = Clock::by_hand(UnixTime::from_secs(1_800_000_000));
        let limiters = limiters(&few(), clock.clone());
        let of_home = (0..256).map(|subnet| PROVIDER | subnet << 64);
        assert_eq!(within(&limiters, of_home), 2 * 4, "a /56");
        let of_office = || (0..65_536).map(|subnet| PROVIDER | subnet << 64);
        assert_eq!(within(&limiters, of_office()), 2 * 16 - 2 * 4, "a /48");
        clock.advance(Duration::from_secs(1));
        assert_eq!(within(&limiters, of_office()), 16, "the rate of sixteen");

        let next_door = PROVIDER | 1 << 80;
        assert_eq!(within(&limiters, [next_door; 9].into_iter()), 2);
        let four = (0..9).map(|last| IpAddr::from([192, 0, 2, last]));
        let four = four.filter(|from| limiters.visit(*from, "/about").is_ok());
        assert_eq!(four.count(), 9, "addresses of IPv4 count alone");
    }

    #[test]
    fn r6_who_is_beyond_its_own_limit_takes_nothing_from_its_neighbours() {
        let clock = Clock::by_hand(UnixTime::from_secs(1_800_000_000));
        let limiters = limiters(&few(), clock);
        assert_eq!(within(&limiters, [PROVIDER; 1_000].into_iter()), 2);
        let neighbour = PROVIDER | 1 << 64;
        assert_eq!(within(&limiters, [neighbour; 1_000].into_iter()), 2);
    }
}
