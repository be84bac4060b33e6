//! How many requests may be with one origin at once, and the short line of those that wait for
//! one of these to end: first come, first served, bounded in length and in time.
//!
//! Where nobody waits, taking and giving back is one atomic step each.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// One origin's slots.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    most_pending: usize,
    patience: Duration,
    busy: AtomicUsize,
    pending: AtomicUsize,
    line: Mutex<VecDeque<oneshot::Sender<Slot>>>,
}

/// One request's right to be with the origin, up to the end of its answer.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

/// No slot became free in time, or too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Slots {
    /// So many slots, and so many who may wait for one, for so long.
    pub(super) const fn new(most: usize, most_pending: usize, patience: Duration) -> Self {
        Self {
            most,
            most_pending,
            patience,
            busy: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            line: Mutex::new(VecDeque::new()),
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

    /// Takes a slot, after a short wait if none is free.
    ///
    /// # Errors
    ///
    /// [`Full`] if none became free, or if as many as may wait do.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Slot, Full> {
        if self.pending.load(Ordering::SeqCst) == 0
            && let Some(slot) = self.enter()
        {
            return Ok(slot);
        }
        let _waiting = Waiting::among(self)?;
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
        match tokio::time::timeout(self.patience, &mut given).await {
            Ok(Ok(slot)) => Ok(slot),
            // It may have come in the very last moment.
            Ok(Err(_)) | Err(_) => given.try_recv().map_err(|_none| Full),
        }
    }

    fn enter(self: &Arc<Self>) -> Option<Slot> {
        self.busy
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |busy| {
                (busy < self.most).then(|| busy.saturating_add(1))
            })
            .ok()
            .map(|_before| Slot(Arc::clone(self)))
    }

    /// Gives free slots to those who have waited longest.
    fn serve(self: &Arc<Self>) {
        let mut unwanted = None;
        let mut line = self.line();
        while !line.is_empty() {
            let Some(slot) = unwanted.take().or_else(|| self.enter()) else {
                break;
            };
            // Who has gone meanwhile leaves the slot to the next.
            unwanted = match line.pop_front() {
                Some(waiter) => waiter.send(slot).err(),
                None => Some(slot),
            };
        }
        drop(line);
        // Only now: giving it back looks at the line again.
        drop(unwanted);
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<oneshot::Sender<Slot>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
        // Whoever waits said so before looking whether a slot is free, so one of the two sees
        // the other.
        if self.0.pending.load(Ordering::SeqCst) > 0 {
            self.0.serve();
        }
    }
}

/// Counts one who waits, for as long as it waits.
struct Waiting<'a>(&'a Slots);

impl<'a> Waiting<'a> {
    fn among(slots: &'a Slots) -> Result<Self, Full> {
        let before = slots.pending.fetch_add(1, Ordering::SeqCst);
        let waiting = Self(slots);
        if before < slots.most_pending {
            Ok(waiting)
        } else {
            Err(Full)
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(most: usize, most_pending: usize) -> Arc<Slots> {
        Arc::new(Slots::new(most, most_pending, Duration::from_secs(1)))
    }

    #[tokio::test(start_paused = true)]
    async fn r9_who_waits_too_long_or_finds_the_line_full_is_told_so() {
        let slots = slots(1, 1);
        let held = slots.take().await.unwrap();

        let (first, second) = tokio::join!(slots.take(), slots.take());

        assert_eq!(first.unwrap_err(), Full, "after a second");
        assert_eq!(second.unwrap_err(), Full, "at once");
        assert_eq!((slots.busy(), slots.pending()), (1, 0));
        drop(held);
        assert!(slots.take().await.is_ok());
        assert_eq!(slots.busy(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_is_served_first_and_nobody_slips_past() {
        let slots = slots(1, 8);
        let mut held = Some(slots.take().await.unwrap());
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..4 {
            let (slots, told) = (Arc::clone(&slots), told.clone());
            tokio::spawn(async move {
                let slot = slots.take().await.unwrap();
                told.send(number).unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
                drop(slot);
            });
            tokio::task::yield_now().await;
        }
        assert_eq!(slots.pending(), 4);

        drop(held.take());
        let late = slots.take().await.unwrap();
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
        let held = slots.take().await.unwrap();
        {
            let mut gone = Box::pin(slots.take());
            assert!(futures_pending(&mut gone).await);
        }
        let next = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take().await.map(drop) }
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
                let slot = slots.take().await.unwrap();
                most.fetch_max(slots.busy(), Ordering::SeqCst);
                tokio::task::yield_now().await;
                drop(slot);
            });
        }
        crowd.join_all().await;

        assert!(most.load(Ordering::SeqCst) <= 4);
        assert_eq!((slots.busy(), slots.pending()), (0, 0));
    }
}
