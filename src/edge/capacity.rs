//! Room for connections: how many there may be in all and from one network, and which one makes
//! way for a newcomer.
//!
//! A connection is parked while it waits for a request: from when it is known whose it is, through
//! its handshake, and until the head of a request is whole. A newcomer at the
//! cap asks the one that has been parked longest to make way, and takes its place at once. So those
//! who connect and ask nothing, or a byte at a time, keep nobody out. Who makes way still has to
//! say so and hear what was sent before; until it has gone there is one more than the cap, and of
//! those there are few.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{Notify, oneshot};

use super::networks::{Guest, Networks};
use crate::telemetry::connections::Turned;
use crate::telemetry::metrics::Metrics;

/// How many are given up when the machine has no more file descriptors.
const RELIEF: usize = 16;

/// How many may be making way at one time: this part of the cap, at least one, and so many at the
/// most.
const LEAVING: (usize, usize) = (16, 64);

/// The connections of a gateway, over all its listeners.
pub struct Capacity {
    most: usize,
    networks: Arc<Networks>,
    places: Arc<Places>,
    metrics: Arc<Metrics>,
}

/// Places, and who would give one up.
#[derive(Default)]
struct Places {
    rows: Mutex<Rows>,
    /// That a place may have become free, or somebody has parked.
    changed: Notify,
}

/// Parked connections, in the order in which they were parked.
#[derive(Default)]
struct Rows {
    /// Places that are taken.
    open: usize,
    /// Of them, those whose connections are making way.
    leaving: usize,
    next: u64,
    parked: BTreeMap<u64, oneshot::Sender<()>>,
}

/// The place of a connection; given back when dropped.
pub struct Place(Arc<Places>);

/// A parked connection; forgotten when dropped. One that has been given up keeps this until it has
/// made way, for it is not counted while it does.
pub struct Space {
    number: u64,
    places: Arc<Places>,
    metrics: Arc<Metrics>,
    given_up: oneshot::Receiver<()>,
}

impl Capacity {
    /// For so many connections, and so many from one IPv4 address or one /64.
    #[must_use]
    pub fn new((all, per_network): (usize, usize), metrics: Arc<Metrics>) -> Self {
        Self {
            most: all,
            networks: Networks::new(per_network),
            places: Arc::default(),
            metrics,
        }
    }

    /// A place for one more. When all are taken, the connection that has been parked longest is
    /// given up for it.
    pub async fn place(&self) -> Place {
        loop {
            // Before looking, so that no change between is missed.
            let mut changed = pin!(self.places.changed.notified());
            changed.as_mut().enable();
            if let Some(place) = self.free_place() {
                return place;
            }
            changed.await;
        }
    }

    /// A place that is free, or that somebody makes free now.
    fn free_place(&self) -> Option<Place> {
        let (part, most_leaving) = LEAVING;
        let over = (self.most / part).clamp(1, most_leaving);
        let mut rows = locked(&self.places.rows);
        if rows.staying() >= self.most && rows.leaving < over && rows.give_up() {
            self.metrics.connections.turned(Turned::GivenUp);
        }
        let free = rows.staying() < self.most && rows.open < self.most + over;
        free.then(|| {
            rows.open += 1;
            Place(Arc::clone(&self.places))
        })
    }

    /// How many connections there may be.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// How many there are that are neither parked nor making way.
    #[must_use]
    pub fn at_work(&self) -> usize {
        let rows = locked(&self.places.rows);
        rows.staying().saturating_sub(rows.parked.len())
    }

    /// Counts a connection for its networks; `None` if one of them has as many as it may.
    #[must_use]
    pub fn welcome(&self, client: IpAddr) -> Option<Guest> {
        let guest = self.networks.enter(client);
        if guest.is_none() {
            self.metrics.connections.turned(Turned::Network);
        }
        guest
    }

    /// Gives some parked connections up, because nothing more can be opened.
    pub fn relieve(&self) {
        self.metrics.connections.turned(Turned::Descriptors);
        for _ in 0..RELIEF {
            if !locked(&self.places.rows).give_up() {
                return;
            }
            self.metrics.connections.turned(Turned::GivenUp);
        }
    }

    /// Parks a connection.
    #[must_use]
    pub fn park(&self) -> Space {
        let (tell, given_up) = oneshot::channel();
        let mut rows = locked(&self.places.rows);
        let number = rows.next;
        rows.next += 1;
        rows.parked.insert(number, tell);
        drop(rows);
        self.places.changed.notify_one();
        self.metrics.connections.parked();
        Space {
            number,
            places: Arc::clone(&self.places),
            metrics: Arc::clone(&self.metrics),
            given_up,
        }
    }
}

