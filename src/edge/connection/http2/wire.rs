//! The bytes under HTTP/2: what the visitor's frames cost is metered before the library reads
//! them, and no head and no write may take for ever.
//!
//! A flood ends here. The library sees an error; the visitor gets a GOAWAY that says
//! `ENHANCE_YOUR_CALM` where one may stand, that is, between two frames of ours.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{FrameHead, Frames, Kind};
use super::meter::Meter;
use crate::domain::clock::Clock;
use crate::edge::guard::{Alarm, Cut, Deadlines, Ending};
use crate::telemetry::connections::{Flood, Http2End};

/// Streams that may be open as the wire sees it. The library takes 100 and refuses the rest with
/// a frame that closes each of them again.
const STREAMS: usize = 512;

/// What the connection's keeper wants to know.
#[derive(Debug, Default)]
pub(super) struct Seen {
    open: AtomicU32,
    written: AtomicU64,
    heard: AtomicU64,
    end: OnceLock<Http2End>,
}

impl Seen {
    /// Streams that a visitor opened, with a whole head, and that were not answered to the end.
    pub(super) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Bytes of answers that the visitor's side has taken: of heads and of data, and of no frame
    /// that answers a frame.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes that came from the visitor, of whatever frames.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Why the wire ended the connection, if it did.
    pub(super) fn end(&self) -> Option<Http2End> {
        self.end.get().copied()
    }

    /// Notes why the connection ends; the first reason stays.
    pub(super) fn ends(&self, end: Http2End) {
        self.end.get_or_init(|| end);
    }
}

/// A connection on which HTTP/2 is spoken.
#[derive(Debug)]
pub(super) struct Wire<S: Cut> {
    pub(super) io: S,
    pub(super) deadlines: Deadlines,
    clock: Clock,
    pub(super) seen: Arc<Seen>,
    meter: Meter,
    incoming: Frames,
    pub(super) outgoing: Frames,
    /// Streams that are open, as far as frames tell.
    open: Vec<u32>,
    pub(super) newest: u32,
    /// Whether a header block has begun and not ended, or its last part is still arriving.
    block: Block,
    head_alarm: Alarm,
    write_alarm: Alarm,
    pub(super) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    None,
    Begun,
    LastPart,
}

impl<S: Cut> Wire<S> {
    /// Of a connection nothing has been read from.
    pub(super) fn new(io: S, (deadlines, clock): (Deadlines, Clock), seen: Arc<Seen>) -> Self {
        Self {
            io,
            deadlines,
            clock,
            seen,
            meter: Meter::default(),
            incoming: Frames::of_client(),
            outgoing: Frames::of_server(),
            open: Vec::new(),
            newest: 0,
            block: Block::None,
            head_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
            ending: Ending::default(),
        }
    }

    /// Looks at bytes from the visitor.
    fn receive(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        let mut now = None;
        while let Some(head) = self.incoming.next(&mut bytes) {
            let now = *now.get_or_insert_with(|| self.clock.now().mono);
            self.meter.receive(head, now)?;
            self.note_stream(head)?;
            if head.is_of_block() {
                self.block = if head.ends_block() {
                    Block::LastPart
                } else {
                    Block::Begun
                };
            }
        }
        if self.block == Block::LastPart && !self.incoming.is_inside() {
            self.block = Block::None;
        }
        if self.block == Block::None {
            self.head_alarm.clear();
        }
        self.tell_open();
        Ok(())
    }

    fn note_stream(&mut self, head: FrameHead) -> Result<(), Flood> {
        if head.kind == Kind::Reset {
            self.forget(head.stream);
        } else if head.kind == Kind::Headers && head.stream > self.newest {
            self.newest = head.stream;
            if self.open.len() >= STREAMS {
                return Err(Flood::Streams);
            }
            self.open.push(head.stream);
        }
        Ok(())
    }

    fn forget(&mut self, stream: u32) {
        self.open.retain(|open| *open != stream);
        if self.open.is_empty() {
            self.open = Vec::new();
        }
        self.tell_open();
    }

    /// A stream whose head is still on its way asks nothing yet.
    fn tell_open(&self) {
        let begun = usize::from(self.block != Block::None);
        let open = u32::try_from(self.open.len().saturating_sub(begun)).unwrap_or(u32::MAX);
        self.seen.open.store(open, Ordering::Relaxed);
    }

    /// Looks at bytes that were written to the visitor.
    fn send(&mut self, mut bytes: &[u8]) {
        while let Some(head) = self.outgoing.next(&mut bytes) {
            self.meter.sent(head);
            // Only what answers a request shows that the visitor takes its answers.
            if matches!(head.kind, Kind::Data | Kind::Headers) {
                let length = u64::from(head.length);
                self.seen.written.fetch_add(length, Ordering::Relaxed);
            }
            if head.ends_stream() || head.kind == Kind::Reset {
                self.forget(head.stream);
            }
        }
    }

    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let span = self.deadlines.write_stall;
        let bound = self.write_alarm.bound(cx, written, span);
        if let Poll::Ready(Err(fault)) = &bound
            && fault.kind() == io::ErrorKind::TimedOut
        {
            self.seen.ends(Http2End::Stalled);
        }
        bound
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Cut> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ending.has_begun() {
            return this.poll_gone(cx);
        }
        let before = out.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, out) {
            Poll::Ready(Ok(())) => {
                let read = out.filled().get(before..).unwrap_or_default();
                let heard = u64::try_from(read.len()).unwrap_or(u64::MAX);
                this.seen.heard.fetch_add(heard, Ordering::Relaxed);
                if let Err(flood) = this.receive(read) {
                    out.set_filled(before);
                    this.end(Http2End::Flood(flood));
                    return this.poll_gone(cx);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
            Poll::Pending => {
                if this.block == Block::None {
                    return Poll::Pending;
                }
                if !this.head_alarm.is_set() {
                    this.head_alarm.set(this.deadlines.head);
                }
                ready!(this.head_alarm.poll_ring(cx));
                this.end(Http2End::SlowHead);
                this.poll_gone(cx)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Cut> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.ending.has_begun() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = Pin::new(&mut this.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            this.send(bytes.get(..*count).unwrap_or_default());
        }
        ready!(this.poll_written(cx, ended(&written)))?;
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.ending.has_begun() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, pieces);
        if let Poll::Ready(Ok(count)) = &written {
            let mut left = *count;
            for piece in pieces {
                let sent = left.min(piece.len());
                this.send(piece.get(..sent).unwrap_or_default());
                left -= sent;
            }
        }
        ready!(this.poll_written(cx, ended(&written)))?;
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        this.poll_written(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ending.has_begun() {
            return this.poll_end(cx).map(Ok);
        }
        let shut = Pin::new(&mut this.io).poll_shutdown(cx);
        this.poll_written(cx, shut)
    }
}

/// Whether a write ended and how, without how much it wrote.
fn ended(written: &Poll<io::Result<usize>>) -> Poll<io::Result<()>> {
    match written {
        Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
        Poll::Ready(Err(fault)) => Poll::Ready(Err(fault.kind().into())),
        Poll::Pending => Poll::Pending,
    }
}
