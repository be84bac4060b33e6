//! Rooms and policies as the control API shows them, and why nobody is being released.

use serde::Serialize;

use super::policies::{Finding, Found, InForce, Names, Refused};
use crate::domain::clock::UnixTime;
use crate::domain::estimate::WaitRange;
use crate::domain::room::RoomName;
use crate::domain::window::WindowState;
use crate::store::survey::StoreHealth;
use crate::telemetry::reading::{LaneReading, Reading};

/// Said of a room whose newest orders nobody knows.
const UNKNOWN_WINDOW: &str = "visitors bring tokens of a newer sale window than the store knows, and nobody knows the orders of it: `open` continues that window, and everybody in it keeps the place";

/// What is in force, and what the files say now.
#[derive(Debug, Serialize)]
pub struct PoliciesView<'a> {
    version: u64,
    loaded_at: String,
    rooms: Vec<&'a str>,
    #[serde(flatten)]
    names: &'a Names,
    files: Option<FilesView>,
}

impl<'a> PoliciesView<'a> {
    /// Of what is in force, and of the files where there are any.
    #[must_use]
    pub fn of(in_force: &'a InForce, files: Option<FilesView>) -> Self {
        let rooms = in_force.rooms.iter();
        Self {
            version: in_force.edition.number,
            loaded_at: in_force.edition.loaded_at.rfc3339(),
            rooms: rooms.map(|room| room.settings.name.as_str()).collect(),
            names: &in_force.names,
            files,
        }
    }
}

/// What a reload would find.
#[derive(Debug, Serialize)]
pub struct FilesView {
    valid: bool,
    faults: Vec<Finding>,
    #[serde(flatten)]
    found: Found,
}

impl FilesView {
    /// Of what a look at the files gave.
    #[must_use]
    pub fn of(look: Result<Found, Refused>) -> Self {
        match look {
            Ok(found) => Self {
                valid: true,
                faults: Vec::new(),
                found,
            },
            Err(refused) => Self {
                valid: false,
                faults: refused.faults,
                found: Found::default(),
            },
        }
    }
}

/// One room. Counts are those of the last survey.
#[derive(Debug, Serialize)]
pub struct RoomView {
    name: String,
    state: &'static str,
    window: u32,
    waiting: u64,
    absent: u64,
    /// The lanes, the general one first; empty in a room without any.
    lanes: Vec<LaneView>,
    released: u64,
    active: u64,
    pace: PaceView,
    capacity: CapacityView,
    wait: WaitView,
    tick: u64,
    version: u64,
    held_by: Option<HeldBy>,
    message: Option<String>,
    opens_at: Option<String>,
    ends_at: Option<String>,
    /// What was understood and has no effect, or what only an operator can put right.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct LaneView {
    /// `null` where it is gone from the room's file and somebody still waits in it.
    name: Option<String>,
    weight: u16,
    share: f64,
    waiting: u64,
    released_total: u64,
}

impl LaneView {
    fn of(lane: &LaneReading<'_>) -> Self {
        Self {
            name: lane.name.map(RoomName::to_string),
            weight: lane.weight,
            share: (lane.share * 10_000.0).round() / 10_000.0,
            waiting: lane.survey.waiting,
            released_total: lane.survey.releases_total,
        }
    }
}

#[derive(Debug, Serialize)]
struct PaceView {
    per_minute: u32,
    burst: u32,
    effective_burst: u64,
}

#[derive(Debug, Serialize)]
struct CapacityView {
    active: Option<u32>,
}

#[derive(Debug, Default, Serialize)]
struct WaitView {
    known: bool,
    low_s: Option<u64>,
    median_s: Option<u64>,
    high_s: Option<u64>,
}

impl RoomView {
    /// The room of `reading`.
    #[must_use]
    pub fn of(reading: &Reading<'_>) -> Self {
        let survey = &reading.snapshot.survey;
        let (orders, pace) = (&survey.orders, reading.pace());
        let schedule = &reading.settings.schedule;
        Self {
            name: reading.settings.name.to_string(),
            state: orders.state.word(),
            window: orders.window.0,
            waiting: survey.waiting,
            absent: survey.absent,
            lanes: reading.lanes().iter().map(LaneView::of).collect(),
            released: survey.released,
            active: survey.active,
            pace: PaceView {
                per_minute: pace.per_minute.get(),
                burst: pace.burst.get(),
                effective_burst: reading.effective_burst(),
            },
            capacity: CapacityView {
                active: reading.capacity().map(std::num::NonZeroU32::get),
            },
            wait: WaitView::of(reading.newcomer_wait()),
            tick: survey.ticks.tick,
            version: orders.version,
            held_by: held_by(&Facts::of(reading)),
            message: orders.message.clone(),
            opens_at: orders.opening(schedule).map(UnixTime::rfc3339),
            ends_at: orders.ending(schedule).map(UnixTime::rfc3339),
            warning: (reading.snapshot.unknown)
                .filter(|seen| seen.window > orders.window)
                .map(|_| UNKNOWN_WINDOW),
        }
    }

