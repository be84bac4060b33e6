//! The series of rooms with lanes.

use prometheus::{IntCounter, IntGauge};

use super::families::Families;
use super::reading::Reading;
use super::series::{follow_total, set};
use crate::domain::room::RoomName;
use crate::store::survey::StoreHealth;

/// The handles of one lane.
struct LaneMetrics {
    name: RoomName,
    waiting: IntGauge,
    releases: IntCounter,
}

/// The lanes of one room that are shown at present.
#[derive(Default)]
pub(super) struct LaneSeries(Vec<LaneMetrics>);

impl LaneSeries {
    /// Brings the figures of a room's lanes up to date; takes down those of lanes that are gone.
    pub(super) fn follow(
        &mut self,
        families: &Families,
        reading: &Reading<'_>,
    ) -> prometheus::Result<()> {
        let room = &reading.settings.name;
        let there = || reading.settings.lanes.iter().map(|lane| &lane.name);
        if !there().eq(self.0.iter().map(|shown| &shown.name)) {
            self.drop_of(families, room);
            let fresh = there().map(|name| families.lane(room, name));
            self.0 = fresh.collect::<prometheus::Result<_>>()?;
        }
        if reading.snapshot.store == StoreHealth::NotYet {
            return Ok(());
        }
        for (shown, lane) in self.0.iter().zip(reading.lanes()) {
            set(&shown.waiting, lane.survey.waiting);
            follow_total(&shown.releases, lane.survey.releases_total);
        }
        Ok(())
    }

    /// Takes down the series of a room's lanes.
    pub(super) fn drop_of(&mut self, families: &Families, room: &RoomName) {
        for gone in self.0.drain(..) {
            let labels = [room.as_str(), gone.name.as_str()];
            let _ = families.lane_waiting.remove_label_values(&labels);
            let _ = families.lane_releases.remove_label_values(&labels);
        }
    }
}

impl Families {
    fn lane(&self, room: &RoomName, lane: &RoomName) -> prometheus::Result<LaneMetrics> {
        let labels = [room.as_str(), lane.as_str()];
        Ok(LaneMetrics {
            name: lane.clone(),
            waiting: self.lane_waiting.get_metric_with_label_values(&labels)?,
            releases: self.lane_releases.get_metric_with_label_values(&labels)?,
        })
    }
}
