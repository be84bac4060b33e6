//! The answer to one exchange, taken apart byte for byte.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderMap, response};
use serde_json::{Value, json};

use super::exchanges::Exchange;
use crate::kit::wire::position;

/// Names in lower case and values, in the order of arrival; every byte a character.
pub type Fields = Vec<(String, String)>;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The interim answers before it: status codes and fields.
    pub interim: Vec<(u16, Fields)>,
    /// The status code.
    pub status: u16,
    /// Its fields.
    pub fields: Fields,
    /// The body without framing, and for a socket everything it said.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Fields,
}

impl Reply {
    /// What these bytes of HTTP/1.1 say.
    pub fn of(bytes: &[u8], exchange: &Exchange) -> Self {
        let mut rest = bytes;
        let mut interim = Vec::new();
        loop {
            let end = position(rest, b"\r\n\r\n");
            let end = end.unwrap_or_else(|| panic!("{}: {:?}", exchange.name, latin(rest)));
            let head = latin(&rest[..end]);
            rest = &rest[end + 4..];
            let mut lines = head.split("\r\n");
            let status: u16 = lines.next().unwrap()[9..12].parse().unwrap();
            let fields = fields(lines);
            if status < 200 && status != 101 {
                interim.push((status, fields));
                continue;
            }
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

    /// What an answer of HTTP/2 says, whose client shows no interim answers.
    pub fn of_stream(head: &response::Parts, body: &Bytes, trailers: Option<&HeaderMap>) -> Self {
        let all = |fields: &HeaderMap| -> Fields {
            let latin = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                (name.as_str().to_owned(), latin(value.as_bytes()))
            };
            fields.iter().map(latin).collect()
        };
        let reply = Self {
            interim: Vec::new(),
            status: head.status.as_u16(),
            fields: all(&head.headers),
            body: body.to_vec(),
            trailers: trailers.map(all).unwrap_or_default(),
        };
        reply.with_one_boundary()
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
        let interim: Vec<u16> = self.interim.iter().map(|(status, _)| *status).collect();
        json!({"name": name, "interim": interim, "status": self.status, "fields": fields, "body": body})
    }
}

/// Every byte as the character of that number, so that none is lost.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Fields {
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect()
}

fn dechunked(mut rest: &[u8]) -> (Vec<u8>, Fields) {
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
    let lines = trailers.split("\r\n").filter(|line| !line.is_empty());
    (body, fields(lines))
}
