//! A small client of the control API: HTTP/1.1 to this machine, every wait with a deadline.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::args::Reach;

/// Where the control API is unless somebody says otherwise.
pub const DEFAULT_CONTROL: &str = "http://127.0.0.1:8701";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read: thousands of rooms.
const MOST_ANSWER: usize = 16 * 1024 * 1024;

/// A control API on this machine, and the token for it if there is one.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    bearer: Option<HeaderValue>,
}

/// What the control API answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    body: Bytes,
}

impl Client {
    /// A client for what the options and the environment say.
    ///
    /// # Errors
    /// When the address is not one of this machine, or the token cannot be read or sent.
    pub fn open(reach: &Reach) -> anyhow::Result<Self> {
        let url = reach
            .control
            .clone()
            .or_else(|| environment("ANTEROOM_CONTROL"));
        let token = match &reach.token_file {
            Some(file) => Some(token_in(file)?),
            None => environment("ANTEROOM_CONTROL_TOKEN"),
        };
        Self::new(url.as_deref().unwrap_or(DEFAULT_CONTROL), token.as_deref())
    }

    /// A client for `url`, `http://` and a loopback host, sending `token`.
    ///
    /// # Errors
    /// When `url` is something else, or `token` has characters that no header can carry.
    pub fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let bearer = token.map(|token| {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| anyhow!("the control token is no plain text"))?;
            value.set_sensitive(true);
            anyhow::Ok(value)
        });
        Ok(Self {
            address: loopback(url)?,
            bearer: bearer.transpose()?,
        })
    }

    /// Asks, with a JSON body if there is one.
    ///
    /// # Errors
    /// When nothing listens, or the answer does not come in time or breaks off.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let request = self.request(method, path, body)?;
        let answer = tokio::time::timeout(PATIENCE, self.send(request)).await;
        answer.unwrap_or_else(|_| {
            bail!(
                "{} gave no answer within {} s",
                self.address,
                PATIENCE.as_secs()
            )
        })
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        let text = body.map_or_else(String::new, Value::to_string);
        Ok(request.body(Full::new(Bytes::from(text)))?)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| {
            if error.kind() == std::io::ErrorKind::ConnectionRefused {
                anyhow!(
                    "nothing listens at {}: is `anteroom run` running?",
                    self.address
                )
            } else {
                anyhow!("{} cannot be reached: {error}", self.address)
            }
        })?;
        let broke = || format!("{} did not answer in HTTP", self.address);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .with_context(broke)?;
        let exchange = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let whole = Limited::new(body, MOST_ANSWER).collect().await;
            let body = whole.map_err(|fault| anyhow!(fault))?.to_bytes();
            anyhow::Ok(Answer {
                status: head.status,
                body,
            })
        };
        // The connection moves the bytes. Where it ends first, what has arrived is read to its end.
        let mut exchange = std::pin::pin!(exchange);
        let answer = tokio::select! {
            answer = exchange.as_mut() => answer,
            _ = connection => exchange.await,
        };
        answer.with_context(broke)
    }
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn value(&self) -> anyhow::Result<Value> {
        let value = serde_json::from_slice(&self.body);
        value.context("the answer is no JSON: is this Anteroom's control listener?")
    }

    /// The body as JSON if the answer is a good one.
    ///
    /// # Errors
    /// What the control API says is wrong, in its own words.
    pub fn fine(&self) -> anyhow::Result<Value> {
        if self.status.is_success() {
            return self.value();
        }
        let body = self.value().unwrap_or_default();
        let detail = body.get("detail").and_then(Value::as_str);
        let detail = detail.map_or_else(|| format!("the answer was {}", self.status), plain);
        match self.status {
            StatusCode::UNAUTHORIZED => {
                bail!("{detail}\nset ANTEROOM_CONTROL_TOKEN, or give --token-file")
            }
            _ => bail!(detail),
        }
    }
}

