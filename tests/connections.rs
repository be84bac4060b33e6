//! Connections: what is kept of those that are idle, who makes way, and what happens when the
//! machine has no more room.

use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::kit::process::{furnish, start_under};
use crate::kit::wire::{Asked, Wire};
use crate::kit::{House, Origin, Plan, until};

const STATUS: &str = "GET /_anteroom/rooms/derby/status HTTP/1.1\r\nHost: shop.example\r\nAccept: application/json\r\n\r\n";

async fn parked(house: &House) -> f64 {
    house.metric("anteroom_connections_parked", "").await
}

#[tokio::test]
async fn r4_an_idle_connection_is_parked_and_goes_on_as_before() {
    let house = House::open().await;
    let mut wires = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::to(house.address).await;
        wire.send(STATUS).await.unwrap();
        assert_eq!(wire.answer(Asked::Any).await.unwrap().status, 200);
        wires.push(wire);
    }
    for _ in 0..3 {
        until("they are parked", || async {
            (parked(&house).await >= 20.0).then_some(())
        })
        .await;
        for wire in &mut wires {
            // Two at once, the second in two pieces: what wakes it is not lost, nor what follows.
            let (early, late) = STATUS.split_at(30);
            wire.send(format!("{STATUS}{early}")).await.unwrap();
            assert_eq!(wire.answer(Asked::Any).await.unwrap().status, 200);
            wire.send(late).await.unwrap();
            assert_eq!(wire.answer(Asked::Any).await.unwrap().status, 200);
        }
    }
    until("they are parked", || async {
        (parked(&house).await >= 20.0).then_some(())
    })
    .await;
    drop(wires);
    until("they are gone", || async {
        (parked(&house).await <= 1.0).then_some(())
    })
    .await;
    house.drain().await;
}

/// A house with these lines of `[connections]`.
async fn house_with(lines: &str) -> House {
    let mut plan = Plan::default();
    plan.storing += &format!("\n[connections]\n{lines}");
    House::of(plan).await
}

/// A connection from this address of the loopback's.
async fn wire_from(address: &str, house: &House) -> Wire {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    Wire::over(socket.connect(house.address).await.unwrap())
}

/// Whether it is answered; if not, it was closed without a byte.
async fn is_served(wire: &mut Wire) -> bool {
    let sent = wire.send(STATUS).await;
    let answer = wire.answer(Asked::Any).await;
    assert!(sent.is_ok() || answer.is_none());
    answer.is_some_and(|answer| answer.status == 200)
}

async fn turned_away(house: &House, reason: &str) -> f64 {
    let name = "anteroom_connections_turned_away_total";
    house.metric(name, &format!("reason=\"{reason}\"")).await
}

#[tokio::test]
async fn r4_the_connection_that_is_idle_longest_makes_way_for_a_newcomer() {
    let house = house_with("max = 3").await;
    let mut idle = Vec::new();
    for number in 1..=3_u8 {
        let mut wire = Wire::to(house.address).await;
        assert!(is_served(&mut wire).await);
        idle.push(wire);
        until("it is parked", || async {
            (parked(&house).await >= f64::from(number)).then_some(())
        })
        .await;
    }
    assert_eq!(turned_away(&house, "given_up").await, 0.0);

    let mut newcomer = Wire::to(house.address).await;
    assert!(is_served(&mut newcomer).await);

    idle.remove(0).is_closed().await;
    assert_eq!(turned_away(&house, "given_up").await, 1.0);
    for wire in &mut idle {
        assert!(is_served(wire).await, "one made way, the others stay");
    }
    assert!(is_served(&mut newcomer).await);
}

#[tokio::test]
async fn r4_who_asks_nothing_or_not_to_the_end_makes_way_and_who_asked_does_not() {
    let house = house_with("max = 4").await;
    let mut asks = Wire::to(house.address).await;
    let slow = "GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    asks.send(slow).await.unwrap();
    until("the site works on it", || async {
        (house.origin.arrived().len() == 1).then_some(())
    })
    .await;
    let mut silent = Vec::new();
    for (number, begun) in ["GET / HTTP/1.1\r\nHost:", "G", ""].iter().enumerate() {
        let mut wire = Wire::to(house.address).await;
        if number == 0 {
            // Behind a request: who was served is no better.
            let about = "GET /about HTTP/1.1\r\nHost: shop.example\r\n\r\n";
            wire.send(format!("{about}{begun}")).await.unwrap();
            assert_eq!(wire.answer(Asked::Any).await.unwrap().status, 200);
        } else {
            wire.send(begun).await.unwrap();
        }
        silent.push(wire);
        until("it waits", || async {
            (parked(&house).await > number as f64).then_some(())
        })
        .await;
    }

    for _ in 0..3 {
        let mut newcomer = Wire::to(house.address).await;
        let served = tokio::time::timeout(Duration::from_secs(4), is_served(&mut newcomer));
        assert!(served.await.unwrap_or(false), "nobody made way");
        silent.remove(0).is_closed().await;
        silent.push(newcomer);
    }

    assert_eq!(turned_away(&house, "given_up").await, 3.0);
    house.origin.go_on();
    assert_eq!(asks.answer(Asked::Any).await.unwrap().status, 200);
}

