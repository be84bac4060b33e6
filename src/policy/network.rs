//! Networks as people write them.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::text::value::Value;

/// A network in CIDR form, or one address. Bits beyond the prefix are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network(IpNet);

/// The text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a network is written as in `192.0.2.0/24`, `2001:db8::/32` or `192.0.2.1`")]
struct BadNetwork;

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let net = address.or_else(|_| text.parse::<IpNet>());
        net.map(|net| Self(net.trunc())).map_err(|_| BadNetwork)
    }
}

/// Reads one network or a list of at least one.
#[must_use]
pub fn list(value: Value<'_>) -> Vec<IpNet> {
    let nets = value.one_or_more::<Network>().into_iter();
    nets.map(|net| net.value.0).collect()
}

/// Reads a list of networks, which may be empty.
#[must_use]
pub fn list_or_none(value: Value<'_>) -> Vec<IpNet> {
    let nets = value.each::<Network>().into_iter();
    nets.map(|net| net.value.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_may_be_one_address_and_loses_its_host_bits() {
        let read = |text: &str| text.parse::<Network>().map(|net| net.0.to_string());
        assert_eq!(read("192.0.2.1").unwrap(), "192.0.2.1/32");
        assert_eq!(read("::1").unwrap(), "::1/128");
        assert_eq!(read("10.1.2.3/8").unwrap(), "10.0.0.0/8");
        for bad in ["", "10.0.0.0/33", "10.0/8", "example", "10.0.0.0-10.0.0.9"] {
            assert_eq!(read(bad), Err(BadNetwork), "{bad}");
        }
    }
}
