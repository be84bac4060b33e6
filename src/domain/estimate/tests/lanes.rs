//! What an estimate makes of lanes that share the releases.

use super::*;
use crate::domain::lane::{Lane, MOST_LANES};
use crate::domain::window::WindowId;

/// A room of 600 a minute in which lanes come and go.
struct Story {
    lookback: Lookback,
    pace: Pace,
    now_s: u64,
    busy: [bool; MOST_LANES],
}

impl Story {
    fn new() -> Self {
        Self {
            lookback: Lookback::default(),
            pace: Pace::per_minute(600).unwrap(),
            now_s: 0,
            busy: [false; MOST_LANES],
        }
    }

    /// From now on people wait in the lane, or nobody does.
    fn turns(&mut self, lane: usize, busy: bool) {
        self.busy[lane] = busy;
        self.see();
    }

    fn rests(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now_s += 1;
            self.see();
        }
    }

    fn see(&mut self) {
        self.lookback.see(Sight {
            window: WindowId(1),
            room_time: self.now_s * 1_000_000,
            moving: true,
            pace: self.pace.into(),
            absent: 0,
            inside: 0,
            freed: 0,
            busy: self.busy,
            released: 0,
            missed: 0,
        });
    }

    fn told(&self) -> [bool; 3] {
        [0, 1, 2].map(|lane| self.lookback.lately().has_joined(Lane(lane)))
    }
}

#[test]
fn a_lane_that_comes_later_is_a_reason_for_those_who_waited_before_it() {
    let mut story = Story::new();
    story.turns(0, true);
    story.rests(5);
    story.turns(1, true);
    assert_eq!(story.told(), [false; 3], "lanes that begin with the sale");
    story.rests(90);
    assert_eq!(story.told(), [false; 3]);

    story.turns(2, true);
    assert_eq!(story.told(), [true, true, false]);
    story.rests(298);
    assert_eq!(story.told(), [true, true, false]);
    story.rests(5);
    assert_eq!(story.told(), [false; 3], "no news any more");
}

#[test]
fn a_lane_that_emptied_is_no_reason_and_is_one_again_when_it_fills() {
    let mut story = Story::new();
    story.turns(0, true);
    story.rests(100);
    story.turns(1, true);
    assert_eq!(story.told(), [true, false, false]);
    story.turns(1, false);
    assert_eq!(story.told(), [false; 3]);
    story.rests(10);
    story.turns(1, true);
    assert_eq!(story.told(), [true, false, false]);
}

#[test]
fn a_new_pace_shows_at_once_in_a_lane_with_a_part_of_it() {
    let mut story = Story::new();
    let mut history = ReleaseHistory::default();
    history.record(0, 0);
    // A quarter of 600 a minute: five at every eighth tick.
    for tick in 1..=1_200 {
        let released = if tick % 8 == 0 { 5 } else { 0 };
        history.record(tick * TICK_US, released);
    }
    story.rests(300);
    let median = |story: &Story| {
        let flow = Flow::measure(&Measured {
            history: &history,
            now: 1_200 * TICK_US,
            pace: story.pace.into(),
            part: 0.25,
            lookback: &story.lookback,
            absent: 0,
            unclaimed: 0,
            horizon: Duration::from_secs(180),
            capacity: None,
            inside: 0,
        });
        flow.unwrap().wait(149).unwrap().median.as_secs()
    };
    assert_eq!(median(&story), 60);
    for (pace, truth) in [(300, 120), (1_200, 30)] {
        story.pace = Pace::per_minute(pace).unwrap();
        story.see();
        let told = median(&story);
        assert!(told.abs_diff(truth) <= 2, "{told} s at {pace}");
        story.pace = Pace::per_minute(600).unwrap();
        story.see();
    }
}