    /// The same with a warning, which goes before one of its own.
    #[must_use]
    pub fn with_warning(self, warning: Option<&'static str>) -> Self {
        let warning = warning.or(self.warning);
        Self { warning, ..self }
    }
}

impl WaitView {
    fn of(wait: Option<WaitRange>) -> Self {
        wait.map_or_else(Self::default, |wait| Self {
            known: true,
            low_s: Some(wait.low.as_secs()),
            median_s: Some(wait.median.as_secs()),
            high_s: Some(wait.high.as_secs()),
        })
    }
}

/// Why nobody is being released although the window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    /// The store does not answer. What is shown is what was last known, whatever the state.
    StoreAway,
    /// An operator paused the room.
    Paused,
    /// Places are being made sure of after a loss; or the store has not answered since the gateway
    /// started; or nobody knows the orders of the newest sale window, which an operator must open.
    Recovering,
    /// As many are inside as may be.
    CapacityFull,
    /// Somebody waits, but all of them were found absent.
    NobodyPresent,
}

/// What [`held_by`] decides on.
#[derive(Clone, Copy, Debug)]
struct Facts {
    state: WindowState,
    store: StoreHealth,
    after_loss: AfterLoss,
    waiting: u64,
    absent: u64,
    inside: u64,
    capacity: Option<u64>,
}

/// Whether places are still being made sure of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterLoss {
    Recovering,
    Sound,
}

impl Facts {
    fn of(reading: &Reading<'_>) -> Self {
        let survey = &reading.snapshot.survey;
        Self {
            state: survey.orders.state,
            store: reading.snapshot.store,
            after_loss: if reading.snapshot.recovers() {
                AfterLoss::Recovering
            } else {
                AfterLoss::Sound
            },
            waiting: survey.waiting,
            absent: survey.absent,
            inside: survey.inside(),
            capacity: reading.capacity().map(|cap| u64::from(cap.get())),
        }
    }
}

