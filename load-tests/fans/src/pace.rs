//! Whether releases kept to the pace: in any window `w` at most effective burst + rate × `w`.

use std::time::Duration;

use serde::Serialize;

/// A reading of the room's total of releases, true at some moment between `sent` and `got`.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// When it was asked for.
    pub sent: Duration,
    /// When it was there.
    pub got: Duration,
    /// The total.
    pub total: u64,
}

/// What may be released.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// The pace.
    pub per_minute: f64,
    /// What may go at once.
    pub effective_burst: f64,
    /// How old a total may be when it is shown; a window may be that much longer than it looks.
    pub age: Duration,
}

/// The window that came closest to the bound, or lies furthest beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Window {
    /// Its beginning, in seconds.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
    /// How many were released in it.
    pub released: u64,
    /// How many may be.
    pub allowed: f64,
}

impl Window {
    /// Whether more were released than may be.
    #[must_use]
    pub fn is_beyond(&self) -> bool {
        self.released as f64 > self.allowed + 1e-6
    }
}

/// The tightest of all windows between two readings, of several the shortest; `None` with fewer
/// than two.
///
/// Whatever the totals say was released between readings `i` and `j` was released between
/// `sent` of `i`, less the age, and `got` of `j`.
#[must_use]
pub fn tightest(counts: &[Count], bound: &Bound) -> Option<Window> {
    let rate = bound.per_minute / 60.0;
    let less_pace = |total: u64, at: Duration| total as f64 - rate * at.as_secs_f64();
    let mut best: Option<(f64, Window)> = None;
    let mut begin: Option<&Count> = None;
    for count in counts {
        if let Some(first) = begin {
            let margin = less_pace(count.total, count.got) - less_pace(first.total, first.sent);
            if best.is_none_or(|(most, _)| margin > most) {
                best = Some((margin, window(first, count, bound)));
            }
        }
        if begin.is_none_or(|first| {
            less_pace(count.total, count.sent) <= less_pace(first.total, first.sent)
        }) {
            begin = Some(count);
        }
    }
    best.map(|(_, window)| window)
}

fn window(first: &Count, last: &Count, bound: &Bound) -> Window {
    let length = last.got.saturating_sub(first.sent) + bound.age;
    Window {
        from_s: first.sent.as_secs_f64(),
        to_s: last.got.as_secs_f64(),
        released: last.total.saturating_sub(first.total),
        allowed: bound.effective_burst + bound.per_minute / 60.0 * length.as_secs_f64(),
    }
}

/// Totals that go on where a counter began again at zero, as after a loss of the store's data.
#[must_use]
pub fn without_resets(totals: impl Iterator<Item = u64>) -> Vec<u64> {
    let (mut base, mut last) = (0, 0);
    totals
        .map(|total| {
            if total < last {
                base += last;
            }
            last = total;
            base + total
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound {
        per_minute: 600.0,
        effective_burst: 15.0,
        age: Duration::ZERO,
    };

    fn readings(totals: &[u64]) -> Vec<Count> {
        let moments = (0..).map(Duration::from_secs);
        let pairs = totals.iter().zip(moments);
        pairs
            .map(|(total, at)| Count {
                sent: at,
                got: at + Duration::from_millis(5),
                total: *total,
            })
            .collect()
    }

    #[test]
    fn a_window_that_holds_one_too_many_is_found() {
        // 10 a second; 25 within the second from 2 to 3 are as many as may be, 26 are not.
        let kept = [0, 10, 20, 45, 45, 55];
        let broken = [0, 10, 20, 46, 46, 55];
        assert!(!tightest(&readings(&kept), &BOUND).unwrap().is_beyond());
        let found = tightest(&readings(&broken), &BOUND).unwrap();
        assert!(found.is_beyond());
        assert_eq!((found.from_s, found.released), (2.0, 26));
    }

    #[test]
    fn a_slow_excess_is_found_in_a_long_window() {
        let totals: Vec<u64> = (0..60).map(|at| at * 21 / 2).collect();
        let found = tightest(&readings(&totals), &BOUND).unwrap();
        assert!(found.is_beyond(), "{found:?}");
        assert!(found.to_s - found.from_s > 50.0);
    }

    #[test]
    fn a_counter_that_begins_again_goes_on() {
        let totals = without_resets([0, 5, 9, 2, 4, 1].into_iter());
        assert_eq!(totals, [0, 5, 9, 11, 13, 14]);
        assert_eq!(tightest(&readings(&[7]), &BOUND), None);
    }
}
