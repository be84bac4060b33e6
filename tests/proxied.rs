//! The PROXY protocol, on real sockets: whose word is taken, and what becomes of who says nothing.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::kit::wire::Asked;
use crate::kit::{Authority, House, Plan, Wire, raw};

const REQUEST: &str = "GET /about HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";

/// A header of version 2 for this command and family.
fn second(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend_from_slice(&[command, family]);
    header.extend_from_slice(&u16::try_from(addresses.len()).unwrap().to_be_bytes());
    header.extend_from_slice(addresses);
    header
}

async fn announced() -> House {
    House::of(Plan::default().announced_by("\"127.0.0.0/8\"")).await
}

/// Whom the site takes for the visitor after these bytes; none where nothing arrived.
async fn visitor(house: &House, header: &[u8], request: &str) -> Option<String> {
    let before = house.origin.arrived().len();
    let answers = raw(house.address, [header, request.as_bytes()].concat()).await;
    let arrived = house.origin.arrived();
    let last = arrived.get(before)?;
    assert_eq!(answers[0].status, 200);
    let [client] = last.all("x-forwarded-for")[..] else {
        panic!("{}", last.head);
    };
    Some(client.to_owned())
}

async fn counted(house: &House, result: &str) -> f64 {
    let labels = format!("result=\"{result}\"");
    house.metric("anteroom_proxy_headers_total", &labels).await
}

#[tokio::test]
async fn n1_listed_proxies_say_whose_connection_it_is() {
    let house = announced().await;
    let four = [198, 51, 100, 7, 192, 0, 2, 1, 0x12, 0x67, 1, 0xbb];
    let mut six = vec![0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    six.extend_from_slice(&six.clone());
    six.extend_from_slice(&[0x12, 0x67, 1, 0xbb]);
    let with_more = [four.as_slice(), &[4, 0, 200], &[0; 200]].concat();
    for (header, client) in [
        (
            b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n".to_vec(),
            "198.51.100.7",
        ),
        (
            b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n".to_vec(),
            "2001:db8::7",
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (second(0x21, 0x11, &four), "198.51.100.7"),
        (second(0x21, 0x21, &six), "2001:db8::7"),
        (second(0x21, 0x11, &with_more), "198.51.100.7"),
        // The proxy looks whether we live: its own address is meant, whatever else it says.
        (second(0x20, 0x00, &[]), "127.0.0.1"),
        (second(0x20, 0x11, &four), "127.0.0.1"),
    ] {
        let seen = visitor(&house, &header, REQUEST).await;
        assert_eq!(seen.as_deref(), Some(client), "{header:?}");
    }
    assert!((counted(&house, "ok").await - 5.0).abs() < 0.1);
    assert!((counted(&house, "local").await - 3.0).abs() < 0.1);
}

#[tokio::test]
async fn n1_listed_proxies_that_say_nothing_readable_are_closed_and_counted() {
    let house = announced().await;
    let long = second(0x21, 0x11, &[7; 600]);
    for bytes in [
        REQUEST.as_bytes(),
        b"PROXY TCP4 198.51.100.7\r\nGET / HTTP/1.1\r\n\r\n",
        b"PROXY TCP4 x y 1 2\r\n",
        b"PROXY TCP9 198.51.100.7 192.0.2.1 4711 443\r\n",
        &second(0x22, 0x11, &[0; 12]),
        &second(0x11, 0x11, &[0; 12]),
        &long,
    ] {
        let answers = raw(house.address, bytes).await;
        assert!(answers.is_empty(), "{answers:?}");
    }
    drop(TcpStream::connect(house.address).await.unwrap());
    house.origin.saw_nothing();
    assert!((counted(&house, "missing").await - 1.0).abs() < 0.1);
    assert!((counted(&house, "malformed").await - 6.0).abs() < 0.1);
    crate::kit::until("who closed is counted", || async {
        (counted(&house, "closed").await > 0.5).then_some(())
    })
    .await;
    assert!(
        visitor(&house, b"PROXY UNKNOWN\r\n", REQUEST)
            .await
            .is_some()
    );
}

#[tokio::test]
async fn n1_nobody_else_is_asked_or_believed() {
    let elsewhere = Plan::default().announced_by("\"10.0.0.0/8\"");
    for plan in [Plan::default(), elsewhere] {
        let house = House::of(plan).await;
        let four = [198, 51, 100, 7, 192, 0, 2, 1, 0x12, 0x67, 1, 0xbb];
        for header in [
            b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n".to_vec(),
            second(0x21, 0x11, &four),
        ] {
            let answers = raw(house.address, [&header, REQUEST.as_bytes()].concat()).await;
            assert_eq!(answers.len(), 1);
            answers[0].is(400);
        }
        house.origin.saw_nothing();
        house.visitor().get("/about").await.is_served();
    }
}

#[tokio::test]
async fn n1_an_announced_visitor_is_believed_no_more_than_any_other() {
    let claims = "GET /about HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\
                  X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n\r\n";
    let header = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n";
    let house = announced().await;
    let seen = visitor(&house, header, claims).await;
    assert_eq!(seen.as_deref(), Some("198.51.100.7"));

    // A trusted network behind the load balancer: its word counts, and no other's.
    let plan = Plan::default().behind("\"198.51.100.0/24\"");
    let house = House::of(plan.announced_by("\"127.0.0.0/8\"")).await;
    let seen = visitor(&house, header, claims).await;
    assert_eq!(seen.as_deref(), Some("203.0.113.9"));
    let seen = visitor(&house, b"PROXY UNKNOWN\r\n", claims).await;
    assert_eq!(seen.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn n1_the_header_stands_in_front_of_the_handshake_and_not_in_it() {
    let authority = Authority::new();
    let made = authority.vouches(&["shop.example"]);
    let plan = Plan::default().announced_by("\"127.0.0.0/8\"");
    let house = House::of(plan.over_tls(&made, "")).await;
    let client = authority.client();
    let mut stream = TcpStream::connect(house.encrypted()).await.unwrap();
    let header = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n";
    stream.write_all(header).await.unwrap();
    let stream = client.on(stream, "shop.example").await.unwrap();
    let mut wire = Wire::over(stream);
    wire.send(REQUEST).await.unwrap();
    wire.answer(Asked::Any).await.unwrap().is_served();
    assert_eq!(house.origin.only().all("x-forwarded-for"), ["198.51.100.7"]);

    let bare = client.connect(house.encrypted(), "shop.example").await;
    assert!(bare.is_err());
    assert!((counted(&house, "missing").await - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn r2_a_header_that_does_not_end_is_waited_for_five_seconds() {
    let house = announced().await;
    let mut silent = Wire::to(house.address).await;
    let mut half = Wire::to(house.address).await;
    half.send("PROXY TCP4 198.51.100.7 192").await.unwrap();
    let mut binary = Wire::to(house.address).await;
    binary
        .send(&second(0x21, 0x11, &[0; 12])[..20])
        .await
        .unwrap();
    let all = timeout(Duration::from_secs(9), async {
        silent.is_closed().await;
        half.is_closed().await;
        binary.is_closed().await;
    });
    assert!(all.await.is_ok(), "still open");
    assert!((counted(&house, "timeout").await - 3.0).abs() < 0.1);
    house.origin.saw_nothing();
}
