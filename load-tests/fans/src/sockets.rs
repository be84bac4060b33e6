//! The fans' connections: kept for a while, and never more than allowed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::plan::Sockets;

/// A connection and its right to be open.
#[derive(Debug)]
pub struct Line {
    /// The connection.
    pub stream: TcpStream,
    /// Where it leads.
    pub to: SocketAddr,
    /// Whether it has carried a request before.
    pub kept: bool,
    _slot: OwnedSemaphorePermit,
}

/// All connections of all fans.
#[derive(Debug)]
pub struct Shelf {
    clock: Clock,
    keep: Duration,
    addresses: u32,
    slots: Arc<Semaphore>,
    held_back: Cell<u64>,
    idle: RefCell<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// By when it was put here, so that the oldest goes first.
    lines: BTreeMap<(Duration, u32), Line>,
    since: HashMap<u32, Duration>,
}

impl Shelf {
    /// An empty one.
    #[must_use]
    pub fn new(sockets: &Sockets, clock: Clock) -> Rc<Self> {
        Rc::new(Self {
            clock,
            keep: Duration::from_secs_f64(sockets.keep_s.max(0.0)),
            addresses: sockets.addresses,
            slots: Arc::new(Semaphore::new(sockets.most.max(1) as usize)),
            held_back: Cell::new(0),
            idle: RefCell::default(),
        })
    }

    /// The connection that `fan` kept to `to`, if it is still there.
    pub fn kept(&self, fan: u32, to: SocketAddr) -> Option<Line> {
        let line = self.idle.borrow_mut().take(fan)?;
        let quiet = line.stream.try_read(&mut [0]);
        let open = quiet.is_err_and(|fault| fault.kind() == std::io::ErrorKind::WouldBlock);
        (open && line.to == to).then_some(Line { kept: true, ..line })
    }

    /// A new connection of `fan`. Where as many are open as may be, the one unused for longest
    /// is given up, or else this waits for one to end.
    ///
    /// # Errors
    /// What keeps the system from connecting.
    pub async fn open(&self, fan: u32, to: SocketAddr) -> std::io::Result<Line> {
        if self.slots.available_permits() == 0 {
            self.idle.borrow_mut().lines.pop_first();
        }
        if self.slots.available_permits() == 0 {
            self.held_back.set(self.held_back.get() + 1);
        }
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(std::io::Error::other)?;
        let socket = TcpSocket::new_v4()?;
        if let Some(from) = source(fan, self.addresses) {
            socket.bind(SocketAddr::from((from, 0)))?;
        }
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Line {
            stream,
            to,
            kept: false,
            _slot: slot,
        })
    }

    /// How often a fan had to wait for a connection because too many were under way.
    pub fn held_back(&self) -> u64 {
        self.held_back.get()
    }

    /// Keeps a connection for the fan's next request, and ends those kept for too long. Where as
    /// many are open as may be, the oldest makes room for whoever waits in [`open`](Self::open).
    pub fn keep(&self, fan: u32, line: Line) {
        let now = self.clock.now();
        let mut idle = self.idle.borrow_mut();
        if !self.keep.is_zero() {
            idle.put(fan, now, line);
        }
        if self.slots.available_permits() == 0 {
            idle.lines.pop_first();
        }
        while idle.oldest().is_some_and(|since| since + self.keep < now) {
            idle.lines.pop_first();
        }
    }
}

impl Idle {
    fn take(&mut self, fan: u32) -> Option<Line> {
        let since = self.since.remove(&fan)?;
        self.lines.remove(&(since, fan))
    }

    fn put(&mut self, fan: u32, now: Duration, line: Line) {
        self.since.insert(fan, now);
        self.lines.insert((now, fan), line);
    }

    fn oldest(&self) -> Option<Duration> {
        self.lines.first_key_value().map(|((since, _), _)| *since)
    }
}

/// The address a fan comes from: one of `addresses` in 127.0.0.0/8, none of them 127.0.0.x.
fn source(fan: u32, addresses: u32) -> Option<Ipv4Addr> {
    let number = fan.checked_rem(addresses.min(0x00FE_0000))?;
    Some(Ipv4Addr::from_bits(0x7F01_0000 + number))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn shelf(most: u32, keep_s: f64) -> Rc<Shelf> {
        let sockets = Sockets {
            most,
            keep_s,
            addresses: 100,
        };
        Shelf::new(&sockets, Clock::start())
    }

    #[tokio::test]
    async fn a_kept_connection_is_used_again_by_its_fan_and_to_its_gateway_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let elsewhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let shelf = shelf(9, 60.0);

        let line = shelf.open(7, to).await.unwrap();
        assert_eq!(
            line.stream.local_addr().unwrap().ip().to_string(),
            "127.1.0.7"
        );
        shelf.keep(7, line);

        assert!(shelf.kept(8, to).is_none());
        let line = shelf.kept(7, to).unwrap();
        assert!(line.kept);
        shelf.keep(7, line);
        assert!(shelf.kept(7, elsewhere).is_none());
        assert!(shelf.kept(7, to).is_none());
    }

    #[tokio::test]
    async fn never_more_are_open_than_may_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let shelf = shelf(2, 60.0);
        for fan in 0..5 {
            let line = shelf.open(fan, to).await.unwrap();
            shelf.keep(fan, line);
        }
        assert_eq!(shelf.idle.borrow().lines.len(), 1);
        assert_eq!(shelf.held_back(), 0);
        assert!(shelf.kept(3, to).is_none(), "the oldest went first");
        assert!(shelf.kept(4, to).is_some());
    }

    #[tokio::test]
    async fn a_connection_that_the_gateway_closed_is_not_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let shelf = shelf(2, 60.0);
        let line = shelf.open(1, to).await.unwrap();
        drop(listener.accept().await.unwrap());
        line.stream.readable().await.unwrap();
        shelf.keep(1, line);
        assert!(shelf.kept(1, to).is_none());
    }
}
