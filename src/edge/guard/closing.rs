//! How a guarded connection ends: in words where the visitor takes them, else by a reset.

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::cut::Cut;
use super::ending::Respite;
use super::socket::Speaks;
use super::{End, Guard};
use crate::edge::framing::Fault;

impl<S> Guard<S> {
    /// What was wrong with the last head, which nobody but the guard answers.
    pub(in crate::edge) const fn bad_head(&self) -> Option<Fault> {
        match self.end {
            Some(End::Head(fault)) => Some(fault),
            _ => None,
        }
    }

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

    /// Takes note of a visitor who takes nothing more: nothing more is said to it.
    pub(super) fn note_taken<T>(&mut self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(fault)) = &outcome
            && fault.kind() == io::ErrorKind::TimedOut
        {
            self.given_up = true;
            self.ending.skip();
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Takes the closing as far as it goes now; ready when it is done.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let deadlines = &self.terms.deadlines;
        let respite = Respite {
            taking: deadlines.write_stall,
            linger: deadlines.linger,
            bytes: if self.is_owed_bytes() {
                deadlines.linger_bytes
            } else {
                0
            },
        };
        let ended = ready!(self.ending.poll(cx, &mut self.io, respite));
        self.note_taken(Poll::Ready(ended))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Cut> Guard<S> {
    /// Lets an open socket outlive a visitor's time without reception, as the site's own would.
    pub(in crate::edge) fn spare(&self) {
        self.io.spare();
    }

    /// Closes the connection, unless that has been done: with the farewell if one is due, and by
    /// a reset where the visitor has stopped taking what it is written.
    pub(in crate::edge) async fn close(mut self) {
        if let Err(fault) = self.shutdown().await {
            tracing::debug!(%fault, "a connection was gone before its end");
        }
        if self.given_up {
            self.io.cut();
        }
    }
}
