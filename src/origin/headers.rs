//! What is stripped from a request and from its answer, and what is added. Stripping comes
//! first and adding last, so nothing a visitor sends can undo what we say.

use std::net::IpAddr;

use http::header::{CACHE_CONTROL, CONNECTION, HOST, HeaderName, UPGRADE, VARY};
use http::{HeaderMap, HeaderValue};

use super::cookies;
use crate::gate::permit::{Grounds, Passage};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const SESSION_ID: HeaderName = HeaderName::from_static("anteroom-session-id");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const ASSERTION: HeaderName = HeaderName::from_static("anteroom-assertion");

/// Makes a visitor's headers fit for the origin: hop-by-hop headers, words that only a gateway
/// may say, and our own headers and cookies go; the visitor's address, scheme and host come.
///
/// The body's length is not said; that is done where the body is known.
pub fn prepare_request(headers: &mut HeaderMap, passage: &Passage) {
    strip_nominated(headers);
    strip(headers, never_from_visitor);
    cookies::cut(headers);
    add_ours(headers, passage);
}

/// Tells the site which session a request belongs to, by the name under which it can steer it.
/// Whatever a visitor sends under that name has gone before.
pub(super) fn name_session(headers: &mut HeaderMap, grounds: Grounds) {
    if let Grounds::Admitted(session) = grounds
        && let Ok(name) = HeaderValue::try_from(session.to_string())
    {
        headers.insert(SESSION_ID, name);
    }
}

/// Says the words of a handshake that end at each connection, to either side.
pub(super) fn say_upgrade(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Makes an origin's headers fit for a visitor: hop-by-hop headers, our own headers, other ways to
/// the origin, and cookies with our names go.
pub fn clean_answer(headers: &mut HeaderMap) {
    strip_nominated(headers);
    strip(headers, never_from_origin);
    cookies::drop_set(headers);
}

/// Keeps an admitted visitor's answer out of shared caches: `Cache-Control` gains `private` and
/// loses `public` and `s-maxage`, words to shared caches alone go, and `Vary` gains `Cookie`.
pub fn make_private(headers: &mut HeaderMap) {
    strip(headers, speaks_to_shared_caches);
    if let Some(value) = private_cache_control(headers) {
        headers.insert(CACHE_CONTROL, value);
    }
    if let Some(value) = vary_by_cookie(headers) {
        headers.insert(VARY, value);
    }
}

/// Removes every header that `Connection` names.
fn strip_nominated(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !is_usual(token))
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .collect();
    for name in nominated {
        headers.remove(name);
    }
}

/// What `Connection` says most of the time, which names no header or one that goes anyway.
fn is_usual(token: &[u8]) -> bool {
    [&b"keep-alive"[..], b"close", b"upgrade"]
        .iter()
        .any(|usual| token.eq_ignore_ascii_case(usual))
}

