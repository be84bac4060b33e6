//! The end of a connection: the last words, the shutdown, and reading off the rest, so that the
//! visitor reads the last words and no reset.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deadlines::Alarm;

/// How long an end may take.
#[derive(Clone, Copy, Debug)]
pub(in crate::edge) struct Respite {
    /// The visitor's time to take the last words, and again for the shutdown.
    pub taking: Duration,
    /// How long bytes that still come are thrown away.
    pub linger: Duration,
    /// How many of them; none where nothing is owed to us.
    pub bytes: usize,
}

/// The end of one connection.
#[derive(Debug, Default)]
pub(in crate::edge) struct Ending {
    step: Step,
    alarm: Alarm,
}

/// How far it has come.
#[derive(Debug, Default)]
enum Step {
    /// Not begun, and nothing to say.
    #[default]
    Open,
    /// This much of the last words is still to be written.
    Words(Bytes),
    /// The writing side is to be shut.
    Shutdown,
    /// Up to so many bytes are still thrown away.
    Linger(usize),
    /// Done, or failed.
    Done,
}

impl Ending {
    /// Begins the end with these last words, unless it has begun.
    pub(in crate::edge) fn say(&mut self, words: Bytes) {
        if !self.has_begun() {
            self.step = Step::Words(words);
        }
    }

    /// Ends at once: there is nobody to say anything to.
    pub(in crate::edge) fn skip(&mut self) {
        self.step = Step::Done;
    }

    /// Whether it has begun.
    pub(in crate::edge) const fn has_begun(&self) -> bool {
        !matches!(self.step, Step::Open)
    }

    /// Takes the end as far as it goes now; ready when it is done.
    ///
    /// # Errors
    /// `TimedOut` where the visitor does not take the last words, or what a write failed with.
    /// Either way it is done.
    pub(in crate::edge) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        respite: Respite,
    ) -> Poll<io::Result<()>> {
        loop {
            // A step that fails leaves the connection closed; one that waits puts itself back.
            match std::mem::replace(&mut self.step, Step::Done) {
                Step::Open => self.step = Step::Shutdown,
                Step::Words(words) => {
                    ready!(self.poll_words(cx, (io, words), respite))?;
                    self.step = Step::Shutdown;
                }
                Step::Shutdown => ready!(self.poll_shut(cx, io, respite))?,
                Step::Linger(left) => ready!(self.poll_linger(cx, io, left)),
                Step::Done => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_words<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        (io, mut words): (&mut S, Bytes),
        respite: Respite,
    ) -> Poll<io::Result<()>> {
        while words.has_remaining() {
            let written = Pin::new(&mut *io).poll_write(cx, &words);
            let Poll::Ready(count) = self.alarm.bound(cx, written, respite.taking)? else {
                self.step = Step::Words(words);
                return Poll::Pending;
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            words.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shut<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        respite: Respite,
    ) -> Poll<io::Result<()>> {
        let shut = Pin::new(io).poll_shutdown(cx);
        let Poll::Ready(()) = self.alarm.bound(cx, shut, respite.taking)? else {
            self.step = Step::Shutdown;
            return Poll::Pending;
        };
        if respite.bytes > 0 {
            self.alarm.set(respite.linger);
            self.step = Step::Linger(respite.bytes);
        }
        Poll::Ready(Ok(()))
    }

    /// Throws away what still arrives; ready when the visitor has closed, or time or bytes
    /// are used up.
    fn poll_linger<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        mut left: usize,
    ) -> Poll<()> {
        let mut scratch = [0; 2048];
        while left > 0 {
            let mut unread = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *io).poll_read(cx, &mut unread) {
                Poll::Ready(Ok(())) if !unread.filled().is_empty() => {
                    left = left.saturating_sub(unread.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.alarm.poll_ring(cx).is_ready() => return Poll::Ready(()),
                Poll::Pending => {
                    self.step = Step::Linger(left);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }
}
