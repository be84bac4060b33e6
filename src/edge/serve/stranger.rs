//! What the log says of hosts that no site has.

use http::{header, request};

use super::Door;
use crate::domain::clock::Now;
use crate::text::wording::shown;

impl Door {
    /// Logs the host that a request names and no site has: a line each ten seconds at most,
    /// whatever the internet asks for. It may be a name that the owner forgot.
    pub(super) fn tell_stranger(&self, head: &request::Parts, now: Now) {
        let Some(unsaid) = self.metrics.site.may_log_stranger(now.mono) else {
            return;
        };
        let field = head.headers.get(header::HOST);
        let named = field.and_then(|host| host.to_str().ok());
        let host = named.or_else(|| head.uri.authority().map(http::uri::Authority::as_str));
        let host = shown(host.unwrap_or_default());
        tracing::warn!(
            host,
            unsaid,
            "no `[[site]]` has this host among its `hosts`"
        );
    }
}
