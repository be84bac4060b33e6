//! Which hosts belong to a site and which paths a room covers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A path that a room covers: exactly one, or everything from a segment down.
///
/// `/buy/*` covers `/buy`, `/buy/` and all below, not `/buyer`; `/*` covers everything. Matching
/// is on [`match_key`]s, so it regards neither case nor `;…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathPattern {
    /// Exactly this path, in [`match_key`] form.
    Exact(String),
    /// This path (no trailing slash, empty for the root) and all below.
    Below(String),
}

/// Why a text is no path pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Paths begin with a slash.
    #[error("a path begins with `/`")]
    NoSlash,
    /// A star elsewhere than as the whole last segment.
    #[error("`*` may stand only as the whole last segment, as in `/buy/*`")]
    Star,
    /// Characters no canonical path holds.
    #[error(
        "a path is written decoded and plain: no `?`, `#`, `%`, `\\`, `;`, `//`, `.` or `..` segment"
    )]
    NotPlain,
}

impl FromStr for PathPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        if !text.starts_with('/') {
            return Err(BadPattern::NoSlash);
        }
        let (path, below) = text
            .strip_suffix("/*")
            .map_or((text, false), |path| (path, true));
        if path.contains('*') {
            return Err(BadPattern::Star);
        }
        let odd = path.contains(['?', '#', '%', '\\', ';'])
            || path.chars().any(char::is_control)
            || path.contains("//")
            || path
                .split('/')
                .any(|segment| segment == "." || segment == "..");
        if odd {
            return Err(BadPattern::NotPlain);
        }
        let key = match_key(path).into_owned();
        Ok(if below {
            Self::Below(key.trim_end_matches('/').to_owned())
        } else {
            Self::Exact(key)
        })
    }
}

impl PathPattern {
    /// Whether a path in [`match_key`] form is covered.
    #[must_use]
    pub fn covers(&self, key: &str) -> bool {
        match self {
            Self::Exact(path) => path == key,
            Self::Below(path) => key
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }

    /// Orders patterns by how specific they are: exact beats prefix, longer beats shorter.
    #[must_use]
    pub fn weight(&self) -> (bool, usize) {
        match self {
            Self::Exact(path) => (true, path.len()),
            Self::Below(path) => (false, path.len()),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(path),
            Self::Below(path) => write!(f, "{path}/*"),
        }
    }
}

/// The form in which paths are compared: lower case, each segment cut at its first `;`, dots and
/// spaces at a segment's end, segments of which nothing is left and one slash at the path's end
/// dropped. Takes a decoded, canonical path; what is already in that form is not copied.
///
/// The key may cover more than an origin would serve as the same page, never less.
#[must_use]
pub fn match_key(path: &str) -> Cow<'_, str> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'/');
    let trailing = path.len() > 1 && path.ends_with('/');
    if path.bytes().all(plain) && !trailing {
        return Cow::Borrowed(path);
    }
    let mut key = String::with_capacity(path.len());
    for segment in path.split('/').skip(1) {
        let bare = segment.split(';').next().unwrap_or_default();
        let bare = bare.trim_end_matches(['.', ' ']);
        // An origin that cuts `;x` off `/;x/buy` serves `/buy`.
        if !bare.is_empty() {
            key.push('/');
            key.extend(bare.chars().flat_map(char::to_lowercase));
        }
    }
    if key.is_empty() {
        key.push('/');
    }
    Cow::Owned(key)
}

/// The hosts of a site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// Every host.
    Any,
    /// One host, lower case without a trailing dot, and its port where one is named.
    Exact(String, Option<u16>),
    /// Every host that ends in this suffix (with its leading dot).
    Under(String, Option<u16>),
}

/// The text is no host pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a host is a name or address with an optional port, `*.example`, or `*`")]
pub struct BadHost;

impl FromStr for HostPattern {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(rest) = text.strip_prefix("*.") {
            let host = Host::parse(rest).ok_or(BadHost)?;
            return Ok(Self::Under(format!(".{}", host.name), host.port));
        }
        let host = Host::parse(text).ok_or(BadHost)?;
        Ok(Self::Exact(host.name, host.port))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = match self {
            Self::Any => return f.write_str("*"),
            Self::Exact(name, port) => {
                f.write_str(name)?;
                port
            }
            Self::Under(suffix, port) => {
                write!(f, "*{suffix}")?;
                port
            }
        };
        port.iter().try_for_each(|port| write!(f, ":{port}"))
    }
}