fn strip(headers: &mut HeaderMap, goes: fn(&str) -> bool) {
    let going: Vec<HeaderName> = headers
        .keys()
        .filter(|name| goes(name.as_str()))
        .cloned()
        .collect();
    for name in going {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Names that only we may use.
fn is_ours(name: &str) -> bool {
    name.starts_with("anteroom-") || name.starts_with("x-anteroom-")
}

/// Takes lower-case names, as `HeaderName` has them. A name with `_` is the same as one with `-`
/// to origins that make environment variables of headers.
fn never_from_visitor(name: &str) -> bool {
    is_hop_by_hop(name)
        || is_ours(name)
        || name.contains('_')
        || name.starts_with("x-forwarded")
        || matches!(name, "content-length" | "expect" | "proxy" | "x-admitted")
        || claims_an_address(name)
        || claims_a_target(name)
}

/// Names that a gateway takes out of what it passes on, in one direction or the other.
pub(super) fn goes_either_way(name: &str) -> bool {
    never_from_visitor(name) || never_from_origin(name) || speaks_to_shared_caches(name)
}

fn claims_an_address(name: &str) -> bool {
    matches!(
        name,
        "forwarded"
            | "forwarded-for"
            | "x-real-ip"
            | "cf-connecting-ip"
            | "cf-connecting-ipv6"
            | "cf-pseudo-ipv4"
            | "x-azure-clientip"
            | "x-envoy-external-address"
            | "x-original-forwarded-for"
            | "x-originating-ip"
            | "x-remote-addr"
            | "x-remote-ip"
            | "x-proxyuser-ip"
    ) || name == "client-ip"
        || name.ends_with("-client-ip")
}

fn claims_a_target(name: &str) -> bool {
    matches!(
        name,
        "x-original-url"
            | "x-original-uri"
            | "x-original-host"
            | "x-rewrite-url"
            | "x-host"
            | "x-real-host"
            | "x-http-host-override"
            | "x-scheme"
            | "x-url-scheme"
            | "x-original-proto"
            | "front-end-https"
            | "cf-visitor"
            | "cloudfront-forwarded-proto"
    )
}

/// `Alt-Svc` names other ways to the origin, which lead past the gate.
fn never_from_origin(name: &str) -> bool {
    is_hop_by_hop(name) || is_ours(name) || name == "alt-svc"
}

fn speaks_to_shared_caches(name: &str) -> bool {
    matches!(
        name,
        "surrogate-control" | "edge-control" | "x-accel-expires" | "cdn-cache-control"
    ) || name.ends_with("-cdn-cache-control")
}

fn add_ours(headers: &mut HeaderMap, passage: &Passage) {
    let as_sent = headers
        .remove(HOST)
        .filter(|host| host.as_bytes() == passage.host.as_bytes());
    let host = as_sent.or_else(|| HeaderValue::from_str(&passage.host).ok());
    if let Some(host) = host {
        headers.insert(X_FORWARDED_HOST, host.clone());
        headers.insert(HOST, host);
    }
    if let Some(client) = address(passage.client) {
        headers.insert(X_FORWARDED_FOR, client.clone());
        headers.insert(X_REAL_IP, client);
    }
    let scheme = if passage.https { "https" } else { "http" };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    if let Some(assertion) = &passage.assertion {
        headers.insert(ASSERTION, assertion.clone());
    }
}

fn address(client: IpAddr) -> Option<HeaderValue> {
    HeaderValue::try_from(client.to_string()).ok()
}

/// `Cache-Control` with `private` in front, so that no open quotation of the origin's swallows
/// it. `None` if what is there says so already.
fn private_cache_control(headers: &HeaderMap) -> Option<HeaderValue> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let mut is_private = false;
    let mut is_shared = false;
    let mut whole = b"private".to_vec();
    for directive in values.flat_map(|value| Directives(Some(value.as_bytes()))) {
        let name = directive.split(|byte| *byte == b'=').next();
        let name = name.unwrap_or_default().trim_ascii();
        if directive.eq_ignore_ascii_case(b"private") {
            is_private = true;
        } else if is_for_shared_caches(name) {
            is_shared = true;
        } else if !directive.is_empty() {
            whole.extend_from_slice(b", ");
            whole.extend_from_slice(directive);
        }
    }
    if is_private && !is_shared {
        return None;
    }
    Some(HeaderValue::from_bytes(&whole).unwrap_or(HeaderValue::from_static("private, no-store")))
}

/// `private="field"` is one too: it lets a shared cache keep the rest.
fn is_for_shared_caches(name: &[u8]) -> bool {
    [&b"public"[..], b"s-maxage", b"private"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}

/// The directives of one line, split at commas outside quotations.
struct Directives<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Directives<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.0?;
        let (first, rest) = match comma_outside_quotations(line) {
            Some(at) => (line.get(..at)?, line.get(at + 1..)),
            None => (line, None),
        };
        self.0 = rest;
        Some(first.trim_ascii())
    }
}

fn comma_outside_quotations(line: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    line.iter().position(|byte| {
        let was_escaped = std::mem::take(&mut escaped);
        match byte {
            b'\\' if quoted && !was_escaped => escaped = true,
            b'"' if !was_escaped => quoted = !quoted,
            _ => {}
        }
        *byte == b',' && !quoted
    })
}

