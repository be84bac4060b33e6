//! How a connection of HTTP/2 ends that is ended by us against the library's will: with a GOAWAY
//! where one may stand, and by a reset where the visitor takes nothing.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::wire::Wire;
use crate::edge::guard::{Cut, Respite};
use crate::telemetry::connections::Http2End;

/// A GOAWAY for `ENHANCE_YOUR_CALM`. No stream up to `last` may be asked again: it may have been
/// acted upon (RFC 9113, section 6.8).
fn calm(last: u32) -> Bytes {
    const HEAD: [u8; 9] = [0, 0, 8, 7, 0, 0, 0, 0, 0];
    const CODE: [u8; 4] = [0, 0, 0, 0xB];
    [&HEAD[..], &last.to_be_bytes(), &CODE].concat().into()
}

impl<S: Cut> Wire<S> {
    /// Begins to end the connection.
    pub(super) fn end(&mut self, end: Http2End) {
        self.seen.ends(end);
        self.ending.say(if self.outgoing.is_between() {
            calm(self.newest)
        } else {
            Bytes::new()
        });
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Cut> Wire<S> {
    /// Takes the ending as far as it goes now; ready when it is done, or took too long.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let respite = Respite {
            taking: self.deadlines.linger,
            linger: self.deadlines.linger,
            bytes: self.deadlines.linger_bytes,
        };
        let ended = ready!(self.ending.poll(cx, &mut self.io, respite));
        if ended.is_err_and(|fault| fault.kind() == io::ErrorKind::TimedOut) {
            self.io.cut();
        }
        Poll::Ready(())
    }

    /// What the library sees of a connection that has been ended.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_end(cx));
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

/// The library keeps the connection to the last, so who takes nothing is cut off where it goes.
impl<S: Cut> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.seen.end() == Some(Http2End::Stalled) {
            self.io.cut();
        }
    }
}
