//! Whether the turns came in the order of the places.

use std::time::Duration;

/// One fan's way to its turn, as far as it could see it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Who.
    pub fan: u32,
    /// The number of its place.
    pub place: u64,
    /// When it last asked and was told to wait: until then it was not called.
    pub waited_until: Duration,
    /// When it saw that it was called; `None` while it waits.
    pub called: Option<Duration>,
    /// Whether it asked whenever it was told to, so that nobody may go before it.
    pub on_time: bool,
}

/// Somebody who still waited although a later place was called already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overtaken {
    /// Who.
    pub fan: u32,
    /// Its place.
    pub place: u64,
    /// The later place.
    pub by: u64,
    /// By how much time at least.
    pub gap: Duration,
}

/// Those of whom it is certain that somebody went before them.
///
/// A fan learns of its turn only when it asks, so the moments at which two fans came in prove
/// little. But who asked and was told to wait, after a later place had seen its turn, was
/// overtaken. `slack` is how old an answer may be.
#[must_use]
pub fn overtaken(ways: &[Way], slack: Duration) -> Vec<Overtaken> {
    let mut ways: Vec<&Way> = ways.iter().collect();
    ways.sort_unstable_by_key(|way| std::cmp::Reverse(way.place));
    let mut earliest: Option<(Duration, u64)> = None;
    let mut found = Vec::new();
    for way in ways {
        if let Some((called, by)) = earliest.filter(|_| way.on_time) {
            let gap = way.waited_until.saturating_sub(called);
            if gap > slack {
                let (fan, place) = (way.fan, way.place);
                found.push(Overtaken {
                    fan,
                    place,
                    by,
                    gap,
                });
            }
        }
        if let Some(called) = way.called
            && earliest.is_none_or(|(first, _)| called < first)
        {
            earliest = Some((called, way.place));
        }
    }
    found
}

/// Kendall's tau between places and the moments of admission: 1 when all came in in the order of
/// their places, 0 for chance, −1 for the reverse. `None` for fewer than two.
///
/// Pairs at the same moment count as in order. Counts the pairs out of order while sorting
/// (Knight 1966), so a hundred thousand fans take no time.
#[must_use]
pub fn kendall(pairs: &[(u64, Duration)]) -> Option<f64> {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    let mut moments: Vec<Duration> = pairs.iter().map(|(_, moment)| *moment).collect();
    let all = moments.len() as f64 * (moments.len() as f64 - 1.0) / 2.0;
    let wrong = sort_counting(&mut moments) as f64;
    (all > 0.0).then(|| 1.0 - 2.0 * wrong / all)
}

/// Sorts, and says how many pairs were out of order.
fn sort_counting(moments: &mut [Duration]) -> u64 {
    if moments.len() < 2 {
        return 0;
    }
    let (left, right) = moments.split_at_mut(moments.len() / 2);
    let mut wrong = sort_counting(left) + sort_counting(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
        if first <= second {
            merged.extend(left.next());
        } else {
            wrong += left.len() as u64;
            merged.extend(right.next());
        }
    }
    merged.extend(left);
    merged.extend(right);
    moments.copy_from_slice(&merged);
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Fan `n` holds place `n`, is called at second `10 n`, and asked one second before.
    fn line(length: u32) -> Vec<Way> {
        (1..=length)
            .map(|number| Way {
                fan: number,
                place: u64::from(number),
                waited_until: secs(u64::from(number) * 10 - 1),
                called: Some(secs(u64::from(number) * 10)),
                on_time: true,
            })
            .collect()
    }

    #[test]
    fn two_who_changed_places_are_found() {
        let mut ways = line(9);
        assert_eq!(overtaken(&ways, secs(1)), []);
        (ways[3].place, ways[4].place) = (ways[4].place, ways[3].place);
        let found = overtaken(&ways, secs(1));
        let expected = Overtaken {
            fan: 5,
            place: 4,
            by: 5,
            gap: secs(9),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn who_was_away_or_only_asked_late_was_not_overtaken() {
        let mut ways = line(9);
        // Called in the 20th second, noticed in the 95th: it never asked in between.
        ways[1].called = Some(secs(95));
        assert_eq!(overtaken(&ways, secs(1)), []);
        ways[1].waited_until = secs(90);
        assert_eq!(overtaken(&ways, secs(1)).len(), 1);
        ways[1].on_time = false;
        assert_eq!(overtaken(&ways, secs(1)), []);
    }

    #[test]
    fn who_waits_while_a_later_place_goes_is_found_though_never_called() {
        let mut ways = line(3);
        (ways[0].called, ways[0].waited_until) = (None, secs(60));
        assert_eq!(overtaken(&ways, secs(1)).len(), 1);
    }

    #[test]
    fn tau_is_one_in_order_and_falls_with_every_swap() {
        let tau = |moments: &[u64]| {
            let pairs: Vec<_> = (0..).zip(moments.iter().map(|at| secs(*at))).collect();
            kendall(&pairs)
        };
        assert_eq!(tau(&[1, 2, 3, 4]), Some(1.0));
        assert_eq!(tau(&[4, 3, 2, 1]), Some(-1.0));
        assert_eq!(tau(&[1, 3, 2, 4]), Some(1.0 - 2.0 / 6.0));
        assert_eq!(tau(&[5, 5, 5]), Some(1.0));
        assert_eq!(tau(&[1]), None);
    }
}