/// `Vary` in one line with `Cookie`, for readers that look at one line only. `None` if what is
/// there says so already.
fn vary_by_cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(VARY);
    let says_so = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|name| name == b"*" || name.eq_ignore_ascii_case(b"cookie"));
    if says_so {
        return None;
    }
    let mut whole = Vec::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        whole.extend_from_slice(line.as_bytes());
        whole.extend_from_slice(b", ");
    }
    whole.extend_from_slice(b"Cookie");
    HeaderValue::from_bytes(&whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::testing::passage;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn prepared(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = headers(lines);
        prepare_request(&mut headers, &passage("/buy/1"));
        headers
    }

    fn private(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = headers(lines);
        make_private(&mut headers);
        headers
    }

    /// All lines of a header.
    fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
        let values = headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn n1_claims_about_the_visitor_are_replaced_by_ours() {
        let sent = prepared(&[
            ("x-forwarded-for", "6.6.6.6, unknown"),
            ("x-forwarded-for", "fe80::1%eth0"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("true-client-ip", "6.6.6.6"),
            ("cf-connecting-ip", "6.6.6.6"),
            ("client-ip", "6.6.6.6"),
            ("x-client-ip", "6.6.6.6"),
            ("x-original-client-ip", "6.6.6.6"),
            ("proxy-client-ip", "6.6.6.6"),
            ("wl-proxy-client-ip", "6.6.6.6"),
        ]);

        assert_eq!(all(&sent, "x-forwarded-for"), ["203.0.113.9"]);
        assert_eq!(all(&sent, "x-real-ip"), ["203.0.113.9"]);
        assert_eq!(sent.len(), 5, "nothing else is left: {sent:?}");
    }

    #[test]
    fn n9_claims_about_the_target_are_replaced_by_ours() {
        let sent = prepared(&[
            ("host", "tickets.example"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-port", "1"),
            ("x-forwarded-prefix", "/admin"),
            ("x-original-url", "/admin"),
            ("x-rewrite-url", "/admin"),
            ("x-host", "evil.example"),
        ]);

        assert_eq!(all(&sent, "host"), ["tickets.example"]);
        assert_eq!(all(&sent, "x-forwarded-host"), ["tickets.example"]);
        assert_eq!(all(&sent, "x-forwarded-proto"), ["https"]);
        assert_eq!(sent.len(), 5, "nothing else is left: {sent:?}");
    }

    #[test]
    fn the_host_is_the_one_that_was_judged() {
        let sent = prepared(&[("host", "other.example"), ("host", "third.example")]);

        assert_eq!(all(&sent, "host"), ["tickets.example"]);
    }

    #[test]
    fn n2_a_visitor_cannot_nominate_our_headers_away() {
        let sent = prepared(&[
            ("connection", "keep-alive, X-Forwarded-For , Host,x-real-ip"),
            ("connection", "X-Secret-Of-Visitor"),
            ("x-secret-of-visitor", "gone"),
            ("x-forwarded-for", "6.6.6.6"),
        ]);

        assert_eq!(all(&sent, "x-forwarded-for"), ["203.0.113.9"]);
        assert_eq!(all(&sent, "x-real-ip"), ["203.0.113.9"]);
        assert_eq!(all(&sent, "host"), ["tickets.example"]);
        assert!(!sent.contains_key("x-secret-of-visitor"));
        assert!(!sent.contains_key("connection"));
    }

    #[test]
    fn hop_by_hop_headers_end_here_both_ways() {
        let lines = [
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authorization", "Basic x"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQ"),
        ];
        let bare = prepared(&[]);
        assert_eq!(prepared(&lines), bare);

        let mut answer = headers(&lines);
        clean_answer(&mut answer);
        assert!(answer.is_empty(), "{answer:?}");
    }

    #[test]
    fn an_origin_names_no_way_past_the_gate() {
        let mut answer = headers(&[("alt-svc", "h3=\"origin.example:443\"")]);

        clean_answer(&mut answer);

        assert!(answer.is_empty(), "{answer:?}");
    }

    #[test]
    fn h8_expectations_and_lengths_are_not_passed_on() {
        let sent = prepared(&[("expect", "100-continue"), ("content-length", "5")]);

        assert_eq!(sent, prepared(&[]));
    }

    #[test]
    fn a9_internal_headers_are_removed() {
        let sent = prepared(&[
            ("anteroom-assertion", "forged"),
            ("x-anteroom-room", "derby"),
            ("x-admitted", "1"),
            ("anteroom_assertion", "forged"),
            ("x_forwarded_for", "6.6.6.6"),
            ("cookie", "anteroom-a-derby=token"),
        ]);

        assert_eq!(sent, prepared(&[]));
    }

    #[test]
    fn a3_method_overrides_and_the_visitors_own_headers_pass() {
        let lines = [
            ("x-http-method-override", "DELETE"),
            ("accept", "text/html"),
            ("authorization", "Bearer x"),
            ("cookie", "basket=1; lang=de"),
            ("range", "bytes=0-1"),
        ];
        let sent = prepared(&lines);

        for (name, value) in lines {
            assert_eq!(all(&sent, name), [value]);
        }
    }

    #[test]
    fn an_answer_keeps_all_that_is_the_sites() {
        let mut answer = headers(&[
            ("connection", "x-hop"),
            ("x-hop", "gone"),
            ("anteroom-session", "end"),
            ("set-cookie", "anteroom-a-derby=forged"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("cache-control", "public, max-age=60"),
            ("location", "/next"),
        ]);

        clean_answer(&mut answer);

        assert_eq!(all(&answer, "set-cookie"), ["a=1", "b=2"]);
        assert_eq!(all(&answer, "cache-control"), ["public, max-age=60"]);
        assert_eq!(all(&answer, "location"), ["/next"]);
        assert_eq!(answer.keys_len(), 3);
    }

    #[test]
    fn a14_an_admitted_answer_is_private_to_its_visitor() {
        for (before, after) in [
            (&[][..], "private"),
            (&["public"], "private"),
            (&["max-age=60, public"], "private, max-age=60"),
            (&["S-MaxAge=9, must-revalidate"], "private, must-revalidate"),
            (
                &["max-age=1", "Public", "no-transform"],
                "private, max-age=1, no-transform",
            ),
            (&["private=\"set-cookie\", max-age=3"], "private, max-age=3"),
            (&["private, s-maxage=3"], "private"),
            (&["ext=\"a, public\", public"], "private, ext=\"a, public\""),
            (
                &["ext=\"a\\\", public\", public"],
                "private, ext=\"a\\\", public\"",
            ),
            (&["ext=\"open, public"], "private, ext=\"open, public"),
            (&["max-age=60, private"], "max-age=60, private"),
            (&["no-store"], "private, no-store"),
        ] {
            let lines: Vec<_> = before
                .iter()
                .map(|value| ("cache-control", *value))
                .collect();
            let answer = private(&lines);
            assert_eq!(all(&answer, "cache-control"), [after], "{before:?}");
        }
    }

    #[test]
    fn a14_an_admitted_answer_varies_by_cookie() {
        for (before, after) in [
            (&[][..], &["Cookie"][..]),
            (&["Accept-Encoding"], &["Accept-Encoding, Cookie"]),
            (&["Accept", "Origin"], &["Accept, Origin, Cookie"]),
            (&["*"], &["*"]),
            (&["Accept, COOKIE"], &["Accept, COOKIE"]),
        ] {
            let lines: Vec<_> = before.iter().map(|value| ("vary", *value)).collect();
            assert_eq!(all(&private(&lines), "vary"), after, "{before:?}");
        }
    }

    #[test]
    fn a14_words_to_shared_caches_alone_are_dropped() {
        let answer = private(&[
            ("surrogate-control", "max-age=60"),
            ("cdn-cache-control", "public"),
            ("cloudflare-cdn-cache-control", "public"),
            ("x-accel-expires", "60"),
            ("etag", "\"1\""),
        ]);

        assert_eq!(
            answer.keys_len(),
            3,
            "etag, cache-control, vary: {answer:?}"
        );
    }
}
