//! What an estimate makes of changes: paces by order, pauses, a capacity that fills up, visitors
//! who are not there.

use std::num::NonZeroU32;

use super::*;
use crate::domain::lane::MOST_LANES;
use crate::domain::window::WindowId;

/// A room that is watched tick by tick.
struct Story {
    history: ReleaseHistory,
    lookback: Lookback,
    pace: Pace,
    now: u64,
    credit: f64,
    released: u64,
    absent: u64,
    unclaimed: u64,
    missed: u64,
    capacity: Option<NonZeroU32>,
    inside: u64,
    freed: u64,
}

impl Story {
    fn at(per_minute: u32) -> Self {
        let mut story = Self {
            history: ReleaseHistory::default(),
            lookback: Lookback::default(),
            pace: Pace::per_minute(per_minute).unwrap(),
            now: 0,
            credit: 0.0,
            released: 0,
            absent: 0,
            unclaimed: 0,
            missed: 0,
            capacity: None,
            inside: 0,
            freed: 0,
        };
        story.history.record(0, 0);
        story.see(true);
        story
    }

    fn see(&mut self, moving: bool) {
        self.lookback.see(Sight {
            window: WindowId(1),
            room_time: self.now,
            moving,
            pace: self.pace.into(),
            absent: self.absent,
            inside: self.inside,
            freed: self.freed,
            busy: [false; MOST_LANES],
            released: self.released,
            missed: self.missed,
        });
    }

    /// So many seconds go by in which so many a minute are released.
    fn releases(&mut self, per_minute: u32, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.now += TICK_US;
            self.credit += f64::from(per_minute) / 240.0;
            let batch = self.credit as u64;
            self.credit -= batch as f64;
            self.released += batch;
            self.history.record(self.now, batch);
            self.see(true);
        }
    }

    /// As fast as the pace, for so long.
    fn flows(&mut self, seconds: u64) {
        self.releases(self.pace.per_minute.get(), seconds);
    }

    fn rests(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.now += TICK_US;
            self.history.skip(self.now);
            self.see(false);
        }
    }

    /// The operator sets another pace; the next survey shows it.
    fn turns_to(&mut self, per_minute: u32, moving: bool) {
        self.pace = Pace::per_minute(per_minute).unwrap();
        self.see(moving);
    }

    fn median(&self, ahead: u64) -> u64 {
        self.wait(ahead).median.as_secs()
    }

    fn wait(&self, ahead: u64) -> WaitRange {
        self.told(ahead).unwrap()
    }

    fn told(&self, ahead: u64) -> Option<WaitRange> {
        Flow::measure(&Measured {
            history: &self.history,
            now: self.now,
            pace: self.pace.into(),
            part: 1.0,
            lookback: &self.lookback,
            absent: self.absent,
            unclaimed: self.unclaimed,
            horizon: Duration::from_secs(180),
            capacity: self.capacity,
            inside: self.inside,
        })
        .unwrap()
        .wait(ahead)
    }

    /// One second: ten come in as long as there is room, and every three hundredth leaves.
    fn lets_in_and_out(&mut self, seconds: u64) {
        for _ in 0..seconds {
            let (before, left) = (self.released, self.inside / 300);
            self.freed += left;
            self.inside -= left;
            self.releases(600, 1);
            self.inside += self.released - before;
        }
    }
}

#[track_caller]
fn assert_near(median: u64, truth: u64) {
    assert!(
        median.abs_diff(truth) * 50 <= truth,
        "{median} s, in truth {truth} s"
    );
}

#[test]
fn a_new_pace_shows_at_once_and_goes_on_showing_while_it_is_measured() {
    for (then, now) in [(600, 60), (600, 300), (300, 900), (60, 600)] {
        let mut story = Story::at(then);
        story.flows(400);
        assert_near(story.median(599), 600 * 60 / u64::from(then));

        story.turns_to(now, true);

        let truth = 600 * 60 / u64::from(now);
        assert_near(story.median(599), truth);
        for _ in 0..80 {
            story.flows(5);
            assert_near(story.median(599), truth);
        }
    }
}

#[test]
fn a_pace_set_while_the_room_is_paused_shows_as_soon_as_it_goes_on() {
    let mut story = Story::at(600);
    story.flows(400);
    story.rests(300);
    story.turns_to(150, false);
    story.rests(300);
    story.see(true);

    assert_near(story.median(599), 240);
    assert!(story.lookback.lately().slowed);
    story.flows(60);
    assert_near(story.median(599), 240);
}