/// Runs an exchange to its end on a small runtime of its own.
///
/// # Errors
/// Those of `work`, and a system that gives no runtime.
pub fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(work)
}

/// Text that a terminal only shows: control characters are written out.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line reads the environment"
)]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn token_in(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("the token file {} cannot be read", file.display()))?;
    Ok(text.trim().to_owned())
}

/// The address behind an `http://` URL of this machine.
fn loopback(url: &str) -> anyhow::Result<SocketAddr> {
    let uri: Uri = url
        .parse()
        .map_err(|_| anyhow!("`{url}` is no address: write it as `{DEFAULT_CONTROL}`"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => bail!(
            "`{url}`: the control listener speaks plain HTTP on its own machine only; use `{DEFAULT_CONTROL}`, from elsewhere through `ssh -L 8701:127.0.0.1:8701 gateway`"
        ),
        _ => bail!("`{url}` is no http address: write it as `{DEFAULT_CONTROL}`"),
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        bail!("`{url}`: give the address without a path");
    }
    let port = uri.port_u16().unwrap_or(80);
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip = if host.eq_ignore_ascii_case("localhost") {
        Some(Ipv4Addr::LOCALHOST.into())
    } else {
        host.parse::<std::net::IpAddr>().ok()
    };
    match ip.filter(|ip| ip.to_canonical().is_loopback()) {
        Some(ip) => Ok(SocketAddr::new(ip, port)),
        None => bail!(
            "`{url}` is not this machine: the control token must not cross a network in the clear; use `ssh -L 8701:127.0.0.1:8701 gateway` and `{DEFAULT_CONTROL}`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_plain_http_to_this_machine_is_spoken() {
        let to = |url| loopback(url).map(|address| address.to_string());
        assert_eq!(to("http://127.0.0.1:8701").unwrap(), "127.0.0.1:8701");
        assert_eq!(to("http://LocalHost/").unwrap(), "127.0.0.1:80");
        assert_eq!(to("http://[::1]:9").unwrap(), "[::1]:9");
        for (bad, says) in [
            ("https://127.0.0.1:8701", "plain HTTP"),
            ("http://10.0.0.1:8701", "not this machine"),
            ("http://evil.example", "not this machine"),
            ("http://localhost@evil.example", "not this machine"),
            ("127.0.0.1:8701", "is no"),
            ("http://127.0.0.1:8701/v1", "without a path"),
            ("not a url", "no address"),
        ] {
            let error = to(bad).unwrap_err().to_string();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn a_dead_address_says_what_to_start() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        drop(held);
        let client = Client::new(&format!("http://{address}"), None).unwrap();
        let error = client.ask("GET", "/livez", None).await.unwrap_err();
        let expected = format!("nothing listens at {address}: is `anteroom run` running?");
        assert_eq!(error.to_string(), expected);
    }

    #[tokio::test]
    async fn what_is_no_http_is_said_so() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let other = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let said = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail ready\r\n");
            said.await.unwrap();
        });
        let client = Client::new(&format!("http://{address}"), None).unwrap();
        let error = client.ask("GET", "/livez", None).await.unwrap_err();
        assert!(
            error.to_string().contains("did not answer in HTTP"),
            "{error}"
        );
        other.await.unwrap();
    }

    #[test]
    fn the_token_comes_from_a_file_and_is_not_shown() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"secret-of-mine\n").unwrap();
        let reach = Reach {
            control: Some("http://127.0.0.1:1".into()),
            token_file: Some(file.path().into()),
        };
        let client = Client::open(&reach).unwrap();
        let bearer = client.bearer.clone().unwrap();
        assert_eq!(bearer.to_str().unwrap(), "Bearer secret-of-mine");
        assert!(!format!("{client:?}").contains("secret"), "c6");
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        assert_eq!(plain("a\u{1b}[31m\r\nü"), "a\\u{1b}[31m\\r\\nü");
    }
}
