//! Visitors who leave while they are owed an answer.
//!
//! The library over the guard reads nothing between a request and the end of its answer, so it
//! would not see them go, and the site would work on for nobody. Here a little is read ahead: only
//! behind a whole request and while nothing is held, so that a visitor who asks again before the
//! answer comes is read no further than that. One who has closed its side may still read, as
//! RFC 9112, section 9.6 allows; so what it is owed is waited for a while longer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::deadlines::Alarm;
use super::socket::Speaks;
use super::{End, Guard};

/// What is read ahead at once.
const AHEAD: usize = 512;

/// Whether the visitor has left.
#[derive(Debug, Default)]
pub(super) struct Departure {
    /// Whether it has closed its side, as far as has been read.
    is_closed: bool,
    alarm: Alarm,
    is_over: bool,
}

impl Departure {
    /// Something was written, and may have been taken.
    pub(super) fn put_off(&mut self) {
        if self.alarm.is_set() {
            self.alarm.clear();
        }
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Ready when the visitor is gone while it is owed an answer.
    pub(super) fn poll_departure(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.activity.in_flight() == 0 || self.speaks == Speaks::Socket {
            return Poll::Pending;
        }
        let gone = ready!(self.poll_gone(cx));
        self.departure.is_over = true;
        Poll::Ready(gone)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.may_read_ahead()
            && let Poll::Ready(Err(fault)) = self.poll_ahead(cx)
        {
            return Poll::Ready(fault);
        }
        let Departure {
            is_closed, alarm, ..
        } = &mut self.departure;
        if !*is_closed {
            return Poll::Pending;
        }
        if !alarm.is_set() {
            alarm.set(self.terms.deadlines.half_closed);
        }
        ready!(alarm.poll_ring(cx));
        Poll::Ready(io::ErrorKind::NotConnected.into())
    }

    /// Whether what comes next stands between two requests, and nothing of it has come yet.
    fn may_read_ahead(&self) -> bool {
        let is_read = matches!(self.end, None | Some(End::Handshake)) && !self.departure.is_closed;
        is_read && self.held.is_empty() && !self.framing.is_in_body()
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut memory = [0; AHEAD];
        let mut read = ReadBuf::new(&mut memory);
        match ready!(Pin::new(&mut self.io).poll_read(cx, &mut read)) {
            // TLS that ends without saying so: what was sent is whole, since a request is.
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => {}
            outcome => outcome?,
        }
        self.departure.is_closed = read.filled().is_empty();
        self.held.extend_from_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S> Guard<S> {
    /// Whether the visitor left while it was owed an answer.
    #[must_use]
    pub const fn has_departed(&self) -> bool {
        self.departure.is_over
    }
}