#[test]
fn a_flow_that_the_capacity_held_is_no_faster_for_a_higher_pace() {
    let mut story = Story::at(600);
    story.releases(120, 400);

    story.turns_to(1_200, true);
    assert_near(story.median(599), 300);
    story.turns_to(300, true);
    assert_near(story.median(599), 300);
    story.turns_to(60, true);
    assert_near(story.median(599), 600);
}

#[test]
fn a_gateway_that_did_not_see_the_change_promises_no_more_than_the_pace_in_force() {
    let mut story = Story::at(600);
    story.flows(400);
    story.turns_to(100, true);
    story.lookback = Lookback::default();

    assert_near(story.median(599), 360);
}

#[test]
fn several_changes_in_a_row_are_all_accounted_for() {
    let mut story = Story::at(600);
    story.flows(100);
    for pace in [300, 900, 450] {
        story.turns_to(pace, true);
        story.flows(65);
    }
    assert_near(story.median(599), 80);
}

#[test]
fn a_capacity_that_fills_up_is_noticed_within_half_a_minute() {
    let mut story = Story::at(600);
    story.flows(60);
    story.releases(100, 30);
    // The tick at which a slot ends counts to the next one: a few of the fast ones are in it.
    let range = story.wait(599);
    assert!((340..=365).contains(&range.median.as_secs()), "{range:?}");
    assert!(range.high > Duration::from_secs(370), "{range:?}");
}

#[test]
fn an_uneven_flow_is_one_flow() {
    for case in 0..50 {
        let mut dice = Dice(case * 1_000_000);
        let slots: Vec<f64> = (0..SLOTS).map(|_| dice.poisson(40.0) as f64).collect();
        let alike = crate::domain::estimate::slots::alike(&slots);
        assert_eq!(alike.len(), SLOTS, "case {case}: {slots:?}");
    }
}

#[test]
fn those_who_will_not_come_shorten_the_wait_as_soon_as_they_are_found_out() {
    let mut story = Story::at(600);
    story.flows(60);
    let full = story.wait(11_999);
    // Three of ten who were called do not claim; those of the last seconds may still do so.
    story.unclaimed = 100 + 150;
    let range = story.wait(11_999);

    assert_near(full.median.as_secs(), 1_200);
    let truth = (1_000.0 + 11_000.0 * 0.73) / 10.0;
    assert!(
        (range.median.as_secs_f64() - truth).abs() < 60.0 && range.high < full.low,
        "{range:?} instead of {full:?}"
    );

    story.flows(540);
    story.unclaimed = 100;
    story.missed = 150;
    story.absent = 150 + 2_600;
    story.flows(1);
    let range = story.wait(11_999);
    // Of 6,000 released and 870 looked at all but 150 came; 2,750 did not: seven of ten come.
    assert!((855..=885).contains(&range.median.as_secs()), "{range:?}");
    assert_near(story.median(599), 60);
}

#[test]
fn the_absent_who_come_back_slow_those_who_wait() {
    let mut story = Story::at(600);
    story.absent = 600;
    story.flows(300);
    for _ in 0..180 {
        story.absent -= 1;
        story.flows(1);
    }
    let after = story.wait(599);

    // One of the ten released each second goes to somebody from behind the front.
    assert_near(after.median.as_secs(), 66);
    assert!(
        after.low < Duration::from_secs(63) && after.high > Duration::from_secs(69),
        "{after:?}"
    );
}

#[test]
fn a_flow_that_comes_in_waves_is_less_sure() {
    let even: Vec<u64> = (0..1_200u64).map(|tick| 2 + tick % 2).collect();
    let waves: Vec<u64> = (0..1_200u64).map(|tick| 1 + 3 * (tick / 240 % 2)).collect();
    let width = |counts: &[u64]| {
        let range = flow(counts).unwrap().wait(4_999).unwrap();
        (range.high - range.low).as_secs_f64() / range.median.as_secs_f64()
    };
    assert!(
        width(&waves) > 10.0 * width(&even),
        "{} {}",
        width(&waves),
        width(&even)
    );
}

#[test]
fn the_absent_who_come_back_are_counted_for_a_minute_or_two() {
    let mut story = Story::at(600);
    story.absent = 100;
    story.flows(120);
    story.absent = 60;
    story.flows(1);
    let lately = story.lookback.lately();
    assert!((39.0..=40.0).contains(&lately.returned), "{lately:?}");
    assert!((450.0..650.0).contains(&lately.released), "{lately:?}");
    assert!(!lately.slowed);

    story.flows(300);
    assert!(story.lookback.lately().returned < 1.0);
}

