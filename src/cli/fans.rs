//! Simulated fans of the demo: they queue, shop for a moment, leave, and come again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// How long a fan looks at a page of the shop.
const LOOK: Duration = Duration::from_secs(2);

/// How long a fan stays away between two visits.
const AWAY: Duration = Duration::from_secs(3);

/// How long a fan waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Visits again and again until cancelled.
pub async fn visit(gateway: SocketAddr, number: u32, stop: CancellationToken) {
    let spread = Duration::from_millis(u64::from(number % 50) * 40);
    let visits = async {
        tokio::time::sleep(spread).await;
        loop {
            if let Err(fault) = Fan::new(gateway).visit_once().await {
                tracing::debug!(%fault, "a simulated fan gave up");
            }
            tokio::time::sleep(AWAY).await;
        }
    };
    stop.run_until_cancelled(visits).await;
}

/// One fan with a cookie jar.
struct Fan {
    gateway: SocketAddr,
    cookies: BTreeMap<String, String>,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

/// What an answer said that a fan must know.
struct Said {
    inside: bool,
    again_after: Duration,
}

impl Fan {
    const fn new(gateway: SocketAddr) -> Self {
        Self {
            gateway,
            cookies: BTreeMap::new(),
            connection: None,
        }
    }

    async fn visit_once(&mut self) -> anyhow::Result<()> {
        while !self.ask(Method::GET, "/buy/tickets").await?.inside {
            let said = self
                .ask(Method::GET, "/_anteroom/rooms/demo/status")
                .await?;
            tokio::time::sleep(said.again_after).await;
        }
        for page in ["/buy/tickets", "/buy/seats", "/buy/done"] {
            tokio::time::sleep(LOOK).await;
            self.ask(Method::GET, page).await?;
        }
        self.ask(Method::POST, "/_anteroom/rooms/demo/leave")
            .await?;
        Ok(())
    }

    async fn ask(&mut self, method: Method, path: &str) -> anyhow::Result<Said> {
        let answered = tokio::time::timeout(PATIENCE, self.exchange(method, path)).await;
        let said = answered.map_err(|_| anyhow!("no answer in time")).flatten();
        if said.is_err() {
            self.connection = None;
        }
        said
    }

    async fn exchange(&mut self, method: Method, path: &str) -> anyhow::Result<Said> {
        let jar: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.gateway.to_string())
            .header(header::ACCEPT, "application/json")
            .header(header::COOKIE, jar.join("; "))
            .body(Empty::new())?;
        let mut connection = self.connected().await?;
        let answer = connection.send_request(request).await?;
        let inside = answer.status().is_success() && !path.starts_with("/_anteroom/");
        for line in answer.headers().get_all(header::SET_COOKIE) {
            self.keep(line.to_str()?);
        }
        let wait = answer
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|wait| wait.to_str().ok()?.parse().ok())
            .unwrap_or(2);
        let body = answer.into_body().collect().await?.to_bytes();
        let status: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let told = status
            .get("poll_after_s")
            .and_then(serde_json::Value::as_u64);
        self.connection = Some(connection);
        Ok(Said {
            inside,
            again_after: Duration::from_secs(told.unwrap_or(wait)),
        })
    }

    fn keep(&mut self, line: &str) {
        let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('='))
        else {
            return;
        };
        if value.is_empty() {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    async fn connected(&mut self) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
        if let Some(mut open) = self.connection.take()
            && open.ready().await.is_ok()
        {
            return Ok(open);
        }
        let stream = TcpStream::connect(self.gateway).await?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(sender)
    }
}
