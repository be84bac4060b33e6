//! The address of an origin, as it is written.

use std::str::FromStr;

use crate::domain::pattern::Host;
use crate::origin::{Address, Scheme};

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigin {
    /// Neither of the two is spoken to it.
    #[error("an origin begins with `http://` or `https://`")]
    Scheme,
    /// Somebody to sign in as.
    #[error("an origin names no user and no password")]
    User,
    /// A path, a query or a fragment: visitors bring their own.
    #[error("an origin has no path, as in `https://shop.internal`")]
    Path,
    /// The port is no number from 1 to 65535.
    #[error("the port of an origin is a number from 1 to 65535")]
    Port,
    /// No host, or one with odd characters.
    #[error("the host of an origin is a name or an address, as in `http://127.0.0.1:8702`")]
    Host,
}

impl FromStr for Address {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let plain = text.strip_prefix("http://");
        let plain = plain.map(|rest| (Scheme::Http, rest, 80));
        let secure = || text.strip_prefix("https://");
        let (scheme, rest, usual) = plain
            .or_else(|| secure().map(|rest| (Scheme::Https, rest, 443)))
            .ok_or(BadOrigin::Scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let host = Host::parse(authority).ok_or_else(|| why_not(authority))?;
        let port = host.port.unwrap_or(usual);
        if port == 0 {
            return Err(BadOrigin::Port);
        }
        Ok(Self {
            scheme,
            host: host.name,
            port,
        })
    }
}

/// What is wrong with an authority that is no host and port.
fn why_not(authority: &str) -> BadOrigin {
    let (before, path) = match authority.split_once(['/', '?', '#']) {
        Some((before, _)) => (before, true),
        None => (authority, false),
    };
    if before.contains('@') {
        return BadOrigin::User;
    }
    if path {
        return BadOrigin::Path;
    }
    let name = before.rsplit_once(':').map(|(name, _)| name);
    match name.and_then(Host::parse) {
        Some(host) if host.port.is_none() => BadOrigin::Port,
        Some(_) | None => BadOrigin::Host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        let read = |text: &str| text.parse::<Address>().map(|origin| origin.to_string());
        for (text, shown) in [
            ("http://127.0.0.1:8702", "http://127.0.0.1:8702"),
            ("http://Shop.example/", "http://shop.example:80"),
            ("http://[::1]:81", "http://[::1]:81"),
            ("https://shop.example", "https://shop.example:443"),
            ("https://[::1]:8443/", "https://[::1]:8443"),
        ] {
            assert_eq!(read(text).unwrap(), shown);
        }
        for (bad, why) in [
            ("", BadOrigin::Scheme),
            ("shop.example", BadOrigin::Scheme),
            ("ftp://a", BadOrigin::Scheme),
            ("http://", BadOrigin::Host),
            ("https://", BadOrigin::Host),
            ("http://a b", BadOrigin::Host),
            ("http://a:1:2", BadOrigin::Host),
            ("http://::1", BadOrigin::Host),
            ("http://a/b", BadOrigin::Path),
            ("http://a?b", BadOrigin::Path),
            ("https://x:99999/b", BadOrigin::Path),
            ("http://u:p@a", BadOrigin::User),
            ("http://u@a/b", BadOrigin::User),
            ("https://a:0", BadOrigin::Port),
            ("http://a:x", BadOrigin::Port),
            ("http://a:", BadOrigin::Port),
            ("https://x:99999", BadOrigin::Port),
            ("https://[::1]:99999", BadOrigin::Port),
        ] {
            assert_eq!(read(bad), Err(why), "{bad}");
        }
    }
}
