//! Joins of one room, gathered into few calls of the store behind.
//!
//! When a sale opens, thousands join within a moment. One call for each would cost the store and
//! the network far more than one call for a thousand, and a visitor does not feel the two
//! milliseconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;

use super::{Joined, Joining, QueueStore, StoreError};
use crate::domain::room::{RoomName, Terms};

/// So many joins go at once, without waiting for more.
const FULL: usize = 1_000;

/// How long the first of a batch waits for others.
const PAUSE: Duration = Duration::from_millis(2);

/// Joins that may wait in all rooms together, for their batch or its answer.
const MOST_WAITING: usize = 50_000;

/// A store whose joins go in batches, one at a time for each room, so that visitors get their
/// places in the order in which they came. Everything else goes straight to the store behind.
/// Dropping it ends its tasks.
pub struct Gathered<S: ?Sized> {
    lines: Mutex<Lines>,
    room_to_wait: Arc<Semaphore>,
    store: Arc<S>,
}

/// The way to each room's task, and the tasks.
#[derive(Default)]
struct Lines {
    by_room: HashMap<RoomName, UnboundedSender<Caller>>,
    tasks: JoinSet<()>,
}

/// One call of `join` that waits for its answer.
struct Caller {
    terms: Terms,
    asks: Vec<Joining>,
    answer: oneshot::Sender<Result<Vec<Joined>, StoreError>>,
    _room_to_wait: OwnedSemaphorePermit,
}

impl<S: QueueStore + ?Sized> Gathered<S> {
    /// Gathers the joins of `store`. Needs a tokio runtime when it is used.
    #[must_use]
    pub fn over(store: Arc<S>) -> Self {
        Self {
            lines: Mutex::default(),
            room_to_wait: Arc::new(Semaphore::new(MOST_WAITING)),
            store,
        }
    }

    /// Hands a caller to its room's task, which is started at the first.
    fn hand_on(&self, room: &RoomName, caller: Caller) -> Result<(), StoreError> {
        let ended = || StoreError::Unreachable("the gathering of joins has ended".into());
        let mut lines = self.lines.lock().map_err(|_| ended())?;
        let open = lines.by_room.get(room).filter(|line| !line.is_closed());
        let line = match open {
            Some(line) => line.clone(),
            None => {
                let (line, callers) = unbounded_channel();
                let store = Arc::clone(&self.store);
                lines.tasks.spawn(gather(store, room.clone(), callers));
                lines.by_room.insert(room.clone(), line.clone());
                line
            }
        };
        line.send(caller).map_err(|_| ended())
    }
}

/// Serves the callers of one room, batch after batch, until nobody can come any more.
async fn gather<S: QueueStore + ?Sized>(
    store: Arc<S>,
    room: RoomName,
    mut callers: UnboundedReceiver<Caller>,
) {
    while let Some(first) = callers.recv().await {
        let mut batch = vec![first];
        // It is no fault if the time is over before the batch is full.
        let _ = tokio::time::timeout(PAUSE, fill(&mut batch, &mut callers)).await;
        batch.retain(|caller| !caller.answer.is_closed());
        join(store.as_ref(), &room, batch).await;
    }
}

async fn fill(batch: &mut Vec<Caller>, callers: &mut UnboundedReceiver<Caller>) {
    let mut count = asks(batch).count();
    while count < FULL {
        let Some(caller) = callers.recv().await else {
            return;
        };
        count += caller.asks.len();
        batch.push(caller);
    }
}

fn asks(batch: &[Caller]) -> impl Iterator<Item = &Joining> {
    batch.iter().flat_map(|caller| &caller.asks)
}

/// Sends one batch, and gives each caller its part of the answer.
///
/// A store refuses a whole call as lost for one ask of a newer window than it knows. That visitor
/// must not keep the others out: who asked for the newest window is told, the rest go again.
async fn join<S: QueueStore + ?Sized>(store: &S, room: &RoomName, mut batch: Vec<Caller>) {
    while let Some(terms) = batch.last().map(|caller| caller.terms) {
        let all: Vec<Joining> = asks(&batch).copied().collect();
        match store.join(room, &terms, &all).await {
            Ok(joined) => return share(batch, joined),
            Err(StoreError::Lost) => {
                let newest = all.iter().map(|ask| ask.window).max();
                let of_newest =
                    |caller: &mut Caller| caller.asks.iter().map(|ask| ask.window).max() == newest;
                for caller in batch.extract_if(.., of_newest) {
                    caller.hears(Err(StoreError::Lost));
                }
            }
            Err(fault) => {
                for caller in batch.drain(..) {
                    caller.hears(Err(alike(&fault)));
                }
            }
        }
    }
}

fn share(batch: Vec<Caller>, joined: Vec<Joined>) {
    let mut joined = joined.into_iter();
    for caller in batch {
        let part = joined.by_ref().take(caller.asks.len()).collect();
        caller.hears(Ok(part));
    }
}

impl Caller {
    fn hears(self, answer: Result<Vec<Joined>, StoreError>) {
        // Who has gone away needs no answer; the place is kept for the next visit.
        let _ = self.answer.send(answer);
    }
}

/// The same fault for one more caller.
fn alike(fault: &StoreError) -> StoreError {
    match fault {
        StoreError::Timeout { waited } => StoreError::Timeout { waited: *waited },
        StoreError::Unreachable(source) => StoreError::Unreachable(source.to_string().into()),
        StoreError::Lost => StoreError::Lost,
        StoreError::Unreadable { key, source } => StoreError::Unreadable {
            key: key.clone(),
            source: source.to_string().into(),
        },
    }
}

#[cfg(test)]
mod tests;
mod verbs;
