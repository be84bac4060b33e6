//! How a guarded connection ends: the farewell, the shutdown, and reading off the rest.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Speaks;
use super::{End, Guard};

/// How far the shutting down has come.
#[derive(Debug)]
pub(super) enum Closing {
    /// Not begun, and nothing to say.
    Open,
    /// This much of the farewell is still to be written.
    Farewell(Bytes),
    /// The writing side is to be shut.
    Shutdown,
    /// Up to so many bytes are still thrown away.
    Linger { left: usize },
    /// Done, or failed.
    Closed,
}

impl<S> Guard<S> {
    /// Whether bytes may be under way that nobody will read.
    fn is_owed_bytes(&self) -> bool {
        if self.speaks == Speaks::Socket {
            return true;
        }
        match self.end {
            Some(End::Eof) => false,
            Some(End::Head(_) | End::Body(_) | End::Handshake) => true,
            Some(End::Silence) | None => self.framing.is_in_body() || !self.held.is_empty(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Takes the closing as far as it goes now; ready when it is done.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // A step that fails leaves the connection closed; one that waits puts itself back.
            match std::mem::replace(&mut self.closing, Closing::Closed) {
                Closing::Open => self.closing = Closing::Shutdown,
                Closing::Farewell(answer) => {
                    ready!(self.poll_farewell(cx, answer))?;
                    self.closing = Closing::Shutdown;
                }
                Closing::Shutdown => ready!(self.poll_shut(cx))?,
                Closing::Linger { left } => ready!(self.poll_linger(cx, left)),
                Closing::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>, mut answer: Bytes) -> Poll<io::Result<()>> {
        let span = self.terms.deadlines.write_stall;
        while answer.has_remaining() {
            let written = Pin::new(&mut self.io).poll_write(cx, &answer);
            let Poll::Ready(count) = self.closing_alarm.bound(cx, written, span)? else {
                self.closing = Closing::Farewell(answer);
                return Poll::Pending;
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            answer.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let span = self.terms.deadlines.write_stall;
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        let Poll::Ready(()) = self.closing_alarm.bound(cx, shut, span)? else {
            self.closing = Closing::Shutdown;
            return Poll::Pending;
        };
        if self.is_owed_bytes() {
            self.closing_alarm.set(self.terms.deadlines.linger);
            let left = self.terms.deadlines.linger_bytes;
            self.closing = Closing::Linger { left };
        }
        Poll::Ready(Ok(()))
    }

    /// Throws away what still arrives; ready when the visitor has closed, or time or bytes
    /// are used up.
    fn poll_linger(&mut self, cx: &mut Context<'_>, mut left: usize) -> Poll<()> {
        let mut scratch = [0; 2048];
        while left > 0 {
            let mut unread = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.io).poll_read(cx, &mut unread) {
                Poll::Ready(Ok(())) if !unread.filled().is_empty() => {
                    left = left.saturating_sub(unread.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.closing_alarm.poll_ring(cx).is_ready() => {
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    self.closing = Closing::Linger { left };
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }
}
