//! Requests in the clear, where visitors come over TLS: they are sent there and get nothing else.

use http::Method;

use super::{Gate, Refusal, Request};

/// The port that an `https://` address leaves out.
const HTTPS: u16 = 443;

impl Gate {
    /// The address over TLS of what is asked for in the clear; `None` where it may be answered as
    /// it came: over TLS, through a trusted proxy that says so, or because nobody is sent there.
    ///
    /// # Errors
    /// [`Refusal::InTheClear`] for what is not merely looked at. A browser would repeat it over
    /// TLS by itself, and nobody would learn that a password went over the wire first.
    pub(super) fn over_tls(&self, request: &Request<'_>) -> Result<Option<String>, Refusal> {
        let Some(port) = self.secure_port else {
            return Ok(None);
        };
        let ask = request.ask;
        let told = self.proxies.https(ask.peer.ip(), &ask.head.headers);
        if ask.tls.is_some() || told == Some(true) {
            return Ok(None);
        }
        if ask.head.method != Method::GET && ask.head.method != Method::HEAD {
            return Err(Refusal::InTheClear);
        }
        let (host, target) = (&request.canonical.host.name, &request.canonical.target);
        Ok(Some(match port.get() {
            HTTPS => format!("https://{host}{target}"),
            port => format!("https://{host}:{port}{target}"),
        }))
    }
}
