//! What it takes to be done by a time.

use std::time::Duration;

/// What the loop and an empty bucket cost at most: two seconds from the opening until the pace
/// holds, and from the last one's turn until it is called.
const SLACK: Duration = Duration::from_secs(2);

/// The lowest pace, in fans a minute, at which everybody is called by `finish`; `None` where no
/// pace can do that, because somebody comes too late for it. `arrivals` ascend and are in
/// microseconds after the opening, as is `finish`.
///
/// At a pace of `r` those who come from a moment on cannot be done sooner than their number ÷ `r`
/// after it, and the queue is done at the latest of these times. So the pace has to be the greatest
/// of number ÷ time left over all moments.
#[must_use]
pub fn pace(arrivals: &[u64], finish: Duration) -> Option<u64> {
    let finish = u64::try_from(finish.saturating_sub(SLACK).as_micros()).ok()?;
    let mut pace = 1;
    for (comes, still) in arrivals.iter().zip((1..=arrivals.len() as u64).rev()) {
        let left = finish.checked_sub(*comes).filter(|left| *left > 0)?;
        pace = pace.max((u128::from(still) * 60_000_000).div_ceil(u128::from(left)));
    }
    u64::try_from(pace).ok()
}

/// How many are inside at once on average at a pace, each for `stay`: Little's law.
#[must_use]
pub fn capacity(pace: u64, stay: Duration) -> u64 {
    (pace as f64 * stay.as_secs_f64() / 60.0).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn the_pace_is_what_those_still_to_come_need_in_the_time_left() {
        let at_once = vec![0; 50_000];
        assert_eq!(pace(&at_once, Duration::from_hours(1)), Some(834));
        assert_eq!(pace(&at_once, Duration::from_secs(1)), None);
        let late = [0, 0, 0, 50 * SECOND, 52 * SECOND];
        // One comes 6 s before the time that is left, and needs 10 a minute for that alone.
        assert_eq!(pace(&late, Duration::from_secs(60)), Some(15));
        assert_eq!(pace(&late, Duration::from_secs(54)), None);
        assert_eq!(pace(&[], Duration::from_secs(60)), Some(1));
    }

    #[test]
    fn as_many_are_inside_as_come_during_a_stay() {
        assert_eq!(capacity(600, Duration::from_mins(5)), 3_000);
        assert_eq!(capacity(7, Duration::from_secs(1)), 1);
    }
}
