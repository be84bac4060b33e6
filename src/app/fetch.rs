//! One public document over HTTP/1.1, with TLS: the key set of an identity provider.
//!
//! Only addresses from the configuration are asked. Nothing is followed: an answer that is not a
//! 200 of bounded length is a fault.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::config::identity::KeyUrl;

/// How long everything may take, from the first packet to the last.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server of keys is told about who asks.
const AGENT: &str = concat!("anteroom/", env!("CARGO_PKG_VERSION"));

/// Gets the document at `url`, of `most` bytes at most. Over TLS the server must show a
/// certificate by one of the authorities in this file, else by one of the system's.
pub(super) async fn get(
    url: &KeyUrl,
    authorities: Option<&Path>,
    most: usize,
) -> anyhow::Result<Bytes> {
    let exchange = async {
        let stream = TcpStream::connect((url.host.as_str(), url.port))
            .await
            .with_context(|| format!("{url} cannot be reached"))?;
        if !url.tls {
            return exchange(stream, url, most).await;
        }
        let connector = connector(authorities.map(Path::to_owned)).await?;
        let name = ServerName::try_from(url.host.clone())
            .with_context(|| format!("{url} names no host that could have a certificate"))?;
        let stream = connector.connect(name, stream).await;
        exchange(
            stream.with_context(|| format!("{url}: no trusted connection"))?,
            url,
            most,
        )
        .await
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await;
    answer.unwrap_or_else(|_| bail!("{url} gave no answer within {} s", PATIENCE.as_secs()))
}

async fn exchange<S>(stream: S, url: &KeyUrl, most: usize) -> anyhow::Result<Bytes>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .with_context(|| format!("{url} does not speak HTTP"))?;
    let asked = Request::get(url.target.as_str())
        .header(HOST, format!("{}:{}", url.host, url.port))
        .header(ACCEPT, "application/jwk-set+json, application/json")
        .header(USER_AGENT, AGENT)
        .body(Empty::<Bytes>::new())?;
    let exchange = async {
        let answer = sender.send_request(asked).await;
        read(
            answer.with_context(|| format!("{url} did not answer in HTTP"))?,
            url,
            most,
        )
        .await
    };
    // The connection moves the bytes. Where it ends first, what has arrived is read to its end.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = exchange.as_mut() => answer,
        _ = connection => exchange.await,
    }
}

async fn read(answer: Response<Incoming>, url: &KeyUrl, most: usize) -> anyhow::Result<Bytes> {
    let status = answer.status().as_u16();
    if status != 200 {
        bail!("{url} answered {status}; a redirect is not followed");
    }
    let whole = Limited::new(answer.into_body(), most).collect().await;
    let whole = whole.map_err(|fault| anyhow!(fault));
    let whole = whole.with_context(|| format!("the answer of {url} broke off or is too long"))?;
    Ok(whole.to_bytes())
}

/// Reads the authorities anew each time: they change as seldom as keys are read.
async fn connector(file: Option<std::path::PathBuf>) -> anyhow::Result<TlsConnector> {
    let roots = tokio::task::spawn_blocking(move || roots(file.as_deref())).await??;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(file: Option<&Path>) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            bail!("this system has no list of trusted authorities: name one in `ca_file`");
        }
        return Ok(roots);
    };
    let unreadable = || format!("cannot read authorities from {}", file.display());
    let found = CertificateDer::pem_file_iter(file).with_context(unreadable)?;
    for certificate in found {
        roots
            .add(certificate.with_context(unreadable)?)
            .with_context(unreadable)?;
    }
    if roots.is_empty() {
        bail!("{} holds no certificate in PEM", file.display());
    }
    Ok(roots)
}
