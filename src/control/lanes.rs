//! A room's lanes as the control API shows them.

use serde::Serialize;

use crate::domain::room::RoomName;
use crate::telemetry::reading::LaneReading;

/// One lane of a room.
#[derive(Debug, Serialize)]
pub(super) struct LaneView {
    /// `null` where it is gone from the room's file and somebody still waits in it.
    name: Option<String>,
    weight: u16,
    share: f64,
    waiting: u64,
    released_total: u64,
}

impl LaneView {
    /// The lane of this reading.
    pub(super) fn of(lane: &LaneReading<'_>) -> Self {
        Self {
            name: lane.name.map(RoomName::to_string),
            weight: lane.weight,
            share: (lane.share * 10_000.0).round() / 10_000.0,
            waiting: lane.survey.waiting,
            released_total: lane.survey.releases_total,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::control::view::RoomView;
    use crate::domain::lane::{LaneSettings, Weights};
    use crate::store::survey::{LaneSurvey, Snapshot};
    use crate::telemetry::reading::{Reading, settings_for_test};

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
