//! What a room's settings and its last snapshot say together: the figures that metrics and the
//! control API both show.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::estimate::WaitRange;
use crate::domain::lane::Lane;
use crate::domain::pace::{Corrected, Pace, TICK};
use crate::domain::room::{RoomName, RoomSettings};
use crate::store::survey::{LaneSurvey, Snapshot, StoreHealth};

/// One room at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// What the owner's file says.
    pub settings: &'a RoomSettings,
    /// What was last known of it.
    pub snapshot: &'a Snapshot,
}

/// One lane at one moment.
#[derive(Clone, Copy, Debug)]
pub struct LaneReading<'a> {
    /// Its name; `None` where it is not in the owner's file (any more) and somebody waits in it.
    pub name: Option<&'a RoomName>,
    /// Its weight.
    pub weight: u16,
    /// Its part of the releases while all lanes of the file wait, 0 to 1.
    pub share: f64,
    /// What was last known of it.
    pub survey: &'a LaneSurvey,
}

impl<'a> Reading<'a> {
    /// The lanes, the general one first; none where the room has but one.
    #[must_use]
    pub fn lanes(&self) -> Vec<LaneReading<'a>> {
        let (settings, snapshot) = (self.settings, self.snapshot);
        let survey = &snapshot.survey;
        let named = settings.lanes.len();
        let crowded = survey.lanes.iter().rposition(|lane| lane.waiting > 0);
        let strayed = crowded.map_or(0, |last| last + 1);
        let count = if strayed > named.max(1) {
            strayed
        } else {
            named
        };
        let weights = settings.terms.lanes;
        let lanes = Lane::all().zip(weights.each()).take(count);
        lanes
            .map(|(lane, weight)| LaneReading {
                name: settings.lanes.get(lane.index()).map(|lane| &lane.name),
                weight,
                share: weights.share(lane),
                survey: survey.lane(lane),
            })
            .collect()
    }

    /// The pace in force: by order, else by the file.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let ordered = self.snapshot.survey.orders.pace;
        ordered.unwrap_or(self.settings.terms.pace)
    }

    /// How many may be released at once after a lull, in whole visitors.
    #[must_use]
    pub fn effective_burst(&self) -> u64 {
        self.effective_pace().effective_burst(TICK)
    }

    /// The pace in force with the room's correction for no-shows.
    #[must_use]
    pub fn effective_pace(&self) -> Corrected {
        let ordered = self.snapshot.survey.orders.pace;
        self.settings.terms.pace_in_force(ordered)
    }

    /// The capacity in force: by order, else by the file; `None` is no cap.
    #[must_use]
    pub fn capacity(&self) -> Option<NonZeroU32> {
        let ordered = self.snapshot.survey.orders.capacity;
        ordered.unwrap_or(self.settings.terms.capacity)
    }

    /// How long somebody who joined the general lane now would wait. `None` while it cannot be
    /// known: the room does not release, the store does not answer, or too few releases were
    /// measured.
    #[must_use]
    pub fn newcomer_wait(&self) -> Option<WaitRange> {
        let survey = &self.snapshot.survey;
        let flowing =
            survey.orders.state.releases() && self.snapshot.store == StoreHealth::Reachable;
        let flow = self.snapshot.flow(Lane::GENERAL).filter(|_| flowing)?;
        let lane = survey.lane(Lane::GENERAL);
        flow.wait(lane.waiting.saturating_sub(lane.absent))
    }
}

/// The largest offset that any room's survey showed, in seconds.
#[must_use]
pub fn clock_offset(readings: &[Reading<'_>]) -> f64 {
    let offsets = readings.iter().map(|room| room.snapshot.skew.ahead_ms);
    let largest = offsets
        .max_by_key(|ahead| ahead.unsigned_abs())
        .unwrap_or(0);
    let negative = largest < 0;
    let size = Duration::from_millis(largest.unsigned_abs()).as_secs_f64();
    if negative { -size } else { size }
}

/// Settings of a fifo room of 600 a minute without a cap, for tests here and upstairs.
#[cfg(test)]
pub(crate) fn settings_for_test(name: &str) -> RoomSettings {
    use crate::domain::room::{Activation, Method, PageStatus, Schedule, Terms, WhenStoreFails};

    RoomSettings {
        name: name.parse().unwrap(),
        site: "shop".parse().unwrap(),
        paths: Vec::new(),
        except: Vec::new(),
        exempt: Vec::new(),
        method: Method::Fifo,
        rehearsal: false,
        terms: Terms {
            max_waiting: 1_000,
            ..Terms::of_pace(Pace::per_minute(600).unwrap())
        },
        schedule: Schedule::default(),
        page_status: PageStatus::default(),
        activation: Activation::Always,
        when_store_fails: WhenStoreFails::Hold,
        lanes: Vec::new(),
        identity: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::estimate::{Flow, Lookback, Measured, ReleaseHistory};
    use crate::domain::window::WindowState;

    #[test]
    fn a_newcomers_wait_is_known_only_while_visitors_are_released() {
        let settings = settings_for_test("derby");
        let mut history = ReleaseHistory::default();
        for second in 0..60 {
            history.record(second * 1_000_000, 10);
        }
        let mut snapshot = Snapshot {
            flows: vec![Flow::measure(&Measured {
                history: &history,
                now: 59_000_000,
                pace: settings.terms.pace_in_force(None),
                lookback: &Lookback::default(),
                absent: 0,
                unclaimed: 0,
                part: 1.0,
                horizon: settings.terms.horizon,
                capacity: None,
                inside: 0,
            })],
            store: StoreHealth::Reachable,
            ..Snapshot::default()
        };
        snapshot.survey.lanes.push(LaneSurvey {
            waiting: 700,
            absent: 100,
            ..LaneSurvey::default()
        });
        let wait = |snapshot: &Snapshot| {
            let settings = &settings;
            Reading { settings, snapshot }.newcomer_wait()
        };

        snapshot.survey.orders.state = WindowState::Open;
        let median = wait(&snapshot).unwrap().median.as_secs();
        assert!(
            (55..=65).contains(&median),
            "600 present at 10 a second: {median}"
        );

        let unmeasured = Snapshot {
            flows: vec![None],
            ..snapshot.clone()
        };
        assert_eq!(wait(&unmeasured), None);
        for state in [WindowState::Paused, WindowState::Closed, WindowState::Ended] {
            let mut held = snapshot.clone();
            held.survey.orders.state = state;
            assert_eq!(wait(&held), None, "{state:?}");
        }
        snapshot.store = StoreHealth::NotYet;
        assert_eq!(wait(&snapshot), None);
    }
}
