//! One connection of the ticket site: reads requests strictly, answers in the manner asked for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Arrived, Books, KEPT, OWN_TEXT};
use crate::kit::wire::position;

pub(super) struct Shop {
    pub(super) stream: TcpStream,
    pub(super) unread: Vec<u8>,
    books: Arc<Books>,
    request: usize,
}

/// One event, as a chunk.
const CHUNK: &str = "9\r\ndata: x\n\n\r\n";

/// The header lines that a query asks for: `?session=hold=60&stock=5` makes two of ours.
pub(super) fn words(target: &str) -> String {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| format!("Anteroom-{name}: {value}\r\n"))
        .collect()
}

/// Serves one connection until it ends.
pub(super) async fn serve(stream: TcpStream, books: Arc<Books>) {
    books.connections.fetch_add(1, Ordering::SeqCst);
    let mut shop = Shop {
        stream,
        unread: Vec::new(),
        books,
        request: 0,
    };
    while let Some(head) = shop.head().await {
        shop.request = shop.books.requests.fetch_add(1, Ordering::SeqCst);
        let one = Arrived {
            head,
            id: shop.request,
            ..Arrived::default()
        };
        shop.books.arrived.lock().unwrap().push(one.clone());
        if shop.answer(&one).await.is_none() {
            return;
        }
    }
}

impl Shop {
    async fn fill(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.unread).await;
        read.is_ok_and(|count| count > 0).then_some(())
    }

    async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = position(&self.unread, b"\r\n\r\n") {
                let rest = self.unread.split_off(end + 4);
                let head = std::mem::replace(&mut self.unread, rest);
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            self.fill().await?;
        }
    }

    /// Answers; `None` when the connection ends with it.
    async fn answer(&mut self, asked: &Arrived) -> Option<()> {
        let path = asked.target().split('?').next().unwrap_or_default();
        let manner = path.rsplit('/').next().unwrap_or_default();
        if manner == "hangup" {
            return None;
        }
        if manner == "early" {
            self.say("403 Forbidden", "", b"no").await?;
            return None;
        }
        self.body(asked).await?;
        self.books.with(self.request, |one| one.complete = true);
        match manner {
            "echo" => {
                let body = self.books.with(self.request, |one| one.body.clone())?;
                self.say("200 OK", "", &body).await
            }
            "slow" => {
                self.wait().await;
                self.say("200 OK", "", OWN_TEXT.as_bytes()).await
            }
            "sse" => self.events().await,
            "live" => self.live(asked).await,
            "socket" => self.socket(asked).await,
            "huge" => self.huge(asked).await,
            "says" => {
                let fields = words(asked.target());
                let page = format!("{OWN_TEXT:<1024}");
                self.say("200 OK", &fields, page.as_bytes()).await
            }
            "public" => {
                let words = "cache-control: public, s-maxage=600\r\nset-cookie: basket=7\r\n";
                self.say("200 OK", words, OWN_TEXT.as_bytes()).await
            }
            _ if asked.line().starts_with("HEAD ") => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 1024\r\n\r\n";
                self.stream.write_all(head.as_bytes()).await.ok()
            }
            _ => {
                let page = format!("{OWN_TEXT:<1024}");
                self.say("200 OK", "", page.as_bytes()).await
            }
        }
    }

    pub(super) async fn say(&mut self, status: &str, fields: &str, body: &[u8]) -> Option<()> {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n");
        let whole = [head.as_bytes(), body].concat();
        self.stream.write_all(&whole).await.ok()
    }

    async fn wait(&self) {
        self.books.go.acquire().await.unwrap().forget();
    }

    async fn events(&mut self) -> Option<()> {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes()).await.ok()?;
        self.stream
            .write_all(b"b\r\ndata: one\n\n\r\n")
            .await
            .ok()?;
        self.wait().await;
        self.stream
            .write_all(b"b\r\ndata: two\n\n\r\n0\r\n\r\n")
            .await
            .ok()
    }

    /// A line every tenth of a second for as long as anybody takes them. The query says of what
    /// type they are; behind an `&`, `gzip` names a coding and `length` says how much there will be.
    async fn live(&mut self, asked: &Arrived) -> Option<()> {
        let (_, query) = asked.target().split_once('?')?;
        let (kind, manner) = query.split_once('&').unwrap_or((query, ""));
        let (line, fields) = match manner {
            "length" => ("data: x\n\n", "content-length: 1000000"),
            "gzip" => (
                CHUNK,
                "transfer-encoding: chunked\r\ncontent-encoding: gzip",
            ),
            _ => (CHUNK, "transfer-encoding: chunked"),
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{fields}\r\n\r\n");
        self.stream.write_all(head.as_bytes()).await.ok()?;
        loop {
            self.stream.write_all(line.as_bytes()).await.ok()?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn huge(&mut self, asked: &Arrived) -> Option<()> {
        let (_, length) = asked.target().split_once('?')?;
        let mut left: usize = length.parse().ok()?;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {left}\r\n\r\n");
        self.stream.write_all(head.as_bytes()).await.ok()?;
        let block = vec![b'x'; 64 << 10];
        while left > 0 {
            let part = left.min(block.len());
            self.stream.write_all(&block[..part]).await.ok()?;
            left -= part;
        }
        Some(())
    }

    /// Reads the body to its end, strictly: what is framed oddly ends the connection.
    async fn body(&mut self, asked: &Arrived) -> Option<()> {
        let (length, coding) = (asked.all("content-length"), asked.all("transfer-encoding"));
        match (length.as_slice(), coding.as_slice()) {
            ([], []) => Some(()),
            ([length], []) => self.take(length.parse().ok()?).await,
            ([], ["chunked"]) => loop {
                let size = self.line().await?;
                let size = u64::from_str_radix(&size, 16).ok()?;
                self.take(size).await?;
                let end = self.line().await?;
                if !end.is_empty() {
                    return None;
                }
                if size == 0 {
                    return Some(());
                }
            },
            _ => None,
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = position(&self.unread, b"\r\n") {
                let rest = self.unread.split_off(end + 2);
                let line = std::mem::replace(&mut self.unread, rest);
                return String::from_utf8(line[..end].to_vec()).ok();
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, mut left: u64) -> Option<()> {
        while left > 0 {
            if self.unread.is_empty() {
                self.fill().await?;
            }
            let part = usize::try_from(left).unwrap().min(self.unread.len());
            let rest = self.unread.split_off(part);
            let bytes = std::mem::replace(&mut self.unread, rest);
            left -= part as u64;
            self.keep(&bytes);
        }
        Some(())
    }

    pub(super) fn keep(&self, bytes: &[u8]) {
        self.books.with(self.request, |one| {
            one.length += bytes.len() as u64;
            let room = KEPT.saturating_sub(one.body.len()).min(bytes.len());
            one.body.extend_from_slice(&bytes[..room]);
        });
    }
}
