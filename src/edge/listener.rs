//! Accepts connections and keeps them: a cap on their number, a task each, a graceful end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::capacity::{Capacity, Guest};
use super::connection;
use super::guard::Terms;
use super::serve::Door;
use super::tunnel::Drain;

/// How long accepting rests when the machine has no more file descriptors or memory.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// What a listener works by.
#[derive(Clone)]
pub struct Listening {
    /// Answers requests, by the policies in force.
    pub door: Arc<ArcSwap<Door>>,
    /// What the guard of each connection keeps to.
    pub terms: Arc<Terms>,
    /// Room for connections, over all listeners.
    pub capacity: Arc<Capacity>,
    /// Every connection's task.
    pub tracker: TaskTracker,
    /// Ends accepting, and every connection after its present answer.
    pub cancel: CancellationToken,
    /// Ends open sockets.
    pub drain: Drain,
}

impl Listening {
    /// Accepts until cancelled. It cannot fail: what the machine refuses now is tried again.
    pub async fn accept(self, listener: TcpListener) {
        loop {
            let place = tokio::select! {
                place = self.capacity.place() => place,
                () = self.cancel.cancelled() => return,
            };
            let Some(place) = place else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.cancel.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let keep = self.clone();
                    self.tracker.spawn(async move {
                        let Some(_guest) = keep.welcome(peer) else {
                            return;
                        };
                        keep.serve(stream, peer).await;
                        drop(place);
                    });
                }
                Err(fault) => {
                    tracing::warn!(%fault, "no connection can be accepted at present");
                    self.capacity.relieve();
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// Counts a connection for its network, unless a trusted proxy brings many visitors on it.
    fn welcome(&self, peer: SocketAddr) -> Option<Option<Guest>> {
        if self.door.load().gate.proxies.trusts(peer.ip()) {
            return Some(None);
        }
        self.capacity.welcome(peer.ip()).map(Some)
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(fault) = stream.set_nodelay(true) {
            tracing::debug!(%fault, "a connection was gone before it was served");
            return;
        }
        connection::http1::serve(self, stream, peer).await;
    }
}
