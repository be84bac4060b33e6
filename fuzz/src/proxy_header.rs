//! The PROXY protocol on a real socket: a visitor's address is believed where a second reading
//! finds the same and nowhere else, every header that a proxy may write is believed, and what
//! stands behind it is left where it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anteroom::edge::proxied::{Announcers, Said, parse, visitor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How version 2 begins.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a listed peer sends, from its first byte to its last; and a header that a proxy writes
/// about the addresses that these bytes are.
///
/// # Panics
/// When loopback has no port left, and when a law is broken.
pub fn run(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(talk(data.get(..2_048).unwrap_or(data)));
    come_back(data);
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
    match (said, header(data)) {
        (
            None,
            None
            | Some(Header {
                is_usual: false, ..
            }),
        ) => {}
        (Some(said), Some(header)) => {
            assert_eq!(said, header.told.unwrap_or(peer), "{data:?}");
            let mut rest = Vec::new();
            reads.read_to_end(&mut rest).await.unwrap();
            assert_eq!(
                rest,
                &data[header.length..],
                "what follows the header stays"
            );
            ends_where_it_says(&data[..header.length], header.told);
        }
        (Some(said), None) => panic!("{said} is believed of {data:?}"),
        (None, Some(header)) => panic!("{header:?} is not believed of {data:?}"),
    }
    let nobody = Announcers::default();
    let unlisted = visitor(&mut reads, peer, &nobody).await;
    assert_eq!(
        unlisted,
        (Some(peer), None),
        "who is not listed is not asked"
    );
}

/// A header is read whole, with nothing behind it and nothing missing.
fn ends_where_it_says(bytes: &[u8], told: Option<SocketAddr>) {
    let said = told.map_or(Said::Own, Said::Visitor);
    assert_eq!(parse(bytes), Ok(said), "{bytes:?}");
    let shorter = &bytes[..bytes.len() - 1];
    assert!(parse(shorter).is_err(), "{shorter:?} is no whole header");
    let longer = [bytes, b"x"].concat();
    assert!(parse(&longer).is_err(), "{longer:?} goes on");
}

/// Addresses that a proxy writes down, in both versions, come back as they were.
fn come_back(data: &[u8]) {
    let byte = |at: usize| data.get(at).copied().unwrap_or(0);
    let number = |at: usize| u16::from_be_bytes([byte(at), byte(at + 1)]);
    let old = |at: usize| Ipv4Addr::from(std::array::from_fn(|more| byte(at + more)));
    let new = |at: usize| Ipv6Addr::from(std::array::from_fn(|more| byte(at + more)));
    let (port, to_port) = (number(0), number(2));
    for (from, to) in [
        (IpAddr::V4(old(4)), IpAddr::V4(old(8))),
        (IpAddr::V6(new(4)), IpAddr::V6(new(20))),
    ] {
        let said = Ok(Said::Visitor(SocketAddr::new(from, port)));
        let (name, family) = if from.is_ipv4() {
            ("TCP4", 0x11)
        } else {
            ("TCP6", 0x21)
        };
        let line = format!("PROXY {name} {from} {to} {port} {to_port}\r\n");
        assert_eq!(parse(line.as_bytes()), said, "{line:?}");
        let octets = |one: IpAddr| match one {
            IpAddr::V4(one) => one.octets().to_vec(),
            IpAddr::V6(one) => one.octets().to_vec(),
        };
        let mut body = [octets(from), octets(to)].concat();
        body.extend([port.to_be_bytes(), to_port.to_be_bytes()].concat());
        // What a proxy adds is passed over.
        body.extend_from_slice(data.get(36..data.len().min(100)).unwrap_or_default());
        let length = u16::try_from(body.len()).unwrap_or(0).to_be_bytes();
        let whole = [BINARY, &[0x21, family], &length, &body].concat();
        assert_eq!(parse(&whole), said, "{whole:?}");
    }
}

/// What a second reading finds.
#[derive(Debug)]
struct Header {
    /// Whom it names, nobody for the proxy's own connection.
    told: Option<SocketAddr>,
    /// How long it is.
    length: usize,
    /// Whether a proxy writes it so; one that does not may be refused.
    is_usual: bool,
}

/// The header at the front of some bytes, if it is one.
fn header(data: &[u8]) -> Option<Header> {
    match data.strip_prefix(BINARY) {
        Some(rest) => binary(rest),
        None => text(data),
    }
}

