//! A site: its hosts, how visitors come to them, and the origins behind.

use crate::domain::pattern::HostPattern;
use crate::domain::room::RoomName;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};

use super::origins::{self, Origins};

/// One `[[site]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name, unique among the sites.
    pub name: RoomName,
    /// The hosts it answers for, at least one; no other site has the same pattern.
    pub hosts: Vec<HostPattern>,
    /// How visitors come.
    pub scheme: Scheme,
    /// The ticket site behind the gateway.
    pub origins: Origins,
}

impl Site {
    /// Where visitors find it: scheme and first host that is named, as `https://tickets.example`;
    /// `None` where only patterns are. Where visitors in the clear are `secured`, it is `https`.
    #[must_use]
    pub fn address(&self, secured: bool) -> Option<String> {
        let named = |host: &&HostPattern| matches!(host, HostPattern::Exact(..));
        let host = self.hosts.iter().find(named)?;
        let scheme = match (self.scheme, secured) {
            (Scheme::Http, false) => "http",
            (Scheme::Http | Scheme::Https, _) => "https",
        };
        Some(format!("{scheme}://{host}"))
    }
}

/// How visitors reach the site: decides over cookie names and the `Secure` mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// TLS, ended by a proxy in front of the gateway.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A site as it was read, with the places that checks across files point at.
pub(super) struct SiteText<'a> {
    pub reader: Reader<'a>,
    pub name: Option<Placed<RoomName>>,
    pub hosts: Vec<Placed<HostPattern>>,
    rest: Option<Rest>,
}

struct Rest {
    scheme: Scheme,
    origins: Origins,
}

impl SiteText<'_> {
    /// The site, unless a fault was noted.
    pub fn complete(self) -> Option<Site> {
        let rest = self.rest?;
        Some(Site {
            name: self.name?.value,
            hosts: self.hosts.into_iter().map(|host| host.value).collect(),
            scheme: rest.scheme,
            origins: rest.origins,
        })
    }
}

/// Reads one `[[site]]`.
pub(super) fn read(mut table: Table<'_>) -> SiteText<'_> {
    let reader = table.reader();
    let name = table.required("name").and_then(Value::placed);
    let hosts = table.required("hosts").map(Value::one_or_more);
    let text = SiteText {
        reader,
        name,
        hosts: hosts.unwrap_or_default(),
        rest: rest(&mut table),
    };
    table.later("cors");
    table.finish();
    text
}

fn rest(table: &mut Table<'_>) -> Option<Rest> {
    let schemes = [("http", Scheme::Http), ("https", Scheme::Https)];
    let scheme = table.take("scheme").map(|value| value.word(&schemes, &[]));
    let origins = origins::read(table);
    Some(Rest {
        scheme: scheme.unwrap_or(Some(Scheme::default()))?,
        origins: origins?,
    })
}
