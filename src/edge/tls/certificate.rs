//! A certificate and its key, from the texts of their files.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::domain::clock::UnixTime;
use crate::gate::encrypted::CertificateNames;

/// The most certificates of one chain. Every handshake sends them all.
const MOST_IN_CHAIN: usize = 10;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    /// The first file holds none.
    #[error("the chain holds no certificate in PEM")]
    NoChain,
    /// The first file holds too many.
    #[error("the chain holds more than {MOST_IN_CHAIN} certificates")]
    LongChain,
    /// The first certificate is none.
    #[error("the chain's first certificate cannot be read")]
    Unreadable,
    /// It stands for nothing that a visitor could ask for.
    #[error("the certificate names no host: it needs subject alternative names")]
    NoNames,
    /// The other file holds no key.
    #[error("the key file holds no private key in PEM")]
    NoKey,
    /// The key is of a kind that is not spoken.
    #[error("the private key cannot be used: {0}")]
    BadKey(rustls::Error),
    /// They belong to two certificates.
    #[error("the private key is not the certificate's")]
    OtherKey,
}

/// The texts of the two files.
#[derive(Clone, Copy)]
pub struct Pem<'a> {
    /// The certificate, and those that vouch for it.
    pub chain: &'a [u8],
    /// The private key.
    pub key: &'a [u8],
}

/// A certificate that can be shown.
#[derive(Debug)]
pub struct Certificate {
    /// What it stands for.
    pub names: Arc<CertificateNames>,
    /// From when on it holds.
    pub begins: UnixTime,
    /// The last second in which it holds.
    pub ends: UnixTime,
    /// The SHA-256 of the chain.
    pub print: [u8; 32],
    pub(super) key: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// [`BadCertificate`] when they are not a certificate for named hosts and its key.
    pub fn parse(pem: Pem<'_>) -> Result<Self, BadCertificate> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.chain).collect();
        let chain = chain.map_err(|_| BadCertificate::NoChain)?;
        let first = chain.first().ok_or(BadCertificate::NoChain)?;
        if chain.len() > MOST_IN_CHAIN {
            return Err(BadCertificate::LongChain);
        }
        let said = said(first)?;
        let key = PrivateKeyDer::from_pem_slice(pem.key).map_err(|_| BadCertificate::NoKey)?;
        let key = any_supported_type(&key).map_err(BadCertificate::BadKey)?;
        let print = print(&chain);
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            // A key that cannot tell its public half is taken at its word.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(BadCertificate::OtherKey),
        }
        Ok(Self {
            names: Arc::new(said.names),
            begins: said.begins,
            ends: said.ends,
            print,
            key: Arc::new(key),
        })
    }
}

/// What a certificate says of itself.
struct Said {
    names: CertificateNames,
    begins: UnixTime,
    ends: UnixTime,
}

fn said(der: &CertificateDer<'_>) -> Result<Said, BadCertificate> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| BadCertificate::Unreadable)?;
    if !rest.is_empty() {
        return Err(BadCertificate::Unreadable);
    }
    let listed = certificate.subject_alternative_name();
    let listed = listed.map_err(|_| BadCertificate::Unreadable)?;
    let mut names = CertificateNames::default();
    for name in listed.iter().flat_map(|list| &list.value.general_names) {
        match name {
            GeneralName::DNSName(name) => names.add_name(name),
            GeneralName::IPAddress(bytes) => address(bytes)
                .into_iter()
                .for_each(|ip| names.add_address(ip)),
            // Nothing else can be asked for by who opens a connection.
            _ => {}
        }
    }
    if names.is_empty() {
        return Err(BadCertificate::NoNames);
    }
    let validity = certificate.validity();
    let at = |seconds: i64| UnixTime::from_secs(u64::try_from(seconds).unwrap_or(0));
    Ok(Said {
        names,
        begins: at(validity.not_before.timestamp()),
        ends: at(validity.not_after.timestamp()),
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

fn print(chain: &[CertificateDer<'_>]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for one in chain {
        digest.update(one);
    }
    digest.finalize().into()
}
