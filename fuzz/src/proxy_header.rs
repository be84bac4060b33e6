//! The PROXY protocol on a real socket: a visitor's address is believed only where a second
//! reading finds the same, and what stands behind the header is left where it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anteroom::edge::proxied::{Announcers, visitor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a listed peer sends, from its first byte to its last.
///
/// # Panics
/// When loopback has no port left, and when a law is broken.
pub fn run(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(talk(data.get(..2_048).unwrap_or(data)));
}

async fn talk(data: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sends = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (mut reads, peer) = listener.accept().await.unwrap();
    sends.write_all(data).await.unwrap();
    sends.shutdown().await.unwrap();
    let everybody = Announcers::of(vec!["127.0.0.0/8".parse().unwrap()]);
    let (said, _) = visitor(&mut reads, peer, &everybody).await;
    let mut rest = Vec::new();
    match (said, header(data)) {
        (None, _) => {}
        (Some(said), Some((told, length))) => {
            assert_eq!(said, told.unwrap_or(peer), "{data:?}");
            reads.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, &data[length..], "what follows the header stays");
        }
        (Some(said), None) => panic!("{said} is believed of {data:?}"),
    }
    let nobody = Announcers::default();
    let unlisted = visitor(&mut reads, peer, &nobody).await;
    assert_eq!(
        unlisted,
        (Some(peer), None),
        "who is not listed is not asked"
    );
}

/// Whom a header names, nobody for the proxy's own connection, and how long it is.
fn header(data: &[u8]) -> Option<(Option<SocketAddr>, usize)> {
    match data.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        Some(rest) => binary(rest).map(|(told, length)| (told, length + 12)),
        None => text(data),
    }
}

fn text(data: &[u8]) -> Option<(Option<SocketAddr>, usize)> {
    let end = data.windows(2).take(106).position(|two| two == b"\r\n")?;
    let line = std::str::from_utf8(&data[..end]).ok()?;
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Some((None, end + 2)),
        ["PROXY", family @ ("TCP4" | "TCP6"), from, to, port, to_port] => {
            let (from, to): (IpAddr, IpAddr) = (from.parse().ok()?, to.parse().ok()?);
            let is_old = *family == "TCP4";
            let ports: (u16, u16) = (port.parse().ok()?, to_port.parse().ok()?);
            let fits = from.is_ipv4() == is_old && to.is_ipv4() == is_old;
            fits.then_some((Some(SocketAddr::new(from, ports.0)), end + 2))
        }
        _ => None,
    }
}

fn binary(rest: &[u8]) -> Option<(Option<SocketAddr>, usize)> {
    let [version, family, high, low, body @ ..] = rest else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let body = body.get(..length)?;
    let whole = length + 4;
    match (version, family) {
        (0x20, _) => Some((None, whole)),
        (0x21, 0x00) => Some((None, whole)),
        (0x21, 0x11) => {
            let from: [u8; 4] = body.get(..4)?.try_into().ok()?;
            let port = body.get(8..10)?.try_into().ok()?;
            body.get(..12)?;
            let from = Ipv4Addr::from(from).into();
            Some((Some(SocketAddr::new(from, u16::from_be_bytes(port))), whole))
        }
        (0x21, 0x21) => {
            let from: [u8; 16] = body.get(..16)?.try_into().ok()?;
            let port = body.get(32..34)?.try_into().ok()?;
            body.get(..36)?;
            let from = Ipv6Addr::from(from).into();
            Some((Some(SocketAddr::new(from, u16::from_be_bytes(port))), whole))
        }
        _ => None,
    }
}
