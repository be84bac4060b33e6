//! Rooms and policies as the control API shows them, and why nobody is being released.

use serde::Serialize;

use super::lanes::LaneView;
use super::policies::{Finding, Found, InForce, Names, Refused};
use super::steer::SessionView;
use super::warning::{awaited, warning};
use super::windows::{WindowView, windows};
use crate::domain::clock::UnixTime;
use crate::domain::estimate::WaitRange;
use crate::domain::pace::{Corrected, Correction, TICK};
use crate::domain::window::WindowState;
use crate::store::survey::StoreHealth;
use crate::telemetry::reading::Reading;

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
    /// When it opens next, the lobby before it, and when the window ends.
    opens_at: Option<String>,
    prequeue_opens_at: Option<String>,
    ends_at: Option<String>,
    windows: Vec<WindowView>,
    /// What is left to be sold, where that was said.
    stock: Option<u64>,
    /// Whether only the crew meets it.
    rehearsal: bool,
    /// What became of the session that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionView>,
    /// What an operator should know, or can put right.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// A pace.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct PaceView {
    per_minute: u32,
    burst: u32,
    effective_burst: u64,
    /// With the correction for no-shows, where the room has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_per_minute: Option<f64>,
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
        let orders = &survey.orders;
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
            pace: PaceView::of(reading.effective_pace()),
            capacity: CapacityView {
                active: reading.capacity().map(std::num::NonZeroU32::get),
            },
            wait: WaitView::of(reading.newcomer_wait()),
            tick: survey.ticks.tick,
            version: orders.version,
            held_by: held_by(&Facts::of(reading)),
            message: orders.message.clone(),
            opens_at: orders.opening(schedule).map(UnixTime::rfc3339),
            prequeue_opens_at: orders.prequeue_opening(schedule).map(UnixTime::rfc3339),
            ends_at: orders.ending(schedule).map(UnixTime::rfc3339),
            windows: windows(reading),
            stock: orders.stock.map(|stock| stock.left),
            rehearsal: reading.settings.rehearsal,
            session: None,
            warning: warning(reading),
        }
    }

    /// The same with what became of a session.
    #[must_use]
    pub fn with_session(self, session: SessionView) -> Self {
        let session = Some(session);
        Self { session, ..self }
    }
}

impl PaceView {
    pub(super) fn of(corrected: Corrected) -> Self {
        let Corrected { pace, correction } = corrected;
        Self {
            per_minute: pace.per_minute.get(),
            burst: pace.burst.get(),
            effective_burst: corrected.effective_burst(TICK),
            effective_per_minute: (correction != Correction::NONE).then(|| corrected.per_minute()),
        }
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
    /// The draw waits for the external value that was promised.
    ExternalValue,
}

/// What [`held_by`] decides on.
#[derive(Clone, Copy, Debug)]
struct Facts {
    state: WindowState,
    draw: Drawing,
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

/// Whether a draw that is under way needs something from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drawing {
    AwaitsValue,
    Complete,
}

impl Facts {
    fn of(reading: &Reading<'_>) -> Self {
        let survey = &reading.snapshot.survey;
        Self {
            state: survey.orders.state,
            draw: match awaited(reading) {
                Some(_) => Drawing::AwaitsValue,
                None => Drawing::Complete,
            },
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

/// The first reason that applies, the one beyond the operator's reach first. A room that is closed,
/// ended or in its prequeue has none: its state says it. Nor has an open room where nobody waits.
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
        WindowState::Drawing => {
            (facts.draw == Drawing::AwaitsValue).then_some(HeldBy::ExternalValue)
        }
        WindowState::Closed | WindowState::Prequeue | WindowState::Ended => None,
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

    use crate::store::survey::{Snapshot, Survey};
    use crate::telemetry::reading::settings_for_test;

    const FLOWING: Facts = Facts {
        state: WindowState::Open,
        draw: Drawing::Complete,
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
    fn a_draw_says_what_it_waits_for() {
        for (draw, expected) in [
            (Drawing::AwaitsValue, Some(HeldBy::ExternalValue)),
            (Drawing::Complete, None),
        ] {
            let facts = Facts {
                state: WindowState::Drawing,
                draw,
                ..FLOWING
            };
            assert_eq!(held_by(&facts), expected, "{draw:?}");
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
            "message": null, "opens_at": null, "prequeue_opens_at": null, "ends_at": null,
            "windows": [], "stock": null, "rehearsal": false,
        });
        assert_eq!(view, expected);

        let mut corrected = settings.clone();
        corrected.terms.correction = Correction::thousandths(1_150).unwrap();
        let reading = Reading {
            settings: &corrected,
            ..reading
        };
        let view = serde_json::to_value(RoomView::of(&reading)).unwrap();
        let expected = serde_json::json!({
            "per_minute": 600, "burst": 10, "effective_burst": 18, "effective_per_minute": 690.0,
        });
        assert_eq!(view["pace"], expected);
    }
}
