//! The names of a room's keys.

use crate::domain::room::RoomName;

/// What each key holds is told in `scripts/room.lua`, in this order.
const PARTS: [&str; 17] = [
    "head", "queue", "absent", "entries", "turns", "sessions", "slots", "guests", "ends", "told",
    "forget", "samples", "lobby", "frozen", "roster", "spent", "unspend",
];

/// A room's keys, the head first. The braces keep a room together where keys are spread.
pub(super) fn of(room: &RoomName) -> Vec<String> {
    let key = |part| format!("anteroom:{{{room}}}:{part}");
    PARTS.iter().map(key).collect()
}
