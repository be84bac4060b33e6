//! Event streams: what happens to a visitor's place, told as it happens.
//!
//! All streams of a gateway are in [`Streams`], by room; [`run`] looks after them. A stream's
//! connection holds the other end of an [`Outbox`], which is bounded: whoever reads too slowly is
//! dropped, and its page polls.

mod outbox;
mod run;
mod stream;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::room::RoomName;
use crate::gate::notice::Face;
use crate::gate::watch::Watch;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::streams::{StreamEnd, StreamRefusal};
use crate::token::chance;

use super::networks::{Guest, Networks};
use super::notice::status_of;
use super::respond::{Answer, Asking};
use super::serve::{Came, Door};
use outbox::Outbox;
use stream::{Shown, Stream, event, retry};

pub use outbox::EventBody;
pub use run::run;

/// When a page that got no stream may ask for one again; it polls meanwhile.
const FULL: Duration = Duration::from_mins(1);

/// How many streams may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// On this gateway.
    pub all: usize,
    /// For one IPv4 address or one /64.
    pub per_network: usize,
}

/// The streams that are open. Outlives the policies, as the streams do.
pub struct Streams {
    rooms: Mutex<HashMap<RoomName, Arc<Hub>>>,
    places: Arc<Semaphore>,
    networks: Arc<Networks>,
    metrics: Arc<Metrics>,
}

/// The open streams of one room.
#[derive(Default)]
struct Hub(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    streams: Vec<Stream>,
    /// What was the same for everybody at the last look.
    common: Option<Common>,
}

/// What is the same for all watchers of a room: when it changes, all are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Common {
    orders: u64,
    reachable: bool,
    recovers: bool,
    ordered: bool,
}

/// A stream's place among those that may be open.
struct Slot {
    _place: OwnedSemaphorePermit,
    _guest: Guest,
    metrics: Arc<Metrics>,
    end: StreamEnd,
}

impl Streams {
    /// None yet.
    #[must_use]
    pub fn new(most: Most, metrics: Arc<Metrics>) -> Self {
        Self {
            rooms: Mutex::default(),
            places: Arc::new(Semaphore::new(most.all)),
            networks: Networks::new(most.per_network),
            metrics,
        }
    }

    fn take_place(&self, client: IpAddr) -> Result<Slot, StreamRefusal> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| StreamRefusal::Full)?;
        let guest = self.networks.enter(client).ok_or(StreamRefusal::Network)?;
        self.metrics.streams.opened();
        Ok(Slot {
            _place: place,
            _guest: guest,
            metrics: Arc::clone(&self.metrics),
            end: StreamEnd::Visitor,
        })
    }

    fn add(&self, room: &RoomName, stream: Stream) {
        let mut rooms = held(&self.rooms);
        if self.places.is_closed() {
            return;
        }
        let hub = rooms.entry(room.clone()).or_default();
        held(&hub.0).streams.push(stream);
    }

    /// The rooms that have streams; those that have none any more are forgotten.
    fn rooms(&self) -> Vec<(RoomName, Arc<Hub>)> {
        let mut rooms = held(&self.rooms);
        rooms.retain(|_, hub| Arc::strong_count(hub) > 1 || !held(&hub.0).streams.is_empty());
        let rooms = rooms.iter();
        rooms
            .map(|(name, hub)| (name.clone(), Arc::clone(hub)))
            .collect()
    }

    /// Ends every stream, and lets no other be opened.
    fn close(&self) {
        self.places.close();
        for (_, hub) in self.rooms() {
            hub.end(StreamEnd::Drain);
        }
    }
}

impl Hub {
    fn end(&self, why: StreamEnd) {
        for mut stream in held(&self.0).streams.drain(..) {
            stream.ends_by(why);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.metrics.streams.ended(self.end);
    }
}

impl Door {
    /// Opens an event stream, or says that the page must poll.
    pub(super) fn open_stream(
        &self,
        watch: Watch,
        (room, client): (Option<usize>, Option<IpAddr>),
        came: &Came<'_>,
        https: bool,
    ) -> Answer {
        let asking = Asking {
            head: &came.head,
            https,
        };
        let room = room.and_then(|at| self.gate.rooms.get(at));
        let (Some(room), Some(client)) = (room, client) else {
            return self.responder.no_stream(FULL, asking);
        };
        let Watch { notice, watcher } = watch;
        let first = event("standing", &status_of(&notice).to_json());
        let names = &room.cookies;
        let retry = retry(seed());
        let Some(watcher) = watcher else {
            // The lobby of a round: only the store knows what becomes of it.
            if notice.face == Face::Prequeue {
                return self.responder.no_stream(FULL, asking);
            }
            let body = EventBody::only([retry, first]);
            return self.responder.stream(body, &notice, (names, asking));
        };
        let slot = match self.streams.take_place(client) {
            Ok(slot) => slot,
            Err(why) => {
                self.streams.metrics.streams.refused(why);
                return self.responder.no_stream(FULL, asking);
            }
        };
        let (outbox, body) = Outbox::new([retry, first]);
        let shown = Shown::of(&notice);
        let stream = Stream::new((watcher, outbox, slot), shown, (came.now.mono, seed()));
        self.streams.add(&room.settings.name, stream);
        self.responder.stream(body, &notice, (names, asking))
    }
}

/// Spreads what would otherwise happen to many at the same moment; 0 where there is no chance.
fn seed() -> u64 {
    chance::random_bytes().map_or(0, u64::from_le_bytes)
}

/// Locks; what is guarded is whole whenever the lock is free.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
