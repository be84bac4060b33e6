//! Touches, holds and ends of sessions, and what is left to be sold, waiting for the store: written
//! by the gate without waiting, carried by `pacing` in batches.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::domain::clock::UnixTime;
use crate::domain::place::Epoch;
use crate::domain::session::Jti;
use crate::domain::window::WindowId;

use super::{Ending, Hold};

/// Notes of one kind that may wait at most; what comes beyond is dropped, and the next request
/// of that session writes it again.
pub const MOST_NOTES: usize = 100_000;

/// How far the store has promised to hold a session's slot, shared by every token of it.
#[derive(Debug, Default)]
pub struct Renewal {
    held_until: AtomicU64,
    asked_at: AtomicU64,
    registered: AtomicU32,
    kept_until: AtomicU64,
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

    /// Until when the site keeps the session, as the store acknowledged: a token may live as long.
    /// Zero time where it does not.
    #[must_use]
    pub fn kept_until(&self) -> UnixTime {
        UnixTime::from_millis(self.kept_until.load(Ordering::Acquire))
    }

    /// Records that the store acknowledged the site's hold until `until`.
    pub fn keep_until(&self, until: UnixTime) {
        self.kept_until.fetch_max(until.millis(), Ordering::AcqRel);
        self.hold_until(until);
    }

    /// Whether the caller is the one to register the session in `epoch`: this gateway has not yet
    /// told the store of it there. After a loss the store knows no session until it is told.
    #[must_use]
    pub fn registers(&self, epoch: Epoch) -> bool {
        // Nearly always it is: no write then.
        self.registered.load(Ordering::Acquire) < epoch.0
            && self.registered.fetch_max(epoch.0, Ordering::AcqRel) < epoch.0
    }

    /// Records that the store was told of the session in `epoch`, by its claim.
    pub fn registered_in(&self, epoch: Epoch) {
        self.registered.fetch_max(epoch.0, Ordering::AcqRel);
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
    /// Its absolute end: no touch holds its slot for longer, but for `least`.
    pub ends: UnixTime,
    /// Until when its slot must be held at the least: its token lives so long.
    pub least: UnixTime,
    /// Where the store's promise is written down.
    pub renewal: Arc<Renewal>,
}

/// A hold of the site that waits for the store.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The hold.
    pub hold: Hold,
    /// Where the store's promise is written down.
    pub renewal: Arc<Renewal>,
}

/// What a token was made from: a store that shows less than this later has lost something.
/// Ordered by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glimpse {
    /// The sale window.
    pub window: WindowId,
    /// The room's epoch.
    pub epoch: Epoch,
    /// The tick.
    pub tick: u64,
}

/// What one room has to tell the store.
#[derive(Debug, Default)]
pub struct Notes {
    touches: Mutex<Vec<Alive>>,
    endings: Mutex<Vec<Ending>>,
    holds: Mutex<Vec<Kept>>,
    stock: Mutex<Option<u64>>,
    newest: ArcSwap<Glimpse>,
    alone: AtomicBool,
}

impl Notes {
    /// Leaves word that a session lives.
    pub fn touch(&self, alive: Alive) {
        push(&self.touches, alive);
    }

    /// Leaves word that a visitor was let in without the store.
    pub fn passed_alone(&self) {
        self.alone.store(true, Ordering::Release);
    }

    /// Whether anybody was let in without the store since this was asked last.
    #[must_use]
    pub fn take_passed_alone(&self) -> bool {
        self.alone.swap(false, Ordering::AcqRel)
    }

    /// Leaves word that a session ended.
    pub fn end(&self, ending: Ending) {
        push(&self.endings, ending);
    }

    /// Leaves word that the site keeps a session.
    pub fn hold(&self, kept: Kept) {
        push(&self.holds, kept);
    }

    /// Leaves word of what the site says is left. The newest word counts; but that nothing is left
    /// stays until it has been carried.
    pub fn stock(&self, left: u64) {
        let mut stock = lock(&self.stock);
        if *stock != Some(0) {
            *stock = Some(left);
        }
    }

