//! A club that knows its members: an identity provider with a key, and its key set on a port.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::forge::{encoded, now};

/// Its key under this id.
pub struct Club {
    kid: String,
    pair: Ed25519KeyPair,
}

impl Club {
    /// One with a new key.
    pub fn new(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: Ed25519KeyPair::generate().unwrap(),
        }
    }

    /// Its public key.
    pub fn jwk(&self) -> Value {
        let x = encoded(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid, "x": x})
    }

    /// Its key set.
    pub fn jwks(&self) -> String {
        json!({ "keys": [self.jwk()] }).to_string()
    }

    /// A token that says who somebody is.
    pub fn says(&self, subject: &str, tier: &str) -> String {
        self.signs(
            &json!({"typ": "JWT", "alg": "EdDSA", "kid": self.kid}),
            subject,
            tier,
        )
    }

    /// The same under another header.
    pub fn signs(&self, header: &Value, subject: &str, tier: &str) -> String {
        let now = now();
        let claims = json!({
            "iss": "https://id.club.example/", "aud": "tickets", "sub": subject,
            "iat": now, "exp": now + 600, "tier": tier,
        });
        let message = format!(
            "{}.{}",
            encoded(header.to_string()),
            encoded(claims.to_string())
        );
        let signature = encoded(self.pair.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

/// A port on which a text is shown to whoever asks.
pub struct Shelf {
    /// Where it is.
    pub address: SocketAddr,
    text: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
    serves: JoinHandle<()>,
}

impl Shelf {
    /// Shows this text on a free port.
    pub async fn with(text: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (text, asked) = (Arc::new(Mutex::new(text)), Arc::default());
        let (shown, counted) = (Arc::clone(&text), Arc::clone(&asked));
        let serves = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                AtomicUsize::fetch_add(&counted, 1, Ordering::SeqCst);
                let body = shown.lock().unwrap().clone();
                let mut head = [0; 2_048];
                let _ = stream.read(&mut head).await;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self {
            address,
            text,
            asked,
            serves,
        }
    }

    /// Shows another text from now on.
    pub fn put(&self, text: String) {
        *self.text.lock().unwrap() = text;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Shows nothing more.
    pub fn close(&self) {
        self.serves.abort();
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.serves.abort();
    }
}
