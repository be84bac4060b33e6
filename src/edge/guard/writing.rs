//! What is written through a guard: before it what is due in advance, no longer than the visitor
//! may take, and only while there is one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::Guard;
use super::advance::Stands;

impl<S> Guard<S> {
    /// Gives a write up once the visitor takes too little of it.
    pub(super) fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let bound = self.taking.bound_write(cx, written, &self.terms.deadlines);
        if matches!(bound, Poll::Ready(Ok(_))) {
            self.departure.put_off();
        }
        self.note_taken(bound)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_advance(cx, Stands::Anywhere))?;
        let written = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.poll_written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_advance(cx, Stands::Anywhere))?;
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, pieces);
        this.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_advance(cx, Stands::Between))?;
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        let bound = this.taking.bound_flush(cx, flushed, &this.terms.deadlines);
        ready!(this.note_taken(bound))?;
        match this.poll_departure(cx) {
            Poll::Ready(gone) => Poll::Ready(Err(gone)),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    /// Writes the farewell if one is due, shuts the writing side, and reads off what is still
    /// under way so that the visitor sees the last answer.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(cx)
    }
}
