//! The control listener: connections with limits and deadlines, and an orderly stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Control;
use super::api::Api;
use super::host::HostRule;
use super::routes::{Peer, router};

/// Connections served at once; more wait in the listener's backlog.
const MOST_CONNECTIONS: usize = 256;

/// How long the head of a request may take, and how long a connection may lie idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// After this time a connection is closed when its request is answered.
const CONNECTION_LIFE: Duration = Duration::from_mins(1);

/// How long a connection may take to finish once it was told to, e.g. against a slow reader.
const FAREWELL: Duration = Duration::from_secs(10);

/// The most bytes of a request's head.
const MOST_HEAD: usize = 64 * 1024;

/// Serves the control API on `listener` until `stop` is cancelled and what was under way then is
/// answered or given up.
///
/// # Errors
/// When the listener has no local address. Faults of single connections end nothing.
pub async fn serve(
    listener: TcpListener,
    control: Control,
    stop: CancellationToken,
) -> io::Result<()> {
    let hosts = HostRule::of(listener.local_addr()?);
    let router = router(&Arc::new(Api::new(control, hosts)));
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let tasks = TaskTracker::new();
    while let Some(Ok(slot)) = stop
        .run_until_cancelled(Arc::clone(&slots).acquire_owned())
        .await
    {
        let Some((stream, peer)) = stop.run_until_cancelled(accept(&listener)).await else {
            break;
        };
        let (router, stop) = (router.clone(), stop.clone());
        tasks.spawn(async move {
            converse(stream, Peer(peer), router, stop).await;
            drop(slot);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// The next connection. A fault, such as no file descriptor left, is waited out.
async fn accept(listener: &TcpListener) -> (TcpStream, std::net::IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "the control listener could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one connection; every wait in it ends.
async fn converse(stream: TcpStream, peer: Peer, router: Router, stop: CancellationToken) {
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return note(ended),
        () = stop.cancelled() => {}
        () = tokio::time::sleep(CONNECTION_LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    if let Ok(ended) = tokio::time::timeout(FAREWELL, connection).await {
        note(ended);
    }
}

fn note(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a control connection ended early");
    }
}
