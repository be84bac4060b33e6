//! TLS with visitors: from settings to the handshakes of a listener.
//!
//! Versions 1.2 and 1.3 only, a post-quantum key exchange first, no early data (what can be sent
//! twice could join twice), and tickets under keys that never leave the process: another gateway,
//! or this one after a restart, cannot read them.

pub mod certificate;
mod clear;
mod handshake;
pub mod resolver;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, cipher_suite as suite, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use certificate::Certificate;
pub(super) use handshake::Broken;
use resolver::Certificates;

/// What is spoken on an encrypted connection, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// How HTTP/2 is called in a handshake.
const HTTP_2: &[u8] = b"h2";

/// Tickets that a visitor gets at a time. A resumed handshake saves nothing with ECDSA; one ticket
/// is for those who have a certificate of their own to show, and for RSA.
const TICKETS: usize = 1;

/// What is encrypted with, the preferred first: AES-128, which processors do best and which is as
/// far from being broken as the rest. The visitor's own order does not count.
static SUITES: [SupportedCipherSuite; 9] = [
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// What TLS is to be like.
pub struct Settings {
    /// The certificates, at least one.
    pub certificates: Vec<Certificate>,
    /// The index of the one for who asks for no name.
    pub default: usize,
    /// Whose certificates visitors show.
    pub clients: Clients,
    /// The oldest version that is spoken.
    pub oldest: Oldest,
}

/// Whether visitors show certificates. The authorities are in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    /// They are not asked.
    Off,
    /// They may.
    Optional(Vec<u8>),
    /// They must.
    Required(Vec<u8>),
}

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oldest {
    /// 1.2.
    Tls12,
    /// 1.3.
    Tls13,
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of authorities holds none.
    #[error("holds no certificate of an authority in PEM")]
    NoAuthority,
    /// The machine gives no random numbers, or the settings contradict each other.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
    /// The authorities cannot be used.
    #[error("the authorities cannot be used: {0}")]
    Authorities(#[from] rustls::server::VerifierBuilderError),
}

/// TLS as visitors meet it: one value, swapped whole.
pub struct Tls {
    certificates: Arc<Certificates>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// By these settings, with new keys for tickets: what was resumed under other certificates or
    /// other authorities begins anew.
    ///
    /// # Errors
    /// [`TlsError`] when the authorities cannot be used, or the machine has no random numbers.
    pub fn new(settings: Settings) -> Result<Self, TlsError> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: SUITES.to_vec(),
            ..default_provider()
        });
        let certificates = Arc::new(Certificates::new(settings.certificates, settings.default));
        let verifier = verifier(&settings.clients, &provider)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(settings.oldest))
            .map_err(TlsError::Setup)?;
        let resolver = Arc::clone(&certificates);
        let mut config = builder
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(resolver);
        config.ignore_client_order = true;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Ticketer::new().map_err(TlsError::Setup)?;
        config.send_tls13_tickets = TICKETS;
        config.max_early_data_size = 0;
        Ok(Self {
            certificates,
            config: Arc::new(config),
        })
    }

    /// The certificates, in the order of the configuration.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        self.certificates.all()
    }
}

/// From 1.2 on.
static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// 1.3 only.
static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];

fn versions(oldest: Oldest) -> &'static [&'static SupportedProtocolVersion] {
    match oldest {
        Oldest::Tls12 => &BOTH,
        Oldest::Tls13 => &NEWEST,
    }
}

fn verifier(
    clients: &Clients,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let of = |pem: &[u8]| {
        let roots = Arc::new(authorities(pem)?);
        let provider = Arc::clone(provider);
        Ok::<_, TlsError>(WebPkiClientVerifier::builder_with_provider(roots, provider))
    };
    Ok(match clients {
        Clients::Off => WebPkiClientVerifier::no_client_auth(),
        Clients::Optional(pem) => of(pem)?.allow_unauthenticated().build()?,
        Clients::Required(pem) => of(pem)?.build()?,
    })
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(pem) {
        let authority = authority.map_err(|_| TlsError::NoAuthority)?;
        roots.add(authority).map_err(TlsError::Setup)?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoAuthority);
    }
    Ok(roots)
}
