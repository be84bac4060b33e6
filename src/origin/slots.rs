//! How many requests may be with one origin at once, and the short line of those that wait for
//! one of these to end: first come, first served, bounded in length and in time.
//!
//! While most slots are taken no network has more than half of them, and no more than half of the
//! line: who opens many slow requests from one place leaves some to the others.

mod shares;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::policy::limits::AddressKey;
use shares::{Cells, Shares};

/// Fewer places than these are not divided: a quarter of them would help nobody.
const DIVIDED_FROM: usize = 16;

/// One origin's slots.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    most_pending: usize,
    patience: Duration,
    busy: AtomicUsize,
    pending: AtomicUsize,
    line: Mutex<VecDeque<oneshot::Sender<Taken>>>,
    /// Slots and places in the line together.
    guests: Shares,
    /// Places in the line.
    waiting: Shares,
}

/// One request's right to be with the origin, up to the end of its answer.
#[derive(Debug)]
pub(super) struct Slot {
    // Dropped first: whoever gets the slot next finds its network's count right.
    _guest: Guest,
    _taken: Taken,
}

/// Why no slot is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// None is free, or none became free in time.
    Origin,
    /// The visitor's network has its share.
    Network,
}

impl Slots {
    /// So many slots, and so many who may wait for one, for so long.
    pub(super) fn new(most: usize, most_pending: usize, patience: Duration) -> Self {
        Self {
            most,
            most_pending,
            patience,
            busy: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            line: Mutex::default(),
            guests: Shares::default(),
            waiting: Shares::default(),
        }
    }

    /// How many are taken.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// How many wait for one.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Takes a slot if one is free for a visitor of `network`. Nobody slips past those who wait.
    ///
    /// # Errors
    ///
    /// [`Full`] if none is.
    pub(super) fn take(self: &Arc<Self>, network: AddressKey) -> Result<Slot, Full> {
        if self.pending.load(Ordering::SeqCst) > 0 {
            return Err(Full::Origin);
        }
        let guest = Guest::among(self, network)?;
        let taken = self.enter().ok_or(Full::Origin)?;
        Ok(Slot {
            _guest: guest,
            _taken: taken,
        })
    }

    /// Takes a slot, after a short wait if none is free.
    ///
    /// # Errors
    ///
    /// [`Full`] if none became free, or if as many as may wait do.
    pub(super) async fn wait(self: &Arc<Self>, network: AddressKey) -> Result<Slot, Full> {
        if let Ok(slot) = self.take(network) {
            return Ok(slot);
        }
        let guest = Guest::among(self, network)?;
        let _waiting = Waiting::among(self, network)?;
        let (give, mut given) = oneshot::channel();
        {
            let mut line = self.line();
            if line.len() >= self.most_pending {
                line.retain(|waiter| !waiter.is_closed());
            }
            line.push_back(give);
        }
        // Whoever gave a slot back before this one stood in line did not see it.
        self.serve();
        let taken = match tokio::time::timeout(self.patience, &mut given).await {
            Ok(Ok(taken)) => taken,
            // It may have come in the very last moment.
            Ok(Err(_)) | Err(_) => given.try_recv().map_err(|_none| Full::Origin)?,
        };
        Ok(Slot {
            _guest: guest,
            _taken: taken,
        })
    }

    fn enter(self: &Arc<Self>) -> Option<Taken> {
        self.busy
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |busy| {
                (busy < self.most).then(|| busy.saturating_add(1))
            })
            .ok()
            .map(|_before| Taken(Arc::clone(self)))
    }

    /// Gives free slots to those who have waited longest.
    fn serve(self: &Arc<Self>) {
        let mut unwanted = None;
        let mut line = self.line();
        while !line.is_empty() {
            let Some(taken) = unwanted.take().or_else(|| self.enter()) else {
                break;
            };
            // Who has gone meanwhile leaves the slot to the next.
            unwanted = match line.pop_front() {
                Some(waiter) => waiter.send(taken).err(),
                None => Some(taken),
            };
        }
        drop(line);
        // Only now: giving it back looks at the line again.
        drop(unwanted);
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<oneshot::Sender<Taken>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a network that has `its` of `most` places, of which `taken` are taken, may have one more.
const fn may_have(its: usize, taken: usize, most: usize) -> bool {
    let is_crowded = most >= DIVIDED_FROM && taken >= most - most / 4;
    !is_crowded || its < most / 2
}

/// A slot as it goes from one to the next.
#[derive(Debug)]
struct Taken(Arc<Slots>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
        // Whoever waits said so before looking whether a slot is free, so one of the two sees
        // the other.
        if self.0.pending.load(Ordering::SeqCst) > 0 {
            self.0.serve();
        }
    }
}

