//! A ticket site that keeps every byte it gets. The last segment of a path says how it answers.

mod shop;
mod socket;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

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
                connections.spawn(shop::serve(stream, Arc::clone(&kept)));
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
