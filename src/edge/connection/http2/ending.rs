//! How a connection of HTTP/2 ends that is ended by us against the library's will: the GOAWAY, the
//! shutdown, and reading off the rest.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Wire;
use crate::telemetry::connections::Http2End;

/// A GOAWAY without a last stream, for `ENHANCE_YOUR_CALM`.
const CALM: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xB];

/// How far the ending of a flooded connection has come.
#[derive(Debug)]
pub(super) enum Closing {
    /// Not begun.
    Not,
    /// This much of the GOAWAY has been written.
    Farewell(usize),
    /// The writing side is to be shut.
    Shutdown,
    /// Up to so many bytes are still thrown away.
    Linger(usize),
    /// Done, or failed.
    Done,
}

impl<S> Wire<S> {
    /// Begins to end the connection.
    pub(super) fn end(&mut self, end: Http2End) {
        self.seen.ends(end);
        self.closing_alarm.set(self.deadlines.linger);
        self.closing = if self.outgoing.is_between() {
            Closing::Farewell(0)
        } else {
            Closing::Shutdown
        };
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Takes the ending as far as it goes now; ready when it is done, or took too long.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let step = match self.closing {
                Closing::Not | Closing::Done => return Poll::Ready(()),
                Closing::Farewell(from) => self.poll_farewell(cx, from),
                Closing::Shutdown => Pin::new(&mut self.io)
                    .poll_shutdown(cx)
                    .map_ok(|()| Closing::Linger(self.deadlines.linger_bytes)),
                Closing::Linger(left) => self.poll_linger(cx, left),
            };
            match step {
                Poll::Ready(step) => self.closing = step.unwrap_or(Closing::Done),
                Poll::Pending => {
                    ready!(self.closing_alarm.poll_ring(cx));
                    self.closing = Closing::Done;
                }
            }
        }
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>, from: usize) -> Poll<io::Result<Closing>> {
        let rest = CALM.get(from..).unwrap_or_default();
        if rest.is_empty() {
            return Poll::Ready(Ok(Closing::Shutdown));
        }
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, rest))?;
        Poll::Ready(Ok(if written == 0 {
            Closing::Done
        } else {
            Closing::Farewell(from + written)
        }))
    }

    /// Throws away a bounded part of what still comes, so that the visitor reads the farewell
    /// and no reset of the connection.
    fn poll_linger(&mut self, cx: &mut Context<'_>, left: usize) -> Poll<io::Result<Closing>> {
        let mut scratch = [0; 2_048];
        let mut unread = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut unread))?;
        let left = left.saturating_sub(unread.filled().len());
        Poll::Ready(Ok(if unread.filled().is_empty() || left == 0 {
            Closing::Done
        } else {
            Closing::Linger(left)
        }))
    }

    /// What the library sees of a connection that has been ended.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_end(cx));
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}