#[tokio::test]
async fn r4_a_network_with_as_many_connections_as_it_may_have_gets_no_other() {
    let house = house_with("max_per_network = 2").await;
    let mut first = wire_from("127.0.0.1", &house).await;
    let mut second = wire_from("127.0.0.1", &house).await;
    assert!(is_served(&mut first).await && is_served(&mut second).await);

    let mut third = wire_from("127.0.0.1", &house).await;
    assert!(!is_served(&mut third).await);
    assert_eq!(turned_away(&house, "network").await, 1.0);
    let mut other = wire_from("127.0.0.2", &house).await;
    assert!(is_served(&mut other).await, "another network has its own");
    assert!(is_served(&mut first).await && is_served(&mut second).await);

    drop(first);
    until("the place is free again", || async {
        let mut next = wire_from("127.0.0.1", &house).await;
        is_served(&mut next).await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_bad_head_after_a_rest_is_refused_like_any_other() {
    let house = House::open().await;
    let mut wire = Wire::to(house.address).await;
    wire.send(STATUS).await.unwrap();
    wire.answer(Asked::Any).await.unwrap();
    let rested = until("it is parked", || async {
        (parked(&house).await >= 1.0).then_some(())
    });
    rested.await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    wire.send("GET / HTTP/1.1\nHost: a\n\n").await.unwrap();
    assert_eq!(wire.answer(Asked::Any).await.unwrap().status, 400);
    wire.is_closed().await;
    house.drain().await;
}

#[tokio::test]
async fn a12_http_2_is_not_spoken_in_the_clear() {
    let house = House::open().await;
    let mut wire = Wire::to(house.address).await;
    wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let answer = wire.answer(Asked::Any).await.unwrap();
    assert!([400, 505].contains(&answer.status), "{answer:?}");
    wire.is_closed().await;
    let mut wire = Wire::to(house.address).await;
    let upgrade = "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade, http2-settings\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    wire.send(upgrade).await.unwrap();
    assert_ne!(wire.answer(Asked::Any).await.unwrap().status, 101);
    house.drain().await;
}

#[tokio::test]
async fn r7_a_gateway_with_few_open_files_recovers() {
    let (dir, origin) = (TempDir::new().unwrap(), Origin::open().await);
    let at = furnish(dir.path(), &Plan::default(), origin.address);
    let gateway = start_under(&["prlimit", "--nofile=256"], dir.path(), at).await;
    let mut crowd = Vec::new();
    for _ in 0..600 {
        // Silent ones and idle ones in turn.
        if let Ok(mut wire) = Wire::try_to(at.public).await {
            if crowd.len() % 2 == 0 && wire.send(STATUS).await.is_ok() {
                let answer = wire.answer(Asked::Any);
                let _ = tokio::time::timeout(Duration::from_millis(200), answer).await;
            }
            crowd.push(wire);
        }
    }
    assert!(crowd.len() > 256, "{}", crowd.len());
    let ready = gateway.operator().get("/readyz").await;
    assert_eq!(ready.status, 200, "operators are answered meanwhile");
    let before = cpu_ticks(gateway.id());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let spent = cpu_ticks(gateway.id()) - before;
    assert!(
        spent < 100,
        "half of the time was spun away: {spent} ticks in 2 s"
    );
    drop(crowd);
    until("visitors are answered again", || async {
        let mut wire = Wire::try_to(at.public).await.ok()?;
        wire.send(STATUS).await.ok()?;
        let answer = tokio::time::timeout(Duration::from_secs(1), wire.answer(Asked::Any));
        (answer.await.ok()??.status == 200).then_some(())
    })
    .await;
    gateway.terminate();
    assert!(gateway.ended().await.success());
}

/// The processor time that a process has used, in hundredths of a second.
fn cpu_ticks(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
