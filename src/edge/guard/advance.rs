//! Bytes that are written before the answer that is under way: interim answers, which the library
//! over the guard cannot write.
//!
//! They may stand only where the library has nothing half written. It flushes when all it holds
//! has been written; and it holds nothing of the answer to the present request, because that
//! request's service waits in [`Advance::write`] until the bytes are out.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::Guard;

/// Shared by one connection's guard and its service.
#[derive(Clone, Debug, Default)]
pub struct Advance(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Whether there are bytes: most requests have none, and need not lock to see that.
    is_due: AtomicBool,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    bytes: Bytes,
    /// Whether some of them have been written.
    begun: bool,
    waits: Option<Waker>,
}

impl Advance {
    /// Writes bytes before the answer, and waits until they are out. Only the service of the
    /// request that is under way may do so, before it answers.
    pub async fn write(&self, bytes: Bytes) {
        self.slot().bytes = bytes;
        self.0.is_due.store(true, Ordering::Release);
        std::future::poll_fn(|cx| {
            let mut slot = self.slot();
            if slot.bytes.is_empty() {
                return Poll::Ready(());
            }
            slot.waits = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn is_due(&self) -> bool {
        self.0.is_due.load(Ordering::Acquire)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the library stands with what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It may have written a part of something: only what has begun is brought to its end.
    Anywhere,
    /// It holds nothing.
    Between,
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Writes what is to be written ahead, as far as that may be done now.
    pub(super) fn poll_advance(
        &mut self,
        cx: &mut Context<'_>,
        stands: Stands,
    ) -> Poll<io::Result<()>> {
        if !self.advance.is_due() {
            return Poll::Ready(Ok(()));
        }
        let advance = self.advance.clone();
        let mut slot = advance.slot();
        while !slot.bytes.is_empty() && (slot.begun || stands == Stands::Between) {
            let written = Pin::new(&mut self.io).poll_write(cx, &slot.bytes);
            let count = ready!(self.poll_written(cx, written))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let count = count.min(slot.bytes.len());
            slot.bytes.advance(count);
            slot.begun = !slot.bytes.is_empty();
            if !slot.begun
                && let Some(waits) = slot.waits.take()
            {
                waits.wake();
            }
        }
        let is_due = !slot.bytes.is_empty();
        advance.0.is_due.store(is_due, Ordering::Release);
        Poll::Ready(Ok(()))
    }
}
