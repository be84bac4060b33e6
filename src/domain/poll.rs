//! When a page asks again where something begins for everybody at one time.

use std::time::Duration;

use super::estimate::{LONGEST_POLL, SHORTEST_POLL, jittered, mixed};

/// Who waits for a moment asks this much after it: gateways have to have seen it too, and a whole
/// second is lost where times are told in seconds.
const AFTER: Duration = Duration::from_secs(2);

/// So many of a crowd come back in each second.
const A_SECOND: u64 = 5_000;

/// Over no less than this a crowd is spread.
const LEAST_SPREAD: Duration = Duration::from_secs(5);

/// And over no more, so that those drawn first hear of it well within their time to claim.
const MOST_SPREAD: Duration = Duration::from_secs(30);

/// How long until the next poll of one in a `crowd`, where something begins `until` from now.
///
/// While that is far, the longest usual time; nearer, half of what is left and then all of it, so
/// that nobody asks just before. They come back a little after it, spread over 5 to 30 seconds as
/// the crowd is large: 100,000 over 20 seconds. `seed` says where in them.
#[must_use]
pub fn poll_around(until: Duration, crowd: u64, seed: u64) -> Duration {
    let spread = if until.is_zero() {
        LEAST_SPREAD
    } else {
        spread(crowd)
    };
    let millis = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
    let goal = until
        .saturating_add(AFTER)
        .saturating_add(Duration::from_millis(mixed(seed) % millis));
    if goal <= LONGEST_POLL {
        goal
    } else if goal <= 2 * LONGEST_POLL {
        goal / 2
    } else {
        jittered(LONGEST_POLL, seed)
    }
}

/// How long until the next poll of one in a `crowd` for whom something may happen at any moment.
#[must_use]
pub fn crowd_poll(crowd: u64, seed: u64) -> Duration {
    let even = Duration::from_secs(crowd / A_SECOND);
    jittered(even.clamp(SHORTEST_POLL, LONGEST_POLL), seed)
}

fn spread(crowd: u64) -> Duration {
    Duration::from_secs(crowd / A_SECOND).clamp(LEAST_SPREAD, MOST_SPREAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FANS: u64 = 100_000;
    const OPENING: Duration = Duration::from_secs(600);

    /// The polls of one fan who comes at `first` until the first one after the opening, in whole
    /// seconds from one to the next as the status tells them.
    fn polls(first: Duration, fan: u64) -> Vec<Duration> {
        let mut polls = vec![first];
        let mut now = first;
        while now < OPENING {
            let seed = fan ^ (now.as_secs() / 7);
            let wait = poll_around(OPENING - now, FANS, seed).as_secs();
            assert!((2..=66).contains(&wait), "{wait}");
            now += Duration::from_secs(wait);
            polls.push(now);
        }
        polls
    }

    #[test]
    fn a_crowd_comes_back_a_little_after_the_opening_and_never_all_in_one_second() {
        let mut seconds = [0_u64; 40];
        for fan in 0..FANS {
            let came = Duration::from_millis(mixed(fan ^ 0xfa9) % 599_000);
            let polls = polls(came, fan);
            let last = *polls.last().unwrap();
            let before = polls.get(polls.len().wrapping_sub(2));
            if let Some(before) = before.filter(|before| **before > came) {
                let apart = OPENING.saturating_sub(*before);
                assert!(apart >= Duration::from_secs(7), "{apart:?} before");
            }
            let late = last.saturating_sub(OPENING);
            assert!(late >= Duration::from_secs(1), "{late:?}");
            seconds[usize::try_from(late.as_secs()).unwrap()] += 1;
        }
        let busiest = seconds.iter().max().unwrap();
        assert!(*busiest <= 6_500, "{busiest} in one second: {seconds:?}");
        assert!(seconds[23..].iter().all(|count| *count == 0), "{seconds:?}");
    }

    #[test]
    fn a_small_crowd_is_back_at_once_and_a_large_one_within_half_a_minute() {
        for (crowd, most) in [(0, 7), (1_000, 7), (50_000, 12), (10_000_000, 32)] {
            for seed in 0..1_000 {
                let wait = poll_around(Duration::from_secs(10), crowd, seed).as_secs() - 10;
                assert!((2..=most).contains(&wait), "{crowd}: {wait}");
            }
        }
    }

    #[test]
    fn what_is_overdue_is_asked_for_soon() {
        for seed in 0..100 {
            let wait = poll_around(Duration::ZERO, 1_000_000, seed);
            assert!((2..7).contains(&wait.as_secs()), "{wait:?}");
        }
    }

    #[test]
    fn those_being_drawn_ask_in_turn() {
        for (crowd, least, most) in [(10, 2, 2), (100_000, 18, 22), (10_000_000, 54, 66)] {
            for seed in 0..100 {
                let wait = crowd_poll(crowd, seed).as_secs();
                assert!((least..=most).contains(&wait), "{crowd}: {wait}");
            }
        }
    }
}
