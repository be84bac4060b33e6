//! A site that does with each stream what a test says.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes as Data;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::origin::testing::{bare, origin_of, outside, site_settings};
use crate::origin::{Address, Origin, Protocol, Scheme, Settings};

/// One stream as the site sees it.
pub(super) struct Played {
    pub(super) request: Request<RecvStream>,
    pub(super) reply: SendResponse<Data>,
}

pub(super) struct Stage {
    address: SocketAddr,
    streams: Arc<AtomicUsize>,
    _open: AbortOnDropHandle<()>,
}

impl Stage {
    pub(super) async fn doing<F, T>(play: F) -> Self
    where
        F: Fn(Played) -> T + Clone + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let streams = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&streams);
        let open = tokio::spawn(async move {
            let mut calls = tokio::task::JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (play, count) = (play.clone(), Arc::clone(&count));
                calls.spawn(async move {
                    let mut connection = h2::server::handshake(tcp).await.unwrap();
                    let mut plays = tokio::task::JoinSet::new();
                    while let Some(Ok((request, reply))) = connection.accept().await {
                        count.fetch_add(1, Ordering::SeqCst);
                        plays.spawn(play(Played { request, reply }));
                    }
                });
            }
        });
        Self {
            address,
            streams,
            _open: AbortOnDropHandle::new(open),
        }
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::SeqCst)
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            origins: vec![Address {
                host: self.address.ip().to_string(),
                port: self.address.port(),
                scheme: Scheme::Http,
            }],
            protocol: Protocol::Http2Plain,
            ..site_settings()
        }
    }

    pub(super) fn origin(&self) -> Origin {
        origin_of(vec![self.settings()])
    }

    /// The way to this site, on which one HEAD was sent: what breaks now may go out again.
    pub(super) async fn warm(&self) -> Origin {
        let origin = self.origin();
        origin.forward(bare("HEAD"), outside("/")).await.unwrap();
        origin
    }
}

pub(super) fn head(status: u16) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(status).unwrap();
    head
}

impl Played {
    /// Answers a HEAD.
    pub(super) fn warms_up(&mut self) -> bool {
        let is_head = self.request.method() == http::Method::HEAD;
        if is_head {
            self.reply.send_response(head(200), true).unwrap();
        }
        is_head
    }

    pub(super) fn path(&self) -> &str {
        self.request.uri().path()
    }

    pub(super) fn hints(&mut self, status: u16, link: &str) {
        let mut hints = head(status);
        let headers = hints.headers_mut();
        headers.insert("link", link.parse().unwrap());
        headers.insert("set-cookie", "anteroom-a-x=1".parse().unwrap());
        let _ = self.reply.send_informational(hints);
    }

    pub(super) fn answers(&mut self, text: &'static str) {
        let mut sends = self.reply.send_response(head(200), false).unwrap();
        sends
            .send_data(Data::from_static(text.as_bytes()), true)
            .unwrap();
    }

    /// How long the request's body is, all of which it takes.
    pub(super) async fn length(&mut self) -> usize {
        let mut length = 0;
        let body = self.request.body_mut();
        while let Some(Ok(data)) = body.data().await {
            length += data.len();
            body.flow_control().release_capacity(data.len()).unwrap();
        }
        length
    }

    /// Waits until the stream is reset, and says with what word.
    pub(super) async fn is_reset(&mut self) -> h2::Reason {
        let reset = std::future::poll_fn(|cx| self.reply.poll_reset(cx)).await;
        reset.unwrap()
    }
}
