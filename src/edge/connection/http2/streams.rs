//! One task for each stream, and its end where the visitor takes no more of the answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::task_local;
use tokio_util::task::TaskTracker;

use crate::edge::body::{AnswerBody, BoxError};
use crate::edge::guard::Alarm;

/// The most of an answer that the library is given at once: what it holds for a visitor who
/// takes nothing. A visitor who takes 500 bytes a second takes one within the deadline of a write.
const PIECE: usize = 8 * 1024;

task_local! {
    /// Of the stream that the present task answers.
    static TAKING: Arc<Taking>;
}

/// Runs the streams of one connection.
#[derive(Clone)]
pub(super) struct Streams {
    /// Every task of the gateway's connections.
    pub tracker: TaskTracker,
    /// How long a visitor may take nothing of what was given.
    pub stall: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let taking = Arc::<Taking>::default();
        let stream = Box::pin(TAKING.scope(Arc::clone(&taking), stream));
        self.tracker.spawn(run(stream, taking, self.stall));
    }
}

/// Runs a stream to its end. One whose visitor takes nothing of a piece for too long is dropped,
/// which resets it and leaves the others of its connection alone.
async fn run<F: Future<Output = ()>>(
    mut stream: Pin<Box<F>>,
    taking: Arc<Taking>,
    stall: Duration,
) {
    let mut alarm = Alarm::default();
    let mut waits_for = 0;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let given = taking.given.load(Ordering::Relaxed);
        if given == 0 {
            alarm.clear();
        } else if given != waits_for {
            alarm.set(stall);
        }
        waits_for = given;
        alarm.poll_ring(cx)
    })
    .await;
}

/// Which piece of an answer waits to be taken: its number, or 0 when none does.
#[derive(Debug, Default)]
struct Taking {
    given: AtomicU32,
}

/// The body of an answer on a stream: small pieces, and the trailers behind them.
pub(super) struct StreamBody {
    body: AnswerBody,
    rest: Bytes,
    pieces: u32,
    taking: Option<Arc<Taking>>,
}

impl StreamBody {
    /// Of the stream that the present task answers.
    pub(super) fn new(body: AnswerBody) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            pieces: 0,
            taking: TAKING.try_with(Arc::clone).ok(),
        }
    }

    fn note(&self, given: u32) {
        if let Some(taking) = &self.taking {
            taking.given.store(given, Ordering::Relaxed);
        }
    }

    fn give(&mut self) -> Frame<Bytes> {
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        self.pieces = self.pieces.wrapping_add(1).max(1);
        self.note(self.pieces);
        Frame::data(piece)
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        // Whoever asks for more has found room for all that was given.
        this.note(0);
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
            }
        }
        Poll::Ready(Some(Ok(this.give())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() {
            self.body.size_hint()
        } else {
            SizeHint::default()
        }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.note(0);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn r3_a_stream_whose_answer_nobody_takes_is_dropped() {
        let streams = Streams {
            tracker: TaskTracker::new(),
            stall: Duration::from_secs(30),
        };
        let (told, dropped) = tokio::sync::oneshot::channel::<()>();
        streams.execute(async move {
            let _told = told;
            let mut body = StreamBody::new(AnswerBody::own(Bytes::from(vec![1; 50_000])));
            assert_eq!(
                body.frame()
                    .await
                    .unwrap()
                    .unwrap()
                    .into_data()
                    .unwrap()
                    .len(),
                PIECE
            );
            std::future::pending::<()>().await;
        });
        let begun = tokio::time::timeout(Duration::from_secs(29), dropped);
        assert!(begun.await.is_err(), "it has its time");
        streams.tracker.close();
        let ended = tokio::time::timeout(Duration::from_secs(2), streams.tracker.wait());
        assert!(ended.await.is_ok(), "and no more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_waits_for_the_site_is_left_alone() {
        let streams = Streams {
            tracker: TaskTracker::new(),
            stall: Duration::from_secs(30),
        };
        streams.execute(tokio::time::sleep(Duration::from_hours(1)));
        streams.tracker.close();
        let ended = tokio::time::timeout(Duration::from_mins(59), streams.tracker.wait());
        assert!(ended.await.is_err());
    }

    #[tokio::test]
    async fn an_answer_comes_whole_and_in_small_pieces() {
        let whole: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut body = StreamBody::new(AnswerBody::own(Bytes::from(whole.clone())));
        assert_eq!(body.size_hint().exact(), Some(100_000));
        let mut got = Vec::new();
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            got.extend(piece);
        }
        assert_eq!(got, whole);
        assert!(body.is_end_stream());
    }
}
