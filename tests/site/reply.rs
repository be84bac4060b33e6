//! One exchange on a connection of its own, and its answer taken apart byte for byte.

use std::net::SocketAddr;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::exchanges::Exchange;
use crate::kit::PATIENCE;
use crate::kit::wire::position;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status codes of the interim answers before it.
    pub interim: Vec<u16>,
    /// The status code.
    pub status: u16,
    /// Names in lower case and values, in the order of arrival; every byte a character.
    pub fields: Vec<(String, String)>,
    /// The body without framing, and for a socket everything it said.
    pub body: Vec<u8>,
    /// The names of its trailers.
    pub trailers: Vec<String>,
}

/// Sends the request and reads until the other side closes.
pub async fn fetch(exchange: &Exchange, at: SocketAddr, prefix: &str, more: &str) -> Reply {
    let stream = TcpStream::connect(at).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let head = exchange.head(prefix, more);
    writes.write_all(head.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let talk = async {
        if exchange.waits() {
            while position(&heard, b"\r\n\r\n").is_none() {
                assert!(
                    reads.read_buf(&mut heard).await.unwrap() > 0,
                    "{}",
                    exchange.name
                );
            }
        }
        let sending = writes.write_all(&exchange.body);
        let reading = reads.read_to_end(&mut heard);
        let (_, read) = tokio::join!(sending, reading);
        read.unwrap_or_else(|fault| panic!("{}: {fault}", exchange.name));
    };
    let talked = tokio::time::timeout(PATIENCE, talk).await;
    talked.unwrap_or_else(|_| panic!("{}: no end", exchange.name));
    Reply::of(&heard, exchange)
}

impl Reply {
    fn of(bytes: &[u8], exchange: &Exchange) -> Self {
        let mut rest = bytes;
        let mut interim = Vec::new();
        loop {
            let end = position(rest, b"\r\n\r\n");
            let end = end.unwrap_or_else(|| panic!("{}: {:?}", exchange.name, latin(rest)));
            let head = latin(&rest[..end]);
            rest = &rest[end + 4..];
            let mut lines = head.split("\r\n");
            let status: u16 = lines.next().unwrap()[9..12].parse().unwrap();
            if status < 200 && status != 101 {
                interim.push(status);
                continue;
            }
            let fields: Vec<_> = lines
                .map(|line| {
                    let (name, value) = line.split_once(':').unwrap();
                    (name.to_ascii_lowercase(), value.trim().to_owned())
                })
                .collect();
            let chunked = fields
                .iter()
                .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
            let (body, trailers) = match chunked && exchange.method != "HEAD" {
                true => dechunked(rest),
                false => (rest.to_vec(), Vec::new()),
            };
            let reply = Self {
                interim,
                status,
                fields,
                body,
                trailers,
            };
            return reply.with_one_boundary();
        }
    }

    /// The same with the number that nginx counts up between parts of a range replaced.
    fn with_one_boundary(mut self) -> Self {
        for (name, value) in &mut self.fields {
            if name == "content-type"
                && let Some((kind, number)) = value.split_once("; boundary=")
            {
                let body = latin(&self.body).replace(number, "boundary");
                self.body = body
                    .chars()
                    .map(|one| u8::try_from(u32::from(one)).unwrap())
                    .collect();
                *value = format!("{kind}; boundary");
            }
        }
        self
    }

    /// Every value of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter().filter(|(key, _)| key == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }

    /// As it stands in the recording. What nginx compresses differs from version to version.
    pub fn recorded(&self, name: &str) -> Value {
        let by_nginx = self.all("content-encoding") == ["gzip"] && self.all("server") == ["nginx"];
        let body = digest(&SHA256, &self.body);
        let body = body
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let fields: Vec<_> = self
            .fields
            .iter()
            .filter(|(name, _)| name != "date")
            .collect();
        let body = if by_nginx {
            Value::from("compressed")
        } else {
            json!([self.body.len(), body])
        };
        json!({"name": name, "interim": self.interim, "status": self.status, "fields": fields, "body": body})
    }
}

/// Every byte as the character of that number, so that none is lost.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn dechunked(mut rest: &[u8]) -> (Vec<u8>, Vec<String>) {
    let mut body = Vec::new();
    loop {
        let end = position(rest, b"\r\n").unwrap();
        let line = latin(&rest[..end]);
        let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
    let trailers = latin(rest);
    let names = trailers
        .split("\r\n")
        .filter_map(|line| line.split_once(':'));
    (
        body,
        names.map(|(name, _)| name.to_ascii_lowercase()).collect(),
    )
}
