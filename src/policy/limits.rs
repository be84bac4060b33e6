//! Rate limits as data, the key they count by, and the file they are read from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

use crate::domain::pattern::PathPattern;
use crate::domain::room::RoomName;
use crate::text::fault::Findings;
use crate::text::source::Source;
use crate::text::table::Table;
use crate::text::value::Value;

/// The highest rate and burst that may be set.
pub const MOST: u32 = 1_000_000;

/// How many requests one address may make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name, unique among the limits.
    pub name: RoomName,
    /// Requests a second, 1 to [`MOST`].
    pub rate: NonZeroU32,
    /// Requests at once after a lull, 1 to [`MOST`].
    pub burst: NonZeroU32,
    /// The paths it counts; empty means all.
    pub paths: Vec<PathPattern>,
}

impl Limit {
    /// Whether it counts requests for `path`, in [`crate::domain::pattern::match_key`] form.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|pattern| pattern.covers(path))
    }
}

/// All limits. A request must be within every one that covers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// In order of the file.
    pub limits: Vec<Limit>,
}

/// What a limit by address counts by: one IPv4 address, or one IPv6 network of 64 bits, which
/// is what a single customer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKey {
    /// A /32.
    V4([u8; 4]),
    /// A /64: the first half of the address.
    V6([u8; 8]),
}

/// The key of an address. An IPv4 address mapped into IPv6 is that IPv4 address.
#[must_use]
pub fn address_key(address: IpAddr) -> AddressKey {
    match address.to_canonical() {
        IpAddr::V4(address) => AddressKey::V4(address.octets()),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            AddressKey::V6([a, b, c, d, e, f, g, h])
        }
    }
}

/// Reads `limits.toml`. What cannot be read is noted in `findings` and left out.
pub fn read(source: &Source, findings: &Findings) -> Limits {
    let mut table = Table::read(source, findings);
    let mut limits = Vec::new();
    let mut names = BTreeMap::new();
    for section in table.sections("limit") {
        let (reader, at) = (section.reader(), section.span());
        let Some(limit) = limit(section) else {
            continue;
        };
        if names.insert(limit.name.clone(), at).is_some() {
            reader.fault(at, format!("another limit is named `{}`", limit.name));
        }
        limits.push(limit);
    }
    table.finish();
    Limits { limits }
}

fn limit(mut table: Table<'_>) -> Option<Limit> {
    let name = table.required("name").and_then(Value::parse);
    if let Some(value) = table.required("per") {
        value.only("address", &[]);
    }
    let rate = table.required("rate").and_then(|value| value.count(MOST));
    let burst = table.take("burst").map(|value| value.count(MOST));
    let paths = table.take("paths").map(Value::one_or_more);
    table.finish();
    let rate = rate?;
    Some(Limit {
        name: name?,
        rate,
        burst: burst.unwrap_or(Some(rate))?,
        paths: paths
            .unwrap_or_default()
            .into_iter()
            .map(|path| path.value)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> AddressKey {
        address_key(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_counted_by_32_or_64_bits() {
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_ne!(key("0.0.0.0"), key("::"));
    }

    #[test]
    fn a_limit_reads_with_its_defaults() {
        let text = "[[limit]]\nname = 'all'\nper = 'address'\nrate = 7\n\
                    [[limit]]\nname = 'buy'\nper = 'address'\nrate = 1\nburst = 3\npaths = '/buy/*'\n";
        let findings = Findings::default();
        let limits = read(&Source::new("limits.toml", text), &findings).limits;

        assert!(findings.take_lists().0.is_empty());
        assert_eq!(limits[0].burst.get(), 7);
        assert!(limits[0].covers("/anything"));
        assert!(limits[1].covers("/buy/1") && !limits[1].covers("/cart"));
    }
}
