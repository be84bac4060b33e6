//! A visitor: a small HTTP client with a cookie jar, on a connection it keeps.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::answer::Answer;
use super::events::Events;
use super::tls::Client;
use super::until;
use super::wire::{Asked, Wire};

/// What a request asks.
#[derive(Clone, Debug)]
pub struct Ask {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    /// Any method.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            fields: Vec::new(),
            body: None,
        }
    }

    /// GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// POST without a body.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target).body("")
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    fn bytes(&self, more: &[(String, String)]) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in more.iter().chain(&self.fields) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            let _ = write!(head, "content-length: {}\r\n", body.len());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// Somebody who comes to the door.
pub struct Visitor {
    address: SocketAddr,
    fields: Vec<(String, String)>,
    /// The cookies held, by name.
    pub jar: BTreeMap<String, String>,
    keeps_cookies: bool,
    tls: Option<(Client, String)>,
    wire: Option<Wire>,
}

/// Where the room's own pages are.
const ROOM: &str = "/_anteroom/rooms/derby";

impl Visitor {
    /// One who has never been here and takes what a browser takes.
    pub fn to(address: SocketAddr) -> Self {
        let fields = [("host", "shop.example"), ("accept", "text/html")];
        Self {
            address,
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            jar: BTreeMap::new(),
            keeps_cookies: true,
            tls: None,
            wire: None,
        }
    }

    /// Takes JSON.
    pub fn speaking_json(self) -> Self {
        self.with_header("accept", "application/json")
    }

    /// Drops every cookie, as apps do that keep their tokens themselves.
    pub fn without_cookies(mut self) -> Self {
        self.keeps_cookies = false;
        self
    }

    /// Comes to another host.
    pub fn host(self, host: &str) -> Self {
        self.with_header("host", host)
    }

    /// Sends this header with every request, in place of one of that name.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(key, _)| key != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Holds this cookie.
    pub fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.jar.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Comes over TLS, and asks for this name.
    pub fn over_tls(mut self, client: &Client, name: &str) -> Self {
        self.tls = Some((client.clone(), name.to_owned()));
        self
    }

    /// The same visitor in another tab: the same cookies, another connection.
    pub fn another_tab(&self) -> Self {
        Self {
            address: self.address,
            fields: self.fields.clone(),
            jar: self.jar.clone(),
            keeps_cookies: self.keeps_cookies,
            tls: self.tls.clone(),
            wire: None,
        }
    }

    /// The same visitor, sent to another gateway from now on.
    pub fn sent_to(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self.wire = None;
        self
    }

    /// The queue token held.
    pub fn queue_token(&self) -> String {
        self.jar["anteroom-q-derby"].clone()
    }

    /// The admission token held.
    pub fn admission(&self) -> Option<&String> {
        self.jar.get("anteroom-a-derby")
    }

    /// GET.
    pub async fn get(&mut self, target: &str) -> Answer {
        self.ask(Ask::get(target)).await
    }

    /// POST without a body.
    pub async fn post(&mut self, target: &str) -> Answer {
        self.ask(Ask::post(target)).await
    }

    /// Where the visitor stands.
    pub async fn status(&mut self) -> Value {
        self.get(&format!("{ROOM}/status")).await.is(200).json()
    }

    /// POST to `join`, `claim` or `leave`.
    pub async fn posts(&mut self, deed: &str) -> Answer {
        self.post(&format!("{ROOM}/{deed}")).await
    }

    /// Comes for the first time and returns with the token: now the visitor has a place.
    pub async fn joins(&mut self) -> Value {
        self.status().await;
        let status = self.status().await;
        assert!(status["position"].is_u64(), "{status}");
        status
    }

    /// Polls until the status has this state, less often than would be turned away.
    pub async fn polls_until(&mut self, state: &str) -> Value {
        let visitor = tokio::sync::Mutex::new(self);
        until(state, || async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let status = visitor.lock().await.status().await;
            (status["state"] == state).then_some(status)
        })
        .await
    }

    /// Asks, and keeps the cookies that the answer sets.
    pub async fn ask(&mut self, ask: Ask) -> Answer {
        self.try_ask(&ask)
            .await
            .expect("the gateway closed without an answer")
    }

    /// Asks a gateway that may be gone.
    pub async fn try_ask(&mut self, ask: &Ask) -> Option<Answer> {
        let bytes = ask.bytes(&self.headers());
        let asked = if ask.method == "HEAD" {
            Asked::Head
        } else {
            Asked::Any
        };
        let kept = self.wire.take();
        let answer = match kept {
            Some(wire) => match self.exchange(wire, &bytes, asked).await {
                Some(answer) => Some(answer),
                None => self.anew(&bytes, asked).await,
            },
            None => self.anew(&bytes, asked).await,
        }?;
        if !self.keeps_cookies {
            return Some(answer);
        }
        for cookie in answer.cookies() {
            if cookie.attributes.iter().any(|word| word == "Max-Age=0") {
                self.jar.remove(&cookie.name);
            } else {
                self.jar.insert(cookie.name, cookie.value);
            }
        }
        Some(answer)
    }

    /// Opens an event stream and reads its head; this visitor keeps the cookie it sets.
    pub async fn watches(&mut self) -> (Answer, Events) {
        let ask = Ask::get(&format!("{ROOM}/events")).with("accept", "text/event-stream");
        let mut wire = Wire::to(self.address).await;
        wire.send(ask.bytes(&self.headers())).await.unwrap();
        let head = wire.answer(Asked::Head).await.unwrap();
        for cookie in head.cookies() {
            self.jar.insert(cookie.name, cookie.value);
        }
        (head, Events::on(wire))
    }

    fn headers(&self) -> Vec<(String, String)> {
        let mut fields = self.fields.clone();
        if !self.jar.is_empty() {
            let pairs: Vec<String> = self
                .jar
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            fields.push(("cookie".to_owned(), pairs.join("; ")));
        }
        fields
    }

    async fn anew(&mut self, bytes: &[u8], asked: Asked) -> Option<Answer> {
        let wire = match &self.tls {
            Some((client, name)) => client.wire(self.address, name).await.ok()?,
            None => Wire::try_to(self.address).await.ok()?,
        };
        self.exchange(wire, bytes, asked).await
    }

    async fn exchange(&mut self, mut wire: Wire, bytes: &[u8], asked: Asked) -> Option<Answer> {
        wire.send(bytes).await.ok()?;
        let answer = wire.answer(asked).await?;
        if answer.header("connection") != Some("close") {
            self.wire = Some(wire);
        }
        Some(answer)
    }
}
