//! The PROXY protocol, versions 1 and 2: a load balancer says in front of a connection whose it is.
//!
//! Only listed peers are asked, and they must say it: where both could be, whoever reaches the port
//! past the load balancer could claim any address. What is read ends with the header to the byte;
//! the rest is the visitor's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::telemetry::tls::Announced;

/// How long the header may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// The first bytes, by which the versions are told apart; no header is shorter.
const FIRST: usize = 12;

/// How version 1 begins.
const TEXT: &[u8] = b"PROXY ";

/// How version 2 begins.
const BINARY: &[u8; FIRST] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header of version 1, with its line end.
const LONGEST_TEXT: usize = 107;

/// The longest header of version 2, with what a proxy adds about the connection.
const LONGEST_BINARY: usize = 536;

/// The networks whose peers begin with a header.
#[derive(Clone, Debug, Default)]
pub struct Announcers(Vec<IpNet>);

impl Announcers {
    /// These networks, and nobody else.
    #[must_use]
    pub const fn of(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn include(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

/// Why a connection is closed instead of being served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It begins with something else.
    Missing,
    /// It begins with a header that cannot be read.
    Malformed,
    /// Nothing whole came in time.
    Timeout,
    /// It was closed.
    Closed,
}

/// What a listed peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Whose connection it is.
    Visitor(SocketAddr),
    /// The proxy's own, as when it looks whether we live, or of nobody it can name.
    Own,
}

/// Whose connection this is: the peer's, or where the peer is a listed proxy, whose it says. `Err`
/// says why it is to be closed. The second half is what is counted, nothing for who is not listed.
pub async fn visitor(
    stream: &mut TcpStream,
    peer: SocketAddr,
    announcers: &Announcers,
) -> (Option<SocketAddr>, Option<Announced>) {
    if !announcers.include(peer.ip()) {
        return (Some(peer), None);
    }
    let said = tokio::time::timeout(DEADLINE, header(stream)).await;
    match said.unwrap_or(Err(Fault::Timeout)) {
        Ok(Said::Visitor(visitor)) => (Some(visitor), Some(Announced::Visitor)),
        Ok(Said::Own) => (Some(peer), Some(Announced::Local)),
        Err(fault) => (None, Some(fault.into())),
    }
}

impl From<Fault> for Announced {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Missing => Self::Missing,
            Fault::Malformed => Self::Malformed,
            Fault::Timeout => Self::Timeout,
            Fault::Closed => Self::Closed,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

async fn header(stream: &mut TcpStream) -> Result<Said, Fault> {
    let mut read = vec![0; FIRST];
    stream.read_exact(&mut read).await?;
    if read == BINARY {
        binary(stream, &mut read).await?;
    } else if read.starts_with(TEXT) {
        text(stream, &mut read).await?;
    } else {
        return Err(Fault::Missing);
    }
    parse(&read)
}

/// Reads the rest of a header of version 2, whose head says how long it is.
async fn binary(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<(), Fault> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    read.extend_from_slice(&head);
    let [_, _, high, low] = head;
    let rest = usize::from(u16::from_be_bytes([high, low]));
    let whole = read.len().saturating_add(rest);
    if whole > LONGEST_BINARY {
        return Err(Fault::Malformed);
    }
    let head = read.len();
    read.resize(whole, 0);
    stream
        .read_exact(read.get_mut(head..).unwrap_or_default())
        .await?;
    Ok(())
}

/// Reads the rest of a header of version 1, which is a line. What has come is looked at before it
/// is taken, so that nothing behind the line is.
async fn text(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<(), Fault> {
    while !read.ends_with(b"\n") {
        let mut ahead = [0; LONGEST_TEXT];
        let room = LONGEST_TEXT.saturating_sub(read.len());
        let ahead = ahead.get_mut(..room).filter(|room| !room.is_empty());
        let ahead = ahead.ok_or(Fault::Malformed)?;
        let seen = stream.peek(ahead).await?;
        let seen = ahead.get_mut(..seen).unwrap_or_default();
        if seen.is_empty() {
            return Err(Fault::Closed);
        }
        let line = seen.iter().position(|byte| *byte == b'\n');
        let wanted = line.map_or(seen.len(), |end| end.saturating_add(1));
        let wanted = seen.get_mut(..wanted).unwrap_or_default();
        stream.read_exact(wanted).await?;
        read.extend_from_slice(wanted);
    }
    Ok(())
}

/// Whether this is a whole header of version 2 by which a proxy speaks for itself, as when it looks
/// whether we live. What it says of families and addresses is not looked at (section 2.2).
fn is_own(bytes: &[u8]) -> bool {
    let Some((b"\x20", [_, high, low, rest @ ..])) = bytes
        .strip_prefix(BINARY)
        .and_then(|head| head.split_at_checked(1))
    else {
        return false;
    };
    rest.len() == usize::from(u16::from_be_bytes([*high, *low]))
}

/// Reads a header that is there whole, with nothing behind it.
///
/// # Errors
/// [`Fault::Malformed`] when it is none.
pub fn parse(bytes: &[u8]) -> Result<Said, Fault> {
    if is_own(bytes) {
        return Ok(Said::Own);
    }
    let config = ParseConfig {
        include_tlvs: false,
        ..ParseConfig::default()
    };
    let (header, length) = ProxyHeader::parse(bytes, config).map_err(|_| Fault::Malformed)?;
    if length != bytes.len() {
        return Err(Fault::Malformed);
    }
    match header.proxied_address() {
        None => Ok(Said::Own),
        Some(address) if address.protocol == Protocol::Stream => Ok(Said::Visitor(address.source)),
        Some(_) => Err(Fault::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proxy_header::{ProxiedAddress, Tlv};
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    /// What a header is taken for, sent in pieces of this size with `rest` behind it, and what is
    /// left to be read.
    async fn read(header: &[u8], piece: usize, rest: &[u8]) -> (Result<Said, Fault>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sends = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        sends.set_nodelay(true).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let whole = [header, rest].concat();
        let sending = async move {
            for piece in whole.chunks(piece) {
                // Who refuses closes before it has read all.
                if sends.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let reading = async {
            let said = super::header(&mut stream).await;
            let mut left = Vec::new();
            stream.read_to_end(&mut left).await.unwrap();
            (said, left)
        };
        tokio::join!(sending, reading).1
    }

    fn second(of: ProxiedAddress, tlvs: Vec<Tlv<'_>>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = ProxyHeader::with_tlvs(Some(of), tlvs);
        header.encode_v2(&mut bytes).unwrap();
        bytes
    }

    fn ann() -> ProxiedAddress {
        let here = "192.0.2.1:443".parse().unwrap();
        ProxiedAddress::stream("198.51.100.7:4711".parse().unwrap(), here)
    }

    #[tokio::test]
    async fn n1_headers_of_both_versions_are_read_to_the_byte_however_they_come() {
        let visitor = |text: &str| Ok(Said::Visitor(text.parse().unwrap()));
        let six = ProxiedAddress::stream(
            "[2001:db8::7]:4711".parse().unwrap(),
            "[2001:db8::1]:443".parse().unwrap(),
        );
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00".to_vec();
        for (header, said) in [
            (
                b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n".to_vec(),
                visitor("198.51.100.7:4711"),
            ),
            (
                b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n".to_vec(),
                visitor("[2001:db8::7]:4711"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), Ok(Said::Own)),
            (b"PROXY UNKNOWN 1.2.3.4 5\r\n".to_vec(), Ok(Said::Own)),
            (second(ann(), vec![]), visitor("198.51.100.7:4711")),
            (second(six, vec![]), visitor("[2001:db8::7]:4711")),
            (
                second(ann(), vec![Tlv::Noop(500)]),
                visitor("198.51.100.7:4711"),
            ),
            (local, Ok(Said::Own)),
        ] {
            for piece in [1, 7, 1_000] {
                for rest in ["", "GET / HTTP/1.1\r\n\r\n", "PROXY UNKNOWN\r\n"] {
                    let (read, left) = read(&header, piece, rest.as_bytes()).await;
                    assert_eq!(read, said, "{header:?}");
                    assert_eq!(left, rest.as_bytes(), "{header:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn n1_what_is_no_header_is_told_apart_from_a_bad_one() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(200));
        let mut datagram = second(ann(), vec![]);
        datagram[13] = 0x12;
        let mut odd_family = second(ann(), vec![]);
        odd_family[13] = 0x77;
        let mut short_addresses = second(ann(), vec![]);
        short_addresses[15] = 3;
        for (bytes, fault) in [
            (
                b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
                Fault::Missing,
            ),
            (
                b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03aaa".to_vec(),
                Fault::Missing,
            ),
            (
                b"PROXYxTCP4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(),
                Fault::Missing,
            ),
            (
                b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n".to_vec(),
                Fault::Malformed,
            ),
            (
                b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n".to_vec(),
                Fault::Malformed,
            ),
            (b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec(), Fault::Malformed),
            (
                b"PROXY TCP4 999.1.1.1 1.2.3.4 1 2\r\n".to_vec(),
                Fault::Malformed,
            ),
            (
                b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n".to_vec(),
                Fault::Malformed,
            ),
            (
                b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(),
                Fault::Malformed,
            ),
            (long.into_bytes(), Fault::Malformed),
            (datagram, Fault::Malformed),
            (odd_family, Fault::Malformed),
            (short_addresses, Fault::Malformed),
            (second(ann(), vec![Tlv::Noop(600)]), Fault::Malformed),
            (b"".to_vec(), Fault::Closed),
            (b"PROXY TCP4 1.2".to_vec(), Fault::Closed),
        ] {
            let read = read(&bytes, 1_000, b"").await.0;
            assert_eq!(read, Err(fault), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn listed_peers_are_known_by_both_spellings_of_their_address() {
        let announcers = Announcers::of(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(announcers.include("10.1.2.3".parse().unwrap()));
        assert!(announcers.include("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!announcers.include("11.1.2.3".parse().unwrap()));
        assert!(!Announcers::default().include("127.0.0.1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fault_of_ours(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes);
            let text = [b"PROXY TCP4 ", bytes.as_slice()].concat();
            let _ = parse(&text);
            let binary = [BINARY.as_slice(), &bytes].concat();
            let _ = parse(&binary);
        }
    }
}
