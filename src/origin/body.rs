//! Bodies on their way: the visitor's to the origin, and the answer's back. Streamed frame by
//! frame and never held; trailers are dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use super::deadline::Silence;
use super::line::Line;
use super::pool::Slot;
use super::{BoxError, OriginError};

/// How far a request's body has come.
#[derive(Debug, Default)]
pub(super) struct Upload {
    frames: AtomicUsize,
    done: AtomicBool,
    failed: AtomicBool,
}

impl Upload {
    /// How many frames were taken up so far.
    pub(super) fn frames(&self) -> usize {
        self.frames.load(Ordering::Relaxed)
    }

    /// Whether the last one was.
    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Whether the visitor's side broke off.
    pub(super) fn is_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

/// The body of a request to an origin.
pub(super) enum RequestBody {
    /// There is none.
    Empty,
    /// The visitor's, as it comes.
    Streaming {
        /// The visitor's body.
        body: UnsyncBoxBody<Bytes, BoxError>,
        /// What is still to come, if the visitor said.
        left: Option<u64>,
        /// Seen by whoever waits for the answer.
        upload: Arc<Upload>,
    },
}

impl RequestBody {
    /// Streams `body`, which is `length` bytes long if that is known.
    pub(super) fn streaming<B>(body: B, length: Option<u64>) -> (Self, Arc<Upload>)
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let upload = Arc::new(Upload::default());
        let streaming = Self::Streaming {
            body: body.map_err(Into::into).boxed_unsync(),
            left: length,
            upload: Arc::clone(&upload),
        };
        (streaming, upload)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self::Streaming { body, left, upload } = self.get_mut() else {
            return Poll::Ready(None);
        };
        loop {
            let data = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                None => {
                    upload.done.store(true, Ordering::Release);
                    return Poll::Ready(None);
                }
                Some(Err(error)) => {
                    upload.failed.store(true, Ordering::Release);
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_trailers) => continue,
                },
            };
            upload.frames.fetch_add(1, Ordering::Relaxed);
            if let Some(left) = left {
                *left = left.saturating_sub(u64::try_from(data.len()).unwrap_or(u64::MAX));
            }
            if *left == Some(0) || body.is_end_stream() {
                upload.done.store(true, Ordering::Release);
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming { left, .. } => left.map_or_else(SizeHint::new, SizeHint::with_exact),
        }
    }
}

/// The body of an origin's answer.
///
/// It fails if the origin breaks off or falls silent, so that the visitor's connection is cut
/// rather than the answer passed off as whole. When it ends, its connection is kept for the
/// next request; when it is dropped before, the connection is closed.
#[derive(Debug)]
#[must_use = "an answer that is not read keeps its connection"]
pub struct OriginBody {
    incoming: Incoming,
    silence: Silence,
    exchange: Option<(Line, Slot)>,
}

impl OriginBody {
    pub(super) fn new(incoming: Incoming, silence: Silence, line: Line, slot: Slot) -> Self {
        let mut body = Self {
            incoming,
            silence,
            exchange: Some((line, slot)),
        };
        if body.incoming.is_end_stream() {
            body.finish();
        }
        body
    }

    /// The answer is whole. An origin that answered before the request was sent whole may read
    /// the rest of it as another one, so that connection is closed.
    fn finish(&mut self) {
        if let Some((line, slot)) = self.exchange.take()
            && self.silence.request_is_sent()
        {
            slot.give_back(line);
        }
    }

    fn fail(&mut self, error: OriginError) -> Poll<Option<Result<Frame<Bytes>, OriginError>>> {
        self.exchange = None;
        Poll::Ready(Some(Err(error)))
    }

    fn poll_silence(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OriginError>>> {
        let Some((line, _)) = &mut self.exchange else {
            return Poll::Pending;
        };
        let waited = ready!(self.silence.poll_too_long(line.ticker(), cx));
        self.fail(OriginError::NoAnswer { waited })
    }
}

impl Body for OriginBody {
    type Data = Bytes;
    type Error = OriginError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OriginError>>> {
        let this = self.get_mut();
        loop {
            let frame = match Pin::new(&mut this.incoming).poll_frame(cx) {
                Poll::Pending => return this.poll_silence(cx),
                Poll::Ready(None) => {
                    this.finish();
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => {
                    let source = error.into();
                    return this.fail(OriginError::BadAnswer { source });
                }
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            this.silence.broken();
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if this.incoming.is_end_stream() {
                this.finish();
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
