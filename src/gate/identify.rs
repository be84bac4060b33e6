//! Stage 2: who is asking. Client address through trusted proxies, our own tokens, and how the
//! request was made (a visit, a sub-request, a prefetch, from another site).

use std::net::{IpAddr, SocketAddr};

use http::header::{COOKIE, HeaderName, ORIGIN};
use http::{HeaderMap, Method};
use ipnet::IpNet;

use super::socket::names_websocket;
use crate::domain::standing::EndedBy;
use crate::token::queue::QueueToken;

/// Networks whose word about a visitor's address and scheme is taken.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    trusted: Vec<IpNet>,
}

impl Proxies {
    /// Trusts these networks and nobody else.
    #[must_use]
    pub const fn trusting(trusted: Vec<IpNet>) -> Self {
        Self { trusted }
    }

    /// Whether this is the address of such a proxy.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// The visitor's address: the peer's, or where trusted proxies speak, the right-most address
    /// of `X-Forwarded-For` that is not one of theirs. What cannot be read ends the search at
    /// the last proxy that could.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let said = headers
            .get_all("x-forwarded-for")
            .iter()
            .rev()
            .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for entry in said {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = std::str::from_utf8(entry).ok().and_then(address) else {
                break;
            };
            client = address.to_canonical();
        }
        client
    }

    /// Whether a trusted proxy says that the visitor came over TLS; `None` when none says.
    #[must_use]
    pub fn https(&self, peer: IpAddr, headers: &HeaderMap) -> Option<bool> {
        if !self.trusts(peer.to_canonical()) {
            return None;
        }
        let said = headers.get_all("x-forwarded-proto").iter().next_back()?;
        let last = said.as_bytes().rsplit(|byte| *byte == b',').next()?;
        Some(last.trim_ascii().eq_ignore_ascii_case(b"https"))
    }
}

/// An address as proxies write it: bare, or with a port.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    entry
        .parse()
        .ok()
        .or_else(|| {
            entry
                .parse::<SocketAddr>()
                .ok()
                .map(|with_port| with_port.ip())
        })
        .or_else(|| entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

static PURPOSE: HeaderName = HeaderName::from_static("purpose");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
static X_MOZ: HeaderName = HeaderName::from_static("x-moz");

/// How a request was made, as far as the browser tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Somebody goes there, or an app asks.
    Visit,
    /// The browser guesses that somebody might: nothing may change.
    Prefetch,
    /// A page of another site embeds or calls it: nothing may change.
    CrossSite,
    /// It would become a socket: no visit, so nothing may change.
    Socket,
}

impl Manner {
    /// Reads the fetch metadata of a request.
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let says = |name: &HeaderName, word: &str| {
            let mut values = headers.get_all(name).iter();
            values.any(|value| mentions(value.as_bytes(), word.as_bytes()))
        };
        let guess = says(&SEC_PURPOSE, "prefetch")
            || says(&SEC_PURPOSE, "prerender")
            || says(&PURPOSE, "prefetch")
            || says(&X_MOZ, "prefetch");
        if guess {
            return Self::Prefetch;
        }
        if names_websocket(headers) {
            return Self::Socket;
        }
        if !says(&SEC_FETCH_SITE, "cross-site") {
            return Self::Visit;
        }
        let top_level = says(&SEC_FETCH_MODE, "navigate") && says(&SEC_FETCH_DEST, "document");
        if !(top_level && method.is_safe()) {
            return Self::CrossSite;
        }
        Self::Visit
    }
}

/// Whether a browser fetches this for the page on which a visitor was told that the purchase is
/// done: its pictures and scripts must not take a place in line again.
#[must_use]
pub fn is_of_a_last_page(token: Option<QueueToken>, headers: &HeaderMap) -> bool {
    let is_last =
        |token: QueueToken| token.ended == Some(EndedBy::Completed) && token.place.is_none();
    let mut told = headers.get_all(&SEC_FETCH_DEST).iter().peekable();
    let pages = ["document", "iframe", "frame"];
    token.is_some_and(is_last)
        && told.peek().is_some()
        && !told.any(|word| pages.iter().any(|page| word == page))
}

/// Whether `text` holds `word`, in any case.
fn mentions(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len())
        .any(|part| part.eq_ignore_ascii_case(word))
}

