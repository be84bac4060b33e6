//! Stage 1: the strictly parsed head becomes one canonical request, on which everything after
//! decides and which is what the origin receives. Anything ambiguous is refused.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Version, header, request};

use crate::domain::pattern::Host;

use super::Refusal;
use super::path;

/// The query parameter by which a page without script shows that it came back. It is ours: cut
/// off before anything else sees the query.
pub const RETURN_MARK: &str = "anteroom-return=1";

/// A request in the one form that is decided on and forwarded.
#[derive(Clone, Debug)]
pub struct Canonical {
    /// The host it names.
    pub host: Host,
    /// That host as sent, without a colon that no port follows.
    pub host_text: String,
    /// Canonical path, percent-encoded, and the query without [`RETURN_MARK`].
    pub target: PathAndQuery,
    /// The path as rooms compare it.
    pub key: String,
    /// Whether `key` lost nothing of the path but its case and a last slash. Only such a path is
    /// taken for one that the owner lets pass: what an origin makes of the rest is not known.
    pub plain: bool,
    /// Whether [`RETURN_MARK`] was there.
    pub returned: bool,
}

/// Reads the head of a request.
///
/// # Errors
/// [`Refusal`] for methods nobody may use, for missing, doubled or contradictory hosts, and for
/// paths that two servers could read in two ways.
pub fn parse(head: &request::Parts) -> Result<Canonical, Refusal> {
    if head.method == Method::TRACE || head.method == Method::CONNECT {
        return Err(Refusal::MethodNotAllowed);
    }
    expectation(&head.headers)?;
    let (host, host_text) = host(head)?;
    let raw = head
        .uri
        .path_and_query()
        .ok_or(Refusal::Ambiguous("the request names no path"))?;
    let path = path::parse(raw.path())?;
    let (query, returned) = query(raw.query());
    let whole = match query {
        Some(query) => Cow::Owned(format!("{}?{query}", path.text)),
        None => path.text,
    };
    let target = PathAndQuery::try_from(whole.as_ref())
        .map_err(|_| Refusal::Ambiguous("the path is not a valid request target"))?;
    Ok(Canonical {
        host,
        host_text,
        target,
        key: path.key,
        plain: path.plain,
        returned,
    })
}

fn expectation(headers: &HeaderMap) -> Result<(), Refusal> {
    let known = headers
        .get_all(header::EXPECT)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if known {
        Ok(())
    } else {
        Err(Refusal::ExpectationFailed)
    }
}

/// The host of the `Host` field; an absolute request target must name the same one. HTTP/2 names
/// it in the target, and need not repeat it.
fn host(head: &request::Parts) -> Result<(Host, String), Refusal> {
    let uri = &head.uri;
    let mut fields = head.headers.get_all(header::HOST).iter();
    let text = match (fields.next(), fields.next(), uri.authority()) {
        (Some(field), None, _) => field
            .to_str()
            .map_err(|_| Refusal::Ambiguous("the host is not plain text"))?,
        (None, None, Some(authority)) if head.version == Version::HTTP_2 => authority.as_str(),
        _ => return Err(Refusal::Ambiguous("a request names its host exactly once")),
    };
    let text = without_empty_port(text);
    let host = Host::parse(text).ok_or(Refusal::Ambiguous("the host is not a valid name"))?;
    if let Some(authority) = uri.authority() {
        let plain = uri
            .scheme_str()
            .is_some_and(|scheme| scheme == "http" || scheme == "https");
        let same =
            Host::parse(without_empty_port(authority.as_str())).is_some_and(|named| named == host);
        if !plain || !same {
            return Err(Refusal::Ambiguous("the request names two hosts"));
        }
    }
    Ok((host, text.to_owned()))
}

/// A host with a colon and no port behind it is that host without one, RFC 3986 section 3.2.3.
fn without_empty_port(text: &str) -> &str {
    text.strip_suffix(':').unwrap_or(text)
}

