//! HTTP/2 on one connection: the meter under the library, a task for each stream, and the
//! deadlines that the library does not keep.

mod ending;
mod exchange;
mod frames;
mod meter;
mod request;
mod serving;
mod streams;
mod watch;
mod wire;

use std::pin::{Pin, pin};
use std::sync::Arc;

use h2::RecvStream;
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::clock::Clock;
use crate::edge::capacity::{Capacity, Space};
use crate::edge::guard::{Activity, Cut, Deadlines};
use crate::edge::interim::Heads;
use crate::edge::listener::Listening;
use crate::edge::serve::Peer;
use crate::telemetry::connections::{Http2End, Protocol};

use super::counted::Counted;
use request::Visit;
use serving::Running;
use streams::{StreamBody, Streams};
use watch::Watching;
use wire::{Seen, Wire};

/// Answers the requests of a connection nothing has been read from, until either side ends it.
pub(in crate::edge) async fn serve<S>(of: &Listening, stream: S, peer: Peer, space: Space)
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
        leaving: of.leaving.clone(),
        capacity: Arc::clone(&of.capacity),
    };
    let visit = Arc::new(Visit::new(of, peer, kept.activity.clone()));
    let end = kept.run((stream, space), move |request, heads| {
        Arc::clone(&visit).answer(request, heads)
    });
    metrics.connections.http2_ended(Box::pin(end).await);
}

/// What keeps one connection.
struct Kept {
    deadlines: Deadlines,
    clock: Clock,
    activity: Activity,
    tracker: TaskTracker,
    leaving: CancellationToken,
    capacity: Arc<Capacity>,
}

impl Kept {
    /// Runs a connection to its end, and says what ended it.
    async fn run<S, A, F>(self, (stream, space): (S, Space), answer: A) -> Http2End
    where
        S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
        A: Fn(Request<RecvStream>, Heads) -> F,
        F: Future<Output = Response<StreamBody>> + Send + 'static,
    {
        let deadlines = self.deadlines;
        let seen = Arc::<Seen>::default();
        let clock = self.clock.clone();
        let wire = Wire::new(stream, (deadlines, self.clock), Arc::clone(&seen));
        let streams = Streams {
            tracker: self.tracker,
            stall: deadlines.write_stall,
        };
        let drain = CancellationToken::new();
        let running = Running {
            streams,
            clock,
            drain: &drain,
        };
        let mut connection = pin!(serving::serve(wire, running, answer));
        let mut leaving = pin!(self.leaving.cancelled());
        let watching = Watching {
            seen: &seen,
            activity: &self.activity,
            deadlines,
            capacity: &self.capacity,
        };
        let mut watch = pin!(watching.run(space));
        let mut draining = false;
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break Some(ended),
                (end, space) = &mut watch => {
                    let mut ended = None;
                    if matches!(end, Http2End::Idle | Http2End::GivenUp) && self.activity.begun() > 0 {
                        drain.cancel();
                        ended = taken_leave(connection, &watching, space).await;
                    }
                    seen.ends(end);
                    break ended;
                }
                () = &mut leaving, if !draining => {
                    draining = true;
                    drain.cancel();
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

/// Runs a connection that has been told to end until it has: what was sent before the visitor heard
/// of it is answered first, and the visitor has so long to hear of it.
async fn taken_leave<C: Future>(
    mut connection: Pin<&mut C>,
    watching: &Watching<'_>,
    mut space: Option<Space>,
) -> Option<C::Output> {
    let mut stalled = pin!(watching.stalled());
    loop {
        let ended = tokio::select! {
            ended = timeout(watching.deadlines.linger, connection.as_mut()) => ended,
            () = &mut stalled => {
                watching.seen.ends(Http2End::Stalled);
                return None;
            }
        };
        if ended.is_ok() || watching.is_idle() {
            return ended.ok();
        }
        // It does not make way after all, or not soon.
        drop(space.take());
    }
}

/// What ended a connection that the library gave up.
fn cause(fault: &h2::Error) -> Http2End {
    tracing::debug!(%fault, "a connection of HTTP/2 broke off");
    if fault.is_io() {
        Http2End::Visitor
    } else {
        Http2End::Protocol
    }
}

#[cfg(test)]
mod tests;