/// Whether a `POST` to our own endpoints comes from our own page or from an app, and not from
/// another site's page: by `Sec-Fetch-Site` where there is one, else by `Origin`.
#[must_use]
pub fn is_same_origin(headers: &HeaderMap, host: &str, https: bool) -> bool {
    if let Some(site) = headers.get(&SEC_FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let scheme = if https { "https://" } else { "http://" };
    origin
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix(scheme))
        .is_some_and(|named| named.eq_ignore_ascii_case(host))
}

/// The names under which one room's tokens travel.
#[derive(Clone, Debug)]
pub struct CookieNames {
    plain: [String; 3],
    secure: [String; 3],
}

/// Which of our tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Proof of a place.
    Queue,
    /// Proof of admission.
    Admission,
    /// The pass of the room's crew.
    Crew,
}

/// `Anteroom-Queue`, for apps that keep no cookies.
pub const QUEUE_HEADER: HeaderName = HeaderName::from_static("anteroom-queue");
/// `Anteroom-Admission`, for apps that keep no cookies.
pub const ADMISSION_HEADER: HeaderName = HeaderName::from_static("anteroom-admission");

/// Whether an app asks that carries its tokens in headers instead of cookies.
#[must_use]
pub fn keeps_no_cookies(headers: &HeaderMap) -> bool {
    headers.contains_key(QUEUE_HEADER) || headers.contains_key(ADMISSION_HEADER)
}

/// Longer than any token of ours: not even looked at.
const LONGEST_TOKEN: usize = 4_096;

impl CookieNames {
    /// The names for a room.
    #[must_use]
    pub fn of(room: &str) -> Self {
        let plain = ["q", "a", "c"].map(|token| format!("anteroom-{token}-{room}"));
        let secure = plain.clone().map(|name| format!("__Host-{name}"));
        Self { plain, secure }
    }

    /// The name for a visitor who came over TLS, or did not.
    #[must_use]
    pub fn name(&self, token: Token, https: bool) -> &str {
        let [queue, admission, crew] = if https { &self.secure } else { &self.plain };
        match token {
            Token::Queue => queue,
            Token::Admission => admission,
            Token::Crew => crew,
        }
    }

    /// The token a request brings, by cookie or header. Two of one name count as none, and so
    /// does what is longer than any token.
    #[must_use]
    pub fn brought<'a>(
        &self,
        headers: &'a HeaderMap,
        token: Token,
        https: bool,
    ) -> Option<&'a str> {
        let name = self.name(token, https);
        let header = match token {
            Token::Queue => Some(QUEUE_HEADER),
            Token::Admission => Some(ADMISSION_HEADER),
            Token::Crew => None,
        };
        let mut found = cookies(headers)
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .chain(
                header
                    .iter()
                    .flat_map(|header| headers.get_all(header))
                    .filter_map(|value| value.to_str().ok())
                    .filter(|value| !value.is_empty()),
            );
        let first = found.next()?;
        (found.next().is_none() && first.len() <= LONGEST_TOKEN).then_some(first)
    }
}

