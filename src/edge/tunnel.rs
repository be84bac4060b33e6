//! An open socket: bytes both ways, until somebody closes or it may stay no longer.
//!
//! What ends it on our side is told to both ends by a Close frame where one may stand, that is,
//! between two frames; else the connections are just closed.

mod frames;
mod relay;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::gate::stay::Stay;
use crate::origin::OriginSocket;
use crate::telemetry::labels::SocketEnd;
use crate::telemetry::metrics::Metrics;

use super::guard::Guard;
use frames::Why;
use relay::Relay;

/// How often an open socket is looked after.
const LOOK: Duration = Duration::from_secs(1);

/// How long telling both ends may take, and how long before the drain limit it is begun.
const FAREWELL: Duration = Duration::from_secs(1);

/// A socket about to be opened.
pub struct Tunnel {
    /// The site's end.
    pub socket: OriginSocket,
    /// How long no byte may move, either way.
    pub idle: Duration,
    /// Until when it may stay open.
    pub stay: Stay,
    /// Its place among those that may be open.
    pub place: OwnedSemaphorePermit,
    /// The clock.
    pub clock: Clock,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// When open sockets have to go because the gateway stops.
#[derive(Clone, Debug)]
pub struct Drain {
    begins: CancellationToken,
    limit: Duration,
}

impl Drain {
    /// What is under way may go on for `limit` after `begins` is cancelled.
    #[must_use]
    pub const fn new(begins: CancellationToken, limit: Duration) -> Self {
        Self { begins, limit }
    }

    /// Ready a little before the limit, so that both ends can still be told.
    async fn ends(&self) {
        self.begins.cancelled().await;
        sleep(self.limit.saturating_sub(FAREWELL)).await;
    }
}

impl Tunnel {
    /// Carries bytes until the socket ends; the caller closes the visitor's connection.
    pub async fn run<S>(self, guard: &mut Guard<S>, drain: &Drain)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Self {
            socket,
            idle,
            stay,
            place,
            clock,
            metrics,
        } = self;
        let open = Open::begin(metrics);
        let mut relay = Relay::new(guard, socket);
        let care = Care { idle, stay, clock };
        let end = care.keep(&mut relay, drain).await;
        let why = match end {
            SocketEnd::Visitor | SocketEnd::Site => None,
            SocketEnd::Session => Some(Why::Policy),
            SocketEnd::Idle | SocketEnd::Drain => Some(Why::GoingAway),
        };
        if timeout(FAREWELL, relay.close(why)).await.is_err() {
            tracing::debug!("one end of a socket took no farewell");
        }
        open.end(end);
        drop(place);
    }
}

/// What an open socket is looked after by.
struct Care {
    idle: Duration,
    stay: Stay,
    clock: Clock,
}

impl Care {
    async fn keep<S>(&self, relay: &mut Relay<'_, S>, drain: &Drain) -> SocketEnd
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stops = pin!(drain.ends());
        let (mut moved, mut moved_at) = (0, self.clock.now().mono);
        loop {
            tokio::select! {
                end = poll_fn(|cx| relay.poll_end(cx)) => return end,
                () = &mut stops => return SocketEnd::Drain,
                _ = looks.tick() => {}
            }
            let now = self.clock.now();
            if self.stay.look(now).is_err() {
                return SocketEnd::Session;
            }
            if moved != relay.moved() {
                (moved, moved_at) = (relay.moved(), now.mono);
            } else if now.mono.saturating_sub(moved_at) >= self.idle {
                return SocketEnd::Idle;
            }
        }
    }
}

/// Counts a socket as open; one whose task is cut counts as ended by the drain.
struct Open {
    metrics: Arc<Metrics>,
    end: SocketEnd,
}

impl Open {
    fn begin(metrics: Arc<Metrics>) -> Self {
        metrics.sockets.opened();
        let end = SocketEnd::Drain;
        Self { metrics, end }
    }

    fn end(mut self, end: SocketEnd) {
        self.end = end;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.sockets.ended(self.end);
    }
}
