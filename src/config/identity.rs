//! `[[identity]]`: the site's own identity providers, whose word about visitors rooms may take.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use http::header::HeaderName;

use super::PolicyPath;
use super::gateway::Issuer;
use crate::domain::room::RoomName;
use crate::text::table::Table;
use crate::text::value::{Placed, Value};

/// How often keys are read again where nothing else is said.
const DEFAULT_REFRESH: Duration = Duration::from_mins(5);

/// The longest time between two readings of keys: a day.
const LONGEST_REFRESH_S: u32 = 86_400;

/// How long a token may live where nothing else is said: a day.
const DEFAULT_LIFE: Duration = Duration::from_hours(24);

/// The longest link.
const LONGEST_LINK: usize = 2_000;

/// One `[[identity]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name, unique among them; rooms name it.
    pub name: RoomName,
    /// The `iss` of its tokens, to the letter.
    pub issuer: String,
    /// What their `aud` must be or contain.
    pub audience: String,
    /// Where its public keys are.
    pub keys: KeySource,
    /// The cookie in which browsers bring tokens.
    pub cookie: Option<CookieName>,
    /// The header in which apps bring them, bare or after `Bearer`.
    pub header: Option<HeaderName>,
    /// Where visitors sign in.
    pub sign_in_url: Option<Link>,
    /// How often the keys are read again.
    pub refresh: Duration,
    /// The longest that a token may live.
    pub max_life: Duration,
}

/// Where a provider's public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In a file, which may be replaced.
    File(PolicyPath),
    /// At an address.
    Url {
        /// The address.
        url: KeyUrl,
        /// A PEM file of the authorities to trust there, instead of the system's.
        authorities: Option<PolicyPath>,
    },
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.0.display()),
            Self::Url { url, authorities } => {
                write!(f, "{url}")?;
                let trusting = authorities.iter().map(|path| path.0.display());
                trusting
                    .into_iter()
                    .try_for_each(|path| write!(f, " trusting {path}"))
            }
        }
    }
}

/// An address of keys: `https://`, or `http://` on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUrl {
    /// Whether it is asked over TLS.
    pub tls: bool,
    /// The host: a name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query.
    pub target: String,
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let (open, close) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        let (host, port, target) = (&self.host, self.port, &self.target);
        write!(f, "{scheme}://{open}{host}{close}:{port}{target}")
    }
}

impl FromStr for KeyUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "an address as in `https://id.example/jwks.json`";
        if text.contains(['@', '#']) {
            return Err(SHAPE);
        }
        let uri: Uri = text.parse().map_err(|_| SHAPE)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(SHAPE),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(SHAPE)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let local = host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if !tls && !local {
            return Err("keys must come over `https://`, or `http://` from this machine");
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            target: uri
                .path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }
}

/// The name of a cookie of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(pub String);

impl FromStr for CookieName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !(1..=128).contains(&text.len()) || !text.bytes().all(plain) {
            return Err("the name of a cookie, as in `club_token`");
        }
        if is_ours(text.trim_start_matches("__Host-")) {
            return Err("cookies of this name are the gateway's own");
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_ours(name: &str) -> bool {
    let start = name.get(..9).unwrap_or_default();
    start.eq_ignore_ascii_case("anteroom-")
}

struct TokenHeader(HeaderName);

impl FromStr for TokenHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name: HeaderName = text
            .parse()
            .map_err(|_| "the name of a header, as in `Authorization`")?;
        if is_ours(name.as_str()) || name == http::header::COOKIE {
            return Err("this header has another meaning; for a cookie there is `cookie`");
        }
        Ok(Self(name))
    }
}

/// A link that pages may show: a path of the site, or a whole address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(pub String);

impl FromStr for Link {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\');
        let path = text.starts_with('/') && !text.starts_with("//");
        let whole = ["https://", "http://"].iter().any(|scheme| {
            text.strip_prefix(scheme)
                .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_alphanumeric()))
        });
        let fits = text.len() <= LONGEST_LINK && text.bytes().all(plain) && (path || whole);
        fits.then(|| Self(text.to_owned()))
            .ok_or("a link as in `/account/sign-in` or `https://shop.example/sign-in`")
    }
}

struct Words(String);

impl FromStr for Words {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=200).contains(&text.chars().count()) && !text.contains(char::is_control);
        fits.then(|| Self(text.to_owned()))
            .ok_or("1 to 200 characters without control characters")
    }
}

/// Reads every `[[identity]]`, each at the place of its name.
pub(super) fn read(tables: Vec<Table<'_>>) -> Vec<Placed<Identity>> {
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for table in tables {
        let reader = table.reader();
        let Some(placed) = one(table) else { continue };
        if !names.insert(placed.value.name.clone()) {
            let message = format!("another identity is named `{}`", placed.value.name);
            reader.fault(placed.at, message);
        }
        all.push(placed);
    }
    all
}