impl HostPattern {
    /// Whether `host` is one of these.
    #[must_use]
    pub fn covers(&self, host: &Host) -> bool {
        let port_fits = |port: &Option<u16>| port.is_none() || *port == host.port;
        match self {
            Self::Any => true,
            Self::Exact(name, port) => *name == host.name && port_fits(port),
            Self::Under(suffix, port) => {
                host.name.len() > suffix.len()
                    && host.name.ends_with(suffix.as_str())
                    && port_fits(port)
            }
        }
    }

    /// Orders patterns by how specific they are: exact, then longer suffix, then any; with a port
    /// before without.
    #[must_use]
    pub fn weight(&self) -> (u8, usize, bool) {
        match self {
            Self::Any => (0, 0, false),
            Self::Under(suffix, port) => (1, suffix.len(), port.is_some()),
            Self::Exact(name, port) => (2, name.len(), port.is_some()),
        }
    }
}

/// A host as a request names it: lower case, no trailing dot, and its port if given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A DNS name, an IPv4 address, or an IPv6 address in brackets.
    pub name: String,
    /// The port, if the request named one.
    pub port: Option<u16>,
}

impl Host {
    /// Reads a `Host` field: a name or address and an optional port, without user information.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = if text.starts_with('[') {
            let end = text.find(']')?;
            let (address, rest) = text.split_at_checked(end + 1)?;
            let inner = address.strip_prefix('[')?.strip_suffix(']')?;
            inner.parse::<std::net::Ipv6Addr>().ok()?;
            (
                address,
                rest.strip_prefix(':')
                    .map_or_else(|| rest.is_empty().then_some(""), Some)?,
            )
        } else {
            text.split_once(':').unwrap_or((text, ""))
        };
        if text.ends_with(':') {
            return None;
        }
        let port = match port {
            "" => None,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            _ => return None,
        };
        let bare = name.strip_suffix('.').unwrap_or(name);
        let fits = (1..=253).contains(&bare.len())
            && !bare.starts_with('.')
            && !bare.contains("..")
            && (bare.starts_with('[')
                || bare.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
                }));
        fits.then(|| Self {
            name: bare.to_ascii_lowercase(),
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, path: &str) -> bool {
        pattern
            .parse::<PathPattern>()
            .unwrap()
            .covers(&match_key(path))
    }

    #[test]
    fn a_star_covers_its_segment_and_all_below_but_no_sibling() {
        for path in [
            "/buy",
            "/buy/",
            "/buy/1",
            "/BUY/x/y",
            "/Buy;a=1/2",
            "/buy./x",
            "/buy;.png",
        ] {
            assert!(covers("/buy/*", path), "{path}");
        }
        for path in ["/", "/buyer", "/x/buy", "/bu"] {
            assert!(!covers("/buy/*", path), "{path}");
        }
        assert!(covers("/*", "/") && covers("/*", "/anything"));
    }

    #[test]
    fn an_exact_path_covers_itself_alone() {
        assert!(covers("/cart", "/cart") && covers("/cart", "/Cart/") && covers("/", "/"));
        assert!(!covers("/cart", "/cart/x") && !covers("/", "/x"));
    }

    #[test]
    fn patterns_that_cannot_match_are_refused() {
        assert_eq!("buy".parse::<PathPattern>(), Err(BadPattern::NoSlash));
        assert_eq!("/b*/x".parse::<PathPattern>(), Err(BadPattern::Star));
        assert_eq!("/buy*".parse::<PathPattern>(), Err(BadPattern::Star));
        for odd in ["/a/../b", "/a//b", "/a%20b", "/a;b", "/a?b"] {
            assert_eq!(
                odd.parse::<PathPattern>(),
                Err(BadPattern::NotPlain),
                "{odd}"
            );
        }
    }

    #[test]
    fn hosts_match_without_case_dot_or_unnamed_port() {
        let host = |text: &str| Host::parse(text).unwrap();
        let pattern = |text: &str| text.parse::<HostPattern>().unwrap();
        assert!(pattern("tickets.example").covers(&host("Tickets.Example.:8443")));
        assert!(pattern("tickets.example:80").covers(&host("tickets.example:80")));
        assert!(!pattern("tickets.example:80").covers(&host("tickets.example")));
        assert!(pattern("*.example").covers(&host("a.b.example")));
        assert!(!pattern("*.example").covers(&host("example")));
        assert!(pattern("*").covers(&host("[::1]:8700")));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "", "a b", "a@b", "a:b", "a:", "[::1", "[zz]", "a/b", "..", "a..b", ":80", "a:99999",
            "é",
        ] {
            assert_eq!(Host::parse(bad), None, "{bad}");
        }
    }
}
