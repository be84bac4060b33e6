//! The address of an origin, as it is written.

use std::str::FromStr;

use crate::domain::pattern::Host;
use crate::origin::{Address, Scheme};

/// The text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is written as in `http://127.0.0.1:8702` or `https://shop.internal`, without a path"
)]
pub struct BadOrigin;

impl FromStr for Address {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let plain = text.strip_prefix("http://");
        let plain = plain.map(|rest| (Scheme::Http, rest, 80));
        let secure = || text.strip_prefix("https://");
        let (scheme, rest, usual) = plain
            .or_else(|| secure().map(|rest| (Scheme::Https, rest, 443)))
            .ok_or(BadOrigin)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let host = Host::parse(authority).ok_or(BadOrigin)?;
        let port = host.port.unwrap_or(usual);
        if port == 0 {
            return Err(BadOrigin);
        }
        Ok(Self {
            scheme,
            host: host.name,
            port,
        })
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
        for bad in [
            "",
            "shop.example",
            "http://",
            "https://",
            "http://a/b",
            "http://u:p@a",
            "https://a:0",
            "http://a:x",
            "ftp://a",
            "http://a b",
        ] {
            assert_eq!(read(bad), Err(BadOrigin), "{bad}");
        }
    }
}
