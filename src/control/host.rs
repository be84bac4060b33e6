//! The check of the `Host` header, against DNS rebinding: a web page must not reach a control
//! listener on loopback through a name of its own that resolves to 127.0.0.1.

use std::net::SocketAddr;

use http::header::HOST;
use http::{HeaderMap, StatusCode, Uri, Version};

use super::problem::Problem;

/// Which hosts a listener answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostRule {
    /// Bound to loopback: `localhost`, `127.0.0.1` or `[::1]`, with any port.
    Loopback,
    /// Bound beyond loopback, where the names it is reached by are not ours to know.
    Any,
}

impl HostRule {
    /// The rule for a listener bound to `address`.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        if address.ip().to_canonical().is_loopback() {
            Self::Loopback
        } else {
            Self::Any
        }
    }

    /// Whether a request to `uri` with these headers may be answered.
    ///
    /// # Errors
    /// 421 when its host is not one of ours.
    pub fn check(self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::Loopback if names_loopback(version, uri, headers) => Ok(()),
            Self::Loopback => Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "this listener is bound to loopback and answers to the hosts `localhost`, `127.0.0.1` and `[::1]` only",
            )),
        }
    }
}

/// Exactly one `Host`, of ours, and no other authority in the target. HTTP/1.0 may go without:
/// browsers do not speak it.
fn names_loopback(version: Version, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(is_loopback),
        (None, _) => version == Version::HTTP_10,
        (Some(_), Some(_)) => false,
    };
    host && uri.authority().is_none_or(|at| is_loopback(at.as_str()))
}

fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix("[::1]") {
        Some("") => return true,
        Some(rest) => ("[::1]", rest.strip_prefix(':')),
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("")),
        },
    };
    let ours = name == "[::1]" || name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost");
    ours && port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asked(hosts: &[&str], uri: &str, version: Version) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        let uri: Uri = uri.parse().unwrap();
        HostRule::Loopback.check(version, &uri, &headers).is_ok()
    }

    #[test]
    fn a_listener_on_loopback_answers_to_loopback_names_only_c1() {
        for ours in [
            "localhost",
            "LocalHost:8701",
            "127.0.0.1",
            "127.0.0.1:9",
            "[::1]",
            "[::1]:8701",
        ] {
            assert!(asked(&[ours], "/", Version::HTTP_11), "{ours}");
        }
        for foreign in [
            "evil.example",
            "evil.example:8701",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.2",
            "[::1].evil",
            "[::1]8701",
            "[::2]",
            "localhost:evil",
            "localhost:1:2",
            "localhost@evil",
            "",
        ] {
            assert!(!asked(&[foreign], "/", Version::HTTP_11), "{foreign}");
        }
    }

    #[test]
    fn one_host_and_no_other_authority() {
        assert!(!asked(&[], "/", Version::HTTP_11));
        assert!(asked(&[], "/", Version::HTTP_10));
        assert!(!asked(&["localhost", "localhost"], "/", Version::HTTP_11));
        assert!(!asked(&["localhost"], "http://evil/", Version::HTTP_11));
        assert!(asked(
            &["localhost"],
            "http://localhost:1/",
            Version::HTTP_11
        ));
    }

    #[test]
    fn a_listener_beyond_loopback_answers_to_every_name() {
        let rule = |address: &str| HostRule::of(address.parse().unwrap());
        assert_eq!(rule("127.0.0.1:1"), HostRule::Loopback);
        assert_eq!(rule("127.9.9.9:1"), HostRule::Loopback);
        assert_eq!(rule("[::1]:1"), HostRule::Loopback);
        assert_eq!(rule("[::ffff:127.0.0.1]:1"), HostRule::Loopback);
        assert_eq!(rule("0.0.0.0:1"), HostRule::Any);
        let uri = Uri::from_static("/");
        let headers = HeaderMap::new();
        assert!(
            HostRule::Any
                .check(Version::HTTP_11, &uri, &headers)
                .is_ok()
        );
    }
}
