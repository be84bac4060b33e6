//! What a handshake of TLS tells about the requests behind it: the name that was asked for, and
//! the names that the certificate shown stands for.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::pattern::Host;

/// An encrypted connection.
#[derive(Clone, Debug)]
pub struct Encrypted {
    /// The name that the visitor asked for, in lower case; none where no name was sent.
    pub name: Option<Box<str>>,
    /// What the certificate shown stands for.
    pub names: Arc<CertificateNames>,
}

impl Encrypted {
    /// Whether a request for this host may come on the connection: the name asked for, or another
    /// one that the certificate stands for, because browsers bring the requests for all of them on
    /// one connection. Who sent no name said nothing that could be contradicted.
    #[must_use]
    pub fn is_for(&self, host: &Host) -> bool {
        match &self.name {
            None => true,
            Some(name) => **name == *host.name || self.names.cover(&host.name),
        }
    }
}

/// The hosts that a certificate stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// Whole names, in lower case.
    exact: BTreeSet<String>,
    /// What follows the star of a wildcard, with its leading dot.
    below: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl CertificateNames {
    /// With one more name, in which a star may be the whole first label.
    pub fn add_name(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        match name.strip_prefix('*') {
            Some(below) if below.starts_with('.') => self.below.insert(below.to_owned()),
            Some(_) | None => self.exact.insert(name),
        };
    }

    /// With one more address.
    pub fn add_address(&mut self, address: IpAddr) {
        self.addresses.insert(address);
    }

    /// Whether it stands for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty() && self.addresses.is_empty()
    }

    /// Whether it stands for a host in the form of [`Host::name`]. A wildcard covers exactly one
    /// label.
    #[must_use]
    pub fn cover(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        self.exact.contains(host) || self.covers_below(host)
    }

    fn covers_below(&self, host: &str) -> bool {
        host.find('.')
            .filter(|dot| *dot > 0)
            .and_then(|dot| host.get(dot..))
            .is_some_and(|rest| self.below.contains(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> CertificateNames {
        let mut names = CertificateNames::default();
        for name in list {
            match name.parse() {
                Ok(address) => names.add_address(address),
                Err(_) => names.add_name(name),
            }
        }
        names
    }

    #[test]
    fn a_wildcard_stands_for_one_label_and_no_more() {
        let names = names(&["Shop.Example", "*.tickets.example", "127.0.0.1", "::1"]);
        for covered in ["shop.example", "a.tickets.example", "127.0.0.1", "[::1]"] {
            assert!(names.cover(covered), "{covered}");
        }
        for foreign in [
            "www.shop.example",
            "tickets.example",
            ".tickets.example",
            "a.b.tickets.example",
            "127.0.0.2",
            "example",
            "",
        ] {
            assert!(!names.cover(foreign), "{foreign}");
        }
    }

    #[test]
    fn a7_another_host_than_the_one_asked_for_needs_the_same_certificate() {
        let of = |name: Option<&str>| Encrypted {
            name: name.map(Into::into),
            names: Arc::new(names(&["shop.example", "*.shop.example"])),
        };
        let is_for = |name, host| of(name).is_for(&Host::parse(host).unwrap());
        assert!(is_for(Some("shop.example"), "shop.example:443"));
        assert!(is_for(Some("shop.example"), "www.shop.example."));
        assert!(is_for(Some("elsewhere.example"), "elsewhere.example"));
        assert!(is_for(None, "elsewhere.example"));
        assert!(!is_for(Some("shop.example"), "elsewhere.example"));
    }
}
