//! TLS to an origin: whose certificate is believed, and what is shown of ours. That it is verified
//! cannot be switched off.

use std::fmt;
use std::sync::Arc;

use ::aws_lc_rs::digest::{Context, SHA256};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::Protocol;

/// What an owner says of TLS to a site's origins.
pub struct Papers {
    /// The authorities that may vouch for an origin; at least one.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The name that its certificate must be for, if not the one in its address. It is also the
    /// one that is sent.
    pub name: Option<String>,
    /// What we show of ourselves: a chain and the key to it.
    pub own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// TLS to a site's origins, ready to be used.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
    /// Of everything it was made of.
    digest: [u8; 32],
}

/// Why papers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadPapers {
    /// Nobody is trusted.
    #[error("no authority can be used")]
    NoAuthority,
    /// It is none.
    #[error("`{0}` is no name that could have a certificate")]
    Name(String),
    /// Chain and key do not fit together, or are of a kind that is not known.
    #[error("our own certificate and key cannot be used")]
    Own(#[source] rustls::Error),
    /// The library refuses.
    #[error("TLS cannot be set up")]
    Setting(#[source] rustls::Error),
}

impl Tls {
    /// Makes papers ready.
    ///
    /// # Errors
    ///
    /// [`BadPapers`] that say which of them cannot be used.
    pub fn new(papers: Papers) -> Result<Self, BadPapers> {
        let digest = papers.digest();
        let mut roots = RootCertStore::empty();
        // A system's list may hold a certificate that is no authority for us; the rest is good.
        let (usable, _) = roots.add_parsable_certificates(papers.authorities);
        if usable == 0 {
            return Err(BadPapers::NoAuthority);
        }
        let name = papers
            .name
            .map(|name| ServerName::try_from(name.clone()).map_err(|_odd| BadPapers::Name(name)));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let trusting = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(BadPapers::Setting)?
            .with_root_certificates(roots);
        let config = match papers.own {
            None => trusting.with_no_client_auth(),
            Some((chain, key)) => trusting
                .with_client_auth_cert(chain, key)
                .map_err(BadPapers::Own)?,
        };
        Ok(Self {
            config: Arc::new(config),
            name: name.transpose()?,
            digest,
        })
    }

    /// The name that an origin at `host` must prove.
    ///
    /// # Errors
    ///
    /// If the host is no name that could have a certificate.
    pub(super) fn name_of(&self, host: &str) -> Result<ServerName<'static>, BadPapers> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(bare.to_owned()).map_err(|_odd| BadPapers::Name(host.to_owned()))
    }

    /// The configuration that offers what may be spoken.
    pub(super) fn offering(&self, protocol: Protocol) -> Arc<ClientConfig> {
        let mut config = self.config.as_ref().clone();
        config.alpn_protocols = match protocol {
            Protocol::Http1 | Protocol::Http2Plain => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Arc::new(config)
    }
}

impl Papers {
    /// Papers with the same digest are the same.
    fn digest(&self) -> [u8; 32] {
        let mut digest = Context::new(&SHA256);
        let mut part = |kind: u8, bytes: &[u8]| {
            digest.update(&[kind]);
            digest.update(&(bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        for authority in &self.authorities {
            part(0, authority);
        }
        if let Some(name) = &self.name {
            part(1, name.as_bytes());
        }
        if let Some((chain, key)) = &self.own {
            for certificate in chain {
                part(2, certificate);
            }
            part(3, key.secret_der());
        }
        let mut out = [0; 32];
        let done = digest.finish();
        for (to, from) in out.iter_mut().zip(done.as_ref()) {
            *to = *from;
        }
        out
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::server::WebPkiClientVerifier;

    use super::*;
    use crate::origin::testing::{OK, get, origin_of, site_settings, text};
    use crate::origin::{Address, Origin, OriginError, Scheme, Settings};

    fn file(name: &str) -> PathBuf {
        let house = Path::new(env!("CARGO_MANIFEST_DIR"));
        house.join("tests/fixtures/tls/origins").join(name)
    }

    fn chain(name: &str) -> Vec<CertificateDer<'static>> {
        let found = CertificateDer::pem_file_iter(file(name)).unwrap();
        found.map(Result::unwrap).collect()
    }

    fn key(name: &str) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_file(file(name)).unwrap()
    }

    fn papers() -> Papers {
        Papers {
            authorities: chain("authority.pem"),
            name: None,
            own: None,
        }
    }

    /// What a site demands of who calls.
    #[derive(Clone, Copy)]
    enum Callers {
        Any,
        WithCertificate,
    }

    fn accepting(name: &str, callers: Callers) -> TlsAcceptor {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match callers {
            Callers::Any => config.with_no_client_auth(),
            Callers::WithCertificate => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(chain("authority.pem"));
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let config = config
            .with_single_cert(chain(&format!("{name}.pem")), key(&format!("{name}.key")))
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A site that shows this certificate; its port.
    async fn showing(name: &str, callers: Callers) -> u16 {
        showing_after(name, callers, Hands::default()).await
    }

    /// Handshakes at one time, each of which takes a while.
    #[derive(Clone, Default)]
    struct Hands {
        takes: Duration,
        now: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    async fn showing_after(name: &str, callers: Callers, hands: Hands) -> u16 {
        let acceptor = accepting(name, callers);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (acceptor, hands) = (acceptor.clone(), hands.clone());
                tokio::spawn(async move {
                    let now = hands.now.fetch_add(1, Ordering::SeqCst) + 1;
                    hands.most.fetch_max(now, Ordering::SeqCst);
                    tokio::time::sleep(hands.takes).await;
                    hands.now.fetch_sub(1, Ordering::SeqCst);
                    let Ok(mut tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let mut head = [0; 4_096];
                    while tls.read(&mut head).await.is_ok_and(|read| read > 0) {
                        let _ = tls.write_all(OK.as_bytes()).await;
                    }
                });
            }
        });
        port
    }

    fn to(host: &str, port: u16, papers: Papers) -> Origin {
        origin_of(vec![settings_to(host, port, papers)])
    }

    fn settings_to(host: &str, port: u16, papers: Papers) -> Settings {
        Settings {
            origins: vec![Address {
                host: host.to_owned(),
                port,
                scheme: Scheme::Https,
            }],
            tls: Some(Tls::new(papers).unwrap()),
            connect: Duration::from_secs(5),
            ..site_settings()
        }
    }

    async fn is_refused(origin: &Origin, why: &str) {
        let Err(OriginError::Untrusted { source }) = get(origin).await else {
            panic!("{why}: it was believed");
        };
        let said = format!("{source:?}");
        assert!(said.contains(why), "{said}");
    }

    #[tokio::test]
    async fn l5_an_origin_is_believed_that_an_authority_vouches_for_under_its_name() {
        let port = showing("server", Callers::Any).await;
        for host in ["localhost", "127.0.0.1"] {
            let origin = to(host, port, papers());
            for _ in 0..2 {
                assert_eq!(text(get(&origin).await.unwrap()).await.unwrap(), "ok");
            }
        }
        let named = Papers {
            name: Some("shop.internal".to_owned()),
            ..papers()
        };
        assert!(get(&to("127.0.0.1", port, named)).await.is_ok());
    }

    #[tokio::test]
    async fn l5_no_origin_is_believed_that_shows_anything_else() {
        for (shown, why) in [
            ("elsewhere", "NotValidForName"),
            ("expired", "Expired"),
            ("selfsigned", "UnknownIssuer"),
        ] {
            let port = showing(shown, Callers::Any).await;
            is_refused(&to("localhost", port, papers()), why).await;
        }
        let port = showing("server", Callers::Any).await;
        let named = Papers {
            name: Some("other.internal".to_owned()),
            ..papers()
        };
        is_refused(&to("localhost", port, named), "NotValidForName").await;
        let others = Papers {
            authorities: chain("selfsigned.pem"),
            ..papers()
        };
        is_refused(&to("localhost", port, others), "UnknownIssuer").await;
    }

    #[tokio::test]
    async fn a6_an_origin_that_asks_for_our_certificate_gets_it() {
        let port = showing("server", Callers::WithCertificate).await;
        let known = Papers {
            own: Some((chain("gateway.pem"), key("gateway.key"))),
            ..papers()
        };

        assert!(get(&to("localhost", port, known)).await.is_ok());
        is_refused(&to("localhost", port, papers()), "CertificateRequired").await;
    }

    #[tokio::test]
    async fn a6_an_origin_that_refuses_our_certificate_is_left_out_for_another() {
        let refusing = showing("server", Callers::WithCertificate).await;
        let open = showing("server", Callers::Any).await;
        let mut settings = settings_to("localhost", refusing, papers());
        let other = settings_to("localhost", open, papers());
        settings.origins.extend(other.origins);
        settings.fitness.failures = 1;
        let origin = origin_of(vec![settings]);

        for _ in 0..6 {
            assert_eq!(text(get(&origin).await.unwrap()).await.unwrap(), "ok");
        }
    }

    #[tokio::test]
    async fn an_origin_that_does_not_offer_http_2_over_tls_gets_http_1_1_and_nobody_waits_in_turn()
    {
        let hands = Hands {
            takes: Duration::from_millis(100),
            ..Hands::default()
        };
        let port = showing_after("server", Callers::Any, hands.clone()).await;
        let origin = Arc::new(origin_of(vec![Settings {
            protocol: Protocol::Http2,
            ..settings_to("localhost", port, papers())
        }]));
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let origin = Arc::clone(&origin);
            asking.spawn(async move { text(get(&origin).await.unwrap()).await.unwrap() });
        }

        let answers = asking.join_all().await;

        assert!(answers.iter().all(|answer| answer == "ok"), "{answers:?}");
        let most = hands.most.load(Ordering::SeqCst);
        assert!(most >= 4, "{most} handshakes at one time");
    }

    #[test]
    fn papers_that_cannot_be_used_are_refused_and_equal_ones_are_equal() {
        let refused = |papers: Papers| Tls::new(papers).unwrap_err().to_string();
        let nobody = Papers {
            authorities: Vec::new(),
            ..papers()
        };
        assert_eq!(refused(nobody), "no authority can be used");
        let odd = Papers {
            name: Some("a b".to_owned()),
            ..papers()
        };
        assert!(refused(odd).contains("`a b`"));
        let mixed = Papers {
            own: Some((chain("gateway.pem"), key("server.key"))),
            ..papers()
        };
        assert!(refused(mixed).contains("certificate and key"));

        let own = || {
            let own = Some((chain("gateway.pem"), key("gateway.key")));
            Papers { own, ..papers() }
        };
        let tls = |papers| Tls::new(papers).unwrap();
        assert_eq!(tls(own()), tls(own()));
        assert_ne!(tls(own()), tls(papers()));
    }
}
