//! Touches and session ends that wait for the store: written by the gate without waiting,
//! carried by `pacing` in batches.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::clock::UnixTime;
use crate::domain::session::Jti;

use super::Ending;

/// Notes of one kind that may wait at most; what comes beyond is dropped, and the next request
/// of that session writes it again.
pub const MOST_NOTES: usize = 100_000;

/// How far the store has promised to hold a session's slot, shared by every token of it.
#[derive(Debug, Default)]
pub struct Renewal {
    held_until: AtomicU64,
    asked_at: AtomicU64,
}

impl Renewal {
    /// Until when an acknowledged touch allows a token to live; zero time before the first.
    #[must_use]
    pub fn held_until(&self) -> UnixTime {
        UnixTime::from_millis(self.held_until.load(Ordering::Acquire))
    }

    /// Records that the store acknowledged a hold until `until`.
    pub fn hold_until(&self, until: UnixTime) {
        self.held_until.fetch_max(until.millis(), Ordering::AcqRel);
    }

    /// Whether the caller is the one to ask for a touch: nobody has within `pause` before `now`.
    #[must_use]
    pub fn may_ask(&self, now: UnixTime, pause: Duration) -> bool {
        let last = self.asked_at.load(Ordering::Acquire);
        now.since(UnixTime::from_millis(last)) >= pause
            && self
                .asked_at
                .compare_exchange(last, now.millis(), Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }
}

/// Word that a session lives.
#[derive(Clone, Debug)]
pub struct Alive {
    /// Which.
    pub session: Jti,
    /// The `rev` its token was signed under.
    pub rev: u32,
    /// Its absolute end: no touch holds its slot for longer.
    pub ends: UnixTime,
    /// Where the store's promise is written down.
    pub renewal: Arc<Renewal>,
}

/// What one room has to tell the store.
#[derive(Debug, Default)]
pub struct Notes {
    touches: Mutex<Vec<Alive>>,
    endings: Mutex<Vec<Ending>>,
}

impl Notes {
    /// Leaves word that a session lives.
    pub fn touch(&self, alive: Alive) {
        push(&self.touches, alive);
    }

    /// Leaves word that a session ended.
    pub fn end(&self, ending: Ending) {
        push(&self.endings, ending);
    }

    /// Takes the touches that wait.
    #[must_use]
    pub fn take_touches(&self) -> Vec<Alive> {
        take(&self.touches)
    }

    /// Takes the ends that wait.
    #[must_use]
    pub fn take_endings(&self) -> Vec<Ending> {
        take(&self.endings)
    }

    /// Puts ends back that the store did not take: an end is never forgotten.
    pub fn put_back(&self, endings: Vec<Ending>) {
        for ending in endings {
            self.end(ending);
        }
    }
}

fn push<T>(list: &Mutex<Vec<T>>, note: T) {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    if list.len() < MOST_NOTES {
        list.push(note);
    }
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_requests_asks_for_the_touch() {
        let renewal = Renewal::default();
        let now = UnixTime::from_secs(1_000_000);
        let pause = Duration::from_secs(5);
        assert!(renewal.may_ask(now, pause));
        assert!(!renewal.may_ask(now.after(Duration::from_secs(4)), pause));
        assert!(renewal.may_ask(now.after(Duration::from_secs(5)), pause));
    }

    #[test]
    fn notes_wait_until_they_are_taken_and_are_bounded() {
        let notes = Notes::default();
        for _ in 0..MOST_NOTES + 5 {
            notes.touch(Alive {
                session: Jti([1; 16]),
                rev: 0,
                ends: UnixTime::from_secs(1),
                renewal: Arc::default(),
            });
        }
        assert_eq!(notes.take_touches().len(), MOST_NOTES);
        assert!(notes.take_touches().is_empty());
    }
}
