//! What each verb asks of the control API.

use serde_json::json;

use super::Verb;
use super::ask::{Asked, at, given, pace};

impl Verb {
    pub(super) fn request(&self) -> Asked {
        match self {
            Self::List => Asked {
                method: "GET",
                path: "/v1/rooms".to_owned(),
                body: None,
            },
            Self::Show { name } => at("GET", name, "", None),
            Self::Open {
                name,
                prequeue_at,
                opens_at,
                ends_at,
                external_source,
            } => {
                let body = given([
                    ("prequeue_opens_at", prequeue_at),
                    ("opens_at", opens_at),
                    ("ends_at", ends_at),
                    ("external_source", external_source),
                ]);
                at("POST", name, "/open", Some(body))
            }
            Self::Pause { name } => at("POST", name, "/pause", None),
            Self::Resume { name } => at("POST", name, "/resume", None),
            Self::Close { name, end } => at("POST", name, "/close", Some(json!({"end": end}))),
            Self::Pace {
                name,
                per_minute,
                burst,
            } => at("PUT", name, "/pace", Some(pace(*per_minute, *burst))),
            Self::Capacity { name, active } => {
                at("PUT", name, "/capacity", Some(json!({"active": active.0})))
            }
            Self::Message {
                name, text: None, ..
            } => at("DELETE", name, "/message", None),
            Self::Message {
                name,
                text: Some(text),
                ..
            } => at("PUT", name, "/message", Some(json!({"message": text}))),
            Self::Release { name, count } => {
                at("POST", name, "/release", Some(json!({"count": count})))
            }
            Self::Stock { name, remaining } => {
                let body = json!({"remaining": remaining});
                at("PUT", name, "/stock", Some(body))
            }
            Self::Session {
                name,
                session,
                order,
                seconds,
            } => {
                let mut body = json!({"order": order.word()});
                if let (Some(seconds), Some(fields)) = (seconds, body.as_object_mut()) {
                    fields.insert("seconds".to_owned(), (*seconds).into());
                }
                at("POST", name, &format!("/sessions/{session}"), Some(body))
            }
            Self::Codes {
                name,
                lane,
                count,
                expires_at,
            } => {
                let body = json!({"lane": lane, "count": count, "expires_at": expires_at});
                at("POST", name, "/codes", Some(body))
            }
            Self::Preview {
                name,
                valid_s,
                withdraw,
            } => {
                let method = if *withdraw { "DELETE" } else { "POST" };
                let body = valid_s.map(|seconds| json!({"valid_s": seconds}));
                at(method, name, "/preview", body)
            }
            Self::Draw {
                name,
                external_value,
            } => {
                let body = json!({"external_value": external_value});
                at("POST", name, "/draw", Some(body))
            }
            Self::Revoke { name, session, .. } => {
                let which = session.as_ref();
                let body = which.map_or_else(|| json!({"all": true}), |jti| json!({"jti": jti}));
                at("POST", name, "/sessions/revoke", Some(body))
            }
        }
    }
}
