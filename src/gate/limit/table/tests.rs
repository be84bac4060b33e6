//! A table keeps to its places, whoever comes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::policy::limits::{counted_by, neighbourhood};
use crate::telemetry::metrics::Metrics;

/// One a second, and three at once.
const FEW: (Duration, NonZeroU32) = (Duration::from_secs(1), NonZeroU32::MIN.saturating_add(2));

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

fn few() -> Quota {
    Quota::every(FEW.0, FEW.1)
}

fn table<K: Copy + Eq + Hash>(sets: usize) -> (Table<K>, Metrics) {
    let metrics = Metrics::new().unwrap();
    (Table::of(sets, Arc::clone(&metrics.limits)), metrics)
}

fn shown(metrics: &Metrics, name: &str) -> u64 {
    let text = metrics.scrape(&[]).unwrap();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse().unwrap()
}

/// A guest from the provider of this number.
fn from(provider: u16, key: u64) -> Guest<u64> {
    let address = IpAddr::V6(Ipv6Addr::new(0x2001, provider, 0, 0, 0, 0, 0, 0));
    Guest {
        key,
        neighbourhood: neighbourhood(address),
    }
}

/// The memory that its keys take, what is set aside for them included.
fn bytes<K>(table: &Table<K>) -> usize {
    let held = table.sets.iter().map(|set| locked(set).capacity());
    held.sum::<usize>() * size_of::<Held<K>>() + size_of_val(&*table.sets)
}

#[test]
fn r6_a_full_table_still_limits_whom_it_limited_and_serves_those_who_come() {
    let (table, metrics) = table(4);
    let offender = from(1, 0);
    while table.take(offender, few(), 0).is_ok() {}
    for key in 1..10_000 {
        let _ = table.take(from(2, key), few(), 0);
    }
    assert_eq!(table.len(), 4 * PLACES);
    assert_eq!(shown(&metrics, "anteroom_limit_keys"), 64);

    assert!(table.take(offender, few(), 0).is_err(), "it was forgotten");
    let flood = (10_000..20_000).filter(|key| table.take(from(2, *key), few(), 0).is_ok());
    assert_eq!(flood.count(), 0, "the flood's own network is used up");
    let mut others = (20_000..20_100).map(|key| {
        let provider = u16::try_from(key).unwrap();
        table.take(from(provider, key), few(), 0).is_ok()
    });
    assert!(others.by_ref().filter(|served| *served).count() > 95);
    let shared = shown(&metrics, "anteroom_limit_newcomers_total{place=\"shared\"}");
    assert_eq!(shared, 9_999 - 63 + 10_000 + 100);
}

#[test]
fn r6_a_newcomer_gets_the_place_of_somebody_whose_allowance_is_whole() {
    let (table, metrics) = table(1);
    for key in 0..16 {
        table.take(from(1, key), few(), 0).unwrap();
    }
    table.take(from(1, 7), few(), 0).unwrap();
    for key in 100..115 {
        for _ in 0..3 {
            table.take(from(1, key), few(), SECOND).unwrap();
        }
        assert!(table.take(from(1, key), few(), SECOND).is_err());
    }
    assert_eq!(table.len(), 16);
    let reused = shown(&metrics, "anteroom_limit_newcomers_total{place=\"reused\"}");
    assert_eq!(reused, 15, "all but one were whole again");
    let kept = (0..3).filter(|_| table.take(from(1, 7), few(), SECOND).is_ok());
    assert_eq!(kept.count(), 2, "that one is remembered");
    table.tidy(10 * SECOND);
    assert_eq!(table.len(), 0);
    assert_eq!(shown(&metrics, "anteroom_limit_keys"), 0);
}

#[test]
fn what_a_table_held_is_not_shown_when_it_is_gone() {
    let (table, metrics) = table(4);
    for key in 0..10 {
        table.take(from(1, key), few(), 0).unwrap();
    }
    assert_eq!(shown(&metrics, "anteroom_limit_keys"), 10);
    drop(table);
    assert_eq!(shown(&metrics, "anteroom_limit_keys"), 0);
}

#[test]
fn r6_ten_million_addresses_take_no_more_memory_than_one_table() {
    let metrics = Metrics::new().unwrap();
    let table: Table<Network> = Table::new(Arc::clone(&metrics.limits));
    let most = MOST_KEYS * size_of::<Held<Network>>() + SETS * size_of::<Mutex<Vec<()>>>();
    assert!(most <= 7 << 20, "{most} bytes");
    let mut flood = 1_u128;
    for number in 0..10_000_000 {
        // Any full period will do.
        flood = flood.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645) | 1;
        let client = IpAddr::V6(flood.into());
        let key = counted_by(client).next().unwrap();
        let guest = Guest {
            key,
            neighbourhood: neighbourhood(client),
        };
        let _ = table.take(guest, few(), 0);
        if number % 1_000_000 == 999_999 {
            assert!(table.len() <= MOST_KEYS, "{number}");
            assert!(bytes(&table) <= most, "{number}");
        }
    }
    assert_eq!(table.len(), MOST_KEYS, "it is full");
    assert_eq!(bytes(&table), most);
    table.tidy(3 * SECOND);
    assert_eq!(table.len(), 0);
    assert_eq!(bytes(&table), SETS * size_of::<Mutex<Vec<()>>>());
}

proptest! {
    #[test]
    fn r6_no_crowd_makes_it_grow_or_forget_whom_it_limits(
        asks in proptest::collection::vec((0..200_u64, 0..SECOND / 50), 1..2_000),
    ) {
        let (table, _metrics) = table(2);
        // Who has a place, and when their allowance is whole.
        let mut limited: HashMap<u64, u64> = HashMap::new();
        let mut now = 0;
        for (key, pause) in asks {
            now += pause;
            let known = limited.get(&key).filter(|whole_at| **whole_at > now);
            let expected = known.map(|whole_at| few().take(*whole_at, now).is_ok());
            let passed = table.take(from(1, key), few(), now).is_ok();
            if let Some(expected) = expected {
                prop_assert_eq!(passed, expected, "{} at {}", key, now);
            }
            prop_assert!(table.len() <= 2 * PLACES);
            limited.retain(|_, whole_at| *whole_at > now);
            let held: Vec<(u64, u64)> = table.sets.iter().flat_map(|set| {
                let set = locked(set);
                set.iter().map(|held| (held.key, held.whole_at)).collect::<Vec<_>>()
            }).collect();
            for key in limited.keys() {
                prop_assert!(held.iter().any(|(held, _)| held == key), "{} is forgotten", key);
            }
            limited = held.into_iter().filter(|(_, whole_at)| *whole_at > now).collect();
        }
    }
}
