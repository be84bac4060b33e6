//! Who the client is: the peer, or whom the proxies we trust name, read from the right.

use std::net::{IpAddr, SocketAddr};

use anteroom::gate::identify::Proxies;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// Each line is an `X-Forwarded-For` field, one with `>` before it `X-Forwarded-Proto`.
pub fn run(data: &[u8]) {
    let trusted: Vec<IpNet> = ["10.0.0.0/8", "::1/128", "2001:db8::/32"]
        .map(|net| net.parse().unwrap())
        .into();
    let proxies = Proxies::trusting(trusted.clone());
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let (name, value) = match line.split_first() {
            Some((b'>', rest)) => ("x-forwarded-proto", rest),
            _ => ("x-forwarded-for", line),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    for peer in [
        "10.0.0.1",
        "::1",
        "9.9.9.9",
        "::ffff:10.1.1.1",
        "2001:db9::1",
    ] {
        let peer: IpAddr = peer.parse().unwrap();
        let is_proxy = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
        let client = named(&headers, peer.to_canonical(), is_proxy);
        assert_eq!(
            proxies.client(peer, &headers),
            client,
            "{peer}: {headers:?}"
        );
        let https = is_proxy(peer.to_canonical())
            .then(|| last_word(&headers))
            .flatten();
        assert_eq!(proxies.https(peer, &headers), https, "{peer}: {headers:?}");
        if !is_proxy(peer.to_canonical()) {
            assert_eq!(client, peer.to_canonical(), "nobody else is believed");
        }
    }
}

/// The client as a list of all entries says, walked from its end.
fn named(headers: &HeaderMap, peer: IpAddr, is_proxy: impl Fn(IpAddr) -> bool) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter();
    let whole = lines
        .map(|line| line.as_bytes())
        .collect::<Vec<_>>()
        .join(&b","[..]);
    if headers.get("x-forwarded-for").is_none() {
        return peer;
    }
    let mut client = peer;
    for entry in whole
        .split(|byte| *byte == b',')
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        let text = String::from_utf8(entry.to_vec()).ok();
        match text.and_then(|text| address(text.trim())) {
            Some(address) if is_proxy(client) => client = address.to_canonical(),
            _ => break,
        }
    }
    client
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let in_brackets = || bare.and_then(|bare| bare.parse().ok());
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

fn last_word(headers: &HeaderMap) -> Option<bool> {
    let lines: Vec<_> = headers.get_all("x-forwarded-proto").iter().collect();
    let line = lines.last()?.as_bytes();
    let word = line.split(|byte| *byte == b',').next_back()?;
    Some(word.trim_ascii().eq_ignore_ascii_case(b"https"))
}
