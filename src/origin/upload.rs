//! The body of a request on its way to the origin: the first of it gathered, the rest streamed frame
//! by frame; of trailers those pass that the site lists.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::time::sleep;

use super::trailers::Sieve;
use super::{BoxError, OriginError};
use crate::telemetry::asides::TrailersOf;

/// Bytes of a body that are gathered before an origin is asked to take it: a form is whole by then.
const FIRST: usize = 16 * 1024;

/// How long that may take where nobody has said how long the body is: it may be one half of a
/// conversation, and wait for the other.
const CONVERSATION: Duration = Duration::from_millis(100);

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

/// A visitor's body, of which the first has come already.
///
/// Whoever sends a small body slowly holds up nobody: a place at the origin is taken only when it
/// is whole. The deadlines of the visitor's connection end the wait.
pub(super) struct Gathered {
    first: VecDeque<Bytes>,
    /// What is still to come.
    rest: Option<UnsyncBoxBody<Bytes, BoxError>>,
    /// What passes of what came behind it.
    trailers: Option<HeaderMap>,
    sieve: Arc<Sieve>,
}

impl Gathered {
    /// Waits for the first 16 KiB of a body, or for its end; where its `length` is not said, a
    /// tenth of a second at most.
    ///
    /// # Errors
    ///
    /// [`OriginError::RequestBody`] if it breaks off.
    pub(super) async fn of<B>(
        (body, length): (B, Option<u64>),
        sieve: Arc<Sieve>,
    ) -> Result<Self, OriginError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut gathered = Self {
            first: VecDeque::new(),
            rest: Some(body.map_err(Into::into).boxed_unsync()),
            trailers: None,
            sieve,
        };
        let mut over = length.is_none().then(|| Box::pin(sleep(CONVERSATION)));
        let mut bytes = 0;
        while bytes < FIRST {
            let next = poll_fn(|cx| match (gathered.poll_rest(cx), &mut over) {
                (Poll::Pending, Some(over)) => over.as_mut().poll(cx).map(|()| None),
                (next, _) => next,
            });
            match next.await.transpose() {
                Ok(None) => break,
                Ok(Some(data)) => {
                    bytes += data.len();
                    gathered.first.push_back(data);
                }
                Err(source) => return Err(OriginError::RequestBody { source }),
            }
        }
        Ok(gathered)
    }

    /// The next bytes that come; trailers are laid aside.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            let Some(rest) = &mut self.rest else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(rest).poll_frame(cx)) {
                None => self.rest = None,
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(frame) => self.lay_aside(frame),
                },
            }
        }
    }

    /// The same again, if all of it has come.
    fn again(&self) -> Option<Self> {
        self.rest.is_none().then(|| Self {
            first: self.first.clone(),
            rest: None,
            trailers: self.trailers.clone(),
            sieve: Arc::clone(&self.sieve),
        })
    }

    fn lay_aside(&mut self, frame: Frame<Bytes>) {
        if let Ok(trailers) = frame.into_trailers() {
            self.trailers = self.sieve.pass(trailers, TrailersOf::Request);
        }
    }
}

impl Body for Gathered {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let next = ready!(this.poll_rest(cx));
        let next = next.map(|data| data.map(Frame::data));
        Poll::Ready(next.or_else(|| this.trailers.take().map(|last| Ok(Frame::trailers(last)))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty()
            && self.trailers.is_none()
            && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }
}

/// The body of a request to an origin.
pub(super) enum RequestBody {
    /// There is none.
    Empty,
    /// The visitor's, as it comes.
    Streaming {
        /// The visitor's body.
        body: Gathered,
        /// What is still to come, if the visitor said.
        left: Option<u64>,
        /// Seen by whoever waits for the answer.
        upload: Arc<Upload>,
    },
}

impl RequestBody {
    /// Sends `body`, which is `length` bytes long if that is known.
    pub(super) fn streaming(body: Gathered, length: Option<u64>) -> (Self, Arc<Upload>) {
        let upload = Arc::new(Upload::default());
        let streaming = Self::Streaming {
            body,
            left: length,
            upload: Arc::clone(&upload),
        };
        (streaming, upload)
    }

    /// Whether the last bytes were taken.
    pub(super) fn is_taken(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming { upload, .. } => upload.is_done(),
        }
    }

    /// The same again with an upload of its own, if nothing of it was taken yet and all of it has
    /// come.
    pub(super) fn again(&self) -> Option<(Self, Option<Arc<Upload>>)> {
        match self {
            Self::Empty => Some((Self::Empty, None)),
            Self::Streaming { body, left, .. } => {
                let (again, upload) = Self::streaming(body.again()?, *left);
                Some((again, Some(upload)))
            }
        }
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
        let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => {
                upload.done.store(true, Ordering::Release);
                return Poll::Ready(None);
            }
            Some(Err(error)) => {
                upload.failed.store(true, Ordering::Release);
                return Poll::Ready(Some(Err(error)));
            }
            Some(Ok(frame)) => frame,
        };
        upload.frames.fetch_add(1, Ordering::Relaxed);
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => {
                upload.done.store(true, Ordering::Release);
                return Poll::Ready(Some(Ok(trailers)));
            }
        };
        if let Some(left) = left {
            *left = left.saturating_sub(u64::try_from(data.len()).unwrap_or(u64::MAX));
        }
        if *left == Some(0) || body.is_end_stream() {
            upload.done.store(true, Ordering::Release);
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
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

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::origin::testing::{no_trailers, written};

    /// How long a body is waited for of which one piece comes, and then nothing more.
    async fn gathers(length: Option<u64>) -> Option<Duration> {
        let (pen, body) = written();
        pen.write("half").await;
        let began = sleep(Duration::ZERO).deadline();
        let gathered = Gathered::of((body, length), no_trailers());
        let gathered = timeout(Duration::from_secs(60), gathered).await.ok()?;
        assert_eq!(gathered.unwrap().first, ["half"]);
        Some(sleep(Duration::ZERO).deadline() - began)
    }

    #[tokio::test(start_paused = true)]
    async fn one_half_of_a_conversation_is_sent_on_and_a_form_only_when_it_is_whole() {
        assert_eq!(gathers(Some(8_192)).await, None);
        let waited = gathers(None).await.unwrap();
        assert!(
            (CONVERSATION..2 * CONVERSATION).contains(&waited),
            "{waited:?}"
        );
    }
}
