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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    use super::*;

    fn tls() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls")
    }

    async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) {
        let mut head = [0; 4_096];
        let read = stream.read(&mut head).await.unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
        assert!(head.starts_with("get /keys?v=1 http/1.1"), "{head}");
        // Whoever does not read to the end hangs up.
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
    }

    /// A server that answers every request with this text; where it is.
    async fn serving(text: String, tls: Option<TlsAcceptor>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                match &tls {
                    None => answer(stream, &text).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            answer(stream, &text).await;
                        }
                    }
                }
            }
        });
        port
    }

    fn url(scheme: &str, host: &str, port: u16) -> KeyUrl {
        format!("{scheme}://{host}:{port}/keys?v=1")
            .parse()
            .unwrap()
    }

    fn acceptor() -> TlsAcceptor {
        let chain = CertificateDer::pem_file_iter(tls().join("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(tls().join("server.key")).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    fn ok(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[tokio::test]
    async fn l5_keys_come_over_tls_from_whom_the_authorities_vouch_for_and_nobody_else() {
        let port = serving(ok("{}"), Some(acceptor())).await;
        let ours = tls().join("authority.pem");
        for host in ["localhost", "127.0.0.1"] {
            let got = get(&url("https", host, port), Some(&ours), 100).await;
            assert_eq!(got.unwrap(), "{}");
        }
        let own = get(&url("https", "localhost", port), None, 100).await;
        let own = format!("{:#}", own.unwrap_err());
        assert!(
            own.contains("no trusted connection") || own.contains("no list"),
            "{own}"
        );
        let server = tls().join("server.pem");
        let other = get(&url("https", "localhost", port), Some(&server), 100).await;
        assert!(other.is_err(), "the server is no authority");
        let wrong_name = get(&url("https", "127.0.0.2", port), Some(&ours), 100).await;
        assert!(wrong_name.is_err(), "another name");
        let key = tls().join("server.key");
        let none = get(&url("https", "localhost", port), Some(&key), 100).await;
        let none = none.unwrap_err().to_string();
        assert!(none.contains("holds no certificate"), "{none}");
    }

    #[tokio::test]
    async fn only_a_short_plain_200_is_taken_and_nothing_is_followed() {
        let trap = serving(ok("caught"), None).await;
        let moved =
            format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{trap}/keys?v=1\r\n\r\n");
        for (text, says) in [
            (moved, "answered 302"),
            (
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
                "answered 404",
            ),
            (ok(&"x".repeat(101)), "too long"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".to_owned(),
                "broke off",
            ),
            ("hello".to_owned(), "did not answer in HTTP"),
        ] {
            let port = serving(text, None).await;
            let told = get(&url("http", "127.0.0.1", port), None, 100).await;
            let told = told.unwrap_err().to_string();
            assert!(told.contains(says), "{says}: {told}");
        }
        let port = serving(ok(&"x".repeat(100)), None).await;
        let whole = get(&url("http", "localhost", port), None, 100).await;
        assert_eq!(whole.unwrap().len(), 100);
    }
}
