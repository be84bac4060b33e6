//! Accepts connections and keeps them: a cap on their number, a task each, a graceful end.
//!
//! On its way to the first request a connection passes `proxied` (whose it is, where a load
//! balancer says so), `tls` (on an encrypted listener), then `connection` in the protocol it speaks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::capacity::{Capacity, Space};
use super::connection;
use super::guard::{Terms, limit_silence, limit_unsent};
use super::networks::Guest;
use super::proxied;
use super::respond::speak_tls;
use super::serve::{Door, Peer};
use super::tls::Broken;
use super::tunnel::Drain;
use crate::telemetry::connections::Protocol;
use crate::telemetry::tls::Shaken;

/// How long accepting rests when the machine has no more file descriptors or memory.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// The most connections that are taken after the end: as many as a kernel keeps waiting.
const MOST_LATE: u32 = 4_096;

/// How often that is said in the log.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Whether accepting failed for one connection alone (accept(2): errors of the new socket's network
/// are reported too), and not for want of anything.
const fn is_of_one(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::PermissionDenied
    )
}

/// What is spoken under HTTP on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Nothing.
    Plain,
    /// TLS.
    Tls,
}

/// What a listener works by.
#[derive(Clone)]
pub struct Listening {
    /// Answers requests, by the policies in force.
    pub door: Arc<ArcSwap<Door>>,
    /// What the guard of each connection keeps to.
    pub terms: Arc<Terms>,
    /// Handshakes that may be worked on at once, over all listeners.
    pub handshakes: Arc<Semaphore>,
    /// Room for connections, over all listeners.
    pub capacity: Arc<Capacity>,
    /// Every connection's task.
    pub tracker: TaskTracker,
    /// Asks for the end: each connection is told with its next answer. New ones are still taken.
    pub leaving: CancellationToken,
    /// Ends accepting, and every connection after its present answer.
    pub cancel: CancellationToken,
    /// Ends open sockets.
    pub drain: Drain,
}

impl Listening {
    /// Accepts until cancelled. It cannot fail: what the machine refuses now is tried again.
    pub async fn accept(self, listener: TcpListener, layer: Layer) {
        let (mut told, mut late) = (None, 0);
        while late < MOST_LATE {
            // What the kernel has taken already is not left to it.
            let accepted = tokio::select! {
                biased;
                accepted = listener.accept() => accepted,
                () = self.cancel.cancelled() => return,
            };
            if self.cancel.is_cancelled() {
                late += 1;
                // So that what comes next is seen, however many came at once.
                tokio::task::yield_now().await;
            }
            match accepted {
                Ok((stream, peer)) => {
                    let place = tokio::select! {
                        biased;
                        place = self.capacity.place() => place,
                        () = self.cancel.cancelled() => return,
                    };
                    let keep = self.clone();
                    self.tracker.spawn(async move {
                        keep.serve(stream, peer, layer).await;
                        drop(place);
                    });
                }
                Err(fault) if is_of_one(fault.kind()) => {
                    tracing::debug!(%fault, "a connection was gone before it was accepted");
                }
                Err(fault) => {
                    self.tell(&fault, &mut told);
                    self.capacity.relieve();
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// Says that nothing can be accepted, now and then while that lasts.
    fn tell(&self, fault: &io::Error, told: &mut Option<Duration>) {
        let now = self.door.load().clock.now().mono;
        if told.is_none_or(|told| now.saturating_sub(told) >= TOLD_EVERY) {
            *told = Some(now);
            tracing::warn!(%fault, "no connection can be accepted at present");
        }
    }

    /// Counts a connection for its network, unless a trusted proxy brings many visitors on it.
    fn welcome(&self, address: SocketAddr) -> Option<Option<Guest>> {
        if self.door.load().gate.proxies.trusts(address.ip()) {
            return Some(None);
        }
        self.capacity.welcome(address.ip()).map(Some)
    }

    async fn serve(&self, mut stream: TcpStream, peer: SocketAddr, layer: Layer) {
        if let Err(fault) = self.set_up(&stream) {
            tracing::debug!(%fault, "a connection was gone before it was served");
            return;
        }
        // Boxed where they begin: a connection that waits keeps none of this.
        let Some(address) = Box::pin(self.visitor(&mut stream, peer)).await else {
            return;
        };
        let Some(_guest) = self.welcome(address) else {
            return;
        };
        // It makes way until it has asked something.
        let space = self.capacity.park();
        match layer {
            Layer::Plain => {
                connection::http1::serve(self, stream, Peer::plain(address), space).await;
            }
            Layer::Tls => Box::pin(self.encrypted(stream, address, space)).await,
        }
    }

    /// Sets a connection's socket up. A visitor whose kernel takes nothing of what was written is
    /// gone after the same time whether the gateway waits for that, takes the connection for idle,
    /// or has closed it.
    fn set_up(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        limit_unsent(stream)?;
        limit_silence(stream, self.terms.deadlines.write_stall)
    }

    /// Whose connection this is; `None` where a proxy that must say so does not.
    async fn visitor(&self, stream: &mut TcpStream, peer: SocketAddr) -> Option<SocketAddr> {
        let door = self.door.load_full();
        let (visitor, announced) = proxied::visitor(stream, peer, &door.announcers).await;
        if let Some(announced) = announced {
            door.metrics.tls.announced(announced);
        }
        if visitor.is_none() {
            tracing::debug!(?announced, "a proxy did not say whose connection this is");
        }
        visitor
    }

    async fn encrypted(&self, stream: TcpStream, address: SocketAddr, mut space: Space) {
        let door = self.door.load_full();
        let Some(tls) = door.tls.as_ref().map(Arc::clone) else {
            return;
        };
        let words = || speak_tls(door.clock.now().wall);
        let shaken = tokio::select! {
            biased;
            shaken = Box::pin(tls.shake(stream, &self.handshakes, words)) => shaken,
            () = space.given_up() => Err(Broken::Refused),
        };
        let metrics = &door.metrics.tls;
        let shake = match shaken {
            Ok(shake) => shake,
            Err(broken) => {
                metrics.shaken(broken.outcome());
                tracing::debug!(%broken, "a handshake did not come to its end");
                return;
            }
        };
        metrics.shaken(Shaken::Done);
        metrics.speaks(shake.version);
        drop((door, tls));
        let peer = Peer {
            address,
            tls: Some(shake.tls),
        };
        match shake.speaks {
            Protocol::Http1 => connection::http1::serve(self, shake.stream, peer, space).await,
            Protocol::Http2 => connection::http2::serve(self, shake.stream, peer, space).await,
        }
    }
}
