//! The part of the site that a program answers: raw bytes for what no server would send on
//! purpose, and uploads, event streams, long polls and sockets.

use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::answers;
use crate::fuzzed::reference::{Request, read};
use crate::kit::wire::position;

/// The program.
pub struct Script {
    /// Where it listens.
    pub address: SocketAddr,
    accepts: JoinHandle<()>,
}

impl Script {
    /// Opens on a free port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepts = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    Talk {
                        stream,
                        unread: Vec::new(),
                    }
                    .goes_on()
                    .await
                });
            }
        });
        Self { address, accepts }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

struct Talk {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Talk {
    async fn goes_on(&mut self) -> Option<()> {
        loop {
            let request = self.request().await?;
            self.unread.drain(..request.end);
            let says = |name: &str, value: &[u8]| {
                request
                    .fields
                    .iter()
                    .any(|(key, said)| key == name && said == value)
            };
            self.answer(&request).await?;
            if says("connection", b"close") {
                return self.stream.shutdown().await.ok();
            }
        }
    }

    async fn request(&mut self) -> Option<Request> {
        let mut told = false;
        loop {
            if self.is_whole()
                && let Some(request) = read(&self.unread).requests.into_iter().next()
            {
                return Some(request);
            }
            let head = String::from_utf8_lossy(&self.unread[..self.unread.len().min(4_096)])
                .to_ascii_lowercase();
            if !told && head.contains("\r\n\r\n") && head.contains("\r\nexpect: 100-continue") {
                told = true;
                self.stream
                    .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                    .await
                    .ok()?;
            }
            if self.stream.read_buf(&mut self.unread).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Whether it is worth to look: bodies are megabytes long.
    fn is_whole(&self) -> bool {
        let Some(head) = position(&self.unread, b"\r\n\r\n") else {
            return false;
        };
        let text = String::from_utf8_lossy(&self.unread[..head]).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        match length {
            Some(length) => self.unread.len() - head - 4 >= length,
            None => !text.contains("transfer-encoding") || self.unread.ends_with(b"0\r\n\r\n"),
        }
    }

    async fn say(&mut self, bytes: impl AsRef<[u8]>) -> Option<()> {
        self.stream.write_all(bytes.as_ref()).await.ok()
    }

    async fn answer(&mut self, request: &Request) -> Option<()> {
        let name = request.target.rsplit('/').next().unwrap_or_default();
        match name.split('?').next().unwrap_or_default() {
            "upload" => {
                let Request { method, body, .. } = request;
                let hash = STANDARD.encode(digest(&SHA256, body));
                self.text(&format!("{method} {} {hash}", body.len())).await
            }
            "cookies" => {
                let lines = request.fields.iter().filter(|(name, _)| name == "cookie");
                let lines: Vec<_> = lines
                    .map(|(_, value)| String::from_utf8_lossy(value))
                    .collect();
                // As long as what HTTP/2 makes of them, one line.
                self.text(&lines.join("\n ")).await
            }
            "poll" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                self.text("news").await
            }
            "events" => self.events().await,
            "socket" => self.socket(request).await,
            name => {
                let (bytes, closes) = answers::raw(name, &request.method);
                self.say(&bytes).await?;
                if closes {
                    let _ = self.stream.shutdown().await;
                    return None;
                }
                Some(())
            }
        }
    }

    async fn text(&mut self, text: &str) -> Option<()> {
        let length = text.len();
        self.say(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n{text}"
        ))
        .await
    }

    async fn events(&mut self) -> Option<()> {
        self.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n").await?;
        for number in 0..4 {
            let event = format!("id: {number}\ndata: seats {number}\n\n");
            self.say(format!("{:x}\r\n{event}\r\n", event.len()))
                .await?;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        self.say("0\r\n\r\n").await
    }

    /// Says back what it hears until it hears `bye`.
    async fn socket(&mut self, request: &Request) -> Option<()> {
        let key = request
            .fields
            .iter()
            .find(|(name, _)| name == "sec-websocket-key");
        let Some((_, key)) = key.filter(|_| !request.target.ends_with("?closed")) else {
            self.say("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")
                .await?;
            let _ = self.stream.shutdown().await;
            return None;
        };
        let key = format!(
            "{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
            String::from_utf8_lossy(key)
        );
        let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes()));
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\nsec-websocket-protocol: seats\r\nset-cookie: s=1\r\n\r\n"
        );
        self.say(head).await?;
        loop {
            let heard = std::mem::take(&mut self.unread);
            self.say(&heard).await?;
            if position(&heard, b"bye").is_some() {
                let _ = self.stream.shutdown().await;
                return None;
            }
            if self.stream.read_buf(&mut self.unread).await.ok()? == 0 {
                return None;
            }
        }
    }
}
