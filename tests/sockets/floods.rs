//! Row R10 of docs/security.md: sockets that say nothing, too much, or never end what they say.

use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::handshake;
use crate::kit::house::metric;
use crate::kit::process::furnish;
use crate::kit::wire::Asked;
use crate::kit::{Gateway, Origin, PATIENCE, Plan, Wire, until};

const MIB: u64 = 1 << 20;
/// A ping as a client sends it, its mask zero, with as much in it as a ping may have.
const PING: [u8; 131] = {
    let mut ping = [b'p'; 131];
    [ping[0], ping[1], ping[2], ping[3], ping[4], ping[5]] = [0x89, 0x80 | 125, 0, 0, 0, 0];
    ping
};

/// A gateway of its own, so that its memory is nobody else's.
struct Alone {
    gateway: Gateway,
    _origin: Origin,
    _dir: TempDir,
}

impl Alone {
    async fn start() -> Self {
        let origin = Origin::open().await;
        let dir = TempDir::new().unwrap();
        let at = furnish(dir.path(), &Plan::default(), origin.address);
        Self {
            gateway: Gateway::start(dir.path(), at).await,
            _origin: origin,
            _dir: dir,
        }
    }

    /// An open socket outside the room, and nothing read beyond its answer.
    async fn socket(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.gateway.at.public).await.unwrap();
        let asked = handshake("/about/socket", "");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
        stream
    }

    async fn open(&self) -> f64 {
        metric(&mut self.gateway.operator(), "anteroom_websockets_open", "").await
    }

    async fn serves(&self) {
        let mut wire = Wire::to(self.gateway.at.public).await;
        let asked = "GET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        wire.send(asked).await.unwrap();
        let answer = timeout(Duration::from_secs(6), wire.answer(Asked::Any)).await;
        answer.expect("nobody is held up").unwrap().is_served();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_a_frame_of_a_gibibyte_and_a_flood_of_pings_are_not_held() {
    let alone = Alone::start().await;
    let stream = alone.socket().await;
    let before = alone.gateway.memory();
    let (mut reads, mut writes) = stream.into_split();
    let reading = tokio::spawn(async move {
        let (mut read, mut buffer) = (0, vec![0; 256 << 10]);
        while read < 64 * MIB {
            let more = reads.read(&mut buffer).await.unwrap() as u64;
            assert!(more > 0, "closed after {read} bytes");
            read += more;
        }
        reads
    });
    let head = [
        &[0x82, 0x80 | 127][..],
        &(1_024 * MIB).to_be_bytes(),
        &[0; 4],
    ]
    .concat();
    writes.write_all(&head).await.unwrap();
    let block = vec![b'w'; 64 << 10];
    let pouring = async {
        for _ in 0..64 * MIB / block.len() as u64 {
            writes.write_all(&block).await.unwrap();
        }
        reading.await.unwrap()
    };
    let reads = timeout(PATIENCE, pouring).await.expect("it goes through");
    let grown = alone.gateway.memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{grown} bytes for a frame under way");

    let mut silent = alone.socket().await;
    let pings = PING.repeat(500);
    let mut taken = 0;
    while let Ok(written) = timeout(Duration::from_secs(3), silent.write(&pings)).await {
        taken += written.unwrap() as u64;
        assert!(taken < 256 * MIB, "pings are taken that nobody answers");
    }
    let grown = alone.gateway.memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{grown} bytes for {taken} of pings");
    alone.serves().await;
    drop((reads, writes, silent));
    until("both are closed", || async {
        (alone.open().await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_idle_sockets_hold_little() {
    let alone = Alone::start().await;
    let mut sockets = Vec::new();
    while sockets.len() < 50 {
        sockets.push(alone.socket().await);
    }
    let before = alone.gateway.memory();
    while sockets.len() < 350 {
        sockets.push(alone.socket().await);
    }
    let each = alone.gateway.memory().saturating_sub(before) / 300;
    assert!(each < 24 << 10, "{each} bytes for an idle socket");
    assert_eq!(alone.open().await, 350.0);
    alone.serves().await;
}
