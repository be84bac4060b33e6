//! The names of a room's keys.

use crate::domain::lane::MOST_LANES;
use crate::domain::room::RoomName;

/// What each key holds is told in `scripts/room.lua`, in this order.
const PARTS: [&str; 17] = [
    "head", "queue", "absent", "entries", "turns", "sessions", "slots", "guests", "ends", "told",
    "forget", "samples", "lobby", "frozen", "roster", "spent", "unspend",
];

/// The keys of a room with so many lanes, the head first. The braces keep a room together where
/// keys are spread. Each lane beside the general one has two keys of its own, behind all others.
pub(super) fn of(room: &RoomName, lanes: usize) -> Vec<String> {
    let key = |part| format!("anteroom:{{{room}}}:{part}");
    let others = (1..lanes.min(MOST_LANES)).flat_map(|lane| {
        let of_lane = |part| format!("anteroom:{{{room}}}:{part}:{lane}");
        ["queue", "absent"].map(of_lane)
    });
    PARTS.iter().map(key).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_two_more_keys_for_each_other_lane() {
        let room = "derby".parse().unwrap();
        let one = of(&room, 1);
        assert_eq!(one.len(), PARTS.len());
        assert_eq!(one[0], "anteroom:{derby}:head");
        let three = of(&room, 3);
        assert_eq!(three[..one.len()], one);
        let others = ["queue:1", "absent:1", "queue:2", "absent:2"];
        assert_eq!(
            three[one.len()..],
            others.map(|part| format!("anteroom:{{derby}}:{part}"))
        );
        assert_eq!(of(&room, 300).len(), one.len() + 2 * (MOST_LANES - 1));
    }

    #[test]
    fn the_scripts_know_how_many_keys_go_before_those_of_the_lanes() {
        let told = format!("local ROOM_KEYS = {}\n", PARTS.len());
        assert!(include_str!("scripts/room.lua").contains(&told));
    }
}