/// One provider; `None` when a fault was noted.
fn one(mut table: Table<'_>) -> Option<Placed<Identity>> {
    let (reader, at) = (table.reader(), table.span());
    let name: Option<Placed<RoomName>> = table.required("name").and_then(Value::placed);
    let issuer = table.required("issuer").and_then(Value::parse::<Issuer>);
    let audience = table.required("audience").and_then(Value::parse::<Words>);
    let keys = keys(&mut table);
    let cookie = table.take("cookie").map(Value::parse::<CookieName>);
    let header = table.take("header").map(Value::parse::<TokenHeader>);
    if cookie.is_none() && header.is_none() && !reader.is_broken() {
        let message = "`[[identity]]` needs a `cookie` or a `header` that brings its tokens";
        reader.fault(at, message);
    }
    let sign_in = table.take("sign_in_url").map(Value::parse::<Link>);
    let refresh = table.take("refresh_s");
    let refresh = refresh.map(|value| value.seconds_within(1..=LONGEST_REFRESH_S));
    let max_life = table.take("max_life_s").map(Value::seconds);
    table.finish();
    let name = name?;
    Some(Placed {
        at: name.at,
        value: Identity {
            name: name.value,
            issuer: issuer?.0,
            audience: audience?.0,
            keys: keys?,
            cookie: whole(cookie)?,
            header: whole(header)?.map(|header| header.0),
            sign_in_url: whole(sign_in)?,
            refresh: refresh.unwrap_or(Some(DEFAULT_REFRESH))?,
            max_life: max_life.unwrap_or(Some(DEFAULT_LIFE))?,
        },
    })
}

fn keys(table: &mut Table<'_>) -> Option<KeySource> {
    let (reader, at) = (table.reader(), table.span());
    let file = table.take("jwks_file").map(Value::parse);
    let url = table.take("jwks_url").map(Value::parse);
    let authorities = table.take("ca_file").map(Value::placed);
    if let (Some(Some(authorities)), None) = (&authorities, &url) {
        reader.fault(authorities.at, "`ca_file` belongs to a `jwks_url`");
    }
    match (file, url) {
        (Some(file), None) => Some(KeySource::File(file?)),
        (None, Some(url)) => Some(KeySource::Url {
            url: url?,
            authorities: whole(authorities)?.map(|path| path.value),
        }),
        (Some(_), Some(_)) => {
            reader.fault(at, "`jwks_file` and `jwks_url` exclude each other");
            None
        }
        (None, None) => {
            table.missing("jwks_file` or `jwks_url");
            None
        }
    }
}

/// Turns "given, but unreadable" into `None`.
#[expect(
    clippy::option_option,
    reason = "the outer `None` is a fault already noted"
)]
fn whole<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    given.map_or(Some(None), |read| read.map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for (text, shown) in [
            (
                "https://id.example/jwks.json",
                "https://id.example:443/jwks.json",
            ),
            (
                "https://id.example:8443/a?b=c",
                "https://id.example:8443/a?b=c",
            ),
            ("https://id.example", "https://id.example:443/"),
            ("http://127.0.0.1:9000/keys", "http://127.0.0.1:9000/keys"),
            ("http://[::1]:9000/keys", "http://[::1]:9000/keys"),
            ("http://localhost/keys", "http://localhost:80/keys"),
        ] {
            assert_eq!(text.parse::<KeyUrl>().unwrap().to_string(), shown);
        }
        for bad in [
            "",
            "id.example/jwks.json",
            "http://id.example/jwks.json",
            "http://10.0.0.1/jwks.json",
            "https://user:hush@id.example/jwks.json",
            "https:///jwks.json",
            "ftp://id.example/jwks.json",
            "file:///etc/passwd",
            "https://id.example/a#b",
        ] {
            assert!(bad.parse::<KeyUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn n3_a_link_leads_to_a_path_or_a_whole_address_and_holds_no_mark_up() {
        for good in [
            "/sign-in",
            "/",
            "https://shop.example/sign-in?x=1&y=2",
            "http://127.0.0.1/",
        ] {
            assert!(good.parse::<Link>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "sign-in",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "https:evil.example",
            "https:///x",
            "/a b",
            "/a\nb",
            "/\"><script>",
            &format!("/{}", "x".repeat(2_000)),
        ] {
            assert!(bad.parse::<Link>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_gateways_own_cookies_and_headers_bring_no_identity() {
        assert!("club_token".parse::<CookieName>().is_ok());
        assert!("__Host-session".parse::<CookieName>().is_ok());
        assert!("authorization".parse::<TokenHeader>().is_ok());
        for bad in [
            "anteroom-q-derby",
            "__Host-Anteroom-a-derby",
            "a b",
            "a=b",
            "",
        ] {
            assert!(bad.parse::<CookieName>().is_err(), "{bad}");
        }
        for bad in ["Anteroom-Queue", "Cookie", "a b", ""] {
            assert!(bad.parse::<TokenHeader>().is_err(), "{bad}");
        }
    }
}
