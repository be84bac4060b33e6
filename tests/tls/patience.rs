//! Handshakes that never end, and too many of them at once.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Secure;
use crate::kit::{Plan, until};

/// By when a handshake that goes on for ever must be over: its five seconds, and time for a slow
/// machine.
const OVER: Duration = Duration::from_secs(9);

/// Waits until the gateway closes.
async fn is_closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    let closed = timeout(OVER, stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "still open");
}

#[tokio::test]
async fn r2_who_begins_no_handshake_or_never_ends_it_is_closed() {
    let secure = Secure::with("").await;
    let at = secure.house.encrypted();
    let mut waiting = JoinSet::new();
    // Nothing at all, from more than may shake hands at once would be.
    for _ in 0..300 {
        let stream = TcpStream::connect(at).await.unwrap();
        waiting.spawn(is_closed(stream));
    }
    // Half a hello, then silence.
    let mut half = TcpStream::connect(at).await.unwrap();
    half.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])
        .await
        .unwrap();
    waiting.spawn(is_closed(half));
    // A byte now and then.
    let (mut reads, mut writes) = TcpStream::connect(at).await.unwrap().into_split();
    waiting.spawn(async move {
        let dribble = async {
            for byte in [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3].iter().cycle() {
                if writes.write_all(&[*byte]).await.is_err() {
                    break;
                }
                sleep(Duration::from_millis(500)).await;
            }
        };
        let mut rest = Vec::new();
        let end = async {
            let _ = reads.read_to_end(&mut rest).await;
        };
        let over = timeout(OVER, async {
            tokio::select! { () = dribble => {}, () = end => {} }
        });
        assert!(over.await.is_ok(), "still open");
    });
    let honest = timeout(Duration::from_secs(3), async {
        secure
            .house
            .secure(&secure.client)
            .get("/about")
            .await
            .is_served();
    });
    assert!(
        honest.await.is_ok(),
        "an honest visitor waits for the silent ones"
    );
    waiting.join_all().await;
    assert!((secure.shaken("timeout").await - 302.0).abs() < 0.5);
}

#[tokio::test]
async fn r4_who_does_not_come_to_the_end_of_its_handshake_makes_way() {
    let secure = Secure::with("[connections]\nmax = 2").await;
    let house = &secure.house;
    let mut slow = Vec::new();
    for begun in [&[][..], &[22, 3, 1, 2, 0, 1]] {
        let mut stream = TcpStream::connect(house.encrypted()).await.unwrap();
        stream.write_all(begun).await.unwrap();
        slow.push(stream);
    }
    until("both are counted", || async {
        let parked = house.metric("anteroom_connections_parked", "").await;
        (parked >= 2.0).then_some(())
    })
    .await;

    for _ in 0..2 {
        let mut honest = house.secure(&secure.client);
        let served = timeout(Duration::from_secs(4), honest.get("/about")).await;
        served.expect("nobody made way").is_served();
    }

    assert!(secure.shaken("refused").await >= 1.0);
    for stream in slow {
        is_closed(stream).await;
    }
}

#[tokio::test]
async fn r5_who_falls_silent_behind_its_hello_keeps_nobody_out() {
    let secure = Secure::with("[connections]\nmax_handshakes = 1").await;
    let at = secure.house.encrypted();
    let mut silent = Vec::new();
    for _ in 0..100 {
        let hello = hello_of(&secure);
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        let mut answer = [0; 5];
        let answered = timeout(Duration::from_secs(3), stream.read_exact(&mut answer)).await;
        answered.expect("a turn in time").unwrap();
        silent.push(stream);
    }
    let honest = timeout(Duration::from_secs(3), async {
        secure
            .house
            .secure(&secure.client)
            .get("/about")
            .await
            .is_served();
    });
    assert!(honest.await.is_ok(), "silence keeps an honest visitor out");
    assert!(secure.shaken("refused").await < 0.5);

    let mut waiting = JoinSet::new();
    for stream in silent {
        waiting.spawn(is_closed(stream));
    }
    waiting.join_all().await;
}

fn hello_of(secure: &Secure) -> Vec<u8> {
    let name = rustls::pki_types::ServerName::try_from("shop.example").unwrap();
    let config = std::sync::Arc::clone(&secure.client.0);
    let mut connection = rustls::ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test]
async fn r5_huge_chains_are_not_read() {
    let secure = Secure::of(|authority| {
        let made = authority.vouches(&["shop.example"]);
        let lines = "client_certificates = \"optional\"\nclient_ca = \"ca.pem\"";
        Plan::default().over_tls(&made, lines).authority(authority)
    })
    .await;
    let mut huge = secure.authority.vouches(&["fan.example"]);
    huge.chain = huge.chain.repeat(2_000);
    let client = secure.authority.client_showing(&huge);
    let stream = client
        .connect(secure.house.encrypted(), "shop.example")
        .await;
    if let Ok(mut stream) = stream {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }
    until("it is counted", || async {
        (secure.shaken("failed").await > 0.5).then_some(())
    })
    .await;
    secure
        .house
        .secure(&secure.client)
        .get("/about")
        .await
        .is_served();
}
