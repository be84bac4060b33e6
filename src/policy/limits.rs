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

/// A network that a limit by address counts by: the first `bits` of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// The address, with nothing behind those bits.
    first: AddressKey,
    bits: u8,
}

/// The networks of IPv6 that are counted, narrowest first: how many bits, and how many times the
/// limit of one address they may use together.
///
/// A phone gets one /64 (RFC 6459), a home or an office
/// between a /56 and a /48 (RFC 6177, RIPE-690), which holds up to 65,536 of them. Four is room for the few networks that a home really uses; sixteen
/// leaves a mobile network that numbers its phones out of one /48 no worse off than sixteen
/// addresses of IPv4 that such phones share.
pub const TIERS: [(u8, NonZeroU32); 3] = [
    (64, NonZeroU32::MIN),
    (56, NonZeroU32::MIN.saturating_add(3)),
    (48, NonZeroU32::MIN.saturating_add(15)),
];

/// The networks that count a request of `address`, narrowest first and in the order of [`TIERS`]:
/// an IPv4 address only by itself, an IPv6 address by all of them.
pub fn counted_by(address: IpAddr) -> impl Iterator<Item = Network> {
    let key = address_key(address);
    let (most, networks) = match key {
        AddressKey::V4(_) => (32, 1),
        AddressKey::V6(_) => (64, TIERS.len()),
    };
    let tiers = TIERS.iter().take(networks);
    tiers.map(move |(bits, _)| Network::of(key, most.min(*bits)))
}

/// The larger network that an address is counted with where there is no room to count it by
/// itself: the /24 of an IPv4 address; of an IPv6 address the /32, which is what a provider gets.
#[must_use]
pub fn neighbourhood(address: IpAddr) -> Network {
    match address_key(address) {
        key @ AddressKey::V4(_) => Network::of(key, 24),
        key @ AddressKey::V6(_) => Network::of(key, 32),
    }
}

impl Network {
    /// The first `bits` of a key; no more than the key has.
    fn of(key: AddressKey, bits: u8) -> Self {
        let first = match key {
            AddressKey::V4(octets) => {
                let rest = 32_u32.saturating_sub(u32::from(bits));
                let mask = u32::MAX.checked_shl(rest).unwrap_or(0);
                AddressKey::V4((u32::from_be_bytes(octets) & mask).to_be_bytes())
            }
            AddressKey::V6(octets) => {
                let rest = 64_u32.saturating_sub(u32::from(bits));
                let mask = u64::MAX.checked_shl(rest).unwrap_or(0);
                AddressKey::V6((u64::from_be_bytes(octets) & mask).to_be_bytes())
            }
        };
        Self { first, bits }
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

    fn counted(address: &str) -> Vec<Network> {
        counted_by(address.parse().unwrap()).collect()
    }

    #[test]
    fn r6_an_address_counts_by_itself_and_in_ipv6_by_the_networks_around_it_too() {
        let mapped = counted("::ffff:192.0.2.1");
        assert_eq!(counted("192.0.2.1"), mapped);
        assert_eq!(mapped.len(), 1);
        let ann = counted("2001:db8:5:701::1");
        assert_eq!(ann.len(), TIERS.len());
        for (network, (bits, _)) in ann.iter().zip(TIERS) {
            assert_eq!(network.bits, bits);
        }
        for (other, shared) in [
            ("2001:db8:5:701:ffff::", 3),
            ("2001:db8:5:702::1", 2),
            ("2001:db8:5:801::1", 1),
            ("2001:db8:6:701::1", 0),
        ] {
            let bob = counted(other);
            let alike = ann.iter().filter(|network| bob.contains(network));
            assert_eq!(alike.count(), shared, "{other}");
        }
        let zeros = counted("2001:db8:5::");
        assert_ne!(zeros[0], zeros[1], "a /64 of zeros is not its /56");
    }

    #[test]
    fn neighbours_share_24_bits_or_32() {
        let of = |address: &str| neighbourhood(address.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.255"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:ffff::1"));
        assert_ne!(of("2001:db8::1"), of("2001:db9::1"));
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
