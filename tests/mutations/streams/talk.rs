//! One connection of HTTP/2 whose frames are written by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::kit::PATIENCE;
use crate::kit::frames::{END_HEADERS, END_STREAM, Frame, GREETING, field, frame, kinds};
use crate::kit::tls::Client;

/// What came back on one stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The status code, if there is an answer.
    pub status: Option<u16>,
    /// What its DATA frames hold.
    pub data: Vec<u8>,
    /// Whether it is over, well or not.
    has_ended: bool,
}

/// What came back for one case.
#[derive(Clone, Debug)]
pub struct Seen {
    /// On the stream of the shape.
    pub answer: Stream,
    /// Whether that stream ended, by itself or with its connection.
    pub has_ended: bool,
    /// On the stream of the marker.
    pub marker: Stream,
    /// How many connections it took.
    pub connections: usize,
}

impl Seen {
    /// The answer's body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer.data).into_owned()
    }
}

/// A connection.
pub struct Talk {
    stream: TlsStream<TcpStream>,
    unread: Vec<u8>,
    streams: BTreeMap<u32, Stream>,
    is_over: bool,
}

impl Talk {
    /// The stream of the marker, beyond all that shapes name.
    pub const MARKER: u32 = 9;

    /// Connects, and asks that no table be kept for it.
    pub async fn open(client: &Client, address: SocketAddr) -> Self {
        let client = client.speaking_http2();
        let stream = client.connect(address, "shop.example").await.unwrap();
        let mut talk = Self {
            stream,
            unread: Vec::new(),
            streams: BTreeMap::new(),
            is_over: false,
        };
        let no_table = frame(kinds::SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]);
        talk.send(&[GREETING, &no_table].concat()).await;
        talk
    }

    /// A clear request whose body is its path.
    pub fn marker(path: &str) -> Vec<u8> {
        let block = [
            field(":method", "POST"),
            field(":scheme", "https"),
            field(":authority", "shop.example"),
            field(":path", path),
        ];
        let head = frame(kinds::HEADERS, END_HEADERS, Self::MARKER, &block.concat());
        let body = frame(kinds::DATA, END_STREAM, Self::MARKER, path.as_bytes());
        [head, body].concat()
    }

    /// Sends bytes, which a gateway that has closed does not take.
    pub async fn send(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_ok() {
            let _ = self.stream.flush().await;
        }
    }

    /// Reads until this stream is over, or the connection.
    pub async fn hears(&mut self, stream: u32) {
        while !self.is_over && !self.streams.entry(stream).or_default().has_ended {
            if let Some(frame) = Frame::take(&mut self.unread) {
                self.note(&frame);
                continue;
            }
            let more = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.unread));
            match more.await {
                Ok(Ok(1..)) => {}
                Ok(_) => self.is_over = true,
                // Nothing is said any more: the stream is left as it is.
                Err(_) => return,
            }
        }
    }

    fn note(&mut self, frame: &Frame) {
        let stream = self.streams.entry(frame.stream).or_default();
        match frame.kind {
            kinds::HEADERS => match stream.status {
                None | Some(100..=199) => stream.status = Some(frame.status()),
                Some(_) => {}
            },
            kinds::DATA => stream.data.extend_from_slice(&frame.payload),
            kinds::RST_STREAM => stream.has_ended = true,
            _ => return,
        }
        stream.has_ended |= frame.kind != kinds::RST_STREAM && frame.flags & END_STREAM != 0;
    }

    /// What came back.
    pub fn seen(mut self, shape: u32) -> Seen {
        let answer = self.streams.remove(&shape).unwrap_or_default();
        let marker = self.streams.remove(&Self::MARKER).unwrap_or_default();
        Seen {
            has_ended: answer.has_ended || self.is_over,
            answer,
            marker,
            connections: 1,
        }
    }
}
