//! Frames written by hand, against a gateway that is a process of its own.

use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::kit::frames::{field, frame};
use crate::kit::process::furnish;
use crate::kit::tls::Client;
use crate::kit::{Authority, Gateway, Origin, Plan};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const HEADERS: u8 = 1;

fn block(method: &str) -> Vec<u8> {
    [
        field(":method", method),
        field(":scheme", "https"),
        field(":authority", "shop.example"),
        field(":path", "/slow"),
    ]
    .concat()
}

/// A bomb: one long field into the table, then as many references to it as fit a frame.
fn bomb() -> Vec<u8> {
    let mut bomb = block("GET");
    bomb.extend([0x40, 1, b'x', 127, 0]);
    bomb.extend([b'y'; 127]);
    bomb.extend(std::iter::repeat_n(0xBE, 15_000));
    bomb
}

/// What a flood sends first, and then again and again.
type Flood = (&'static str, Vec<u8>, fn(u32) -> Vec<u8>);

fn floods() -> [Flood; 9] {
    [
        ("rapid reset", Vec::new(), |round| {
            let stream = 2 * round + 1;
            let ask = frame(HEADERS, 5, stream, &block("GET"));
            [ask, frame(3, 0, stream, &[0, 0, 0, 8])].concat()
        }),
        ("made to reset", Vec::new(), |round| {
            let stream = 2 * round + 1;
            let ask = frame(HEADERS, 5, stream, &block("GET"));
            [ask, frame(8, 0, stream, &[0x7F, 0xFF, 0xFF, 0xFF])].concat()
        }),
        ("continuations", frame(HEADERS, 1, 1, &block("GET")), |_| {
            frame(9, 0, 1, &field("x", "y"))
        }),
        ("empty data", frame(HEADERS, 4, 1, &block("POST")), |_| {
            frame(0, 0, 1, &[])
        }),
        ("settings", Vec::new(), |_| frame(4, 0, 0, &[])),
        ("pings", Vec::new(), |_| frame(6, 0, 0, &[1; 8])),
        ("priorities", Vec::new(), |_| {
            frame(2, 0, 1, &[0, 0, 0, 0, 9])
        }),
        ("window updates", Vec::new(), |_| {
            frame(8, 0, 0, &[0, 0, 0, 1])
        }),
        ("bombs", Vec::new(), |round| {
            frame(HEADERS, 5, 2 * round + 1, &bomb())
        }),
    ]
}

/// Sends a flood until the gateway has had enough, which must be within a second.
async fn endures(address: SocketAddr, client: &Client, (name, first, again): &Flood) {
    let client = client.speaking_http2();
    let stream = client.connect(address, "shop.example").await.unwrap();
    let (mut reads, mut writes) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        let _ = reads.read_to_end(&mut all).await;
    });
    writes.write_all(PREFACE).await.unwrap();
    writes.write_all(first).await.unwrap();
    let flood = async {
        for round in 0.. {
            if reading.is_finished() || writes.write_all(&again(round)).await.is_err() {
                return;
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(1), flood).await;
    assert!(ended.is_ok(), "{name}: still taken after a second");
}

#[tokio::test]
async fn r3_each_flood_is_over_within_a_second_and_costs_little_memory() {
    let (dir, origin) = (TempDir::new().unwrap(), Origin::open().await);
    let authority = Authority::new();
    let made = authority.vouches(&["shop.example"]);
    let plan = Plan::default().over_tls(&made, "");
    let address = plan.tls.expect("it speaks TLS");
    let at = furnish(dir.path(), &plan, origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    let client = authority.client();
    let first = &floods()[4];
    endures(address, &client, first).await;
    let before = gateway.memory();

    for flood in floods() {
        for _ in 0..3 {
            endures(address, &client, &flood).await;
        }
    }

    let grown = gateway.memory().saturating_sub(before);
    assert!(grown <= 32 << 20, "{grown} bytes more");
    let mut operator = gateway.operator();
    for by in ["pings", "settings", "priorities", "window_updates"] {
        let labels = format!("by=\"{by}\"");
        let name = "anteroom_http2_ended_total";
        let ended = crate::kit::house::metric(&mut operator, name, &labels).await;
        assert!(ended >= 3.0, "{by}: {ended}");
    }
    gateway.terminate();
    assert!(gateway.ended().await.success());
}
