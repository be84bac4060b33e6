//! What a reload does to those who wait in lanes.

use crate::config::Config;
use crate::control::ControlRoom;
use crate::control::policies::Finding;
use crate::domain::lane::{Lane, LaneSettings};

/// A warning for each lane in which somebody waits and that is another one, or none, in the fresh
/// policies: lanes are known by their order.
pub(super) fn strayed(rooms: &[ControlRoom], fresh: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    for room in rooms {
        let name = &room.settings.name;
        let Some(next) = fresh.rooms.iter().find(|next| next.name == *name) else {
            continue;
        };
        let survey = &room.snapshot.load().survey;
        for (lane, before) in Lane::all().zip(&room.settings.lanes) {
            let waiting = survey.lane(lane).waiting;
            let told = (waiting > 0).then(|| moved(lane, before, &next.lanes));
            let told = told.flatten().map(|what| {
                Finding::of_all(format!(
                    "room {name}: {waiting} waiting in the lane `{}` {what}",
                    before.name
                ))
            });
            found.extend(told);
        }
    }
    found
}

/// What becomes of those in a lane, where it is not what it was.
fn moved(lane: Lane, before: &LaneSettings, next: &[LaneSettings]) -> Option<String> {
    match next.get(lane.index()) {
        Some(after) if after.name == before.name => None,
        Some(after) => Some(format!(
            "are in `{}` now: lanes are known by their order, so add and remove them at the end",
            after.name
        )),
        None if lane == Lane::GENERAL => None,
        None => Some(
            "keep their places and are released with the weight of the general lane: it is gone"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(names: &[&str]) -> Vec<LaneSettings> {
        let lane = |name: &&str| LaneSettings {
            name: name.parse().unwrap(),
            weight: 1,
        };
        names.iter().map(lane).collect()
    }

    #[test]
    fn a_lane_that_is_another_or_gone_is_told_of() {
        let before = lanes(&["general", "members", "presale"]);
        let told = |names: &[&str]| -> Vec<Option<String>> {
            let next = lanes(names);
            let all = Lane::all().zip(&before);
            all.map(|(lane, before)| moved(lane, before, &next))
                .collect()
        };
        let heavier = told(&["general", "members", "presale", "press"]);
        assert_eq!(heavier, [None, None, None]);
        let fewer = told(&["general", "presale"]);
        assert!(fewer[1].as_ref().unwrap().contains("`presale` now"));
        assert!(fewer[2].as_ref().unwrap().contains("it is gone"));
        assert_eq!(told(&[])[0], None, "the general lane is always there");
    }
}
