//! One exchange, straight to the site or by one of the ways through the door.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::exchanges::Exchange;
use super::reply::Reply;
use crate::kit::PATIENCE;
use crate::kit::tls::Client;
use crate::kit::wire::position;

/// How requests come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// HTTP/1.1 in the clear, each on a connection of its own.
    Plain,
    /// HTTP/1.1 over TLS, each on a connection of its own.
    Tls,
    /// HTTP/2 over TLS, all on one connection.
    Http2,
}

/// Where requests go in.
pub enum Entrance {
    /// By [`Way::Plain`].
    Plain(SocketAddr),
    /// By [`Way::Tls`].
    Tls(SocketAddr, Client),
    /// By [`Way::Http2`].
    Http2(http2::SendRequest<Full<bytes::Bytes>>),
}

impl Entrance {
    /// A connection of HTTP/2 for many requests.
    pub async fn http2(address: SocketAddr, client: &Client) -> Self {
        let client = client.speaking_http2();
        let stream = client.connect(address, "shop.example").await.unwrap();
        let builder = http2::Builder::new(TokioExecutor::new());
        let (sends, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self::Http2(sends)
    }

    /// Makes an exchange below a prefix, with these lines too.
    pub async fn fetch(&self, exchange: &Exchange, prefix: &str, more: &str) -> Reply {
        let talked = tokio::time::timeout(PATIENCE, async {
            match self {
                Self::Plain(address) => {
                    let stream = TcpStream::connect(address).await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    talk(exchange, stream, &exchange.head(prefix, more)).await
                }
                Self::Tls(address, client) => {
                    let stream = client.connect(*address, "shop.example").await.unwrap();
                    talk(exchange, stream, &exchange.head(prefix, more)).await
                }
                Self::Http2(sends) => {
                    let asked = exchange.request(prefix, more);
                    let answer = sends.clone().send_request(asked).await.unwrap();
                    let (head, body) = answer.into_parts();
                    let body = body.collect().await;
                    let body = body.unwrap_or_else(|fault| panic!("{}: {fault}", exchange.name));
                    let trailers = body.trailers().cloned();
                    Reply::of_stream(&head, &body.to_bytes(), trailers.as_ref())
                }
            }
        });
        let talked = talked.await;
        talked.unwrap_or_else(|_| panic!("{}: no end", exchange.name))
    }
}

/// Sends the request and reads until the other side closes, which over TLS it has to say.
async fn talk<S: AsyncRead + AsyncWrite>(exchange: &Exchange, stream: S, head: &str) -> Reply {
    let (mut reads, mut writes) = tokio::io::split(stream);
    writes.write_all(head.as_bytes()).await.unwrap();
    writes.flush().await.unwrap();
    let mut heard = Vec::new();
    if exchange.waits() {
        while position(&heard, b"\r\n\r\n").is_none() {
            let more = reads.read_buf(&mut heard).await.unwrap();
            assert!(more > 0, "{}", exchange.name);
        }
    }
    let sending = async {
        // Who refuses may close before it has read all.
        if writes.write_all(&exchange.framed()).await.is_ok() {
            let _ = writes.flush().await;
        }
    };
    let reading = reads.read_to_end(&mut heard);
    let ((), read) = tokio::join!(sending, reading);
    read.unwrap_or_else(|fault| {
        panic!("{head} {fault} after {:?}", String::from_utf8_lossy(&heard))
    });
    Reply::of(&heard, exchange)
}
