//! What the control API says when it cannot do as it was told: RFC 9457 `problem+json`.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::policies::{Finding, Refused};
use crate::domain::window::OrderRefused;
use crate::store::StoreError;

/// A refusal or a fault, with a detail that says what to do about it.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    faults: Vec<Finding>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    /// What is wrong with the policies, where that was asked.
    #[serde(skip_serializing_if = "<[Finding]>::is_empty")]
    faults: &'a [Finding],
}

impl Problem {
    /// `status` with a sentence of detail.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            headers: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// A value that is understood and not acceptable (422).
    #[must_use]
    pub fn unacceptable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The word under which the metrics count a refusal at the door.
    #[must_use]
    pub fn door_word(&self) -> &'static str {
        match self.status {
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::TOO_MANY_REQUESTS => "locked_out",
            _ => "unauthorized",
        }
    }

    /// Its status code.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            detail: &self.detail,
            faults: &self.faults,
        };
        // A struct of strings and a number always has a JSON text.
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        headers.extend(self.headers);
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = format!("the policies in force stay: {}", refused.summary);
        Self {
            faults: refused.faults,
            ..Self::unacceptable(detail)
        }
    }
}

impl From<OrderRefused> for Problem {
    fn from(refused: OrderRefused) -> Self {
        match refused {
            OrderRefused::NotOpen(_)
            | OrderRefused::External(_)
            | OrderRefused::OpenAlready(_)
            | OrderRefused::HasWindow
            | OrderRefused::SourcePublished
            | OrderRefused::TooManyBatches
            | OrderRefused::NotDrawing(_) => Self::new(StatusCode::CONFLICT, refused.to_string()),
            OrderRefused::EndsTooEarly
            | OrderRefused::LapsesTooEarly
            | OrderRefused::PrequeueTooLate
            | OrderRefused::NoPrequeue => Self::unacceptable(refused.to_string()),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = match error {
            StoreError::Timeout { .. } => format!(
                "{error}; whether the order took effect is unknown: look at the room, then send it again"
            ),
            StoreError::Unreachable(_) | StoreError::Lost => {
                format!("{error}; nothing was changed: send the order again when it is back")
            }
            StoreError::Unreadable { .. } => {
                format!("{error}; sending the order again will not help: see the log")
            }
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}
