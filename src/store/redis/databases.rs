//! A Redis of the tests' own, and a database of it for each store.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;

use super::Redis;
use super::link::Link;
use super::server::free_port;
use crate::domain::place::Epoch;

/// Databases of the server; stores of one process never use one twice.
const DATABASES: usize = 8_192;

/// Starts a server and waits with it: its input ends when this process does, however it does,
/// and then the server is ended by its number.
const KEEPER: &str = r#"redis-server --port "$0" --bind 127.0.0.1 --databases "$1" \
    --save '' --appendonly no --dir /tmp >/dev/null & cat >/dev/null; kill $!"#;

/// A server with nothing in it, ended when it is dropped.
pub(crate) struct Server {
    port: u16,
    keeper: Child,
}

static SHARED: LazyLock<Server> = LazyLock::new(|| Server::start(DATABASES));

impl Server {
    /// One with so many databases.
    pub(crate) fn start(databases: usize) -> Self {
        let port = free_port();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, &port.to_string(), &databases.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let server = Self {
            port,
            keeper: keeper.unwrap(),
        };
        for _ in 0..4_000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("redis-server does not answer on port {port}");
    }

    /// A connection to one of its databases.
    pub(crate) async fn connection(&self, database: usize) -> MultiplexedConnection {
        let url = format!("redis://127.0.0.1:{}/{database}", self.port);
        let client = redis::Client::open(url).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A connection to an empty database that nobody else uses.
pub(crate) async fn fresh() -> MultiplexedConnection {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < DATABASES, "no database is left");
    SHARED.connection(number).await
}

/// An empty store whose rooms begin in `epoch`.
pub(crate) async fn store(epoch: Epoch) -> Redis {
    Redis::new(Link::new(fresh().await), move || epoch)
}
