//! What an estimate promises, and how often it keeps it.

mod changes;
mod lanes;

use proptest::prelude::*;

use super::*;

const TICK_US: u64 = 250_000;

/// A history of `counts` releases, one a tick of a quarter of a second.
fn history(counts: impl IntoIterator<Item = u64>) -> ReleaseHistory {
    let mut history = ReleaseHistory::default();
    history.record(0, 0);
    for (tick, count) in (1..).zip(counts) {
        history.record(tick * TICK_US, count);
    }
    history
}

/// The flow of a history in a room whose pace never held it.
fn measured(history: &ReleaseHistory, now: u64) -> Option<Flow> {
    Flow::measure(&Measured {
        history,
        now,
        pace: Pace::per_minute(Pace::MOST).unwrap().into(),
        part: 1.0,
        lookback: &Lookback::default(),
        absent: 0,
        unclaimed: 0,
        horizon: Duration::from_secs(180),
        capacity: None,
        inside: 0,
    })
}

fn flow(counts: &[u64]) -> Option<Flow> {
    measured(
        &history(counts.iter().copied()),
        counts.len() as u64 * TICK_US,
    )
}

/// 600 a minute: two and three in turn at every tick, for five minutes.
fn steady() -> Flow {
    flow(&[2, 3].repeat(600)).unwrap()
}

/// Repeatable chance.
struct Dice(u64);