/// A line of at most 107 bytes.
fn text(data: &[u8]) -> Option<Header> {
    let end = data.iter().take(107).position(|byte| *byte == b'\n')?;
    let line = data[..end].strip_suffix(b"\r")?;
    let rest = line.strip_prefix(b"PROXY ")?;
    if rest.contains(&b'\r') {
        return None;
    }
    let length = end + 1;
    if let Some(rest) = rest.strip_prefix(b"UNKNOWN") {
        return Some(Header {
            told: None,
            length,
            is_usual: matches!(rest, [] | [b' ', ..]),
        });
    }
    let words: Vec<&[u8]> = rest.split(|byte| *byte == b' ').collect();
    let [family, from, to, port, to_port] = words[..] else {
        return None;
    };
    let address = |text: &[u8]| match family {
        b"TCP4" => old_address(text).map(IpAddr::V4),
        b"TCP6" => new_address(text).map(IpAddr::V6),
        _ => None,
    };
    let (from, _) = (address(from)?, address(to)?);
    let (port, to_port) = (number(port)?, number(to_port)?);
    Some(Header {
        told: Some(SocketAddr::new(from, port.0)),
        length,
        is_usual: port.1 && to_port.1,
    })
}

/// A number of sixteen bits, and whether it is written as plainly as can be.
fn number(text: &[u8]) -> Option<(u16, bool)> {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let value = digits.iter().fold(0_u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit & 15))
    });
    let value = u16::try_from(value).ok().filter(|_| is_number)?;
    Some((value, value.to_string().as_bytes() == text))
}

/// Four plain numbers with dots between.
fn old_address(text: &[u8]) -> Option<Ipv4Addr> {
    let parts: Vec<_> = text.split(|byte| *byte == b'.').map(number).collect();
    let [Some(a), Some(b), Some(c), Some(d)] = parts[..] else {
        return None;
    };
    let all = [a, b, c, d];
    let small = all.map(|(value, is_plain)| u8::try_from(value).ok().filter(|_| is_plain));
    let [Some(a), Some(b), Some(c), Some(d)] = small else {
        return None;
    };
    Some(Ipv4Addr::new(a, b, c, d))
}

/// Eight groups of up to four hexadecimal digits, the last two perhaps in the old form, and at
/// most one gap.
fn new_address(text: &[u8]) -> Option<Ipv6Addr> {
    let text = std::str::from_utf8(text).ok()?;
    let mut halves = text.split("::");
    let (first, second, third) = (halves.next()?, halves.next(), halves.next());
    let front = groups(first, second.is_none())?;
    let back = second.map_or(Some(Vec::new()), |back| groups(back, true))?;
    let missing = 8_usize.checked_sub(front.len() + back.len())?;
    let fits = if second.is_some() {
        missing >= 1
    } else {
        missing == 0
    };
    if third.is_some() || !fits {
        return None;
    }
    let whole = [front, vec![0; missing], back].concat();
    Some(Ipv6Addr::from(<[u16; 8]>::try_from(whole).ok()?))
}

/// The groups on one side of the gap; the old form may stand at the end of all.
fn groups(text: &str, is_last: bool) -> Option<Vec<u16>> {
    let mut all = Vec::new();
    let mut parts = text.split(':').peekable();
    while let Some(part) = parts.next() {
        if text.is_empty() {
            break;
        }
        if is_last && parts.peek().is_none() && part.contains('.') {
            let [a, b, c, d] = old_address(part.as_bytes())?.octets();
            all.extend([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]);
            continue;
        }
        let is_group =
            (1..=4).contains(&part.len()) && part.bytes().all(|one| one.is_ascii_hexdigit());
        all.push(u16::from_str_radix(part, 16).ok().filter(|_| is_group)?);
    }
    Some(all)
}

/// What stands behind the first twelve bytes of version 2: at most 536 bytes with them.
fn binary(rest: &[u8]) -> Option<Header> {
    let [version, family, high, low, body @ ..] = rest else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let body = body.get(..length).filter(|_| length <= 520)?;
    let addresses = match family >> 4 {
        0 => 0,
        1 => 12,
        2 => 36,
        _ => 216,
    };
    let is_known = matches!(family, 0x00 | 0x11 | 0x12 | 0x21 | 0x22 | 0x31 | 0x32);
    let is_whole = is_known && length >= addresses;
    let (told, is_usual) = match (version, family) {
        // The proxy's own: whose addresses these would be does not matter.
        (0x20, _) => (None, is_whole),
        (0x21, 0x00) => (None, true),
        (0x21, 0x11) if is_whole => {
            let from: [u8; 4] = body[..4].try_into().ok()?;
            (Some(SocketAddr::new(from.into(), port(body, 8)?)), true)
        }
        (0x21, 0x21) if is_whole => {
            let from: [u8; 16] = body[..16].try_into().ok()?;
            (Some(SocketAddr::new(from.into(), port(body, 32)?)), true)
        }
        // A socket of the proxy's machine, which nobody out there has.
        (0x21, 0x31 | 0x32) if is_whole => (None, false),
        _ => return None,
    };
    Some(Header {
        told,
        length: length + 16,
        is_usual,
    })
}

fn port(body: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?))
}
