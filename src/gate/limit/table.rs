//! Whom a limit counts, in a table that never grows beyond its places.
//!
//! A key has a few places where it may stand, its set, picked by a hash that is seeded at random.
//! Where all of them are taken by keys whose allowance is not whole, nobody is forgotten and nobody
//! passes uncounted: the newcomer is counted together with others of its larger network. So a flood
//! of keys neither frees those who were limited before it nor, beyond its own networks, shuts out
//! those who come after it. A request looks at one set, whatever the table holds.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::iter::repeat_with;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::policy::limits::Network;
use crate::policy::quota::Quota;
use crate::telemetry::limits::{LimitMetrics, LimitPlace};

/// Sets of a table.
const SETS: usize = 16_384;

/// Places of a set.
const PLACES: usize = 16;

/// Keys that a table holds at the most. With 24 bytes a place and 32 a set they take 6.5 MiB.
pub const MOST_KEYS: usize = SETS * PLACES;

/// Larger networks that are told apart where there is no place, and the parts that each is counted
/// in, so that one of its newcomers does not use up what all of them have.
const NEIGHBOURHOODS: (usize, usize) = (1_024, 8);

/// Whom a limit counts.
#[derive(Debug)]
pub(super) struct Table<K> {
    sets: Box<[Mutex<Vec<Held<K>>>]>,
    /// When the allowance of each part of a larger network is whole.
    shared: Box<[AtomicU64]>,
    hashes: RandomState,
    metrics: Arc<LimitMetrics>,
}

/// One of a larger network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guest<K> {
    /// What it is counted by.
    pub(super) key: K,
    /// What it is counted with where there is no place.
    pub(super) neighbourhood: Network,
}

#[derive(Debug)]
struct Held<K> {
    key: K,
    /// When its allowance is whole, and it as good as unknown: monotonic, in nanoseconds.
    whole_at: u64,
}

impl<K: Copy + Eq + Hash> Table<K> {
    /// An empty one.
    pub(super) fn new(metrics: Arc<LimitMetrics>) -> Self {
        Self::of(SETS, metrics)
    }

    fn of(sets: usize, metrics: Arc<LimitMetrics>) -> Self {
        let (neighbourhoods, parts) = NEIGHBOURHOODS;
        Self {
            sets: repeat_with(Mutex::default).take(sets).collect(),
            shared: repeat_with(AtomicU64::default)
                .take(neighbourhoods * parts)
                .collect(),
            hashes: RandomState::new(),
            metrics,
        }
    }

    /// Counts one at `now`, monotonic and in nanoseconds.
    ///
    /// # Errors
    /// The time to wait until one more may happen.
    pub(super) fn take(&self, guest: Guest<K>, quota: Quota, now: u64) -> Result<(), Duration> {
        let hash = self.hashes.hash_one(guest.key);
        if let Some(counted) = self.by_itself(hash, (guest.key, quota), now) {
            return counted;
        }
        self.metrics.newcomer(LimitPlace::Shared);
        self.with_neighbours(hash, (guest.neighbourhood, quota), now)
    }

    /// `None` where the key is new and there is no place for it.
    fn by_itself(
        &self,
        hash: u64,
        (key, quota): (K, Quota),
        now: u64,
    ) -> Option<Result<(), Duration>> {
        let mut set = locked(self.sets.get(among(self.sets.len(), hash))?);
        let at = set.iter().position(|held| held.key == key);
        let at = at.or_else(|| self.seat(&mut set, key, now))?;
        let held = set.get_mut(at)?;
        let taken = quota.take(held.whole_at, now);
        Some(taken.map(|whole_at| held.whole_at = whole_at))
    }

    /// Finds a place for a newcomer: that of somebody as good as unknown, or else a new one.
    fn seat(&self, set: &mut Vec<Held<K>>, key: K, now: u64) -> Option<usize> {
        let newcomer = Held { key, whole_at: now };
        let whole = set.iter().position(|held| held.whole_at <= now);
        if let Some(held) = whole.and_then(|at| set.get_mut(at)) {
            *held = newcomer;
            self.metrics.newcomer(LimitPlace::Reused);
            return whole;
        }
        if set.len() >= PLACES {
            return None;
        }
        set.push(newcomer);
        self.metrics.newcomer(LimitPlace::New);
        Some(set.len() - 1)
    }

    fn with_neighbours(
        &self,
        hash: u64,
        (neighbourhood, quota): (Network, Quota),
        now: u64,
    ) -> Result<(), Duration> {
        let (neighbourhoods, parts) = NEIGHBOURHOODS;
        let around = among(neighbourhoods, self.hashes.hash_one(neighbourhood));
        let Some(shared) = self.shared.get(around * parts + among(parts, hash)) else {
            return Ok(());
        };
        let take = |whole_at| quota.take(whole_at, now).ok();
        match shared.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(whole_at) => quota.take(whole_at, now).map(|_| ()),
        }
    }
}

impl<K> Table<K> {
    /// Forgets everybody whose allowance is whole at `now`, and gives back what room that leaves.
    pub(super) fn tidy(&self, now: u64) {
        for set in &self.sets {
            let mut set = locked(set);
            let before = set.len();
            set.retain(|held| held.whole_at > now);
            self.metrics.forgotten(before - set.len());
            if set.len() <= set.capacity() / 4 {
                set.shrink_to_fit();
            }
        }
    }

    /// How many keys it holds.
    pub(super) fn len(&self) -> usize {
        self.sets.iter().map(|set| locked(set).len()).sum()
    }
}

impl<K> Drop for Table<K> {
    fn drop(&mut self) {
        self.metrics.forgotten(self.len());
    }
}

/// Which of so many things a hash picks.
fn among(many: usize, hash: u64) -> usize {
    usize::try_from(hash).map_or(0, |hash| hash.checked_rem(many).unwrap_or(0))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
