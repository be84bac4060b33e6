//! Group commit: one thread writes whatever changed since it last wrote, and tells those who wait.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redb::Database;
use tokio::sync::watch;

use super::dirty::Dirty;
use super::disk::Opener;
use super::room::Room;
use super::rows::Rows;
use crate::domain::room::RoomName;
use crate::store::{BoxError, StoreError};

/// How long a verb waits for its changes to be durable.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long after a failed write the next one is tried.
const PAUSE: Duration = Duration::from_millis(500);

/// A room and how much of it is durable.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) name: RoomName,
    /// Under which its rows stand on disk.
    pub(super) number: u32,
    pub(super) room: Mutex<Room>,
    progress: watch::Sender<Progress>,
}

impl Kept {
    pub(super) fn new(name: RoomName, number: u32, room: Room) -> Self {
        Self {
            name,
            number,
            room: Mutex::new(room),
            progress: watch::Sender::new(Progress::default()),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The newest version of the room that is on disk.
    durable: u64,
    /// The last write failed.
    failing: bool,
}

/// All rooms of a store.
pub(super) type Rooms = Mutex<HashMap<RoomName, Arc<Kept>>>;

/// The thread that writes, and what it is asked to write. Dropping it writes what is left.
#[derive(Debug)]
pub(super) struct Ledger {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Wanted {
    /// Rooms with changes that somebody waits for, by number.
    rooms: BTreeMap<u32, Arc<Kept>>,
    /// Why the disk cannot be written at present.
    failing: Option<Arc<str>>,
    stop: bool,
}

impl Shared {
    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Starts the thread over an open database.
    pub(super) fn start(
        database: Database,
        open: Opener,
        rooms: Arc<Rooms>,
    ) -> Result<Self, std::io::Error> {
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            shared: Arc::clone(&shared),
            database: Some(database),
            open,
            rooms,
        };
        let thread = std::thread::Builder::new()
            .name("anteroom-store".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Whether changes can be written: asked before a room is changed.
    pub(super) fn ready(&self) -> Result<(), StoreError> {
        match &self.shared.wanted().failing {
            None => Ok(()),
            Some(why) => Err(unwritable(why)),
        }
    }

    /// Returns once `version` of a room is on disk.
    pub(super) async fn durable(&self, kept: &Arc<Kept>, version: u64) -> Result<(), StoreError> {
        let mut progress = kept.progress.subscribe();
        if progress.borrow_and_update().durable >= version {
            return Ok(());
        }
        {
            let mut wanted = self.shared.wanted();
            wanted.rooms.insert(kept.number, Arc::clone(kept));
            self.shared.wake.notify_one();
        }
        let written = progress.wait_for(|now| now.durable >= version || now.failing);
        match tokio::time::timeout(DEADLINE, written).await {
            Ok(Ok(now)) if now.durable >= version => Ok(()),
            Ok(Ok(_) | Err(_)) => Err(unwritable("the last write failed")),
            Err(_) => Err(StoreError::Timeout { waited: DEADLINE }),
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.shared.wanted().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // If it died, its panic has been told; there is nothing left to write.
            let _ = thread.join();
        }
    }
}

fn unwritable(why: &str) -> StoreError {
    StoreError::Unreachable(format!("the store's disk cannot be written: {why}").into())
}

/// The thread's own side.
struct Writer {
    shared: Arc<Shared>,
    database: Option<Database>,
    open: Opener,
    rooms: Arc<Rooms>,
}

/// What one write takes from one room.
struct Taken {
    kept: Arc<Kept>,
    dirty: Dirty,
    version: u64,
}

impl Writer {
    fn run(mut self) {
        while let Some(rooms) = self.next() {
            self.write(rooms);
        }
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<_> = rooms.values().map(Arc::clone).collect();
        drop(rooms);
        self.write(all);
    }

    /// Waits for work; `None` when the store is dropped.
    fn next(&self) -> Option<Vec<Arc<Kept>>> {
        let mut wanted = self.shared.wanted();
        while wanted.rooms.is_empty() && !wanted.stop {
            let woken = self.shared.wake.wait(wanted);
            wanted = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let rooms = std::mem::take(&mut wanted.rooms);
        (!wanted.stop).then(|| rooms.into_values().collect())
    }

    /// Writes the present values of all that changed in `rooms`, once; after a failure puts the
    /// work back and pauses.
    fn write(&mut self, rooms: Vec<Arc<Kept>>) {
        let mut rows = Rows::default();
        let mut taken = Vec::new();
        for kept in rooms {
            // A room left half changed by a panic must not reach the disk.
            let Ok(mut room) = kept.room.lock() else {
                continue;
            };
            let dirty = std::mem::take(&mut room.dirty);
            rows.add(&kept.name, kept.number, &room, &dirty);
            let version = room.version;
            drop(room);
            taken.push(Taken {
                kept,
                dirty,
                version,
            });
        }
        match self.commit(&rows) {
            Ok(()) => self.tell(&taken),
            Err(fault) => self.put_back(taken, &fault),
        }
    }

    /// One transaction. After a failure the database is closed and opened anew next time, for it
    /// refuses to go on.
    fn commit(&mut self, rows: &Rows) -> Result<(), BoxError> {
        if rows.is_empty() {
            return Ok(());
        }
        let (open, database) = (&self.open, self.database.take());
        let written = catch_unwind(AssertUnwindSafe(|| {
            let database = match database {
                Some(database) => database,
                None => open()?,
            };
            rows.write(&database)?;
            Ok::<_, BoxError>(database)
        }));
        match written {
            Ok(database) => {
                self.database = Some(database?);
                Ok(())
            }
            Err(_) => Err("the database gave up".into()),
        }
    }

    fn tell(&self, taken: &[Taken]) {
        self.shared.wanted().failing = None;
        for one in taken {
            one.kept.progress.send_replace(Progress {
                durable: one.version,
                failing: false,
            });
        }
    }

    fn put_back(&self, taken: Vec<Taken>, fault: &BoxError) {
        let mut wanted = self.shared.wanted();
        wanted.failing = Some(fault.to_string().into());
        for one in &taken {
            wanted.rooms.insert(one.kept.number, Arc::clone(&one.kept));
        }
        drop(wanted);
        for one in taken {
            if let Ok(mut room) = one.kept.room.lock() {
                room.dirty.merge(one.dirty);
            }
            one.kept.progress.send_modify(|now| now.failing = true);
        }
        let wanted = self.shared.wanted();
        if !wanted.stop {
            drop(
                self.shared
                    .wake
                    .wait_timeout_while(wanted, PAUSE, |wanted| !wanted.stop),
            );
        }
    }
}