/// Counts a request for its network, whether it has a slot or waits for one.
#[derive(Debug)]
struct Guest {
    slots: Arc<Slots>,
    cells: Cells,
}

impl Guest {
    fn among(slots: &Arc<Slots>, network: AddressKey) -> Result<Self, Full> {
        let (its, cells) = slots.guests.add(network);
        let guest = Self {
            slots: Arc::clone(slots),
            cells,
        };
        if may_have(its, slots.busy(), slots.most) {
            Ok(guest)
        } else {
            Err(Full::Network)
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.slots.guests.take(self.cells);
    }
}

/// Counts one who waits, for as long as it waits. It is a [`Guest`] too.
struct Waiting<'a> {
    slots: &'a Slots,
    cells: Cells,
}

impl<'a> Waiting<'a> {
    fn among(slots: &'a Slots, network: AddressKey) -> Result<Self, Full> {
        let before = slots.pending.fetch_add(1, Ordering::SeqCst);
        let (its, cells) = slots.waiting.add(network);
        let waiting = Self { slots, cells };
        if before >= slots.most_pending {
            Err(Full::Origin)
        } else if may_have(its, before, slots.most_pending) {
            Ok(waiting)
        } else {
            Err(Full::Network)
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.slots.waiting.take(self.cells);
        self.slots.pending.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> AddressKey {
        AddressKey::V4([203, 0, 113, 1])
    }

    fn bob(last: u8) -> AddressKey {
        AddressKey::V4([198, 51, 100, last])
    }

    impl Slots {
        fn is_empty(&self) -> bool {
            self.guests.is_empty() && self.waiting.is_empty()
        }
    }

    fn slots(most: usize, most_pending: usize) -> Arc<Slots> {
        Arc::new(Slots::new(most, most_pending, Duration::from_secs(1)))
    }

    #[tokio::test(start_paused = true)]
    async fn r9_who_waits_too_long_or_finds_the_line_full_is_told_so() {
        let slots = slots(1, 1);
        let held = slots.wait(ann()).await.unwrap();

        let (first, second) = tokio::join!(slots.wait(ann()), slots.wait(ann()));

        assert_eq!(first.unwrap_err(), Full::Origin, "after a second");
        assert_eq!(second.unwrap_err(), Full::Origin, "at once");
        assert_eq!((slots.busy(), slots.pending()), (1, 0));
        drop(held);
        assert!(slots.wait(ann()).await.is_ok());
        assert_eq!(slots.busy(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_is_served_first_and_nobody_slips_past() {
        let slots = slots(1, 8);
        let mut held = Some(slots.wait(ann()).await.unwrap());
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..4 {
            let (slots, told) = (Arc::clone(&slots), told.clone());
            tokio::spawn(async move {
                let slot = slots.wait(ann()).await.unwrap();
                told.send(number).unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
                drop(slot);
            });
            tokio::task::yield_now().await;
        }
        assert_eq!(slots.pending(), 4);

        drop(held.take());
        let late = slots.wait(ann()).await.unwrap();
        told.send(9).unwrap();

        let mut served = Vec::new();
        for _ in 0..5 {
            served.push(order.recv().await.unwrap());
        }
        assert_eq!(served, [0, 1, 2, 3, 9]);
        drop(late);
        assert_eq!(slots.busy(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_not_lost_to_somebody_who_has_gone() {
        let slots = slots(1, 8);
        let held = slots.wait(ann()).await.unwrap();
        {
            let mut gone = Box::pin(slots.wait(ann()));
            assert!(futures_pending(&mut gone).await);
        }
        let next = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.wait(ann()).await.map(drop) }
        });
        tokio::task::yield_now().await;

        drop(held);

        assert_eq!(next.await.unwrap(), Ok(()));
        assert_eq!((slots.busy(), slots.pending()), (0, 0));
    }

    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| {
            let polled = std::pin::Pin::new(&mut *future).poll(cx);
            std::task::Poll::Ready(polled.is_pending())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_slot_is_given_twice_or_lost_in_a_crowd() {
        let slots = Arc::new(Slots::new(4, 1_000, Duration::from_secs(60)));
        let most = Arc::new(AtomicUsize::new(0));
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..500 {
            let (slots, most) = (Arc::clone(&slots), Arc::clone(&most));
            crowd.spawn(async move {
                let slot = slots.wait(ann()).await.unwrap();
                most.fetch_max(slots.busy(), Ordering::SeqCst);
                tokio::task::yield_now().await;
                drop(slot);
            });
        }
        crowd.join_all().await;

        assert!(most.load(Ordering::SeqCst) <= 4);
        assert_eq!((slots.busy(), slots.pending()), (0, 0));
    }

    #[tokio::test]
    async fn who_does_not_wait_is_told_at_once_and_slips_past_nobody() {
        let slots = slots(1, 1);
        let held = slots.take(ann()).unwrap();
        assert_eq!(slots.take(bob(1)).unwrap_err(), Full::Origin);

        let mut waiting = Box::pin(slots.wait(ann()));
        assert!(futures_pending(&mut waiting).await);
        drop(held);

        assert_eq!(slots.take(bob(1)).unwrap_err(), Full::Origin, "it is Ann's");
        drop(waiting.await.unwrap());
        assert!(slots.take(bob(1)).is_ok());
    }

    #[test]
    fn r9_one_network_leaves_a_quarter_of_the_slots_to_others() {
        let slots = slots(16, 0);
        let mut held: Vec<_> = (0..12).map(|_| slots.take(ann()).unwrap()).collect();

        assert_eq!(slots.take(ann()).unwrap_err(), Full::Network);
        held.extend((0..3).map(|last| slots.take(bob(last)).unwrap()));
        assert_eq!(slots.take(ann()).unwrap_err(), Full::Network);
        held.push(slots.take(bob(0)).unwrap());
        assert_eq!(slots.take(bob(9)).unwrap_err(), Full::Origin);

        held.drain(..5);
        assert_eq!(slots.busy(), 11);
        assert!(slots.take(ann()).is_ok(), "there is room again");
        drop(held);
        assert!(slots.is_empty(), "what is given back is not counted");
    }

    #[test]
    fn few_slots_are_not_divided() {
        let slots = slots(15, 0);
        let held: Vec<_> = (0..15).map(|_| slots.take(ann()).unwrap()).collect();
        assert_eq!(held.len(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn r9_one_network_leaves_a_quarter_of_the_line_to_others() {
        let slots = slots(40, 16);
        let held: Vec<_> = (0..40).map(|last| slots.take(bob(last)).unwrap()).collect();
        let mut line = Vec::new();
        for _ in 0..12 {
            let mut waiting = Box::pin(slots.wait(ann()));
            assert!(futures_pending(&mut waiting).await);
            line.push(waiting);
        }

        assert_eq!(slots.wait(ann()).await.unwrap_err(), Full::Network);
        let mut other = Box::pin(slots.wait(bob(99)));
        assert!(futures_pending(&mut other).await);
        drop(line);
        drop(held);

        assert!(other.await.is_ok());
        assert!(slots.is_empty());
        assert_eq!((slots.busy(), slots.pending()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn r9_who_has_half_of_the_slots_does_not_stand_in_line_too() {
        let slots = slots(16, 16);
        let anns: Vec<_> = (0..8).map(|_| slots.take(ann()).unwrap()).collect();
        let rest: Vec<_> = (0..8).map(|last| slots.take(bob(last)).unwrap()).collect();

        assert_eq!(slots.wait(ann()).await.unwrap_err(), Full::Network);

        drop((anns, rest));
        assert!(slots.is_empty());
    }
}
