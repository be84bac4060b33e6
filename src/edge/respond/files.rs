//! Our own files: the public keys and the page's parts.

use super::super::assets;
use super::plain::own;
use super::{Answer, Asking, Responder};
use crate::gate::Refusal;
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};

impl Responder {
    /// The public keys.
    #[must_use]
    pub(super) fn jwks(&self) -> Answer {
        let mut answer = own(
            StatusCode::OK,
            "application/jwk-set+json",
            self.jwks.clone(),
        );
        let a_while = HeaderValue::from_static("public, max-age=300");
        answer.headers_mut().insert(header::CACHE_CONTROL, a_while);
        answer
    }

    /// One of the page's own files.
    #[must_use]
    pub(super) fn asset(&self, name: &str, asking: Asking<'_>) -> Answer {
        let Some(asset) = assets::find(name) else {
            return self.refusal(Refusal::NotFound, asking);
        };
        let held = asking.head.headers.get(header::IF_NONE_MATCH);
        let same = held.is_some_and(|held| held.as_bytes() == asset.etag.as_bytes());
        let (status, bytes) = if same {
            (StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            (StatusCode::OK, asset.bytes.clone())
        };
        let mut answer = own(status, asset.content_type, bytes);
        let headers = answer.headers_mut();
        let forever = HeaderValue::from_static(assets::CACHE_CONTROL);
        headers.insert(header::CACHE_CONTROL, forever);
        headers.remove(header::VARY);
        if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
            headers.insert(header::ETAG, etag);
        }
        answer
    }
}