/// The cookies of a request: name and value as they stand, without the spaces around. The site's
/// own may hold any bytes; they hide none of ours.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn proxies() -> Proxies {
        Proxies::trusting(vec![
            "10.0.0.0/8".parse().unwrap(),
            "::1/128".parse().unwrap(),
        ])
    }

    #[test]
    fn n1_the_client_is_the_right_most_address_that_no_proxy_of_ours_holds() {
        let many = vec!["6.6.6.6"; 100].join(", ");
        for (peer, lines, client) in [
            ("10.0.0.1", &["1.1.1.1, 2.2.2.2"][..], "2.2.2.2"),
            ("10.0.0.1", &["1.1.1.1", "2.2.2.2, 10.9.9.9"], "2.2.2.2"),
            ("9.9.9.9", &["1.1.1.1"], "9.9.9.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["3.3.3.3, unknown, 10.2.2.2"], "10.2.2.2"),
            ("10.0.0.1", &["4.4.4.4:555"], "4.4.4.4"),
            ("10.0.0.1", &["[2001:db8::1]:9"], "2001:db8::1"),
            ("10.0.0.1", &["fe80::1%eth0"], "10.0.0.1"),
            ("::1", &["::ffff:5.5.5.5"], "5.5.5.5"),
            ("::ffff:10.0.0.1", &["7.7.7.7"], "7.7.7.7"),
            ("10.0.0.1", &[many.as_str()], "6.6.6.6"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            let fields: Vec<_> = lines
                .iter()
                .map(|line| ("x-forwarded-for", *line))
                .collect();
            let seen = proxies().client(peer.parse().unwrap(), &headers(&fields));
            assert_eq!(seen, client.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }

    #[test]
    fn n1_the_scheme_is_believed_from_trusted_proxies_only() {
        let https = headers(&[("x-forwarded-proto", "http, https")]);
        assert_eq!(
            proxies().https("10.0.0.1".parse().unwrap(), &https),
            Some(true)
        );
        assert_eq!(proxies().https("9.9.9.9".parse().unwrap(), &https), None);
    }

    #[test]
    fn t7_two_tokens_of_one_name_count_as_none() {
        let names = CookieNames::of("derby");
        let find = |fields: &[(&'static str, &str)]| {
            names
                .brought(&headers(fields), Token::Queue, false)
                .map(str::to_owned)
        };
        assert_eq!(
            find(&[("cookie", "a=1; anteroom-q-derby=x")]),
            Some("x".into())
        );
        assert_eq!(find(&[("anteroom-queue", "x")]), Some("x".into()));
        assert_eq!(
            find(&[("cookie", "anteroom-q-derby=x; anteroom-q-derby=x")]),
            None
        );
        assert_eq!(
            find(&[
                ("cookie", "anteroom-q-derby=x"),
                ("cookie", "anteroom-q-derby=y")
            ]),
            None
        );
        assert_eq!(
            find(&[("cookie", "anteroom-q-derby=x"), ("anteroom-queue", "y")]),
            None
        );
        assert_eq!(
            find(&[("cookie", &format!("anteroom-q-derby={}", "x".repeat(5_000)))]),
            None
        );
        assert_eq!(
            find(&[("cookie", "Anteroom-Q-derby=x; anteroom_q_derby=y")]),
            None,
            "a9"
        );
        let secure = headers(&[("cookie", "anteroom-q-derby=x")]);
        assert_eq!(
            names.brought(&secure, Token::Queue, true),
            None,
            "w4: only __Host- on TLS"
        );
    }

    #[test]
    fn a_cookie_of_the_site_in_any_bytes_hides_none_of_ours() {
        let names = CookieNames::of("derby");
        for other in ["city=Köln".as_bytes(), b"name=J\xfcrgen"] {
            let mut line = other.to_vec();
            line.extend_from_slice(b"; anteroom-q-derby=x");
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, http::HeaderValue::from_bytes(&line).unwrap());
            assert_eq!(names.brought(&headers, Token::Queue, false), Some("x"));
        }
    }

    #[test]
    fn a16_prefetches_and_embedded_requests_are_no_visits() {
        let manner = |fields: &[(&'static str, &str)]| Manner::of(&Method::GET, &headers(fields));
        assert_eq!(
            manner(&[("sec-purpose", "prefetch;prerender")]),
            Manner::Prefetch
        );
        assert_eq!(manner(&[("purpose", "prefetch")]), Manner::Prefetch);
        assert_eq!(manner(&[("x-moz", "prefetch")]), Manner::Prefetch);
        let cross = ("sec-fetch-site", "cross-site");
        assert_eq!(
            manner(&[cross, ("sec-fetch-mode", "no-cors")]),
            Manner::CrossSite
        );
        let link = [
            cross,
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(manner(&link), Manner::Visit);
        assert_eq!(
            Manner::of(&Method::POST, &headers(&link)),
            Manner::CrossSite
        );
        assert_eq!(manner(&[]), Manner::Visit);
    }

    #[test]
    fn n10_w5_a_post_from_another_origin_is_known() {
        let same = |fields: &[(&'static str, &str)]| {
            is_same_origin(&headers(fields), "shop.example:80", false)
        };
        assert!(same(&[]));
        assert!(same(&[("origin", "http://Shop.example:80")]));
        assert!(same(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "null")
        ]));
        for foreign in [
            "http://evil.example",
            "https://shop.example:80",
            "null",
            "http://shop.example:80.evil",
        ] {
            assert!(!same(&[("origin", foreign)]), "{foreign}");
        }
        for site in ["cross-site", "same-site"] {
            assert!(!same(&[("sec-fetch-site", site)]), "{site}");
        }
    }
}
