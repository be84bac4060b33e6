//! Which certificate is shown to whom.

use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// All certificates.
///
/// A name is served by the first certificate that stands for it and whose key the visitor can
/// check, so that an old client gets RSA where a new one gets ECDSA. No name, or one that none
/// stands for, is served the default. Who checks certificates goes no further; who asked for a
/// name that none stands for may ask for no other host, see the gate's `Encrypted`.
#[derive(Debug)]
pub struct Certificates {
    all: Vec<Certificate>,
    default: usize,
}

impl Certificates {
    /// These, of which `default` is the index of one.
    #[must_use]
    pub const fn new(all: Vec<Certificate>, default: usize) -> Self {
        Self { all, default }
    }

    /// Every one, in the order of the configuration.
    #[must_use]
    pub fn all(&self) -> &[Certificate] {
        &self.all
    }

    /// The certificate for a name in lower case. `can_check` says whether the visitor can check
    /// what this key signs.
    fn choose(
        &self,
        name: Option<&str>,
        can_check: impl Fn(&Certificate) -> bool,
    ) -> Option<&Certificate> {
        let covering = |one: &&Certificate| name.is_some_and(|name| one.names.cover(name));
        let of_name = || self.all.iter().filter(covering);
        of_name()
            .find(|one| can_check(one))
            .or_else(|| of_name().next())
            .or_else(|| self.all.get(self.default))
    }

    /// The certificate for who says this first.
    pub(super) fn answering(&self, hello: &ClientHello<'_>) -> Option<&Certificate> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let schemes = hello.signature_schemes();
        self.choose(name.as_deref(), |one| {
            one.key.key.choose_scheme(schemes).is_some()
        })
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.answering(&hello).map(|one| Arc::clone(&one.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::tls::certificate::{BadCertificate, Pem};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};

    fn made(names: &[&str], key: &KeyPair) -> Result<Certificate, BadCertificate> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = CertificateParams::new(names)
            .unwrap()
            .self_signed(key)
            .unwrap();
        Certificate::parse(Pem {
            chain: made.pem().as_bytes(),
            key: key.serialize_pem().as_bytes(),
        })
    }

    fn ecdsa(names: &[&str]) -> Certificate {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        made(names, &key).unwrap()
    }

    #[test]
    fn a_name_is_served_by_who_stands_for_it_and_every_other_by_the_default() {
        let all = ["a.example", "*.b.example", "c.example"].map(|name| ecdsa(&[name]));
        let certificates = Certificates::new(all.into(), 2);
        let shown = |name: Option<&str>| {
            let found = certificates.choose(name, |_| true).unwrap();
            let mut all = certificates.all().iter();
            all.position(|one| one.print == found.print).unwrap()
        };
        assert_eq!(shown(Some("a.example")), 0);
        assert_eq!(shown(Some("x.b.example")), 1);
        assert_eq!(shown(Some("b.example")), 2);
        assert_eq!(shown(Some("x.y.b.example")), 2);
        assert_eq!(shown(None), 2);
    }

    #[test]
    fn of_two_for_one_name_the_first_that_can_be_checked_is_shown() {
        let all = vec![ecdsa(&["a.example"]), ecdsa(&["a.example", "b.example"])];
        let (first, second) = (all[0].print, all[1].print);
        let certificates = Certificates::new(all, 0);
        let shown = |checks: [u8; 32]| {
            let found = certificates.choose(Some("a.example"), |one| one.print == checks);
            found.unwrap().print
        };
        assert_eq!(shown(first), first);
        assert_eq!(shown(second), second);
        assert_eq!(shown([0; 32]), first, "somebody must be shown something");
    }

    #[test]
    fn l2_what_is_no_certificate_with_its_key_is_refused_in_words() {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let other = KeyPair::generate().unwrap();
        let made = CertificateParams::new(vec!["a.example".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let (chain, key) = (made.pem(), key.serialize_pem());
        let long = chain.repeat(11);
        let cut = chain.replacen("MII", "MIJ", 1);
        for (chain, key, says) in [
            (key.as_str(), key.as_str(), "holds no certificate"),
            ("", key.as_str(), "holds no certificate"),
            (long.as_str(), key.as_str(), "more than 10"),
            (chain.as_str(), chain.as_str(), "holds no private key"),
            (
                chain.as_str(),
                &other.serialize_pem(),
                "is not the certificate's",
            ),
            (cut.as_str(), key.as_str(), "cannot be read"),
        ] {
            let (chain, key) = (chain.as_bytes(), key.as_bytes());
            let said = Certificate::parse(Pem { chain, key }).unwrap_err();
            assert!(said.to_string().contains(says), "{says}: {said}");
        }
    }

    #[test]
    fn a_certificate_without_names_is_refused_and_the_days_are_read() {
        let key = KeyPair::generate().unwrap();
        let said = made(&[], &key).unwrap_err();
        assert!(matches!(said, BadCertificate::NoNames), "{said}");
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 3, 1);
        let made = params.self_signed(&key).unwrap();
        let read = Certificate::parse(Pem {
            chain: made.pem().as_bytes(),
            key: key.serialize_pem().as_bytes(),
        });
        let read = read.unwrap();
        assert_eq!(read.begins.secs(), 1_767_225_600);
        assert_eq!(read.ends.secs(), 1_772_323_200);
        assert!(read.names.cover("127.0.0.1"));
    }
}