    /// Leaves word that a verified token has seen this. Takes no lock.
    pub fn saw(&self, seen: Glimpse) {
        if seen > **self.newest.load() {
            self.newest.rcu(|last| seen.max(**last));
        }
    }

    /// The newest thing that a token has seen. Only a survey asked for after this was read can be
    /// held against it.
    #[must_use]
    pub fn newest_seen(&self) -> Glimpse {
        **self.newest.load()
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

    /// Takes the holds that wait.
    #[must_use]
    pub fn take_holds(&self) -> Vec<Kept> {
        take(&self.holds)
    }

    /// Takes what the site last said is left, if that waits.
    #[must_use]
    pub fn take_stock(&self) -> Option<u64> {
        lock(&self.stock).take()
    }

    /// Puts back what is left, unless the site has said something newer; that nothing is left
    /// stands against anything.
    pub fn put_back_stock(&self, left: u64) {
        let mut stock = lock(&self.stock);
        if left == 0 || stock.is_none() {
            *stock = Some(left);
        }
    }

    /// Puts holds back that the store did not take, as far as there is room for them.
    pub fn put_back_holds(&self, holds: &[Kept]) {
        for kept in holds {
            self.hold(kept.clone());
        }
    }

    /// Puts touches back that the store did not take: some of them are asked for only once.
    pub fn put_back_touches(&self, touches: &[Alive]) {
        for alive in touches {
            self.touch(alive.clone());
        }
    }

    /// Puts ends back that the store did not take, as far as there is room for them.
    pub fn put_back(&self, endings: Vec<Ending>) {
        for ending in endings {
            self.end(ending);
        }
    }
}

fn push<T>(list: &Mutex<Vec<T>>, note: T) {
    let mut list = lock(list);
    if list.len() < MOST_NOTES {
        list.push(note);
    }
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *lock(list))
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn one_of_many_requests_registers_a_session_once_in_each_epoch() {
        let renewal = Renewal::default();
        assert!(renewal.registers(Epoch(7)));
        assert!(!renewal.registers(Epoch(7)) && !renewal.registers(Epoch(6)));
        assert!(renewal.registers(Epoch(8)));
    }

    #[test]
    fn the_newest_thing_seen_is_by_window_then_epoch_then_tick() {
        let notes = Notes::default();
        let seen = |window, epoch, tick| Glimpse {
            window: WindowId(window),
            epoch: Epoch(epoch),
            tick,
        };
        for (one, newest) in [
            (seen(5, 1, 90), seen(5, 1, 90)),
            (seen(5, 2, 10), seen(5, 2, 10)),
            (seen(5, 1, 99), seen(5, 2, 10)),
            (seen(4, 9, 99), seen(5, 2, 10)),
            (seen(6, 0, 0), seen(6, 0, 0)),
        ] {
            notes.saw(one);
            assert_eq!(notes.newest_seen(), newest);
        }
    }

    #[test]
    fn notes_wait_until_they_are_taken_and_are_bounded() {
        let notes = Notes::default();
        for _ in 0..MOST_NOTES + 5 {
            notes.touch(Alive {
                session: Jti([1; 16]),
                rev: 0,
                ends: UnixTime::from_secs(1),
                least: UnixTime::default(),
                renewal: Arc::default(),
            });
        }
        assert_eq!(notes.take_touches().len(), MOST_NOTES);
        assert!(notes.take_touches().is_empty());
    }

    #[test]
    fn the_newest_word_about_the_stock_counts_and_none_hides_that_nothing_is_left() {
        let notes = Notes::default();
        notes.stock(9);
        notes.stock(7);
        assert_eq!((notes.take_stock(), notes.take_stock()), (Some(7), None));

        notes.stock(0);
        notes.stock(3);
        assert_eq!(notes.take_stock(), Some(0));
        notes.stock(3);
        notes.put_back_stock(0);
        assert_eq!(notes.take_stock(), Some(0));
        notes.stock(2);
        notes.put_back_stock(5);
        assert_eq!(notes.take_stock(), Some(2), "an older word");
    }
}
