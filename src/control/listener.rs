//! The control listener: connections with limits and deadlines, and an orderly stop.

use std::io;
use std::net::SocketAddr;
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
use super::auth::Credential;
use super::host::HostRule;
use super::routes::{Peer, ROUTES, Route, router};

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

/// Why the control API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener does not know where it is bound.
    #[error("the control listener has no local address")]
    Address(#[source] io::Error),
    /// Bound beyond loopback, and nobody would need a token.
    #[error(
        "the control listener is bound to {0}, beyond loopback, and no control token is configured: make one with `anteroom token new --role admin`, or bind it to 127.0.0.1"
    )]
    Unguarded(SocketAddr),
}

/// Serves the control API on `listener` until `stop` is cancelled and what was under way then is
/// answered or given up. Faults of single connections end nothing.
///
/// # Errors
/// [`ServeError`], before anything is served.
pub async fn serve(
    listener: TcpListener,
    control: Control,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Address)?;
    let hosts = guarded(address, control.in_force.load().door.tokens())?;
    let api = Arc::new(Api::new(control, hosts));
    converse_with_all(listener, router(&api, ROUTES), stop).await;
    api.finish().await;
    Ok(())
}

/// Serves `/livez` and `/readyz`, and `/metrics` if `shown` says so, without a token to whoever
/// can reach `listener`, until `stop` is cancelled.
pub async fn serve_health(
    listener: TcpListener,
    control: Control,
    shown: &'static [Route],
    stop: CancellationToken,
) {
    let router = router(&Arc::new(Api::new(control, HostRule::Any)), shown);
    converse_with_all(listener, router, stop).await;
}

async fn converse_with_all(listener: TcpListener, router: Router, stop: CancellationToken) {
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
}

/// Which hosts a listener at `address` answers to.
///
/// # Errors
/// When it can be reached from elsewhere and there is no token.
pub fn guarded(address: SocketAddr, tokens: &[Credential]) -> Result<HostRule, ServeError> {
    match HostRule::of(address) {
        HostRule::Any if tokens.is_empty() => Err(ServeError::Unguarded(address)),
        rule => Ok(rule),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::auth::Role;

    #[test]
    fn beyond_loopback_there_must_be_a_token_c1() {
        let at = |address: &str| address.parse::<SocketAddr>().unwrap();
        let one = [Credential::of("ann", Role::Admin, "secret")];
        assert_eq!(guarded(at("127.0.0.1:1"), &[]).unwrap(), HostRule::Loopback);
        assert_eq!(guarded(at("0.0.0.0:1"), &one).unwrap(), HostRule::Any);
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let refused = guarded(at(address), &[]).unwrap_err().to_string();
            assert!(refused.contains("anteroom token new"), "{refused}");
        }
    }
}
