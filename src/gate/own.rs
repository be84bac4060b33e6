//! The gateway's own URLs, matched exactly. Nothing under the prefix is ever forwarded.

use http::Method;

/// One of our own URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET rooms/{room}/status`
    Status(String),
    /// `POST rooms/{room}/join`
    Join(String),
    /// `POST rooms/{room}/claim`
    Claim(String),
    /// `POST rooms/{room}/leave`
    Leave(String),
    /// `GET jwks.json`
    Jwks,
    /// `GET assets/{name}`
    Asset(String),
}

/// Whether a path (in comparing form) lies under the prefix.
#[must_use]
pub fn is_under(prefix: &str, key: &str) -> bool {
    key.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Endpoint {
    /// Reads the canonical path below the prefix; `None` when there is no such URL.
    #[must_use]
    pub fn parse(prefix: &str, path: &str) -> Option<Self> {
        let rest = path.strip_prefix(prefix)?.strip_prefix('/')?;
        let mut parts = rest.split('/');
        let found = match (parts.next()?, parts.next(), parts.next()) {
            ("jwks.json", None, None) => Self::Jwks,
            ("assets", Some(name), None) => Self::Asset(name.to_owned()),
            ("rooms", Some(room), Some("status")) => Self::Status(room.to_owned()),
            ("rooms", Some(room), Some("join")) => Self::Join(room.to_owned()),
            ("rooms", Some(room), Some("claim")) => Self::Claim(room.to_owned()),
            ("rooms", Some(room), Some("leave")) => Self::Leave(room.to_owned()),
            _ => return None,
        };
        parts.next().is_none().then_some(found)
    }

    /// Whether it answers this method.
    #[must_use]
    pub fn answers(&self, method: &Method) -> bool {
        match self {
            Self::Status(_) | Self::Jwks | Self::Asset(_) => {
                *method == Method::GET || *method == Method::HEAD
            }
            Self::Join(_) | Self::Claim(_) | Self::Leave(_) => *method == Method::POST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a13_only_exact_urls_are_ours_and_none_below_the_prefix_is_the_sites() {
        let parse = |path: &str| Endpoint::parse("/_anteroom", path);
        assert_eq!(
            parse("/_anteroom/rooms/derby/status"),
            Some(Endpoint::Status("derby".into()))
        );
        assert_eq!(parse("/_anteroom/jwks.json"), Some(Endpoint::Jwks));
        for other in [
            "/_anteroom",
            "/_anteroom/",
            "/_anteroom/rooms/derby/status/",
            "/_anteroom/rooms/derby/status/x",
            "/_anteroom/rooms/derby",
            "/_anteroom/jwks.json/x",
            "/_Anteroom/jwks.json",
            "/_anteroomx",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
        for under in ["/_anteroom", "/_anteroom/x"] {
            assert!(is_under("/_anteroom", under));
        }
        assert!(!is_under("/_anteroom", "/_anteroomx"));
    }
}
