//! A site: its hosts, how visitors come to them, and the origins behind.

use crate::domain::pattern::HostPattern;
use crate::domain::room::RoomName;
use crate::origin::trailers::TrailerName;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};

use super::PolicyPath;
use super::origins::{self, Origins};

/// The most names that may be listed as trailers.
const MOST_TRAILERS: usize = 32;

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
    /// The secret under which the site is told what came through the gate.
    pub assertion_key: Option<PolicyPath>,
    /// What may come behind a body, in either direction; nothing.
    pub trailers: Vec<TrailerName>,
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
    assertion_key: Option<PolicyPath>,
    trailers: Vec<TrailerName>,
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
            assertion_key: rest.assertion_key,
            trailers: rest.trailers,
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
    let assertion_key = table.take("assertion_key").map(Value::parse);
    let reader = table.reader();
    let trailers = table.take("trailers");
    let trailers = trailers.map_or(Some(Vec::new()), |value| self::trailers(value, reader));
    let origins = origins::read(table);
    Some(Rest {
        scheme: scheme.unwrap_or(Some(Scheme::default()))?,
        origins: origins?,
        assertion_key: assertion_key.map_or(Some(None), |key| key.map(Some))?,
        trailers: trailers?,
    })
}

/// None of them is there twice.
fn trailers(value: Value<'_>, reader: Reader<'_>) -> Option<Vec<TrailerName>> {
    let mut names: Vec<TrailerName> = Vec::new();
    for name in value.list()? {
        let Placed { at, value } = name.placed::<TrailerName>()?;
        if names.contains(&value) {
            reader.fault(at, format!("`trailers` lists `{value}` twice"));
        } else if names.len() == MOST_TRAILERS {
            reader.fault(at, format!("`trailers` may list {MOST_TRAILERS} at most"));
            return None;
        } else {
            names.push(value);
        }
    }
    Some(names)
}
