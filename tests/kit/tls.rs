//! TLS for tests: an authority that makes certificates, and clients that trust it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::wire::Wire;

/// Somebody who vouches for certificates.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Made {
    /// The certificate.
    pub chain: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// One with a new key.
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Its own certificate in PEM.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The same in the form that clients trust.
    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    /// A certificate for these names.
    pub fn vouches(&self, names: &[&str]) -> Made {
        self.makes(names, |_| {})
    }

    /// A certificate for these names, changed before it is signed.
    pub fn makes(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Made {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Made {
            chain: made.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client that trusts it and nobody else.
    pub fn client(&self) -> Client {
        self.client_with(|_| {})
    }

    /// A client that shows this certificate.
    pub fn client_showing(&self, shown: &Made) -> Client {
        let chain = CertificateDer::pem_slice_iter(shown.chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
        let config = self.builder();
        let config = config.with_client_auth_cert(chain.map(Result::unwrap).collect(), key);
        Client(Arc::new(config.unwrap()))
    }

    /// A client with changed settings.
    pub fn client_with(&self, change: impl FnOnce(&mut ClientConfig)) -> Client {
        let mut config = self.builder().with_no_client_auth();
        change(&mut config);
        Client(Arc::new(config))
    }

    /// A client that takes every certificate, as a browser does whose owner clicks a warning away.
    pub fn heedless(&self) -> Client {
        self.client_with(|config| {
            let mut dangerous = config.dangerous();
            dangerous.set_certificate_verifier(Arc::new(Heedless));
        })
    }

    fn builder(&self) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
    }
}

impl Made {
    /// Writes `NAME.pem` and `NAME.key`, the key for its owner alone.
    pub fn write(&self, dir: &Path, name: &str) {
        std::fs::write(dir.join(format!("{name}.pem")), &self.chain).unwrap();
        let key = dir.join(format!("{name}.key"));
        std::fs::write(&key, &self.key).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// Checks that handshakes are signed, and not by whom.
#[derive(Debug)]
struct Heedless;

impl ServerCertVerifier for Heedless {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        by: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, by, signed, &known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        by: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, by, signed, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = default_provider().signature_verification_algorithms;
        known.supported_schemes()
    }
}

/// A client's side of TLS. Clones share what they remember of servers.
#[derive(Clone)]
pub struct Client(pub Arc<ClientConfig>);

impl Client {
    /// Connects and shakes hands, asking for this name.
    pub async fn connect(
        &self,
        address: SocketAddr,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        self.on(stream, name).await
    }

    /// Shakes hands on a connection that is there already.
    pub async fn on(&self, stream: TcpStream, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::clone(&self.0));
        connector.connect(name, stream).await
    }

    /// The same client, which speaks HTTP/2 only.
    pub fn speaking_http2(&self) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self(Arc::new(config))
    }

    /// A connection of HTTP/2, to send requests on.
    pub async fn http2(&self, address: SocketAddr, name: &str) -> Http2 {
        let stream = self.speaking_http2().connect(address, name).await.unwrap();
        let builder = http2::Builder::new(TokioExecutor::new());
        let (sends, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        let task = tokio::spawn(async move {
            // Its end is seen by who asks on it.
            let _ = connection.await;
        });
        Http2 { sends, task }
    }

    /// As [`Client::connect`], to send requests on.
    pub async fn wire(&self, address: SocketAddr, name: &str) -> std::io::Result<Wire> {
        self.connect(address, name).await.map(Wire::over)
    }
}

/// A connection of HTTP/2.
pub struct Http2 {
    sends: http2::SendRequest<Empty<Bytes>>,
    task: JoinHandle<()>,
}

impl Http2 {
    /// Asks for this address with GET, and reads the whole answer.
    pub async fn get(&mut self, address: &str) -> hyper::Result<Response<Bytes>> {
        let request = Request::get(address).header("accept", "text/html");
        self.ask(request.body(Empty::new()).unwrap()).await
    }

    /// Asks this, and reads the whole answer.
    pub async fn ask(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Bytes>> {
        let (head, body) = self.sends.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.task.abort();
    }
}
