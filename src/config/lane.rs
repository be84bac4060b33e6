//! `[[lane]]`: the queues of a room beside each other.

use crate::domain::lane::{LaneSettings, Weights};
use crate::text::table::Table;
use crate::text::value::Value;

/// Reads every `[[lane]]` of a room; those that cannot be read are noted and left out.
pub(super) fn read(room: &mut Table<'_>) -> Vec<LaneSettings> {
    let (reader, at) = (room.reader(), room.span());
    let tables = room.sections("lane");
    if tables.len() > 1 {
        let message = "`[[lane]]`: all lanes wait in one line in this version; `weight` is read \
                       and not applied";
        reader.warn(at, message);
    }
    tables.into_iter().filter_map(one).collect()
}

fn one(mut table: Table<'_>) -> Option<LaneSettings> {
    let name = table.required("name").and_then(Value::parse);
    let weight = table.required("weight");
    let weight = weight.and_then(|value| value.number(1..=u32::from(Weights::MOST)));
    table.finish();
    Some(LaneSettings {
        name: name?,
        weight: u16::try_from(weight?).ok()?,
    })
}
