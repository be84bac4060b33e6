//! What is agreed on in a handshake, and what is not.

use std::io::Cursor;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, HandshakeKind, NamedGroup, ProtocolVersion,
    RootCertStore,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Secure;
use crate::kit::tls::Client;
use crate::kit::{House, Plan, until};

/// A hello as old clients say it: this version, these suites, these compressions.
fn hello(version: u8, suites: &[u16], compressions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, version];
    body.extend_from_slice(&[7; 32]);
    body.push(0);
    body.extend_from_slice(&u16::try_from(suites.len() * 2).unwrap().to_be_bytes());
    for suite in suites {
        body.extend_from_slice(&suite.to_be_bytes());
    }
    body.push(u8::try_from(compressions.len()).unwrap());
    body.extend_from_slice(compressions);
    // supported_groups and signature_algorithms, as every client of 1.2 sends them.
    let extensions = [
        0, 10, 0, 6, 0, 4, 0, 0x17, 0, 0x1d, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4,
    ];
    body.extend_from_slice(&u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend_from_slice(&extensions);
    let mut message = vec![1, 0];
    message.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    message.extend_from_slice(&body);
    record(version.min(1), &message)
}

fn record(version: u8, message: &[u8]) -> Vec<u8> {
    let mut record = vec![22, 3, version];
    record.extend_from_slice(&u16::try_from(message.len()).unwrap().to_be_bytes());
    record.extend_from_slice(message);
    record
}

