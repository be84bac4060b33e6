//! HTTP/1.1 on one connection: the guard under hyper, the socket that it may become, and the
//! little that is kept of it while it is idle.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{sleep, timeout};

use crate::edge::body::{AnswerBody, SentBody};
use crate::edge::capacity::Space;
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
/// While it waits for a request only the stream is kept. What answers requests is boxed, so that a
/// connection at rest is small.
pub(in crate::edge) async fn serve<S>(of: &Listening, stream: S, peer: Peer, space: Space)
where
    S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
{
    let metrics = Arc::clone(&of.door.load().metrics);
    let _counted = Counted::open(metrics, Protocol::Http1);
    let mut rests = Rests {
        stream,
        space,
        is_new: true,
    };
    while let Some(came) = rest(of, rests).await {
        let Some(stream) = Box::pin(talk(of, came, &peer)).await else {
            return;
        };
        rests = Rests {
            stream,
            space: of.capacity.park(),
            is_new: false,
        };
    }
}

/// A connection that waits for its next request, or its first.
struct Rests<S> {
    stream: S,
    space: Space,
    is_new: bool,
}

/// A connection with a request on its way, which makes way until that is there.
struct Came<S> {
    stream: S,
    space: Space,
    /// What has come of the request.
    first: BytesMut,
    /// Whether it was so little time after the last that more are expected.
    goes_on: bool,
}

/// Waits for the next bytes; `None` when there will be none, and the connection has been shut down.
async fn rest<S: AsyncRead + AsyncWrite + Unpin>(
    of: &Listening,
    rests: Rests<S>,
) -> Option<Came<S>> {
    let Rests {
        mut stream,
        mut space,
        is_new,
    } = rests;
    let mut alarm = Alarm::default();
    let deadlines = &of.terms.deadlines;
    alarm.set(if is_new {
        deadlines.first_byte
    } else {
        deadlines.idle.saturating_sub(deadlines.park)
    });
    let first = tokio::select! {
        biased;
        () = over(of, is_new) => None,
        first = poll_fn(|cx| poll_first(&mut stream, cx)) => first,
        () = space.given_up() => None,
        () = poll_fn(|cx| alarm.poll_ring(cx)) => None,
    };
    let Some(first) = first else {
        // Before the space is left, because who makes way counts as gone until then.
        let gone = timeout(deadlines.linger, stream.shutdown());
        if !matches!(gone.await, Ok(Ok(()))) {
            tracing::debug!("a connection at rest was gone before its end");
        }
        return None;
    };
    Some(Came {
        stream,
        space,
        first,
        goes_on: !is_new && alarm.clear() < deadlines.park,
    })
}

/// Ready when nothing more is waited for. Who has asked nothing yet gets the time that a first
/// request may be under way.
async fn over(of: &Listening, is_new: bool) {
    of.cancel.cancelled().await;
    if is_new {
        sleep(of.terms.deadlines.linger).await;
    }
}

/// Reads into memory that is only borrowed while there is something to read.
fn poll_first<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
) -> Poll<Option<BytesMut>> {
    let mut memory = [0; FIRST_READ];
    let mut read = ReadBuf::new(&mut memory);
    let Poll::Ready(outcome) = Pin::new(&mut *stream).poll_read(cx, &mut read) else {
        // What TLS answers to what is no request has to go out.
        return match Pin::new(stream).poll_flush(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(None),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        };
    };
    let first = read.filled();
    Poll::Ready((outcome.is_ok() && !first.is_empty()).then(|| first.into()))
}

/// Answers requests until the connection is at rest, and returns it, or closed.
async fn talk<S>(of: &Listening, came: Came<S>, peer: &Peer) -> Option<S>
where
    S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
{
    let mut guard = Guard::again(came.stream, came.first, Arc::clone(&of.terms));
    if came.goes_on {
        guard.expect_more();
    }
    let mut space = Some(came.space);
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
    let ran = run(of, &mut connection, (&activity, &mut space)).await;
    let parts = connection.into_parts();
    let over = Over {
        ran,
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

/// How far a connection ran.
enum Ran {
    /// hyper ended it.
    Ended(hyper::Result<()>),
    /// Nothing is under way on it and nothing has been for a while.
    Rests,
    /// It makes way for another, between two requests.
    MakesWay,
}

/// Runs a connection as far as it goes. It has a space whenever it makes way.
async fn run<I, V>(
    of: &Listening,
    connection: &mut http1::Connection<I, V>,
    (activity, space): (&Activity, &mut Option<Space>),
) -> Ran
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    V: HttpService<Incoming, ResBody = AnswerBody, Error = Infallible> + Unpin,
    V::Future: Unpin,
{
    let mut polled = |cx: &mut Context<'_>| {
        let polled = connection.poll_without_shutdown(cx);
        match (activity.waits(), &space) {
            (true, None) => *space = Some(of.capacity.park()),
            (false, Some(_)) => *space = None,
            (true, Some(_)) | (false, None) => {}
        }
        if let Poll::Ready(ended) = polled {
            return Poll::Ready(Ran::Ended(ended));
        }
        if activity.takes_rest() {
            return Poll::Ready(Ran::Rests);
        }
        match space {
            Some(space) => space.poll_given_up(cx).map(|()| Ran::MakesWay),
            None => Poll::Pending,
        }
    };
    tokio::select! {
        biased;
        ran = poll_fn(&mut polled) => return ran,
        () = of.cancel.cancelled() => activity.end(),
    }
    poll_fn(polled).await
}

/// A connection that hyper is done with.
struct Over<S> {
    ran: Ran,
    guard: Guard<S>,
    /// Whether hyper read bytes that it did not use.
    read_on: bool,
    switch: Switch,
}

impl<S> Over<S>
where
    S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
{
    /// Makes the connection a socket, or closes it, unless it is at rest and returned.
    async fn leave(self, of: &Listening) -> Option<S> {
        let mut guard = self.guard;
        if let Some(fault) = guard.bad_head() {
            of.door.load().metrics.refusal(faulty(fault));
        }
        if guard.has_departed() {
            of.door.load().metrics.connections.departed();
        }
        match (self.ran, self.switch.take()) {
            (Ran::Rests, _) if !self.read_on && guard.is_at_rest() => {
                return Some(guard.into_inner());
            }
            // There is nothing to say to half a head, and its place is waited for.
            (Ran::MakesWay, _) => return None,
            (Ran::Ended(Err(fault)), _) => tracing::debug!(%fault, "a connection broke off"),
            // The 101 is written and hyper read nothing beyond the handshake.
            (Ran::Ended(Ok(())), Some(tunnel)) if !self.read_on && guard.become_socket() => {
                guard.spare();
                Box::pin(tunnel.run(&mut guard, &of.drain)).await;
            }
            (Ran::Ended(Ok(())) | Ran::Rests, _) => {}
        }
        guard.close().await;
        None
    }
}
