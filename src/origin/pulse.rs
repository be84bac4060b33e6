//! What a connection's two ends know of each other: whether it rests, and how much of an answer
//! may still come before its head. And the socket that keeps count.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const BUSY: u8 = 0;
const FRESH: u8 = 1;
const AGED: u8 = 2;
const OVER: u8 = 3;

/// Bytes that may arrive before an answer's head has been seen. Heads themselves are held to
/// 64 KiB; the rest is room for interim (1xx) answers and for the start of a body.
const BEFORE_HEAD: usize = 1024 * 1024;
const NO_LIMIT: usize = usize::MAX;

/// Shared by a connection's holder, its driver and its socket.
#[derive(Debug)]
pub(super) struct Pulse {
    state: AtomicU8,
    before_head: AtomicUsize,
}

impl Pulse {
    /// Of a connection in use.
    pub(super) const fn new() -> Self {
        Self {
            state: AtomicU8::new(BUSY),
            before_head: AtomicUsize::new(NO_LIMIT),
        }
    }

    /// The connection rests from now on.
    pub(super) fn rest(&self) {
        self.state.store(FRESH, Ordering::Release);
    }

    /// Takes a resting connection into use. `false` if it is not resting or was given up: the
    /// driver and the next request never both have it.
    pub(super) fn rouse(&self) -> bool {
        self.turn(|state| matches!(state, FRESH | AGED).then_some(BUSY))
            .is_some()
    }

    /// Called at even intervals by the driver. `true` if the connection has rested for a whole
    /// one and is now given up.
    pub(super) fn age(&self) -> bool {
        let before = self.turn(|state| match state {
            FRESH => Some(AGED),
            AGED => Some(OVER),
            _ => None,
        });
        before == Some(AGED)
    }

    /// An answer is awaited: what comes before its head is limited.
    pub(super) fn await_head(&self) {
        self.before_head.store(BEFORE_HEAD, Ordering::Release);
    }

    /// The head is there: the limit is lifted.
    pub(super) fn head_seen(&self) {
        self.before_head.store(NO_LIMIT, Ordering::Release);
    }

    fn turn(&self, next: impl FnMut(u8) -> Option<u8>) -> Option<u8> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
            .ok()
    }

    /// Counts bytes read. `false` if more came before a head than may.
    fn heard(&self, bytes: usize) -> bool {
        let left = self.before_head.load(Ordering::Acquire);
        if left == NO_LIMIT {
            return true;
        }
        let Some(rest) = left.checked_sub(bytes) else {
            return false;
        };
        // If this fails the limit was lifted meanwhile, and stays lifted.
        let _ = self
            .before_head
            .compare_exchange(left, rest, Ordering::AcqRel, Ordering::Acquire);
        true
    }
}

/// The socket of one connection to an origin.
#[derive(Debug)]
pub(super) struct Wire {
    tcp: TcpStream,
    pulse: Arc<Pulse>,
}

impl Wire {
    pub(super) const fn new(tcp: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { tcp, pulse }
    }

    /// An origin may answer and hang up before it has read the whole request, and what it said
    /// is then still to be read. So a broken sending side only stops sending; the reading side
    /// finds the answer, or the end.
    fn spare_the_answer<T>(sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match sent {
            Poll::Ready(Err(error)) if is_hang_up(error.kind()) => Poll::Pending,
            other => other,
        }
    }
}

/// Whether the other side ended the connection.
pub(super) const fn is_hang_up(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof
    )
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
        let bytes = buffer.filled().len().saturating_sub(before);
        if self.pulse.heard(bytes) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "too much came before the head of the answer",
        )))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::spare_the_answer(Pin::new(&mut self.tcp).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::spare_the_answer(Pin::new(&mut self.tcp).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resting_connection_is_given_up_at_the_second_interval() {
        let pulse = Pulse::new();
        assert!(!pulse.age(), "a busy connection never ages");

        pulse.rest();
        assert!(!pulse.age());
        assert!(pulse.age());
        assert!(!pulse.rouse(), "what was given up is not used again");
    }

    #[test]
    fn use_makes_a_connection_young_again() {
        let pulse = Pulse::new();
        pulse.rest();
        assert!(!pulse.age());

        assert!(pulse.rouse());
        assert!(!pulse.rouse(), "one request has it");
        assert!(!pulse.age());
        pulse.rest();
        assert!(!pulse.age());
    }

    #[test]
    fn only_what_comes_before_a_head_is_limited() {
        let pulse = Pulse::new();
        assert!(pulse.heard(BEFORE_HEAD + 1));

        pulse.await_head();
        assert!(pulse.heard(BEFORE_HEAD));
        assert!(!pulse.heard(1));

        pulse.head_seen();
        assert!(pulse.heard(BEFORE_HEAD + 1));
    }
}
