//! HTTP/1.1 on one connection: the guard under hyper, and the socket that it may become.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::edge::body::SentBody;
use crate::edge::guard::Guard;
use crate::edge::listener::Listening;
use crate::edge::serve::{Caller, Peer};
use crate::edge::sockets::Switch;
use crate::telemetry::connections::Protocol;

use super::counted::Counted;

/// Answers the requests of a connection nothing has been read from, until either side ends it.
pub(in crate::edge) async fn serve<S>(of: &Listening, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let metrics = Arc::clone(&of.door.load().metrics);
    let _counted = Counted::open(metrics, Protocol::Http1);
    let guard = Guard::new(stream, Arc::clone(&of.terms));
    let activity = guard.activity();
    let switch = Switch::default();
    let caller = Caller {
        peer: &peer,
        activity: &activity,
        switch: &switch,
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
            Box::pin(tunnel.run(&mut guard, &of.drain)).await;
        }
        (Ok(()), _) => {}
    }
    if let Err(fault) = guard.shutdown().await {
        tracing::debug!(%fault, "a connection was gone before its end");
    }
}
