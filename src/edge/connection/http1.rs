//! HTTP/1.1 on one connection: the guard under hyper, the socket that it may become, and the
//! little that is kept of it while it is idle.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{sleep, timeout};

use crate::edge::body::{AnswerBody, SentBody};
use crate::edge::guard::{Activity, Alarm, Cut, Guard};
use crate::edge::interim::Herald;
use crate::edge::listener::Listening;
use crate::edge::respond::close;
use crate::edge::serve::{Caller, Peer};
use crate::edge::sockets::Switch;
use crate::telemetry::connections::Protocol;

use super::counted::{Counted, faulty};

/// What is read at once of a connection that wakes up: most requests whole.
const FIRST_READ: usize = 2 * 1024;

/// Answers the requests of a connection nothing has been read from, until either side ends it.
///
/// While it is idle only the stream is kept. What answers requests is boxed, so that a connection
/// at rest is small.
pub(in crate::edge) async fn serve<S>(of: &Listening, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
{
    let metrics = Arc::clone(&of.door.load().metrics);
    let _counted = Counted::open(metrics, Protocol::Http1);
    let mut left = Box::pin(talk(of, Came::New(stream), &peer)).await;
    while let Left::Idle(mut stream) = left {
        let Some(first) = rest(of, &mut stream).await else {
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
/// will be none, and the connection has been shut down.
async fn rest<S: AsyncRead + AsyncWrite + Unpin>(
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
    let Some(first) = first else {
        // Before the space is left, because who makes way counts as gone until then.
        let gone = timeout(deadlines.linger, stream.shutdown());
        if !matches!(gone.await, Ok(Ok(()))) {
            tracing::debug!("an idle connection was gone before its end");
        }
        return None;
    };
    Some((first, alarm.clear()))
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
    S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
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
            let mut answer = door.answer(request, caller).await;
            if of.leaving.is_cancelled() && !caller.switch.is_set() {
                close(&mut answer);
            }
            Ok::<_, Infallible>(answer)
        })
    });
    let mut connection = builder().serve_connection(TokioIo::new(guard), service);
    let ended = run(of, &mut connection, &activity).await;
    let parts = connection.into_parts();
    let over = Over {
        ended,
        guard: parts.io.into_inner(),
        read_on: !parts.read_buf.is_empty(),
        switch,
    };
    over.leave(of).await
}

/// hyper as the guard needs it.
///
/// Parking is safe by `half_close` only: with it, hyper reads nothing between a request and the
/// end of its answer, so that a read which finds nothing while nothing is in flight stands between
/// two requests. Without it, hyper looks for the visitor's end in the middle of an answer, and the
/// guard would take that for rest while part of the answer is still in hyper's buffer.
fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .half_close(true)
        .header_read_timeout(None)
        .keep_alive(true)
        .max_buf_size(128 * 1024);
    builder
}

/// Runs a connection until hyper has ended it, and says how; `None` when nothing is under way on
/// it and nothing has been for a while.
async fn run<I, V>(
    of: &Listening,
    connection: &mut http1::Connection<I, V>,
    activity: &Activity,
) -> Option<hyper::Result<()>>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    V: HttpService<Incoming, ResBody = AnswerBody, Error = Infallible> + Unpin,
    V::Future: Unpin,
{
    let mut ending = pin!(ending(of, activity));
    let mut is_ending = false;
    let polled = |connection: &mut http1::Connection<I, V>, cx: &mut Context<'_>| match connection
        .poll_without_shutdown(cx)
    {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if activity.takes_rest() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    };
    loop {
        tokio::select! {
            ended = poll_fn(|cx| polled(connection, cx)) => return ended,
            () = &mut ending, if !is_ending => {
                is_ending = true;
                activity.end();
            }
        }
    }
}

/// Ready when nothing more is to be read of a connection than what has begun. Who has asked nothing
/// yet gets the time that a first request may be under way.
async fn ending(of: &Listening, activity: &Activity) {
    of.cancel.cancelled().await;
    if activity.begun() == 0 {
        sleep(of.terms.deadlines.linger).await;
    }
}

/// A connection that hyper is done with.
struct Over<S> {
    /// How hyper ended it, unless it is at rest.
    ended: Option<hyper::Result<()>>,
    guard: Guard<S>,
    /// Whether hyper read bytes that it did not use.
    read_on: bool,
    switch: Switch,
}

impl<S> Over<S>
where
    S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
{
    /// Parks the connection, makes it a socket, or closes it.
    async fn leave(self, of: &Listening) -> Left<S> {
        let mut guard = self.guard;
        if let Some(fault) = guard.bad_head() {
            of.door.load().metrics.refusal(faulty(fault));
        }
        match (self.ended, self.switch.take()) {
            (None, _) if !self.read_on && guard.is_at_rest() => {
                return Left::Idle(guard.into_inner());
            }
            (Some(Err(fault)), _) => tracing::debug!(%fault, "a connection broke off"),
            // The 101 is written and hyper read nothing beyond the handshake.
            (Some(Ok(())), Some(tunnel)) if !self.read_on && guard.become_socket() => {
                guard.spare();
                Box::pin(tunnel.run(&mut guard, &of.drain)).await;
            }
            (Some(Ok(())) | None, _) => {}
        }
        guard.close().await;
        Left::Closed
    }
}
