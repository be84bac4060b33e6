//! A ticket site that keeps every byte it gets. The last segment of a path says how it answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::wire::position;

/// What only the shop says.
pub const OWN_TEXT: &str = "the shop's own words";

/// The most that is kept of one body.
const KEPT: usize = 1 << 20;

/// One request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// The head, from the first byte of the method to the empty line.
    pub head: String,
    /// The body without chunk framing, up to 1 MiB of it.
    pub body: Vec<u8>,
    /// How long the body was.
    pub length: u64,
    /// Whether the body came to its end.
    pub complete: bool,
    /// Which connection it came on.
    pub connection: usize,
    id: usize,
}

impl Arrived {
    /// The request line without its version.
    pub fn line(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.strip_suffix(" HTTP/1.1").unwrap_or(line)
    }

    /// The target asked for.
    pub fn target(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or_default()
    }

    /// Every value of a header, whatever its case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        fields
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The names of all headers, in lower case.
    pub fn names(&self) -> Vec<String> {
        let fields = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        fields.map(|(name, _)| name.to_ascii_lowercase()).collect()
    }
}

/// The site.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    books: Arc<Books>,
    accepts: JoinHandle<()>,
}

struct Books {
    arrived: Mutex<Vec<Arrived>>,
    connections: AtomicUsize,
    requests: AtomicUsize,
    go: Semaphore,
}

impl Books {
    /// Does something with one request, if it was not forgotten meanwhile.
    fn with<T>(&self, id: usize, act: impl FnOnce(&mut Arrived) -> T) -> Option<T> {
        let mut arrived = self.arrived.lock().unwrap();
        arrived.iter_mut().find(|one| one.id == id).map(act)
    }
}

impl Origin {
    /// Opens on a free port.
    pub async fn open() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    /// Opens at an address.
    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let books = Arc::new(Books {
            arrived: Mutex::default(),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            go: Semaphore::new(0),
        });
        let kept = Arc::clone(&books);
        let accepts = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                connections.spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self {
            address,
            books,
            accepts,
        }
    }

    /// Everything that arrived so far.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.books.arrived.lock().unwrap().clone()
    }

    /// The request lines of everything that arrived, which is then forgotten.
    pub fn lines(&self) -> Vec<String> {
        let arrived = std::mem::take(&mut *self.books.arrived.lock().unwrap());
        arrived.iter().map(|one| one.line().to_owned()).collect()
    }

    /// The one request that arrived, which is then forgotten.
    #[track_caller]
    pub fn only(&self) -> Arrived {
        let mut arrived = std::mem::take(&mut *self.books.arrived.lock().unwrap());
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived.remove(0)
    }

    /// Demands that nothing arrived, for any path.
    #[track_caller]
    pub fn saw_nothing(&self) {
        let arrived = self.arrived();
        assert!(arrived.is_empty(), "{arrived:?}");
    }

    /// How many connections were ever opened to it.
    pub fn connections(&self) -> usize {
        self.books.connections.load(Ordering::SeqCst)
    }

    /// Lets one waiting answer (`slow`, `sse`) go on.
    pub fn go_on(&self) {
        self.books.go.add_permits(1);
    }

    /// Closes shop: nothing listens there and every connection ends.
    pub async fn close(&self) -> SocketAddr {
        self.accepts.abort();
        while !self.accepts.is_finished() {
            tokio::task::yield_now().await;
        }
        self.address
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

struct Shop {
    stream: TcpStream,
    unread: Vec<u8>,
    books: Arc<Books>,
    request: usize,
}

async fn serve(stream: TcpStream, books: Arc<Books>) {
    let connection = books.connections.fetch_add(1, Ordering::SeqCst);
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
            connection,
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
            "huge" => self.huge(asked).await,
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

    async fn say(&mut self, status: &str, fields: &str, body: &[u8]) -> Option<()> {
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

    fn keep(&self, bytes: &[u8]) {
        self.books.with(self.request, |one| {
            one.length += bytes.len() as u64;
            let room = KEPT.saturating_sub(one.body.len()).min(bytes.len());
            one.body.extend_from_slice(&bytes[..room]);
        });
    }
}