impl Rows {
    /// How many connections there are that make no way.
    const fn staying(&self) -> usize {
        self.open.saturating_sub(self.leaving)
    }

    /// Gives up the one that has been parked longest; whether there was one.
    fn give_up(&mut self) -> bool {
        let first = self.parked.pop_first();
        let told = first.is_some_and(|(_, tell)| tell.send(()).is_ok());
        self.leaving += usize::from(told);
        told
    }
}

impl Space {
    /// Ready when the connection has to make way; not to be asked again then.
    pub async fn given_up(&mut self) {
        poll_fn(|cx| self.poll_given_up(cx)).await;
    }

    /// As [`Space::given_up`].
    pub fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.given_up).poll(cx).map(|_| ())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let mut rows = locked(&self.places.rows);
        if rows.parked.remove(&self.number).is_none() {
            rows.leaving = rows.leaving.saturating_sub(1);
        }
        drop(rows);
        self.places.changed.notify_one();
        self.metrics.connections.left();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut rows = locked(&self.0.rows);
        rows.open = rows.open.saturating_sub(1);
        drop(rows);
        self.0.changed.notify_one();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Long enough for everything that happens by itself.
    const SOON: Duration = Duration::from_millis(20);

    fn capacity(all: usize, per_network: usize) -> Capacity {
        Capacity::new((all, per_network), Arc::new(Metrics::new().unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn r4_at_the_cap_the_one_parked_longest_makes_way_and_no_other() {
        let capacity = capacity(2, 9);
        let (first, second) = (capacity.place().await, capacity.place().await);
        let (mut oldest, mut newest) = (capacity.park(), capacity.park());

        let third = timeout(SOON, capacity.place()).await;

        assert!(third.is_ok(), "nobody waits for one who says goodbye");
        oldest.given_up().await;
        let second_asked = timeout(Duration::from_mins(1), newest.given_up()).await;
        assert!(second_asked.is_err(), "one was enough");
        drop((oldest, first));
        assert_eq!(capacity.at_work(), 1, "the third; the newest is parked");
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn r4_so_many_make_way_at_once_and_no_more() {
        let capacity = capacity(32, 9);
        let mut held = Vec::new();
        for _ in 0..32 {
            held.push((capacity.place().await, capacity.park()));
        }
        let newcomers = [capacity.place().await, capacity.place().await];
        let another = timeout(Duration::from_mins(1), capacity.place());
        assert!(another.await.is_err(), "two are making way already");

        let (place, space) = held.remove(0);
        drop(space);
        drop(place);

        assert!(timeout(SOON, capacity.place()).await.is_ok());
        drop(newcomers);
    }

    #[tokio::test(start_paused = true)]
    async fn r4_for_one_that_goes_on_after_all_another_makes_way() {
        let capacity = capacity(2, 9);
        let _stays = (capacity.place().await, capacity.place().await);
        let (oldest, mut newest) = (capacity.park(), capacity.park());
        let third = capacity.place().await;
        // It had something to say just then.
        drop(oldest);

        let fourth = timeout(SOON, capacity.place()).await;

        assert!(fourth.is_err(), "there are three where two may be");
        newest.given_up().await;
        drop(third);
        assert!(timeout(SOON, capacity.place()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn r4_without_a_parked_one_a_newcomer_waits_for_a_place() {
        let capacity = capacity(1, 9);
        let only = capacity.place().await;
        let newcomer = timeout(Duration::from_mins(1), capacity.place()).await;
        assert!(newcomer.is_err());
        let parks = async {
            tokio::task::yield_now().await;
            capacity.park().given_up().await;
        };
        let (newcomer, ()) = tokio::join!(timeout(SOON, capacity.place()), parks);
        assert!(newcomer.is_ok(), "somebody parks");
        drop((only, newcomer));
        assert!(timeout(SOON, capacity.place()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn r7_without_descriptors_some_of_the_parked_are_given_up() {
        let capacity = capacity(100, 100);
        let mut parked: Vec<Space> = (0..20).map(|_| capacity.park()).collect();
        capacity.relieve();
        for (at, space) in parked.iter_mut().enumerate() {
            let given_up = timeout(SOON, space.given_up()).await.is_ok();
            assert_eq!(given_up, at < RELIEF, "{at}");
        }
    }
}
