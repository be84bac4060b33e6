//! Bodies are streamed, never held, and a gateway that stops lets them finish.

use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::process::furnish;
use crate::kit::wire::Asked;
use crate::kit::{Gateway, House, Origin, Plan, Wire};

const MIB: u64 = 1 << 20;

/// How large: 256 MiB, or 1 GiB with `ANTEROOM_SLOW=1`.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the tests, not of the product"
)]
fn large() -> u64 {
    let slow = std::env::var("ANTEROOM_SLOW").is_ok_and(|value| value == "1");
    if slow { 1_024 * MIB } else { 256 * MIB }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_bodies_that_come_byte_by_byte_hold_no_more_than_their_bytes() {
    let (dir, origin) = (TempDir::new().unwrap(), Origin::open().await);
    let at = furnish(dir.path(), &Plan::default(), origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = TcpStream::connect(at.public).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head =
            "POST /about/sink HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 16000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let before = gateway.memory();

    // Slowly enough that each byte is read by itself.
    for _ in 0..2_000 {
        for stream in &mut streams {
            stream.write_all(b"x").await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 20 * MIB, "{grown} bytes for 20,000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_pass_both_ways_at_flat_memory() {
    let origin = Origin::open().await;
    let dir = TempDir::new().unwrap();
    let at = furnish(dir.path(), &Plan::default(), origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    let length = large();
    let mut warm = Wire::to(at.public).await;
    warm.send("GET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .await
        .unwrap();
    warm.answer(Asked::Any).await.unwrap().is_served();
    let before = gateway.memory();

    for framing in ["content-length", "chunked"] {
        let mut stream = TcpStream::connect(at.public).await.unwrap();
        let block = vec![b'u'; 64 << 10];
        let head = match framing {
            "chunked" => "transfer-encoding: chunked".to_owned(),
            _ => format!("content-length: {length}"),
        };
        let head = format!("POST /about/sink HTTP/1.1\r\nHost: shop.example\r\n{head}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = [b"10000\r\n".as_slice(), &block, b"\r\n"].concat();
        for _ in 0..length / block.len() as u64 {
            let bytes = if framing == "chunked" { &chunk } else { &block };
            stream.write_all(bytes).await.unwrap();
        }
        if framing == "chunked" {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        assert!(
            gateway.memory() < before + 64 * MIB,
            "{framing}: {} bytes",
            gateway.memory()
        );
    }
    let uploads: Vec<u64> = origin.arrived().iter().map(|one| one.length).collect();
    assert_eq!(uploads, [0, length, length]);

    let mut stream = TcpStream::connect(at.public).await.unwrap();
    let head = format!(
        "GET /about/huge?{length} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut buffer) = (0, vec![0; 256 << 10]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap() as u64;
        if count == 0 {
            break;
        }
        read += count;
    }
    assert!(
        (length..length + 2_000).contains(&read),
        "{read} bytes came down"
    );
    assert!(
        gateway.memory() < before + 64 * MIB,
        "{} bytes",
        gateway.memory()
    );
}

#[tokio::test]
async fn the_first_event_arrives_before_the_second_is_written() {
    let house = House::open().await;
    let mut wire = Wire::to(house.address).await;
    wire.send("GET /about/sse HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("data: one\n\n") {
        seen += &String::from_utf8(wire.some().await).unwrap();
    }
    assert!(!seen.contains("data: two"), "{seen}");
    house.origin.go_on();
    while !seen.contains("data: two\n\n") {
        seen += &String::from_utf8(wire.some().await).unwrap();
    }
}

#[tokio::test]
async fn a_reader_who_pauses_loses_nothing() {
    let house = House::open().await;
    let mut wire = Wire::to(house.address).await;
    let head = format!(
        "GET /about/huge?{} HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        32 * MIB
    );
    wire.send(head).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer = wire.answer(Asked::Any).await.unwrap();
    assert_eq!(answer.body.len() as u64, 32 * MIB);
}

#[tokio::test]
async fn a_gateway_told_to_stop_finishes_what_it_began() {
    let origin = Origin::open().await;
    let dir = TempDir::new().unwrap();
    let at = furnish(dir.path(), &Plan::default(), origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    let mut slow = Wire::to(at.public).await;
    slow.send("GET /about/slow HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .await
        .unwrap();
    crate::kit::until("the shop was asked", || async {
        (origin.arrived().len() == 1).then_some(())
    })
    .await;
    let mut idle = Wire::to(at.public).await;
    idle.send("GET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .await
        .unwrap();
    idle.answer(Asked::Any).await.unwrap().is_served();

    gateway.terminate();
    crate::kit::until("new connections are refused", || async {
        Wire::try_to(at.public).await.is_err().then_some(())
    })
    .await;
    idle.is_closed().await;
    origin.go_on();
    slow.answer(Asked::Any).await.unwrap().is_served();
    assert_eq!(gateway.ended().await.code(), Some(0));
}

/// A gateway of its own with so long between the call to stop and the end of accepting.
async fn leaving_for(seconds: u32) -> (Gateway, SocketAddr, Origin, TempDir) {
    let origin = Origin::open().await;
    let dir = TempDir::new().unwrap();
    let plan = Plan::default().site(&format!("[connections]\ndrain_min_s = {seconds}"));
    let at = furnish(dir.path(), &plan, origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    (gateway, at.public, origin, dir)
}

const ASKS: &str = "GET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n";

#[tokio::test]
async fn a_gateway_told_to_stop_answers_whoever_still_comes_and_sends_them_away() {
    let (gateway, public, origin, _dir) = leaving_for(3).await;
    let mut kept = Wire::to(public).await;
    kept.send(ASKS).await.unwrap();
    let before = kept.answer(Asked::Any).await.unwrap();
    assert_eq!(before.is_served().header("connection"), None);
    let mut silent = Wire::to(public).await;
    let mut begun = Wire::to(public).await;
    begun.send(&ASKS[..20]).await.unwrap();

    gateway.terminate();
    crate::kit::until("the gateway says that it ends", || async {
        let answer = crate::kit::wire::raw(public, ASKS).await;
        answer[0].is_served();
        (answer[0].header("connection") == Some("close")).then_some(())
    })
    .await;

    for wire in [&mut kept, &mut silent] {
        wire.send(ASKS).await.unwrap();
    }
    begun.send(&ASKS[20..]).await.unwrap();
    for mut wire in [kept, silent, begun] {
        let answer = wire.answer(Asked::Any).await.unwrap();
        assert_eq!(answer.is_served().header("connection"), Some("close"));
        wire.is_closed().await;
    }
    assert_eq!(gateway.ended().await.code(), Some(0));
    drop(origin);
}

#[tokio::test]
async fn what_is_half_said_when_accepting_ends_is_heard_to_its_end() {
    let (gateway, public, _origin, _dir) = leaving_for(0).await;
    let mut begun = Wire::to(public).await;
    begun.send(&ASKS[..20]).await.unwrap();
    let mut silent = Wire::to(public).await;
    let mut kept = Wire::to(public).await;
    kept.send(ASKS).await.unwrap();
    kept.answer(Asked::Any).await.unwrap().is_served();
    kept.send(&ASKS[..20]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;

    gateway.terminate();
    crate::kit::until("new connections are refused", || async {
        Wire::try_to(public).await.is_err().then_some(())
    })
    .await;
    silent.send(ASKS).await.unwrap();

    for wire in [&mut begun, &mut kept] {
        wire.send(&ASKS[20..]).await.unwrap();
    }
    for mut wire in [begun, kept, silent] {
        let answer = wire.answer(Asked::Any).await.unwrap();
        assert_eq!(answer.is_served().header("connection"), Some("close"));
        wire.is_closed().await;
    }
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test]
async fn who_came_before_the_end_is_answered_though_nobody_had_looked_yet() {
    let (gateway, public, _origin, _dir) = leaving_for(0).await;
    let (wires, ()) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let mut wires = Vec::new();
            for _ in 0..20 {
                let mut wire = Wire::to(public).await;
                wire.send(ASKS).await.unwrap();
                wires.push(wire);
            }
            gateway.terminate();
            wires
        },
        gateway.stands_still(Duration::from_secs(1)),
    );
    for (number, mut wire) in wires.into_iter().enumerate() {
        let answer = wire.answer(Asked::Any).await;
        answer
            .unwrap_or_else(|| panic!("the {number}. hears nothing"))
            .is_served();
    }
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_house_of_this_process_drains_too() {
    let house = House::open().await;
    let address = house.address;
    house.visitor().get("/about").await.is_served();
    house.drain().await;
    assert!(Wire::try_to(address).await.is_err());
}
