//! `[[lane]]`: the queues of a room beside each other, and their weights.

use crate::domain::lane::{LaneSettings, MOST_LANES, Weights};
use crate::domain::room::RoomName;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};

/// Reads every `[[lane]]` of a room, the general one first. Those that cannot be read are noted
/// and left out.
pub(super) fn read(room: &mut Table<'_>) -> Vec<LaneSettings> {
    let reader = room.reader();
    let tables = room.sections("lane");
    if let [only] = tables.as_slice() {
        let message = "a single lane shares with nobody: leave it out, or name another";
        reader.warn(only.span(), message);
    }
    if let Some(surplus) = tables.get(MOST_LANES) {
        let message = format!("a room has at most {MOST_LANES} lanes");
        reader.fault(surplus.span(), message);
    }
    let mut lanes: Vec<LaneSettings> = Vec::new();
    for (name, weight) in tables.into_iter().filter_map(one) {
        let unique = is_new(reader, &name, &lanes);
        let name = name.value;
        lanes.extend(unique.then_some(LaneSettings { name, weight }));
    }
    lanes
}

fn one(mut table: Table<'_>) -> Option<(Placed<RoomName>, u16)> {
    let name = table.required("name").and_then(Value::placed);
    let weight = table.required("weight");
    let weight = weight.and_then(|value| value.number(1..=u32::from(Weights::MOST)));
    table.finish();
    Some((name?, u16::try_from(weight?).ok()?))
}

fn is_new(reader: Reader<'_>, name: &Placed<RoomName>, lanes: &[LaneSettings]) -> bool {
    let twice = lanes.iter().any(|lane| lane.name == name.value);
    if twice {
        reader.fault(name.at, format!("another lane is named `{}`", name.value));
    }
    !twice
}

/// The weights of these lanes; one lane where there are none.
pub(super) fn weights(lanes: &[LaneSettings]) -> Weights {
    let weights: Vec<u16> = lanes.iter().map(|lane| lane.weight).collect();
    Weights::new(&weights).unwrap_or_default()
}