impl Dice {
    fn share(&mut self) -> f64 {
        self.0 += 1;
        (mixed(self.0) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How many of a Poisson process with this mean fall in one tick.
    fn poisson(&mut self, mean: f64) -> u64 {
        let (limit, mut left) = ((-mean).exp(), 1.0);
        (0..)
            .find(|_| {
                left *= self.share();
                left <= limit
            })
            .unwrap()
    }
}

fn secs(range: WaitRange) -> (u64, u64, u64) {
    (
        range.low.as_secs(),
        range.median.as_secs(),
        range.high.as_secs(),
    )
}

#[test]
fn the_wait_is_unknown_until_twenty_releases_were_measured() {
    assert_eq!(measured(&ReleaseHistory::default(), 0), None);
    assert_eq!(flow(&[1; 19]), None);
    assert!(flow(&[1; 20]).is_some());
    let mut at_once = ReleaseHistory::default();
    at_once.record(7, 0);
    at_once.record(7, 30);
    assert_eq!(measured(&at_once, 7), None, "no time has gone by");
}

#[test]
fn a_queue_that_stands_still_has_no_known_wait() {
    let stopped: Vec<u64> = [5; 100].into_iter().chain([0; 1_300]).collect();
    assert_eq!(flow(&stopped), None);
}

#[test]
fn a_slow_room_is_known_after_twenty_releases_however_long_they_take() {
    let one_a_minute = |ticks: u64| u64::from(ticks.is_multiple_of(240));
    let counts: Vec<u64> = (1..=240 * 20).map(one_a_minute).collect();

    let (low, median, high) = secs(flow(&counts).unwrap().wait(9).unwrap());

    assert!((500..700).contains(&median), "{median} s for ten");
    assert!(
        low < 480 && high > 720,
        "five releases tell little: {low} to {high} s"
    );
}

#[test]
fn a_steady_flow_gives_a_narrow_range_around_the_truth() {
    for ahead in [99, 999, 9_999] {
        let truth = (ahead + 1) / 10;
        let (low, median, high) = secs(steady().wait(ahead).unwrap());
        assert_eq!(median, truth);
        assert!(low <= truth && truth <= high);
        assert!(
            (high - low) as f64 <= 3.0 + 0.06 * truth as f64,
            "{low} to {high}"
        );
    }
}

#[test]
fn a_bursty_flow_gives_a_wider_range_than_a_steady_one() {
    let bursts: Vec<u64> = (0..1_200u64).map(|tick| 5 * (tick / 60 % 2)).collect();
    let bursty = secs(flow(&bursts).unwrap().wait(999).unwrap());
    let even = secs(steady().wait(999).unwrap());
    assert_eq!(bursty.1, even.1);
    assert!(
        bursty.2 - bursty.0 > 3 * (even.2 - even.0),
        "{bursty:?} {even:?}"
    );
}

#[test]
fn time_that_was_skipped_does_not_count() {
    let mut paused = ReleaseHistory::default();
    let mut now = 0;
    paused.record(now, 0);
    for stretch in 0..8 {
        for count in [2, 3].repeat(60) {
            now += TICK_US;
            paused.record(now, count);
        }
        now += stretch * 60_000_000;
        paused.skip(now);
    }
    assert_eq!(
        secs(measured(&paused, now).unwrap().wait(999).unwrap()).1,
        100
    );
    paused.clear();
    assert_eq!(measured(&paused, now), None);
}

#[test]
fn the_history_stays_small_and_is_the_same_after_being_written_down() {
    let mut history = history([3; 5_000]);
    history.record(u64::MAX / 2, 1);
    history.record(u64::MAX, u64::MAX);
    assert_eq!(history.complete.len(), SLOTS);
    let text = serde_json::to_string(&history).unwrap();
    assert_eq!(
        serde_json::from_str::<ReleaseHistory>(&text).unwrap(),
        history
    );
}

#[test]
fn the_wait_ends_within_the_range_in_about_eight_of_ten_cases() {
    for (mean, ahead) in [(0.3, 60), (2.5, 400), (2.5, 4_000)] {
        let mut inside = 0;
        for case in 0..400 {
            let mut dice = Dice(case * 1_000_000);
            let measured: Vec<u64> = (0..1_200).map(|_| dice.poisson(mean)).collect();
            let range = flow(&measured).unwrap().wait(ahead).unwrap();
            let mut released = 0;
            let ticks = (1..).find(|_| {
                released += dice.poisson(mean);
                released > ahead
            });
            let truth = Duration::from_micros(ticks.unwrap() * TICK_US);
            inside += u64::from((range.low..=range.high).contains(&truth));
        }
        assert!(
            (280..=380).contains(&inside),
            "{inside} of 400 at {ahead} ahead"
        );
    }
}

#[test]
fn polls_come_at_a_third_of_the_wait_between_two_and_sixty_seconds() {
    let pace = Pace::per_minute(600).unwrap();
    let after = |ahead, median: Option<u64>| {
        poll_after(ahead, median.map(Duration::from_secs), pace).as_secs_f64()
    };
    assert_eq!(after(0, None), 2.0);
    assert_eq!(after(300, None), 10.0);
    assert_eq!(after(u64::MAX, None), 60.0);
    assert_eq!(after(300, Some(90)), 30.0);
    assert_eq!(after(0, Some(10_000)), 60.0);
}

proptest! {
    #[test]
    fn more_ahead_is_never_a_shorter_wait(
        counts in prop::collection::vec(0u64..40, 10..1_500),
        ahead in 0u64..10_000_000,
        more in 0u64..10_000_000,
    ) {
        let Some(flow) = flow(&counts) else { return Ok(()) };
        let (near, far) = (flow.wait(ahead).unwrap(), flow.wait(ahead + more).unwrap());
        prop_assert!(near.low <= far.low && near.median <= far.median && near.high <= far.high);
        for range in [near, far] {
            prop_assert!(range.low <= range.median && range.median <= range.high);
            prop_assert!(range.high >= range.low + Duration::from_secs(1));
            prop_assert!(range.high <= LONGEST_WAIT);
            prop_assert_eq!(range.low.subsec_nanos() + range.high.subsec_nanos(), 0);
        }
    }

    #[test]
    fn jitter_is_within_a_tenth_and_between_two_and_sixty_six_seconds(
        ahead: u64,
        rate in 1..=Pace::MOST,
        seed: u64,
    ) {
        let poll = poll_after(ahead, None, Pace::per_minute(rate).unwrap());
        let jittered = jittered(poll, seed);
        prop_assert!(jittered >= SHORTEST_POLL && jittered <= Duration::from_secs(66));
        prop_assert!(jittered <= poll + poll / 10);
        prop_assert!(jittered + poll / 10 + Duration::from_millis(1) >= poll);
    }
}

#[test]
fn seeds_that_follow_each_other_spread_the_polls() {
    let polls = (0..1_000).map(|seed| jittered(LONGEST_POLL, seed).as_secs());
    let early = polls.filter(|secs| *secs < 60).count();
    assert!((400..600).contains(&early), "{early} of 1,000 come early");
}
