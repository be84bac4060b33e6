//! The loops of the rooms in force: begun, told of other settings, and ended.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::clock::Clock;
use crate::domain::room::{RoomName, RoomSettings};
use crate::gate::room::Room;
use crate::pacing::{Beat, Heard, RoomLoop};
use crate::store::QueueStore;
use crate::store::kept::Keeper;
use crate::store::survey::StoreHealth;
use crate::token::SharedKeyring;

/// How long visitors are let wait for the first survey of a room: before it nobody knows which
/// sessions have ended.
const FIRST_SURVEY: Duration = Duration::from_secs(2);

/// What every loop works with.
pub(super) struct Works {
    /// Where the rooms are kept.
    pub store: Arc<dyn QueueStore>,
    /// The clock.
    pub clock: Clock,
    /// The keys in force.
    pub keys: SharedKeyring,
    /// Where this gateway keeps what a store that lost a room must be told.
    pub keeper: Arc<Keeper>,
    /// Who hears of what loops change by themselves.
    pub heard: Heard,
    /// Every loop's task.
    pub tasks: TaskTracker,
    /// Ends all loops.
    pub stop: CancellationToken,
}

/// The loops that run, by room.
pub(super) struct Loops {
    works: Works,
    running: HashMap<RoomName, Running>,
}

struct Running {
    settings: watch::Sender<Arc<RoomSettings>>,
    stop: CancellationToken,
}

impl Loops {
    pub(super) fn new(works: Works) -> Self {
        Self {
            works,
            running: HashMap::new(),
        }
    }

    /// Begins the loops of those rooms that have none, and gives these rooms.
    pub(super) fn begin<'r>(&mut self, rooms: &'r [Room]) -> Vec<&'r Room> {
        let missing = |room: &&Room| !self.running.contains_key(&room.settings.name);
        let fresh: Vec<&Room> = rooms.iter().filter(missing).collect();
        for room in &fresh {
            let running = self.works.run(room);
            self.running.insert(room.settings.name.clone(), running);
        }
        fresh
    }

    /// Tells the loops of their rooms' settings, which hold from the next tick, and ends those
    /// whose rooms are gone. What the store keeps of such a room stays there.
    pub(super) fn follow(&mut self, rooms: &[Room]) {
        for room in rooms {
            if let Some(running) = self.running.get(&room.settings.name) {
                running.settings.send_if_modified(|held| {
                    let other = *held != room.settings;
                    *held = Arc::clone(&room.settings);
                    other
                });
            }
        }
        let there: HashSet<&RoomName> = rooms.iter().map(|room| &room.settings.name).collect();
        self.running.retain(|name, running| {
            let stays = there.contains(name);
            if !stays {
                running.stop.cancel();
            }
            stays
        });
    }
}

impl Works {
    fn run(&self, room: &Room) -> Running {
        let beat = Beat {
            room: Arc::clone(&room.settings),
            snapshot: Arc::clone(&room.snapshot),
            notes: Arc::clone(&room.notes),
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            keys: Arc::clone(&self.keys),
            draw: Arc::clone(&room.draw),
            keeper: Some(Arc::clone(&self.keeper)),
            heard: Arc::clone(&self.heard),
        };
        let (settings, told) = watch::channel(Arc::clone(&room.settings));
        let stop = self.stop.child_token();
        self.tasks
            .spawn(RoomLoop::new(beat).run(told, stop.clone()));
        Running { settings, stop }
    }
}

/// Waits until every one of these rooms has been surveyed, but not for long: a store may be away.
pub(super) async fn surveyed(rooms: &[&Room]) {
    let unknown = |room: &&Room| room.snapshot.load().store == StoreHealth::NotYet;
    let known = async {
        while rooms.iter().any(unknown) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(FIRST_SURVEY, known).await.is_err() {
        tracing::warn!("the store has not answered yet; visitors are told to wait");
    }
}
