//! The work behind each route.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tokio_util::task::TaskTracker;

use super::carry::etag;
use super::deed::gave_up;
use super::host::HostRule;
use super::pages;
use super::policies::{InForce, Reloaded};
use super::problem::Problem;
use super::view::{FilesView, PoliciesView, RoomView};
use super::{Control, ControlRoom};
use crate::store::survey::Snapshot;
use crate::telemetry::reading::Reading;

/// The API's description for machines, kept by hand; a test compares it with the routes.
pub const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// Rooms named in a "no such room" at most.
const MOST_NAMED: usize = 20;

/// The control API behind one listener.
pub struct Api {
    pub(super) control: Control,
    pub(super) hosts: HostRule,
    /// Changes under way.
    pub(super) deeds: TaskTracker,
}

impl Api {
    /// The API of `control`, answering to `hosts`.
    #[must_use]
    pub fn new(control: Control, hosts: HostRule) -> Self {
        Self {
            control,
            hosts,
            deeds: TaskTracker::new(),
        }
    }

    /// Waits for the changes under way. Every wait in them ends.
    pub async fn finish(&self) {
        self.deeds.close();
        self.deeds.wait().await;
    }

    pub(super) fn rooms(&self) -> Response {
        let in_force = self.control.in_force.load();
        let rooms = in_force.rooms.iter();
        let views: Vec<_> = rooms
            .map(|room| RoomView::of(&reading(room, &room.snapshot.load())))
            .collect();
        json(&views)
    }

    pub(super) fn room(&self, name: &str) -> Result<Response, Problem> {
        let in_force = self.control.in_force.load();
        let room = find(&in_force, name)?;
        let snapshot = room.snapshot.load();
        let view = RoomView::of(&reading(room, &snapshot));
        Ok(tagged(json(&view), snapshot.survey.orders.version))
    }

    /// What is in force, and what the files say now.
    pub(super) async fn policies(&self) -> Response {
        let in_force = self.control.in_force.load_full();
        let files = match &self.control.policies {
            None => None,
            Some(policies) => Some(FilesView::of(policies.look().await)),
        };
        json(&PoliciesView::of(&in_force, files))
    }

    pub(super) async fn reload(&self, by: &str) -> Result<Reloaded, Problem> {
        let Some(policies) = self.control.policies.as_ref().map(Arc::clone) else {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "this gateway has no policy files to read again",
            ));
        };
        Ok(policies.reload(by).await?)
    }

    /// Lines of the audit log; `query` says which.
    pub(super) async fn audit(&self, query: &str) -> Result<Response, Problem> {
        let page = pages::page(query)?;
        let (audit, now) = (Arc::clone(&self.control.audit), self.control.clock.now());
        let read = tokio::task::spawn_blocking(move || audit.read(page, now.wall)).await;
        let lines = read.unwrap_or_else(|_| Err(gave_up()));
        let lines = lines
            .map_err(|fault| Problem::new(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()))?;
        Ok(typed("application/json", pages::shown(&lines)))
    }

    pub(super) fn metrics(&self) -> Result<Response, Problem> {
        let in_force = self.control.in_force.load();
        let rooms = in_force.rooms.iter();
        let last: Vec<_> = rooms
            .map(|room| (room, room.snapshot.load_full()))
            .collect();
        let readings: Vec<_> = last
            .iter()
            .map(|(room, snapshot)| reading(room, snapshot))
            .collect();
        let text =
            self.control.metrics.scrape(&readings).map_err(|fault| {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, fault.to_string())
            })?;
        Ok(typed("text/plain; version=0.0.4; charset=utf-8", text))
    }

    pub(super) fn ready(&self) -> Response {
        let in_force = self.control.in_force.load();
        let rooms = in_force.rooms.iter();
        let snapshots: Vec<_> = rooms.map(|room| room.snapshot.load()).collect();
        let now = self.control.clock.now();
        let known = snapshots.iter().map(|snapshot| &***snapshot);
        let reasons = self.control.ready.reasons(known, now);
        let words: Vec<_> = reasons.iter().map(|reason| reason.word()).collect();
        let details: Vec<_> = reasons.iter().map(|reason| reason.detail()).collect();
        let ready = reasons.is_empty();
        let mut response =
            json(&serde_json::json!({"ready": ready, "reasons": words, "details": details}));
        if !ready {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }
}

pub(super) fn find<'f>(in_force: &'f InForce, name: &str) -> Result<&'f ControlRoom, Problem> {
    let mut rooms = in_force.rooms.iter();
    let found = rooms.find(|room| room.settings.name.as_str() == name);
    found.ok_or_else(|| {
        let known: Vec<_> = in_force.rooms.iter().collect();
        Problem::new(StatusCode::NOT_FOUND, no_such_room(name, &known))
    })
}

pub(super) fn live() -> Response {
    json(&serde_json::json!({"live": true}))
}

pub(super) fn openapi() -> Response {
    typed("application/json", OPENAPI.to_owned())
}

pub(super) fn reading<'a>(room: &'a ControlRoom, snapshot: &'a Snapshot) -> Reading<'a> {
    Reading {
        settings: &room.settings,
        snapshot,
    }
}

fn no_such_room(name: &str, known: &[&ControlRoom]) -> String {
    let shown: String = name.chars().take(32).collect();
    let names: Vec<&str> = known
        .iter()
        .map(|room| room.settings.name.as_str())
        .collect();
    let near = names
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, &shown), known))
        .min()
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1));
    let hint = near.map_or_else(String::new, |(_, known)| {
        format!("; did you mean `{known}`?")
    });
    let listed: Vec<&str> = names.iter().take(MOST_NAMED).copied().collect();
    let rest = match names.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match listed.as_slice() {
        [] => format!("no room is called `{shown}`: there are no rooms"),
        [..] => format!(
            "no room is called `{shown}`{hint} (rooms: {}{rest})",
            listed.join(", ")
        ),
    }
}

pub(super) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => typed("application/json", text),
        Err(fault) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()).into_response()
        }
    }
}

fn typed(kind: &'static str, text: String) -> Response {
    let mut response = text.into_response();
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

pub(super) fn tagged(mut response: Response, version: u64) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&etag(version)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}