/// The first reason that applies, the one beyond the operator's reach first. A closed or ended
/// room has none: its state says it. Nor has an open room where nobody waits.
fn held_by(facts: &Facts) -> Option<HeldBy> {
    match facts.store {
        StoreHealth::Reachable => {}
        StoreHealth::NotYet | StoreHealth::LostSince(_) => return Some(HeldBy::Recovering),
        StoreHealth::AwaySince(_) => return Some(HeldBy::StoreAway),
    }
    if facts.after_loss == AfterLoss::Recovering {
        return Some(HeldBy::Recovering);
    }
    match facts.state {
        WindowState::Closed | WindowState::Prequeue | WindowState::Drawing | WindowState::Ended => {
            None
        }
        WindowState::Paused => Some(HeldBy::Paused),
        WindowState::Open if facts.waiting == 0 => None,
        WindowState::Open if facts.capacity.is_some_and(|cap| facts.inside >= cap) => {
            Some(HeldBy::CapacityFull)
        }
        WindowState::Open => (facts.absent >= facts.waiting).then_some(HeldBy::NobodyPresent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::domain::lane::{LaneSettings, Weights};
    use crate::store::survey::{LaneSurvey, Snapshot, Survey};
    use crate::telemetry::reading::settings_for_test;

    const FLOWING: Facts = Facts {
        state: WindowState::Open,
        store: StoreHealth::Reachable,
        after_loss: AfterLoss::Sound,
        waiting: 10,
        absent: 4,
        inside: 99,
        capacity: Some(100),
    };

    #[test]
    fn a_room_says_why_nobody_is_released() {
        let away = StoreHealth::AwaySince(Duration::ZERO);
        for (facts, expected) in [
            (FLOWING, None),
            (
                Facts {
                    waiting: 0,
                    absent: 0,
                    inside: 100,
                    ..FLOWING
                },
                None,
            ),
            (
                Facts {
                    inside: 100,
                    ..FLOWING
                },
                Some(HeldBy::CapacityFull),
            ),
            (
                Facts {
                    inside: 500,
                    capacity: None,
                    ..FLOWING
                },
                None,
            ),
            (
                Facts {
                    absent: 10,
                    ..FLOWING
                },
                Some(HeldBy::NobodyPresent),
            ),
            (
                Facts {
                    absent: 10,
                    inside: 100,
                    ..FLOWING
                },
                Some(HeldBy::CapacityFull),
            ),
            (
                Facts {
                    inside: 100,
                    store: StoreHealth::NotYet,
                    ..FLOWING
                },
                Some(HeldBy::Recovering),
            ),
            (
                Facts {
                    state: WindowState::Paused,
                    ..FLOWING
                },
                Some(HeldBy::Paused),
            ),
            (
                Facts {
                    state: WindowState::Paused,
                    waiting: 0,
                    ..FLOWING
                },
                Some(HeldBy::Paused),
            ),
            (
                Facts {
                    state: WindowState::Closed,
                    ..FLOWING
                },
                None,
            ),
            (
                Facts {
                    state: WindowState::Ended,
                    ..FLOWING
                },
                None,
            ),
            (
                Facts {
                    store: away,
                    state: WindowState::Paused,
                    ..FLOWING
                },
                Some(HeldBy::StoreAway),
            ),
            (
                Facts {
                    store: StoreHealth::NotYet,
                    state: WindowState::Closed,
                    ..FLOWING
                },
                Some(HeldBy::Recovering),
            ),
        ] {
            assert_eq!(held_by(&facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn a_room_that_recovers_from_a_loss_says_so_before_anything_else() {
        let recovering = Facts {
            after_loss: AfterLoss::Recovering,
            state: WindowState::Paused,
            ..FLOWING
        };
        let lost = Facts {
            store: StoreHealth::LostSince(Duration::ZERO),
            ..FLOWING
        };
        for facts in [recovering, lost] {
            assert_eq!(held_by(&facts), Some(HeldBy::Recovering), "{facts:?}");
        }
    }

    #[test]
    fn a_room_shows_every_promised_field_with_its_type() {
        let settings = settings_for_test("derby");
        let snapshot = Snapshot {
            survey: Survey {
                waiting: 3,
                absent: 3,
                ..Survey::default()
            },
            store: StoreHealth::Reachable,
            ..Snapshot::default()
        };
        let reading = Reading {
            settings: &settings,
            snapshot: &snapshot,
        };
        let view = serde_json::to_value(RoomView::of(&reading)).unwrap();
        let burst = reading.effective_burst();
        let expected = serde_json::json!({
            "name": "derby", "state": "closed", "window": 0,
            "waiting": 3, "absent": 3, "lanes": [], "released": 0, "active": 0,
            "pace": {"per_minute": 600, "burst": 10, "effective_burst": burst},
            "capacity": {"active": null},
            "wait": {"known": false, "low_s": null, "median_s": null, "high_s": null},
            "tick": 0, "version": 0, "held_by": null,
            "message": null, "opens_at": null, "ends_at": null,
        });
        assert_eq!(view, expected);
    }

    #[test]
    fn a_room_with_lanes_shows_their_shares_and_who_waits_in_lanes_that_are_gone() {
        let mut settings = settings_for_test("derby");
        let lane = |name: &str, weight| LaneSettings {
            name: name.parse().unwrap(),
            weight,
        };
        settings.lanes = vec![lane("general", 2), lane("members", 1)];
        settings.terms.lanes = Weights::new(&[2, 1]).unwrap();
        let of_lane = |waiting| LaneSurvey {
            waiting,
            releases_total: 7,
            ..LaneSurvey::default()
        };
        let mut snapshot = Snapshot::default();
        snapshot.survey.lanes = vec![of_lane(5), of_lane(3), of_lane(1), of_lane(0)];
        let reading = Reading {
            settings: &settings,
            snapshot: &snapshot,
        };
        let view = serde_json::to_value(RoomView::of(&reading)).unwrap();
        let expected = serde_json::json!([
            {"name": "general", "weight": 2, "share": 0.6667, "waiting": 5, "released_total": 7},
            {"name": "members", "weight": 1, "share": 0.3333, "waiting": 3, "released_total": 7},
            {"name": null, "weight": 2, "share": 0.6667, "waiting": 1, "released_total": 7},
        ]);
        assert_eq!(view["lanes"], expected);
    }
}
