//! Where a Redis is and who asks it: `redis://[user[:password]@]host[:port][/db]`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use redis::RedisConnectionInfo;

/// The port where a URL names none.
const PORT: u16 = 6379;

/// One Redis server, and the account it is asked with. Neither `Debug` nor `Display` shows the
/// password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    database: u16,
    user: Option<String>,
    password: Option<String>,
}

/// Why a text is no address of a Redis. The message never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It does not begin with `redis://`.
    #[error("a Redis is written as in `redis://127.0.0.1:6379`")]
    Scheme,
    /// No host, or one with odd characters.
    #[error(
        "the host after `redis://` must be a name or an address, as in `redis://10.0.0.5:6379`"
    )]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port of the Redis must be a number from 1 to 65535")]
    Port,
    /// What follows the host is no number of a database.
    #[error(
        "after the host only the number of a database may follow, as in `redis://10.0.0.5:6379/2`"
    )]
    Database,
    /// User or password hold a `%` that begins no escape, or bytes that are no text.
    #[error(
        "user and password must be percent-encoded: `%25` for `%`, `%40` for `@`, `%2F` for `/`"
    )]
    Encoding,
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let rest = text.strip_prefix("redis://").ok_or(BadAddress::Scheme)?;
        let (account, place) = match rest.rsplit_once('@') {
            Some((account, place)) => (Some(account), place),
            None => (None, rest),
        };
        let (server, database) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = host_and_port(server)?;
        let database = match database {
            "" => 0,
            number => number.parse().map_err(|_| BadAddress::Database)?,
        };
        let (user, password) = account.map(credentials).transpose()?.unwrap_or_default();
        Ok(Self {
            host,
            port,
            database,
            user,
            password,
        })
    }
}

impl Address {
    /// The same asked with this password.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        Self {
            password: Some(password.to_owned()),
            ..self
        }
    }

    /// Whether a password is known.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Whether a user other than Redis's default one is named.
    #[must_use]
    pub const fn names_a_user(&self) -> bool {
        self.user.is_some()
    }

    /// Host and port to connect to.
    pub(super) fn server(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What is said first on a new connection.
    pub(super) fn greeting(&self) -> RedisConnectionInfo {
        let mut greeting = RedisConnectionInfo::default()
            .set_db(self.database.into())
            .set_skip_set_lib_name();
        if let Some(user) = &self.user {
            greeting = greeting.set_username(user);
        }
        if let Some(password) = &self.password {
            greeting = greeting.set_password(password);
        }
        greeting
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "redis://[{}]:{}", self.host, self.port)?,
            false => write!(f, "redis://{}:{}", self.host, self.port)?,
        }
        match self.database {
            0 => Ok(()),
            database => write!(f, "/{database}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

fn host_and_port(server: &str) -> Result<(String, u16), BadAddress> {
    let (host, port) = match server.strip_prefix('[') {
        Some(inner) => {
            let (host, port) = inner.split_once(']').ok_or(BadAddress::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| BadAddress::Host)?;
            (host, port)
        }
        None => server.split_at(server.find(':').unwrap_or(server.len())),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(BadAddress::Host);
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => PORT,
        None => return Err(BadAddress::Host),
        Some(digits) => match digits.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(BadAddress::Port),
        },
    };
    Ok((host.to_owned(), port))
}

type Credentials = (Option<String>, Option<String>);

fn credentials(account: &str) -> Result<Credentials, BadAddress> {
    let (user, password) = match account.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (account, None),
    };
    let user = (!user.is_empty()).then(|| decoded(user)).transpose()?;
    Ok((user, password.map(decoded).transpose()?))
}

/// A text without its percent escapes.
fn decoded(text: &str) -> Result<String, BadAddress> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(BadAddress::Encoding)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(BadAddress::Encoding);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| BadAddress::Encoding)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| BadAddress::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, BadAddress> {
        text.parse()
    }

    #[test]
    fn every_part_but_the_host_may_be_left_out() {
        for (text, shown, user, password) in [
            ("redis://a", "redis://a:6379", None, None),
            ("redis://a/", "redis://a:6379", None, None),
            ("redis://10.0.0.5:1/15", "redis://10.0.0.5:1/15", None, None),
            ("redis://[::1]", "redis://[::1]:6379", None, None),
            ("redis://[::1]:7/3", "redis://[::1]:7/3", None, None),
            ("redis://me@a", "redis://a:6379", Some("me"), None),
            ("redis://:pw@a", "redis://a:6379", None, Some("pw")),
            (
                "redis://me:p:w@a",
                "redis://a:6379",
                Some("me"),
                Some("p:w"),
            ),
            ("redis://:p@/w@a", "redis://a:6379", None, Some("p@/w")),
            ("redis://:%40%2f%25@a", "redis://a:6379", None, Some("@/%")),
        ] {
            let address = read(text).unwrap();
            assert_eq!(address.to_string(), shown, "{text}");
            assert_eq!(address.user.as_deref(), user, "{text}");
            assert_eq!(address.password.as_deref(), password, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_what_is_wrong() {
        for (text, fault) in [
            ("rediss://a", BadAddress::Scheme),
            ("redis:a", BadAddress::Scheme),
            ("redis://", BadAddress::Host),
            ("redis://:6379", BadAddress::Host),
            ("redis://a b", BadAddress::Host),
            ("redis://[::1", BadAddress::Host),
            ("redis://[::1]x", BadAddress::Host),
            ("redis://[a]", BadAddress::Host),
            ("redis://a:0", BadAddress::Port),
            ("redis://a:", BadAddress::Port),
            ("redis://a:65536", BadAddress::Port),
            ("redis://a:1:2", BadAddress::Port),
            ("redis://a/x", BadAddress::Database),
            ("redis://a/1/2", BadAddress::Database),
            ("redis://a/1?protocol=3", BadAddress::Database),
            ("redis://:50%@a", BadAddress::Encoding),
            ("redis://:%+5@a", BadAddress::Encoding),
            ("redis://:%ff@a", BadAddress::Encoding),
            ("redis://:%é@a", BadAddress::Encoding),
        ] {
            assert_eq!(read(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn the_password_is_shown_nowhere() {
        let address = read("redis://ann:hush@a/2").unwrap();
        let later = read("redis://ann@a/2").unwrap().with_password("hush");
        assert_eq!(address, later);
        assert!(later.has_password() && later.names_a_user());
        assert_eq!(
            format!("{address:?} {address}"),
            "Address(redis://a:6379/2) redis://a:6379/2"
        );
    }
}