/// Everything that comes back for these bytes.
async fn answer(house: &House, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(house.encrypted()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut all = Vec::new();
    // Who is refused may find the connection reset behind the alert.
    let _ = stream.read_to_end(&mut all).await;
    all
}

/// The alert that ends an answer.
fn alert(answer: &[u8]) -> Option<u8> {
    match answer {
        [21, 3, _, 0, 2, 2, description] => Some(*description),
        _ => None,
    }
}

#[tokio::test]
async fn l1_old_versions_weak_suites_and_compression_are_refused() {
    let secure = Secure::with("").await;
    let strong = [0xc02b, 0xc02c, 0xc02f, 0xcca9, 0x00ff];
    for version in [0, 1, 2] {
        let said = answer(&secure.house, &hello(version, &strong, &[0])).await;
        assert_eq!(alert(&said), Some(70), "3.{version}: {said:?}");
    }
    let weak = [
        0x0005, 0x000a, 0x002f, 0x0035, 0x003c, 0x009c, 0xc009, 0xc00a, 0xc013, 0xc014, 0xc023,
        0xc027, 0x0000, 0x0001, 0x0034,
    ];
    for suite in weak {
        let said = answer(&secure.house, &hello(3, &[suite, 0x00ff], &[0])).await;
        assert_eq!(alert(&said), Some(40), "{suite:x}: {said:?}");
    }
    let squeezed = answer(&secure.house, &hello(3, &strong, &[1])).await;
    assert!(alert(&squeezed).is_some(), "{squeezed:?}");
    // The same hello is answered when it is sound: with a server's hello of 1.2.
    let mut stream = TcpStream::connect(secure.house.encrypted()).await.unwrap();
    stream.write_all(&hello(3, &strong, &[0])).await.unwrap();
    let mut first = [0; 6];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!([first[0], first[5]], [22, 2], "{first:?}");
    assert!((secure.shaken("failed").await - 19.0).abs() < 0.1);
}

fn of_version(secure: &Secure, versions: &[&'static rustls::SupportedProtocolVersion]) -> Client {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(secure.authority.der()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client(Arc::new(config))
}

#[tokio::test]
async fn l1_both_versions_are_spoken_the_newer_one_with_a_post_quantum_key_exchange() {
    let secure = Secure::with("").await;
    let at = secure.house.encrypted();
    let stream = secure.client.connect(at, "shop.example").await.unwrap();
    let connection = stream.get_ref().1;
    assert_eq!(
        connection.protocol_version(),
        Some(ProtocolVersion::TLSv1_3)
    );
    let suite = connection.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        "our order counts"
    );
    let group = connection.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    let old = of_version(&secure, &[&TLS12]);
    let stream = old.connect(at, "shop.example").await.unwrap();
    let version = stream.get_ref().1.protocol_version();
    assert_eq!(version, Some(ProtocolVersion::TLSv1_2));
    secure.house.secure(&old).get("/about").await.is_served();
    let counted = secure
        .house
        .metric("anteroom_tls_connections_total", "version=\"1.2\"")
        .await;
    assert!((counted - 2.0).abs() < 0.1, "{counted}");

    let newest = Secure::with("min_version = \"1.3\"").await;
    let at = newest.house.encrypted();
    assert!(
        of_version(&newest, &[&TLS12])
            .connect(at, "shop.example")
            .await
            .is_err()
    );
    assert!(
        of_version(&newest, &[&TLS13])
            .connect(at, "shop.example")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a12_what_is_spoken_is_agreed_on_in_the_handshake() {
    let secure = Secure::with("").await;
    let at = secure.house.encrypted();
    let speaking = |words: &[&str]| {
        secure.authority.client_with(|config| {
            let words = words.iter().map(|word| word.as_bytes().to_vec());
            config.alpn_protocols = words.collect();
        })
    };
    let both = speaking(&["http/1.1", "h2"]);
    let newest = both.connect(at, "shop.example").await.unwrap();
    assert_eq!(newest.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let agreed = speaking(&["http/1.1"])
        .connect(at, "shop.example")
        .await
        .unwrap();
    assert_eq!(agreed.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    for foreign in ["h3", "spdy/3.1", "http/1.0"] {
        let refused = speaking(&[foreign]).connect(at, "shop.example").await;
        assert!(refused.is_err(), "{foreign}");
    }
    // Plain HTTP on the port is no handshake, and gets nothing but words that say so.
    let said = answer(
        &secure.house,
        b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n",
    )
    .await;
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    assert_eq!(said.matches("HTTP/").count(), 1, "{said}");
    secure.house.origin.saw_nothing();
}

/// One side of TLS, moved by hand.
struct ByHand {
    connection: ClientConnection,
    stream: TcpStream,
}

impl ByHand {
    async fn begin(secure: &Secure) -> Self {
        let name = ServerName::try_from("shop.example").unwrap();
        let connection = ClientConnection::new(Arc::clone(&secure.client.0), name).unwrap();
        let stream = TcpStream::connect(secure.house.encrypted()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { connection, stream }
    }

    fn flight(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Sends what is to be sent as `cut` cuts it, and goes on until the site has answered.
    async fn gets_served(mut self, cut: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
        while self.connection.is_handshaking() {
            let flight = self.flight();
            self.send(cut(&flight)).await;
            if self.connection.is_handshaking() {
                self.hear().await;
            }
        }
        let request = b"GET /about HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
        std::io::Write::write_all(&mut self.connection.writer(), request).unwrap();
        let flight = self.flight();
        self.send(cut(&flight)).await;
        let mut answer = Vec::new();
        while self.hear().await {
            // Whatever is there, be it nothing yet.
            let _ = std::io::Read::read_to_end(&mut self.connection.reader(), &mut answer);
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    async fn send(&mut self, pieces: Vec<Vec<u8>>) {
        for piece in pieces {
            self.stream.write_all(&piece).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    async fn hear(&mut self) -> bool {
        let mut bytes = vec![0; 16_384];
        let read = self.stream.read(&mut bytes).await.unwrap();
        let mut heard = Cursor::new(&bytes[..read]);
        while heard.position() < u64::try_from(read).unwrap() {
            self.connection.read_tls(&mut heard).unwrap();
            self.connection.process_new_packets().unwrap();
        }
        read > 0
    }
}

/// Handshake records cut into records of one byte each; all else as it is.
fn a_byte_a_record(flight: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = flight;
    let mut pieces = Vec::new();
    while let [kind, _, version, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (body, next) = behind.split_at(length);
        match kind {
            22 => pieces.extend(body.iter().map(|byte| record(*version, &[*byte]))),
            _ => pieces.push(rest[..5 + length].to_vec()),
        }
        rest = next;
    }
    pieces
}

#[tokio::test]
async fn l4_a_hello_in_pieces_is_put_together() {
    let secure = Secure::with("").await;
    let begin = || ByHand::begin(&secure);
    begin().await.gets_served(a_byte_a_record).await;
    let a_byte_a_write = |flight: &[u8]| flight.iter().map(|byte| vec![*byte]).collect();
    begin().await.gets_served(a_byte_a_write).await;
    begin()
        .await
        .gets_served(|flight| vec![flight.to_vec()])
        .await;
}

#[tokio::test]
async fn l4_goodbyes_and_nonsense_in_a_handshake_end_it_at_once() {
    let secure = Secure::with("").await;
    let goodbye = [21, 3, 1, 0, 2, 1, 0];
    let mut first = ByHand::begin(&secure).await;
    let flight = first.flight();
    let half = flight.len() / 2;
    for bytes in [
        goodbye.to_vec(),
        goodbye.repeat(1_000),
        [&flight[..half], &goodbye].concat(),
        [flight.as_slice(), &goodbye].concat(),
        [flight.as_slice(), &flight].concat(),
        vec![0; 100],
        vec![22, 3, 1, 0xff, 0xff, 1],
        record(1, &[1, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        record(1, &[]).repeat(100),
        vec![23, 3, 3, 0, 5, 1, 2, 3, 4, 5],
    ] {
        let mut stream = TcpStream::connect(secure.house.encrypted()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
    until("all are counted", || async {
        (secure.shaken("failed").await > 9.5).then_some(())
    })
    .await;
    assert!(secure.shaken("timeout").await < 0.5);
    secure
        .house
        .secure(&secure.client)
        .get("/about")
        .await
        .is_served();
}

/// How two connections to these houses, one after the other, came to be.
async fn kinds(client: &Client, houses: [&House; 2]) -> Vec<HandshakeKind> {
    let mut kinds = Vec::new();
    for house in houses {
        let mut stream = client
            .connect(house.encrypted(), "shop.example")
            .await
            .unwrap();
        let ask = b"GET /about HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = Vec::new();
        // The ticket comes before the answer.
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
    }
    kinds
}

#[tokio::test]
async fn l3_tickets_are_good_for_the_gateway_that_gave_them_and_no_other() {
    let first = Secure::with("").await;
    let made = first.authority.vouches(&["shop.example"]);
    let second = House::of(Plan::default().over_tls(&made, "")).await;
    for versions in [&[&TLS13][..], &[&TLS12]] {
        let client = || of_version(&first, versions);
        let same = kinds(&client(), [&first.house, &first.house]).await;
        assert_eq!(same, [HandshakeKind::Full, HandshakeKind::Resumed]);
        let other = kinds(&client(), [&first.house, &second]).await;
        assert_eq!(other, [HandshakeKind::Full, HandshakeKind::Full]);
    }
}

#[tokio::test]
async fn l7_nothing_is_taken_before_the_handshake_is_done() {
    let secure = Secure::with("").await;
    let client = secure
        .authority
        .client_with(|config| config.enable_early_data = true);
    kinds(&client, [&secure.house, &secure.house]).await;
    let name = ServerName::try_from("shop.example").unwrap();
    let mut connection = ClientConnection::new(Arc::clone(&client.0), name).unwrap();
    assert!(
        connection.early_data().is_none(),
        "a ticket allows early data"
    );

    // Who sends some all the same is not understood: it is no part of the handshake.
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    let mut stream = TcpStream::connect(secure.house.encrypted()).await.unwrap();
    let early = [&[23, 3, 3, 0, 64][..], &[9; 64]].concat();
    stream.write_all(&[hello, early].concat()).await.unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    let asked = secure.house.origin.arrived().len();
    assert_eq!(asked, 2, "only what came after a handshake");
}
