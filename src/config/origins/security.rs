//! `[site.tls]`: whom the origins must prove to be, and what is shown to them. The files are read
//! where the gateway starts.

use std::fmt;
use std::str::FromStr;

use tokio_rustls::rustls::pki_types::ServerName;

use crate::config::PolicyPath;
use crate::origin::{Address, Scheme};
use crate::text::table::Table;
use crate::text::value::Value;

/// TLS to a site's origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// The file with the authorities that may vouch for them; the system's where there is none.
    pub authorities: Option<PolicyPath>,
    /// The name that their certificates must be for, and that is sent to them; the one in each
    /// one's address where there is none.
    pub name: Option<String>,
    /// The files with a certificate of our own and the key to it.
    pub own: Option<(PolicyPath, PolicyPath)>,
}

/// A name that a certificate can be for.
struct Provable(String);

impl FromStr for Provable {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ServerName::try_from(text)
            .map(|_| Self(text.to_owned()))
            .map_err(|_odd| "a host name, as in `shop.internal`, or an address")
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |path: &PolicyPath| path.0.display().to_string();
        let authorities = self.authorities.as_ref().map(file);
        write!(f, "ca {}", authorities.as_deref().unwrap_or("system"))?;
        if let Some(name) = &self.name {
            write!(f, ", name {name}")?;
        }
        if let Some((certificate, key)) = &self.own {
            write!(f, ", certificate {}, key {}", file(certificate), file(key))?;
        }
        Ok(())
    }
}

/// Reads the table; `origins` are those it is about, if they could be read.
pub(super) fn read(table: &mut Table<'_>, origins: Option<&[Address]>) -> Option<Security> {
    let is_there = table.holds("tls");
    let mut table = table.section("tls");
    let (reader, span) = (table.reader(), table.span());
    let authorities = table.take("ca").map(Value::parse::<PolicyPath>);
    let name = table.take("name").map(Value::parse::<Provable>);
    let certificate = table.take("certificate").map(Value::parse::<PolicyPath>);
    let key = table.take("key").map(Value::parse::<PolicyPath>);
    table.finish();
    if certificate.is_some() != key.is_some() {
        reader.fault(
            span,
            "`certificate` and `key` in `[site.tls]` belong together",
        );
        return None;
    }
    let is_secure = |origin: &Address| origin.scheme == Scheme::Https;
    if is_there && origins.is_some_and(|origins| !origins.iter().any(is_secure)) {
        reader.fault(
            span,
            "`[site.tls]` has no effect: no `origin` is `https://`",
        );
        return None;
    }
    let given = |path: Option<Option<PolicyPath>>| path.map_or(Some(None), |read| read.map(Some));
    Some(Security {
        authorities: given(authorities)?,
        name: name.map_or(Some(None), |read| read.map(|name| Some(name.0)))?,
        own: given(certificate)?.zip(given(key)?),
    })
}
