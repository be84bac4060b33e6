//! Frames written by hand, against a gateway that is a process of its own.

use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::kit::frames::{Frame, GREETING, field, frame, kinds};
use crate::kit::house::metric;
use crate::kit::process::furnish;
use crate::kit::tls::Client;
use crate::kit::{Authority, Gateway, Origin, Plan, until};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const HEADERS: u8 = 1;

fn block(method: &str) -> Vec<u8> {
    asking(method, "/slow")
}

fn asking(method: &str, path: &str) -> Vec<u8> {
    [
        field(":method", method),
        field(":scheme", "https"),
        field(":authority", "shop.example"),
        field(":path", path),
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

/// What a flood sends first, and then again and again, and as what it is counted.
type Flood = (
    &'static str,
    Vec<u8>,
    fn(u32) -> Vec<u8>,
    &'static [&'static str],
);

fn floods() -> [Flood; 10] {
    let none = Vec::new;
    [
        (
            "rapid reset",
            none(),
            |round| {
                let stream = 2 * round + 1;
                let ask = frame(HEADERS, 5, stream, &block("GET"));
                [ask, frame(3, 0, stream, &[0, 0, 0, 8])].concat()
            },
            &["resets", "protocol"],
        ),
        (
            "made to reset",
            none(),
            |round| {
                let stream = 2 * round + 1;
                let ask = frame(HEADERS, 5, stream, &block("GET"));
                [ask, frame(8, 0, stream, &[0x7F, 0xFF, 0xFF, 0xFF])].concat()
            },
            &["protocol"],
        ),
        (
            "continuations",
            frame(HEADERS, 1, 1, &block("GET")),
            |_| frame(9, 0, 1, &field("x", "y")),
            &["continuations", "protocol"],
        ),
        (
            "empty data",
            frame(HEADERS, 4, 1, &block("POST")),
            |_| frame(0, 0, 1, &[]),
            &["empty_frames"],
        ),
        ("settings", none(), |_| frame(4, 0, 0, &[]), &["settings"]),
        ("pings", none(), |_| frame(6, 0, 0, &[1; 8]), &["pings"]),
        (
            "priorities",
            none(),
            |_| frame(2, 0, 1, &[0, 0, 0, 0, 9]),
            &["priorities"],
        ),
        (
            "window updates",
            none(),
            |_| frame(8, 0, 0, &[0, 0, 0, 1]),
            &["window_updates"],
        ),
        (
            "odd frames",
            none(),
            |_| frame(0xAA, 0, 0, &[]),
            &["other_frames"],
        ),
        (
            "bombs",
            none(),
            |round| frame(HEADERS, 5, 2 * round + 1, &bomb()),
            &["protocol", "streams", "resets"],
        ),
    ]
}

/// How many connections ended in one of these ways.
async fn ended(gateway: &Gateway, ways: &[&str]) -> f64 {
    let mut operator = gateway.operator();
    let mut all = 0.0;
    for by in ways {
        let labels = format!("by=\"{by}\"");
        all += metric(&mut operator, "anteroom_http2_ended_total", &labels).await;
    }
    all
}

/// Sends a flood until the gateway has had enough, which must be within a second.
async fn endures(address: SocketAddr, client: &Client, (name, first, again, _): &Flood) {
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
    gateway.forgets_its_peak();
    let before = gateway.memory();

    for flood in floods() {
        let counted = ended(&gateway, flood.3).await;
        for _ in 0..3 {
            endures(address, &client, &flood).await;
        }
        until(&format!("{} are counted", flood.0), || async {
            (ended(&gateway, flood.3).await >= counted + 3.0).then_some(())
        })
        .await;
    }

    let grown = gateway.peak_memory().saturating_sub(before);
    assert!(grown <= 32 << 20, "{grown} bytes more");
    gateway.terminate();
    assert!(gateway.ended().await.success());
}

/// A visitor who asks on a hundred streams, lets none of the answers come, and waits until all are
/// given up.
async fn takes_nothing(address: SocketAddr, client: Client) {
    let stream = client.connect(address, "shop.example").await.unwrap();
    let (mut reads, mut writes) = tokio::io::split(stream);
    // SETTINGS_INITIAL_WINDOW_SIZE is 0.
    let settings = frame(kinds::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    writes.write_all(GREETING).await.unwrap();
    writes.write_all(&settings).await.unwrap();
    for number in 0..100 {
        let path = ["/buy/1", "/about/huge?100000000"][usize::from(number % 10 == 0)];
        let ask = frame(HEADERS, 5, 2 * number + 1, &asking("GET", path));
        writes.write_all(&ask).await.unwrap();
    }
    writes.flush().await.unwrap();
    let (mut unread, mut given_up) = (Vec::new(), 0);
    while given_up < 100 {
        if reads.read_buf(&mut unread).await.unwrap_or(0) == 0 {
            return;
        }
        while let Some(came) = Frame::take(&mut unread) {
            assert!(came.kind != kinds::DATA || came.payload.is_empty());
            given_up += usize::from(came.kind == kinds::RST_STREAM);
        }
    }
}

#[tokio::test]
async fn r3_answers_without_a_window_are_given_up_and_cost_little_memory() {
    let (dir, origin) = (TempDir::new().unwrap(), Origin::open().await);
    let authority = Authority::new();
    let made = authority.vouches(&["shop.example"]);
    let plan = Plan::default().over_tls(&made, "");
    let address = plan.tls.expect("it speaks TLS");
    let at = furnish(dir.path(), &plan, origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    let client = authority.client().speaking_http2();
    gateway.forgets_its_peak();
    let before = gateway.memory();

    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..4 {
        crowd.spawn(takes_nothing(address, client.clone()));
    }
    let gone = tokio::time::timeout(Duration::from_secs(40), crowd.join_all()).await;

    assert!(gone.is_ok(), "they are not given up");
    let grown = gateway.peak_memory().saturating_sub(before);
    assert!(grown <= 32 << 20, "{grown} bytes more");
    gateway.terminate();
    assert!(gateway.ended().await.success());
}