#[test]
fn a_lower_pace_is_a_reason_until_it_has_been_measured_for_five_minutes() {
    let mut story = Story::at(600);
    story.flows(60);
    story.turns_to(300, true);
    assert!(story.lookback.lately().slowed);
    story.flows(290);
    assert!(story.lookback.lately().slowed);
    story.flows(15);
    assert!(!story.lookback.lately().slowed);
    story.turns_to(900, true);
    assert!(
        !story.lookback.lately().slowed,
        "a higher pace is no reason"
    );
}

#[test]
fn a_new_window_begins_without_a_past() {
    let mut story = Story::at(600);
    story.flows(60);
    story.turns_to(300, true);
    story.lookback.see(Sight {
        window: WindowId(2),
        room_time: story.now,
        moving: true,
        pace: story.pace.into(),
        absent: 0,
        inside: 0,
        freed: 0,
        busy: [false; MOST_LANES],
        released: story.released,
        missed: 0,
    });
    assert_eq!(story.lookback.lately(), Lately::default());
}

/// A room of 600 a minute and 2,000 inside that opened so many seconds ago.
fn filling(seconds: u64) -> Story {
    let mut story = Story::at(600);
    story.capacity = NonZeroU32::new(2_000);
    story.lets_in_and_out(seconds);
    story
}

#[test]
fn until_twenty_have_left_only_those_before_whom_slots_are_free_are_told_a_wait() {
    let story = filling(30);
    assert_eq!((story.inside, story.freed), (300, 0));
    assert_eq!(story.told(1_700), None);
    let held = story.told(1_699).unwrap();
    assert_eq!(held.median, Duration::from_secs(170));

    let mut uncapped = story;
    uncapped.capacity = None;
    assert_eq!(
        uncapped.told(1_699),
        Some(held),
        "the cap changes nothing for them"
    );
}

#[test]
fn before_the_room_is_full_the_range_spans_the_pace_and_what_leaves() {
    let story = filling(150);
    let free = 2_000 - story.inside;
    let range = story.wait(free + 3_999);

    let at_the_pace = (free + 4_000) as f64 / 10.0;
    let full = free as f64 / 10.0 + 4_000.0 * 300.0 / 2_000.0;
    assert!(range.low.as_secs_f64() <= at_the_pace, "{range:?}");
    assert!(
        (full..full * 1.6).contains(&range.high.as_secs_f64()),
        "{range:?}, truth {full} s"
    );
    assert!(
        (at_the_pace..full * 1.1).contains(&range.median.as_secs_f64()),
        "{range:?}"
    );
}

#[test]
fn while_the_first_are_still_inside_the_flow_may_become_faster() {
    let mut story = filling(30);
    story.capacity = NonZeroU32::new(300);
    for _ in 0..60 {
        story.releases(30, 2);
        story.freed += 1;
    }
    // 60 have left in 120 s. If all left now, everybody would have stayed for 100 s or so.
    let range = story.wait(599);
    assert!((160..=230).contains(&range.low.as_secs()), "{range:?}");
    assert!(
        (1_100..=1_250).contains(&range.median.as_secs()),
        "{range:?}"
    );

    for _ in 0..300 {
        story.releases(30, 2);
        story.freed += 1;
    }
    let range = story.wait(599);
    assert!((1_100..=1_200).contains(&range.low.as_secs()), "{range:?}");
}

#[test]
fn a_capacity_that_will_never_be_full_widens_no_range() {
    let mut story = filling(1_200);
    story.capacity = NonZeroU32::new(4_000);
    let capped = story.wait(19_999);
    story.capacity = None;
    assert_eq!(capped, story.wait(19_999));
}

#[test]
fn the_absent_who_may_come_back_lengthen_long_waits_only() {
    let mut story = Story::at(600);
    story.flows(300);
    story.absent = 300;
    story.flows(60);
    let never = (story.wait(599), story.wait(29_999));
    for _ in 0..15 {
        story.absent -= 1;
        story.flows(4);
    }
    story.absent = 300;
    story.flows(600);
    let some = (story.wait(599), story.wait(29_999));

    assert_eq!(some.0.low, never.0.low);
    assert!(some.0.high <= never.0.high + Duration::from_secs(1));
    assert!(never.1.high < Duration::from_secs(2_950), "{never:?}");
    assert!(some.1.high > Duration::from_secs(2_960), "{some:?}");
    assert!(some.1.high <= Duration::from_secs(3_020), "{some:?}");
}
