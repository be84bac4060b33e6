//! What a room's loop works on, and how it hears of other settings.

use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::clock::Clock;
use crate::domain::room::{RoomName, RoomSettings};
use crate::domain::window::Orders;
use crate::store::QueueStore;
use crate::store::drawn::SharedDraw;
use crate::store::kept::Keeper;
use crate::store::notes::Notes;
use crate::store::survey::SharedSnapshot;
use crate::token::SharedKeyring;

/// The room's settings, as they are told to its loop; they hold from its next round on.
pub type Told = watch::Receiver<Arc<RoomSettings>>;

/// Hears of each change that a loop made to a room's orders by itself: why (`schedule` or `draw`),
/// the room, and its orders before and after. It must not wait.
pub type Heard = Arc<dyn Fn(&'static str, &RoomName, (&Orders, &Orders)) + Send + Sync>;

/// What a room's loop works on.
#[derive(Clone)]
pub struct Beat {
    /// The room.
    pub room: Arc<RoomSettings>,
    /// What the gate answers from.
    pub snapshot: SharedSnapshot,
    /// What the gate leaves for the store.
    pub notes: Arc<Notes>,
    /// Where the rooms are kept.
    pub store: Arc<dyn QueueStore>,
    /// The clock.
    pub clock: Clock,
    /// The keys in force: a draw is committed to with one of them.
    pub keys: SharedKeyring,
    /// What is kept of the room's draw.
    pub draw: SharedDraw,
    /// Where this gateway keeps what a store that lost the room must be told; `None` for nowhere.
    pub keeper: Option<Arc<Keeper>>,
    /// Who hears of what the loop changes by itself.
    pub heard: Heard,
}
