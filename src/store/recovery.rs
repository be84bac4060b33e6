//! What a gateway puts back into a store that lost a room, or a part of it.

use std::time::Duration;

use crate::domain::place::Epoch;
use crate::domain::window::Orders;

/// One gateway's memory of a room, brought to a store that knows less.
///
/// The store takes it in one step, and more than one gateway may bring theirs, in any order and
/// as often as they like:
///
/// - If `orders` have a higher version than the room's, they are written, as the store's `order`
///   verb writes them.
/// - If `epoch` is newer than the room's, the room enters it: numbers begin again and the bucket
///   is empty.
/// - If either happened the room is *recovering* for `pause` more of room time (a longer rest of
///   an earlier recovery stays): nobody is released, the bucket stays empty. And of `inside` so
///   many as the store does not know count as inside for `inside_for`, less one for each session
///   that a touch makes again and for each unknown one that ends.
/// - Where the gateway had let visitors pass on its own ([`Rest::Always`]), nothing was lost, and
///   the room rests all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The epoch to enter: newer than any the gateway has seen of this room.
    pub epoch: Epoch,
    /// The newest standing orders known; version 0 where none are.
    pub orders: Orders,
    /// How long the room shall be recovering, in room time.
    pub pause: Duration,
    /// Whether it rests although the store knows all that the gateway does.
    pub rest: Rest,
    /// How many were inside when the room was last surveyed, released and admitted.
    pub inside: u64,
    /// For how long they count although the store does not know them, in room time.
    pub inside_for: Duration,
}

/// When a room rests at a recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// Where orders or epoch are new to the store.
    #[default]
    AfterLoss,
    /// In any case: a gateway let visitors pass while it could not ask.
    Always,
}
