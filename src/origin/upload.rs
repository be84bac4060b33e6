//! The body of a request on its way to the origin: the first of it gathered, the rest streamed frame
//! by frame; of trailers those pass that the site lists.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
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

/// A piece smaller than this is copied out of the buffer that it came in. Over HTTP/1 that is one of
/// 8 KiB for each piece, and a byte would keep all of it for as long as it waits for the origin.
const SMALL: usize = 1024;

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

    /// How many were, and one more for the end: it grows whenever anything moves.
    pub(super) fn steps(&self) -> usize {
        self.frames().saturating_add(self.is_done().into())
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
    /// What came in pieces, copied together: none of the buffers that they came in is kept.
    first: Bytes,
    /// The piece behind it that ended the wait by its own size, as it came.
    large: Option<Bytes>,
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
            first: Bytes::new(),
            large: None,
            rest: Some(body.map_err(Into::into).boxed_unsync()),
            trailers: None,
            sieve,
        };
        let mut over = length.is_none().then(|| Box::pin(sleep(CONVERSATION)));
        let mut first = BytesMut::new();
        while first.len() < FIRST && gathered.large.is_none() {
            let next = poll_fn(|cx| match (gathered.poll_rest(cx), &mut over) {
                (Poll::Pending, Some(over)) => over.as_mut().poll(cx).map(|()| None),
                (next, _) => next,
            });
            match next.await.transpose() {
                Ok(None) => break,
                Ok(Some(data)) if data.len() >= FIRST => gathered.large = Some(data),
                Ok(Some(data)) => first.extend_from_slice(&data),
                Err(source) => return Err(OriginError::RequestBody { source }),
            }
        }
        gathered.first = first.freeze();
        Ok(gathered)
    }

    /// Whether it turned out to be nothing at all.
    pub(super) fn is_nothing(&self) -> bool {
        let is_empty = self.first.is_empty() && self.large.is_none();
        is_empty && self.rest.is_none() && self.trailers.is_none()
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
            large: self.large.clone(),
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
        let first = std::mem::take(&mut this.first);
        let gathered = Some(first).filter(|first| !first.is_empty());
        if let Some(data) = gathered.or_else(|| this.large.take()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let next = ready!(this.poll_rest(cx));
        let next = next.map(|data| data.map(|data| Frame::data(light(data))));
        Poll::Ready(next.or_else(|| this.trailers.take().map(|last| Ok(Frame::trailers(last)))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty()
            && self.large.is_none()
            && self.trailers.is_none()
            && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }
}

/// The same bytes, in a buffer that is not much larger than they are.
fn light(data: Bytes) -> Bytes {
    if data.len() < SMALL {
        Bytes::copy_from_slice(&data)
    } else {
        data
    }
}

/// The body of a request to an origin.
pub(super) enum RequestBody {
    /// There is none.
    Empty,
    /// The visitor's, as it comes.
    Streaming {
        /// The visitor's body.
        body: Box<Gathered>,
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
            body: Box::new(body),
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
    use std::collections::VecDeque;

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
        assert_eq!(gathered.unwrap().first, "half");
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

    /// A buffer as of a read over HTTP/1, counted until nobody has any of it.
    struct Buffer {
        bytes: Vec<u8>,
        held: Arc<AtomicUsize>,
    }

    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }

    impl Drop for Buffer {
        fn drop(&mut self) {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A body whose single bytes came in buffers of their own.
    struct ByteByByte(VecDeque<Bytes>);

    impl ByteByByte {
        /// Of so many bytes; the number of buffers that are held is the second value.
        fn of(length: usize) -> (Self, Arc<AtomicUsize>) {
            let held = Arc::new(AtomicUsize::new(length));
            let buffer = || Buffer {
                bytes: vec![b'x'; 8_192],
                held: Arc::clone(&held),
            };
            let bytes = (0..length).map(|_| Bytes::from_owner(buffer()).split_to(1));
            (Self(bytes.collect()), Arc::clone(&held))
        }
    }

    impl Body for ByteByByte {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(self.0.pop_front().map(|byte| Ok(Frame::data(byte))))
        }
    }

    #[tokio::test]
    async fn r1_a_body_that_comes_byte_by_byte_keeps_no_buffer_it_came_in() {
        let (body, held) = ByteByByte::of(FIRST - 1);

        let gathered = Gathered::of((body, None), no_trailers()).await.unwrap();

        assert_eq!(held.load(Ordering::Relaxed), 0);
        let again = gathered.again().unwrap();
        for copy in [gathered, again] {
            assert_eq!(copy.collect().await.unwrap().to_bytes().len(), FIRST - 1);
        }
    }

    #[tokio::test]
    async fn r1_neither_does_what_comes_behind_the_first_of_it() {
        let (body, held) = ByteByByte::of(FIRST + 1_000);
        let mut gathered = Gathered::of((body, None), no_trailers()).await.unwrap();
        let mut sent = Vec::new();

        while let Some(frame) = gathered.frame().await {
            sent.push(frame.unwrap().into_data().unwrap());
        }

        assert_eq!(held.load(Ordering::Relaxed), 0);
        assert_eq!(sent.iter().map(Bytes::len).sum::<usize>(), FIRST + 1_000);
    }

    #[tokio::test]
    async fn a_piece_that_is_large_passes_as_it_came() {
        let (pen, body) = written();
        let large = Bytes::from(vec![b'x'; FIRST]);
        let came = large.clone();
        tokio::spawn(async move {
            pen.write("head").await;
            pen.write(came).await;
        });
        let mut gathered = Gathered::of((body, None), no_trailers()).await.unwrap();

        let mut next = async || {
            gathered
                .frame()
                .await
                .unwrap()
                .unwrap()
                .into_data()
                .unwrap()
        };

        assert_eq!(next().await, "head");
        assert_eq!(next().await.as_ptr(), large.as_ptr());
    }
}
