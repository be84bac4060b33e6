//! HTTP/2 on one connection: the meter under the library, a task for each stream, and the
//! deadlines that the library does not keep.

mod ending;
mod frames;
mod meter;
mod request;
mod streams;
mod watch;
mod wire;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::clock::Clock;
use crate::edge::capacity::Capacity;
use crate::edge::guard::{Activity, Cut, Deadlines};
use crate::edge::listener::Listening;
use crate::edge::serve::Peer;
use crate::telemetry::connections::{Http2End, Protocol};

use super::counted::Counted;
use request::Visit;
use streams::{StreamBody, Streams};
use watch::Watching;
use wire::{Seen, Wire};

/// Streams that may be open at once.
const STREAMS: u32 = 100;
/// Bytes of one request's body that may be under way.
const STREAM_WINDOW: u32 = 64 << 10;
/// Bytes of all of them.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of one frame.
const FRAME: u32 = 16 << 10;
/// Bytes of a head's fields, each counted with 32 more, as HTTP/2 counts them.
const HEADER_LIST: u32 = 16 << 10;
/// Streams that the visitor reset before they were looked at.
const UNSEEN_RESETS: usize = 20;
/// Streams that had to be reset because the visitor broke the protocol.
const FORCED_RESETS: usize = 64;
/// Bytes of one answer that are held until the visitor takes them.
const SEND_BUFFER: usize = 64 << 10;
/// How often a silent visitor is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// How long it may take to say so.
const PONG: Duration = Duration::from_secs(10);

/// Answers the requests of a connection nothing has been read from, until either side ends it.
pub(in crate::edge) async fn serve<S>(of: &Listening, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
{
    let door = of.door.load_full();
    let (clock, metrics) = (door.clock.clone(), Arc::clone(&door.metrics));
    drop(door);
    let _counted = Counted::open(Arc::clone(&metrics), Protocol::Http2);
    let kept = Kept {
        deadlines: of.terms.deadlines,
        clock,
        activity: Activity::default(),
        tracker: of.tracker.clone(),
        cancel: of.cancel.clone(),
        capacity: Arc::clone(&of.capacity),
    };
    let visit = Arc::new(Visit::new(of, peer, kept.activity.clone()));
    let end = kept.run(stream, move |request| Arc::clone(&visit).answer(request));
    metrics.connections.http2_ended(Box::pin(end).await);
}

/// What keeps one connection.
struct Kept {
    deadlines: Deadlines,
    clock: Clock,
    activity: Activity,
    tracker: TaskTracker,
    cancel: CancellationToken,
    capacity: Arc<Capacity>,
}

impl Kept {
    /// Runs a connection to its end, and says what ended it.
    async fn run<S, A, F>(self, stream: S, answer: A) -> Http2End
    where
        S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
        A: Fn(Request<Incoming>) -> F,
        F: Future<Output = Result<Response<StreamBody>, Infallible>> + Send + 'static,
    {
        let deadlines = self.deadlines;
        let seen = Arc::<Seen>::default();
        let wire = Wire::new(stream, (deadlines, self.clock), Arc::clone(&seen));
        let streams = Streams {
            tracker: self.tracker,
            stall: deadlines.write_stall,
        };
        let builder = builder(streams);
        let connection = builder.serve_connection(TokioIo::new(wire), service_fn(answer));
        let mut connection = pin!(connection);
        let mut cancelled = pin!(self.cancel.cancelled());
        let watching = Watching {
            seen: &seen,
            activity: &self.activity,
            deadlines,
            capacity: &self.capacity,
        };
        let mut watch = pin!(watching.run());
        let mut draining = false;
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break Some(ended),
                (end, mut space) = &mut watch => {
                    seen.ends(end);
                    if !matches!(end, Http2End::Idle | Http2End::GivenUp) {
                        break None;
                    }
                    connection.as_mut().graceful_shutdown();
                    // What was sent before the visitor heard of it is answered first.
                    break loop {
                        let ended = timeout(deadlines.linger, connection.as_mut()).await;
                        if ended.is_ok() || seen.open() == 0 && self.activity.in_flight() == 0 {
                            break ended.ok();
                        }
                        // It does not make way after all, or not soon.
                        drop(space.take());
                    };
                }
                () = &mut cancelled, if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        };
        seen.end().unwrap_or_else(|| match ended {
            Some(Err(fault)) => cause(&fault),
            Some(Ok(())) | None if draining => Http2End::Drain,
            Some(Ok(())) | None => Http2End::Visitor,
        })
    }
}

fn builder(streams: Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_header_list_size(HEADER_LIST)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(FORCED_RESETS)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}

/// What ended a connection that the library gave up.
fn cause(fault: &hyper::Error) -> Http2End {
    tracing::debug!(%fault, "a connection of HTTP/2 broke off");
    let mut source = std::error::Error::source(fault);
    while let Some(cause) = source {
        if cause.is::<io::Error>() {
            return Http2End::Visitor;
        }
        source = cause.source();
    }
    Http2End::Protocol
}

#[cfg(test)]
mod tests;
