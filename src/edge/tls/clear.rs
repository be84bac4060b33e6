//! Whoever speaks HTTP without TLS where TLS is spoken: told so in words it can read.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::edge::guard::{Ending, Respite};

/// How requests begin. No handshake begins with a letter.
const METHODS: [&[u8]; 7] = [
    b"GET /",
    b"HEAD /",
    b"POST /",
    b"PUT /",
    b"PATCH /",
    b"DELETE /",
    b"OPTIONS ",
];

/// How much of what comes is looked at: as much as the longest of them.
const LOOK: usize = 9;

/// How long the answer may take to be taken, how long what still comes is thrown away, and how
/// much of it: a request without much of a body.
const RESPITE: Respite = Respite {
    taking: Duration::from_secs(2),
    linger: Duration::from_secs(1),
    bytes: 64 << 10,
};

/// Whether the first bytes that come are those of a request in the clear. They are left where they
/// are.
pub(super) async fn speaks_http(stream: &TcpStream) -> bool {
    let mut look = [0; LOOK];
    let Ok(count) = stream.peek(&mut look).await else {
        return false;
    };
    let look = look.get(..count).unwrap_or_default();
    METHODS.iter().any(|method| look.starts_with(method))
}

/// Says `words` and closes; what was asked is thrown away unread, so that they arrive.
pub(super) async fn say<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, words: Bytes) {
    let mut ending = Ending::default();
    ending.say(words);
    let ended = poll_fn(|cx| ending.poll(cx, &mut stream, RESPITE)).await;
    if let Err(fault) = ended {
        tracing::debug!(%fault, "a request in the clear was gone before it was answered");
    }
}
