//! HTTP/1.1 on one connection: the guard under hyper, the socket that it may become, and the
//! little that is kept of it while it is idle.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::edge::body::SentBody;
use crate::edge::guard::{Alarm, Guard};
use crate::edge::interim::Herald;
use crate::edge::listener::Listening;
use crate::edge::serve::{Caller, Peer};
use crate::edge::sockets::Switch;
use crate::telemetry::connections::Protocol;

use super::counted::Counted;

/// What is read at once of a connection that wakes up: most requests whole.
const FIRST_READ: usize = 2 * 1024;

/// Answers the requests of a connection nothing has been read from, until either side ends it.
///
/// While it is idle only the stream is kept. What answers requests is boxed, so that a connection
/// at rest is small.
pub(in crate::edge) async fn serve<S>(of: &Listening, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let metrics = Arc::clone(&of.door.load().metrics);
    let _counted = Counted::open(metrics, Protocol::Http1);
    let mut left = Box::pin(talk(of, Came::New(stream), &peer)).await;
    while let Left::Idle(mut stream) = left {
        let Some(first) = rest(of, &mut stream).await else {
            let gone = timeout(of.terms.deadlines.linger, stream.shutdown());
            if !matches!(gone.await, Ok(Ok(()))) {
                tracing::debug!("an idle connection was gone before its end");
            }
            return;
        };
        left = Box::pin(talk(of, Came::Again(stream, first), &peer)).await;
    }
}

/// A connection that has something to say, or is expected to.
enum Came<S> {
    /// For the first time.
    New(S),
    /// After a rest of so long, with these bytes.
    Again(S, (BytesMut, Duration)),
}

/// How a connection was left.
enum Left<S> {
    /// Closed.
    Closed,
    /// Open, with nothing under way.
    Idle(S),
}

/// Waits for the next bytes of an idle connection, and says how long that took; `None` when there
/// will be none.
async fn rest<S: AsyncRead + Unpin>(
    of: &Listening,
    stream: &mut S,
) -> Option<(BytesMut, Duration)> {
    let mut space = of.capacity.park();
    let mut alarm = Alarm::default();
    let deadlines = &of.terms.deadlines;
    alarm.set(deadlines.idle.saturating_sub(deadlines.park));
    let first = tokio::select! {
        biased;
        () = of.cancel.cancelled() => None,
        first = poll_fn(|cx| poll_first(stream, cx)) => first,
        () = space.given_up() => None,
        () = poll_fn(|cx| alarm.poll_ring(cx)) => None,
    };
    first.map(|first| (first, alarm.clear()))
}

/// Reads into memory that is only borrowed while there is something to read.
fn poll_first<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
) -> Poll<Option<BytesMut>> {
    let mut memory = [0; FIRST_READ];
    let mut read = ReadBuf::new(&mut memory);
    let outcome = ready!(Pin::new(stream).poll_read(cx, &mut read));
    let first = read.filled();
    Poll::Ready((outcome.is_ok() && !first.is_empty()).then(|| first.into()))
}

/// Answers requests until the connection is at rest or closed.
async fn talk<S>(of: &Listening, came: Came<S>, peer: &Peer) -> Left<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let guard = match came {
        Came::New(stream) => Guard::new(stream, Arc::clone(&of.terms)),
        Came::Again(stream, first) => Guard::again(stream, first, Arc::clone(&of.terms)),
    };
    let (activity, advance) = (guard.activity(), guard.advance());
    let switch = Switch::default();
    let caller = Caller {
        peer,
        activity: &activity,
        switch: &switch,
        herald: Herald::Http1(&advance),
    };
    let service = service_fn(|request| {
        // Pinned, because a connection that is not shut down by hyper must be movable.
        Box::pin(async move {
            let door = of.door.load_full();
            let request = request.map(SentBody::guarded);
            Ok::<_, Infallible>(door.answer(request, caller).await)
        })
    });
    let mut connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .keep_alive(true)
        .max_buf_size(128 * 1024)
        .serve_connection(TokioIo::new(guard), service);
    let mut cancelled = pin!(of.cancel.cancelled());
    let mut draining = false;
    let polled = |connection: &mut http1::Connection<_, _>, cx: &mut Context<'_>| match connection
        .poll_without_shutdown(cx)
    {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if activity.takes_rest() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    };
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|cx| polled(&mut connection, cx)) => break ended,
            () = &mut cancelled, if !draining => {
                draining = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let mut guard = parts.io.into_inner();
    match (ended, switch.take()) {
        (None, _) if parts.read_buf.is_empty() && guard.is_at_rest() => {
            return Left::Idle(guard.into_inner());
        }
        (Some(Err(fault)), _) => tracing::debug!(%fault, "a connection broke off"),
        // The 101 is written and hyper read nothing beyond the handshake.
        (Some(Ok(())), Some(tunnel)) if parts.read_buf.is_empty() && guard.become_socket() => {
            Box::pin(tunnel.run(&mut guard, &of.drain)).await;
        }
        (Some(Ok(())) | None, _) => {}
    }
    if let Err(fault) = guard.shutdown().await {
        tracing::debug!(%fault, "a connection was gone before its end");
    }
    Left::Closed
}