fn query(raw: Option<&str>) -> (Option<Cow<'_, str>>, bool) {
    let Some(raw) = raw else {
        return (None, false);
    };
    if !raw.contains(RETURN_MARK) {
        return (Some(Cow::Borrowed(raw)), false);
    }
    let kept: Vec<&str> = raw.split('&').filter(|part| *part != RETURN_MARK).collect();
    let returned = kept.len() < raw.split('&').count();
    let left = kept.join("&");
    ((!left.is_empty()).then_some(Cow::Owned(left)), returned)
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;

    fn parts(method: &str, uri: &str, hosts: &[&str]) -> request::Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn canonical(uri: &str) -> Result<(String, String), Refusal> {
        parse(&parts("GET", uri, &["shop.example"]))
            .map(|request| (request.target.to_string(), request.key))
    }

    #[test]
    fn a1_one_path_is_decided_on_and_forwarded() {
        for (sent, forwarded, key) in [
            ("/buy", "/buy", "/buy"),
            ("/Buy", "/Buy", "/buy"),
            ("/buy/", "/buy/", "/buy"),
            ("/buy.", "/buy.", "/buy"),
            ("//buy", "/buy", "/buy"),
            ("/./buy", "/buy", "/buy"),
            ("/x/../buy", "/buy", "/buy"),
            ("/../../buy", "/buy", "/buy"),
            ("/buy/..", "/", "/"),
            ("/buy/x/.", "/buy/x/", "/buy/x"),
            ("/", "/", "/"),
            ("///", "/", "/"),
            ("/buy?a=/../b", "/buy?a=/../b", "/buy"),
            ("/buy;x=1/2", "/buy;x=1/2", "/buy/2"),
            ("/buy;.png", "/buy;.png", "/buy"),
            ("/;/buy/1", "/;/buy/1", "/buy/1"),
            ("/;x=1/;/buy", "/;x=1/;/buy", "/buy"),
            ("/.../buy", "/.../buy", "/buy"),
            ("/buy/;", "/buy/;", "/buy"),
            ("/;", "/;", "/"),
            ("/buy/x.css", "/buy/x.css", "/buy/x.css"),
        ] {
            assert_eq!(
                canonical(sent).unwrap(),
                (forwarded.to_owned(), key.to_owned()),
                "{sent}"
            );
        }
    }

    #[test]
    fn a2_encodings_are_decoded_once_and_hidden_separators_refused() {
        for (sent, forwarded, key) in [
            ("/%62uy", "/buy", "/buy"),
            ("/%42UY/%7e", "/BUY/~", "/buy/~"),
            ("/caf%c3%a9", "/caf%C3%A9", "/café"),
            ("/a%20b", "/a%20b", "/a b"),
            ("/%20/buy", "/%20/buy", "/buy"),
            ("/%3b/buy", "/%3B/buy", "/buy"),
            ("/buy%3bx", "/buy%3Bx", "/buy"),
            ("/a%3Fb", "/a%3Fb", "/a?b"),
            ("/100%25", "/100%25", "/100%"),
        ] {
            assert_eq!(
                canonical(sent).unwrap(),
                (forwarded.to_owned(), key.to_owned()),
                "{sent}"
            );
        }
        for bad in [
            "/%2e%2e/buy",
            "/..%2fbuy",
            "/%2e/buy",
            "/.%2e/buy",
            "/%252e%252e/",
            "/a%2Fb",
            "/a%5cb",
            "/a%00b",
            "/a%0d%0ab",
            "/%C0%AF",
            "/%c3",
            "/..;/buy",
            "/.;x/buy",
            "/%zz",
            "/%4",
            "/%",
            "/a%EF%BC%8Fb",
            "/%2562uy",
            "/%ff",
            "/a%7fb",
            "/a\\b",
        ] {
            let uri = bad.parse::<Uri>();
            let refused = uri.is_err() || canonical(bad).is_err();
            assert!(refused, "{bad}");
        }
    }

    #[test]
    fn only_a_path_that_lost_nothing_is_plain() {
        let plain = |uri: &str| parse(&parts("GET", uri, &["a"])).unwrap().plain;
        for whole in [
            "/",
            "/Buy/",
            "/buy/a.css",
            "/caf%C3%A9",
            "/a%20b",
            "/x/../buy",
        ] {
            assert!(plain(whole), "{whole}");
        }
        for lossy in [
            "/buy/assets;x/checkout",
            "/buy/assets./x",
            "/;/buy",
            "/buy/a%20",
            "/...",
        ] {
            assert!(!plain(lossy), "{lossy}");
        }
    }

    #[test]
    fn a3_trace_and_connect_are_no_methods_for_visitors() {
        let trace = parse(&parts("TRACE", "/buy", &["a"]));
        assert!(matches!(trace, Err(Refusal::MethodNotAllowed)));
        let connect = parse(&parts("CONNECT", "a:80", &["a"]));
        assert!(matches!(connect, Err(Refusal::MethodNotAllowed)));
        for method in ["HEAD", "OPTIONS", "PROPFIND", "FOO"] {
            assert!(parse(&parts(method, "/buy", &["a"])).is_ok());
        }
    }

    #[test]
    fn a7_h12_the_host_is_named_once_and_an_absolute_target_agrees() {
        for (uri, hosts) in [
            ("/buy", &[][..]),
            ("/buy", &["a", "a"]),
            ("/buy", &["a b"]),
            ("/buy", &["a@b"]),
            ("http://169.254.169.254/", &["shop.example"]),
            ("ftp://shop.example/", &["shop.example"]),
            ("http://u@shop.example/", &["shop.example"]),
            ("shop.example:80", &["shop.example:80"]),
            ("*", &["shop.example"]),
            ("/buy", &[":"]),
            ("/buy", &["a::"]),
        ] {
            assert!(parse(&parts("GET", uri, hosts)).is_err(), "{uri} {hosts:?}");
        }
        for (sent, name) in [("Shop.example:", "Shop.example"), ("[::1]:", "[::1]")] {
            let portless = parse(&parts("GET", "/buy", &[sent])).unwrap();
            assert_eq!(portless.host_text, name);
            assert_eq!(portless.host.port, None);
        }
        let same = parse(&parts("GET", "http://Shop.example/x", &["shop.example"])).unwrap();
        assert_eq!(
            (same.target.as_str(), same.host.name.as_str()),
            ("/x", "shop.example")
        );
    }

    #[test]
    fn a7_http_2_names_its_host_in_the_target_and_what_it_repeats_agrees() {
        let of = |uri: &str, hosts: &[&str]| {
            let mut head = parts("GET", uri, hosts);
            head.version = Version::HTTP_2;
            parse(&head)
        };
        let plain = parse(&parts("GET", "/x?y", &["Shop.example:443"])).unwrap();
        for hosts in [&[][..], &["shop.example:443"], &["Shop.example:443"]] {
            let framed = of("https://Shop.example:443/x?y", hosts).unwrap();
            assert_eq!((&framed.host, &framed.target), (&plain.host, &plain.target));
            assert_eq!((&framed.key, framed.plain), (&plain.key, plain.plain));
        }
        for (uri, hosts) in [
            ("https://a/", &["b"][..]),
            ("https://a/", &["a", "a"]),
            ("https://a/", &["a:444"]),
            ("https://u@a/", &[]),
            ("ftp://a/", &[]),
            ("/", &[]),
            ("*", &["a"]),
        ] {
            assert!(of(uri, hosts).is_err(), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn h8_an_unknown_expectation_fails() {
        let mut head = parts("POST", "/", &["a"]);
        head.headers
            .insert("expect", "100-Continue".parse().unwrap());
        assert!(parse(&head).is_ok());
        head.headers.insert("expect", "miracles".parse().unwrap());
        assert!(matches!(parse(&head), Err(Refusal::ExpectationFailed)));
    }

    #[test]
    fn our_own_mark_never_travels_on() {
        for (sent, forwarded, returned) in [
            ("/buy?anteroom-return=1", "/buy", true),
            ("/buy?a=1&anteroom-return=1&b", "/buy?a=1&b", true),
            ("/buy?xanteroom-return=1", "/buy?xanteroom-return=1", false),
            ("/buy?", "/buy?", false),
        ] {
            let request = parse(&parts("GET", sent, &["a"])).unwrap();
            assert_eq!(
                (request.target.as_str(), request.returned),
                (forwarded, returned)
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_canonical_stays_what_it_is(raw in "/[a-zA-Z0-9%./;~ +:@é-]{0,40}") {
            let Ok(uri) = raw.parse::<Uri>() else { return Ok(()) };
            let mut head = parts("GET", "/", &["a"]);
            head.uri = uri;
            let Ok(once) = parse(&head) else { return Ok(()) };
            head.uri = once.target.to_string().parse().unwrap();
            let twice = parse(&head).unwrap();
            proptest::prop_assert_eq!(once.target, twice.target);
            proptest::prop_assert_eq!(once.key, twice.key);
        }
    }
}
