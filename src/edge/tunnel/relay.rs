//! Carries the bytes of one open socket both ways. A direction holds what its other end has not
//! taken yet, at most one read, and reads no more meanwhile; a quiet one holds nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::frames::{Frames, Why};
use crate::edge::guard::Guard;
use crate::origin::OriginSocket;
use crate::telemetry::labels::SocketEnd;

/// The largest read.
const READ: usize = 16 * 1024;

/// Both ends of an open socket.
pub(super) struct Relay<'a, S> {
    visitor: &'a mut Guard<S>,
    site: OriginSocket,
    up: Way,
    down: Way,
}

/// One direction.
#[derive(Default)]
struct Way {
    unsent: BytesMut,
    unflushed: bool,
    moved: u64,
    frames: Frames,
}

/// Which end of a direction is closed or broken.
enum Ended {
    Sender,
    Receiver,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Relay<'a, S> {
    pub(super) fn new(visitor: &'a mut Guard<S>, site: OriginSocket) -> Self {
        Self {
            visitor,
            site,
            up: Way::default(),
            down: Way::default(),
        }
    }

    /// How many bytes were read so far, both ways.
    pub(super) const fn moved(&self) -> u64 {
        self.up.moved.wrapping_add(self.down.moved)
    }

    /// Carries what there is; ready when one end is closed.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<SocketEnd> {
        if let Poll::Ready(ended) = self.up.poll_carry(cx, self.visitor, &mut self.site) {
            return Poll::Ready(match ended {
                Ended::Sender => SocketEnd::Visitor,
                Ended::Receiver => SocketEnd::Site,
            });
        }
        self.down
            .poll_carry(cx, &mut self.site, self.visitor)
            .map(|ended| match ended {
                Ended::Sender => SocketEnd::Site,
                Ended::Receiver => SocketEnd::Visitor,
            })
    }

    /// Tells both ends why, where that may be said, and closes the site's. What fails here was
    /// closed already.
    pub(super) async fn close(&mut self, why: Option<Why>) {
        if let Some(why) = why {
            if self.down.is_between_frames() {
                let _ = self.visitor.write_all(&why.to_visitor()).await;
            }
            if self.up.is_between_frames() {
                let _ = self.site.write_all(&why.to_site()).await;
            }
        }
        let _ = self.site.shutdown().await;
    }
}

impl Way {
    fn poll_carry<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<Ended>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if ready!(self.poll_send(cx, to)).is_err() {
                return Poll::Ready(Ended::Receiver);
            }
            let mut scratch = [0; READ];
            let mut read = ReadBuf::new(&mut scratch);
            if ready!(Pin::new(&mut *from).poll_read(cx, &mut read)).is_err() {
                return Poll::Ready(Ended::Sender);
            }
            let bytes = read.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ended::Sender);
            }
            self.moved = self.moved.wrapping_add(bytes.len() as u64);
            self.frames.follow(bytes);
            self.unsent.extend_from_slice(bytes);
        }
    }

    fn poll_send<W>(&mut self, cx: &mut Context<'_>, to: &mut W) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut *to).poll_write(cx, &self.unsent))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(sent);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut *to).poll_flush(cx))?;
            self.unflushed = false;
            self.unsent = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    fn is_between_frames(&self) -> bool {
        self.unsent.is_empty() && self.frames.is_between()
    }
}
