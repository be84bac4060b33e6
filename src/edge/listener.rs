//! Accepts connections and keeps them: a cap on their number, a task each, a graceful end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::guard::{Guard, Terms};
use super::serve::{Caller, Door};
use super::sockets::Switch;
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
    /// Connections there may be at once, over all listeners.
    pub places: Arc<Semaphore>,
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
                place = Arc::clone(&self.places).acquire_owned() => place,
                () = self.cancel.cancelled() => return,
            };
            let Ok(place) = place else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.cancel.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let keep = self.clone();
                    self.tracker.spawn(async move {
                        keep.serve(stream, peer).await;
                        drop(place);
                    });
                }
                Err(fault) => {
                    tracing::warn!(%fault, "no connection can be accepted at present");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(fault) = stream.set_nodelay(true) {
            tracing::debug!(%fault, "a connection was gone before it was served");
            return;
        }
        let guard = Guard::new(stream, Arc::clone(&self.terms));
        let activity = guard.activity();
        let switch = Switch::default();
        let caller = Caller {
            peer,
            activity: &activity,
            switch: &switch,
        };
        let service = service_fn(|request| {
            // Pinned, because a connection that is not shut down by hyper must be movable.
            Box::pin(async move {
                let door = self.door.load_full();
                Ok::<_, Infallible>(door.answer(request, caller).await)
            })
        });
        let mut connection = http1::Builder::new()
            .half_close(true)
            .header_read_timeout(None)
            .keep_alive(true)
            .max_buf_size(128 * 1024)
            .serve_connection(TokioIo::new(guard), service);
        let mut cancelled = pin!(self.cancel.cancelled());
        let mut draining = false;
        let ended = loop {
            tokio::select! {
                ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
                () = &mut cancelled, if !draining => {
                    draining = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let parts = connection.into_parts();
        let mut guard = parts.io.into_inner();
        match (ended, switch.take()) {
            (Err(fault), _) => tracing::debug!(%fault, "a connection broke off"),
            // The 101 is written and hyper read nothing beyond the handshake.
            (Ok(()), Some(tunnel)) if parts.read_buf.is_empty() && guard.become_socket() => {
                Box::pin(tunnel.run(&mut guard, &self.drain)).await;
            }
            (Ok(()), _) => {}
        }
        if let Err(fault) = guard.shutdown().await {
            tracing::debug!(%fault, "a connection was gone before its end");
        }
    }
}
