//! Room for connections: how many there may be in all and from one network, and which idle one
//! makes way for a newcomer.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::sleep;

use crate::policy::limits::{AddressKey, address_key};
use crate::telemetry::connections::Turned;
use crate::telemetry::metrics::Metrics;

/// How long one that was given up may take to make way before another is given up.
const WAY: Duration = Duration::from_millis(20);

/// How many are given up when the machine has no more file descriptors.
const RELIEF: usize = 16;

/// The connections of a gateway, over all its listeners.
pub struct Capacity {
    places: Arc<Semaphore>,
    most: usize,
    per_network: usize,
    networks: Arc<Networks>,
    parked: Arc<Parked>,
    metrics: Arc<Metrics>,
}

type Networks = Mutex<HashMap<AddressKey, usize>>;

/// Parked connections, in the order in which they were parked.
#[derive(Default)]
struct Parked(Mutex<Rows>);

#[derive(Default)]
struct Rows {
    next: u64,
    rows: BTreeMap<u64, oneshot::Sender<()>>,
}

/// The place of a connection; given back when dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// The count of a connection in its network; given back when dropped.
pub struct Guest {
    key: AddressKey,
    networks: Arc<Networks>,
}

/// A parked connection; forgotten when dropped.
pub struct Space {
    number: u64,
    parked: Arc<Parked>,
    metrics: Arc<Metrics>,
    given_up: oneshot::Receiver<()>,
}

impl Capacity {
    /// For so many connections, and so many from one network.
    #[must_use]
    pub fn new((all, per_network): (usize, usize), metrics: Arc<Metrics>) -> Self {
        let most = all.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(most)),
            most,
            per_network,
            networks: Arc::default(),
            parked: Arc::default(),
            metrics,
        }
    }

    /// A place for one more. When all are taken the connection that has been parked longest is
    /// given up, again and again until one is free.
    pub async fn place(&self) -> Option<Place> {
        loop {
            let places = Arc::clone(&self.places);
            if let Ok(permit) = Arc::clone(&places).try_acquire_owned() {
                return Some(Place { _permit: permit });
            }
            if self.give_up() {
                self.metrics.connections.turned(Turned::GivenUp);
            }
            tokio::select! {
                permit = places.acquire_owned() => {
                    return permit.ok().map(|permit| Place { _permit: permit });
                }
                () = sleep(WAY) => {}
            }
        }
    }

    /// How many connections there may be.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// How many there are that are not parked.
    #[must_use]
    pub fn at_work(&self) -> usize {
        let taken = self.most.saturating_sub(self.places.available_permits());
        taken.saturating_sub(locked(&self.parked.0).rows.len())
    }

    /// Counts a connection for its network; `None` if that has as many as it may.
    #[must_use]
    pub fn welcome(&self, client: IpAddr) -> Option<Guest> {
        let key = address_key(client);
        let mut networks = locked(&self.networks);
        let open = networks.entry(key).or_default();
        if *open >= self.per_network {
            self.metrics.connections.turned(Turned::Network);
            return None;
        }
        *open += 1;
        Some(Guest {
            key,
            networks: Arc::clone(&self.networks),
        })
    }

    /// Gives some parked connections up, because nothing more can be opened.
    pub fn relieve(&self) {
        self.metrics.connections.turned(Turned::Descriptors);
        for _ in 0..RELIEF {
            if !self.give_up() {
                return;
            }
            self.metrics.connections.turned(Turned::GivenUp);
        }
    }

    /// Parks a connection.
    #[must_use]
    pub fn park(&self) -> Space {
        let (tell, given_up) = oneshot::channel();
        let mut rows = locked(&self.parked.0);
        let number = rows.next;
        rows.next += 1;
        rows.rows.insert(number, tell);
        drop(rows);
        self.metrics.connections.parked();
        Space {
            number,
            parked: Arc::clone(&self.parked),
            metrics: Arc::clone(&self.metrics),
            given_up,
        }
    }

    /// Gives up the one that has been parked longest; whether there was one.
    fn give_up(&self) -> bool {
        let first = locked(&self.parked.0).rows.pop_first();
        first.is_some_and(|(_, tell)| tell.send(()).is_ok())
    }
}

impl Space {
    /// Ready when the connection has to make way.
    pub async fn given_up(&mut self) {
        if (&mut self.given_up).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        locked(&self.parked.0).rows.remove(&self.number);
        self.metrics.connections.left();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut networks = locked(&self.networks);
        if let Some(open) = networks.get_mut(&self.key) {
            *open -= 1;
            if *open == 0 {
                networks.remove(&self.key);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn capacity(all: usize, per_network: usize) -> Capacity {
        Capacity::new((all, per_network), Arc::new(Metrics::new().unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn r4_at_the_cap_the_one_parked_longest_makes_way() {
        let capacity = capacity(2, 9);
        let (first, second) = (capacity.place().await, capacity.place().await);
        let (mut oldest, mut newest) = (capacity.park(), capacity.park());

        let leaving = async {
            oldest.given_up().await;
            drop((first, oldest));
        };
        let (third, ()) = tokio::join!(capacity.place(), leaving);

        assert!(third.is_some());
        let second_asked = timeout(WAY, newest.given_up()).await;
        assert!(second_asked.is_err(), "one was enough");
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn r4_without_a_parked_one_a_newcomer_waits_for_a_place() {
        let capacity = capacity(1, 9);
        let only = capacity.place().await;
        assert!(
            timeout(Duration::from_mins(1), capacity.place())
                .await
                .is_err()
        );
        drop(only);
        assert!(timeout(WAY, capacity.place()).await.unwrap().is_some());
    }

    #[test]
    fn r4_a_network_has_its_share_and_no_more() {
        let capacity = capacity(100, 2);
        let one = |last: u16| capacity.welcome(format!("2001:db8::{last}").parse().unwrap());
        let (first, second) = (one(1), one(2));
        assert!(first.is_some() && second.is_some());
        assert!(one(3).is_none(), "the same network of 64 bits");
        assert!(
            capacity
                .welcome("2001:db8:0:1::1".parse().unwrap())
                .is_some()
        );
        drop(first);
        assert!(one(4).is_some());
        drop(second);
        assert!(
            locked(&capacity.networks).is_empty(),
            "networks with none are not kept"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn r7_without_descriptors_some_of_the_parked_are_given_up() {
        let capacity = capacity(100, 100);
        let mut parked: Vec<Space> = (0..20).map(|_| capacity.park()).collect();
        capacity.relieve();
        for (at, space) in parked.iter_mut().enumerate() {
            let given_up = timeout(WAY, space.given_up()).await.is_ok();
            assert_eq!(given_up, at < RELIEF, "{at}");
        }
    }
}
