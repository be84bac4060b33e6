//! The one table of routes: what each answers and which role it needs. What is not in the table
//! does not exist, and only those who hold a token learn that.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use super::api::{Api, live, openapi};
use super::auth::{Needs, Role};
use super::deed::{self, Change};
use super::orders::{self, ReadOrder};
use super::preview;
use super::problem::Problem;

/// Where a request went.
#[derive(Clone, Copy, Debug)]
enum Target {
    Route(&'static Route),
    /// A path of the table with a method that it does not take.
    NoMethod,
    Nowhere,
}

/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(10);

/// The address a request came from; the listener puts it on every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method; HEAD is answered where GET is.
    pub method: &'static str,
    /// The path, `{room}` standing for a room's name and `{jti}` for a session's.
    pub path: &'static str,
    /// Who may call it.
    pub needs: Needs,
    work: Work,
}

/// What a route does.
#[derive(Clone, Copy, Debug)]
enum Work {
    Live,
    Ready,
    Metrics,
    OpenApi,
    Rooms,
    Room,
    Audit,
    Policies,
    Change(Change),
}

const VIEWER: Needs = Needs::Role(Role::Viewer);
const OPERATOR: Needs = Needs::Role(Role::Operator);
const ADMIN: Needs = Needs::Role(Role::Admin);

const fn route(method: &'static str, path: &'static str, needs: Needs, work: Work) -> Route {
    Route {
        method,
        path,
        needs,
        work,
    }
}

const fn order(method: &'static str, path: &'static str, read: ReadOrder) -> Route {
    route(method, path, OPERATOR, Work::Change(Change::Order(read)))
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    route("GET", "/livez", Needs::Nothing, Work::Live),
    route("GET", "/readyz", Needs::Nothing, Work::Ready),
    route("GET", "/metrics", VIEWER, Work::Metrics),
    route("GET", "/openapi.json", VIEWER, Work::OpenApi),
    route("GET", "/v1/rooms", VIEWER, Work::Rooms),
    route("GET", "/v1/rooms/{room}", VIEWER, Work::Room),
    order("POST", "/v1/rooms/{room}/open", orders::open),
    order("POST", "/v1/rooms/{room}/pause", orders::pause),
    order("POST", "/v1/rooms/{room}/resume", orders::resume),
    order("POST", "/v1/rooms/{room}/close", orders::close),
    order("POST", "/v1/rooms/{room}/draw", orders::draw),
    order("POST", "/v1/rooms/{room}/release", orders::release),
    order("PUT", "/v1/rooms/{room}/pace", orders::pace),
    order("PUT", "/v1/rooms/{room}/capacity", orders::capacity),
    order("PUT", "/v1/rooms/{room}/message", orders::message),
    order("DELETE", "/v1/rooms/{room}/message", orders::no_message),
    order("PUT", "/v1/rooms/{room}/stock", orders::stock),
    route(
        "POST",
        "/v1/rooms/{room}/sessions/revoke",
        OPERATOR,
        Work::Change(Change::Revoke),
    ),
    route(
        "POST",
        "/v1/rooms/{room}/sessions/{jti}",
        OPERATOR,
        Work::Change(Change::Steer),
    ),
    route(
        "POST",
        "/v1/rooms/{room}/codes",
        OPERATOR,
        Work::Change(Change::Invite),
    ),
    route(
        "POST",
        "/v1/rooms/{room}/preview",
        OPERATOR,
        Work::Change(Change::Preview),
    ),
    order("DELETE", "/v1/rooms/{room}/preview", preview::withdraw),
    // Whoever may act may see who acted. A viewer's token, which often hangs on a wall or in a
    // monitoring system, must not tell colleagues' names and addresses.
    route("GET", "/v1/audit", OPERATOR, Work::Audit),
    route("GET", "/v1/policies", VIEWER, Work::Policies),
    route(
        "POST",
        "/v1/policies/reload",
        ADMIN,
        Work::Change(Change::Reload),
    ),
];

/// What the health listener answers, to anybody who can reach it.
pub const HEALTH: &[Route] = &[
    route("GET", "/livez", Needs::Nothing, Work::Live),
    route("GET", "/readyz", Needs::Nothing, Work::Ready),
];

/// What it answers where the owner lets it show the metrics too.
pub const HEALTH_AND_METRICS: &[Route] = &[
    route("GET", "/livez", Needs::Nothing, Work::Live),
    route("GET", "/readyz", Needs::Nothing, Work::Ready),
    route("GET", "/metrics", Needs::Nothing, Work::Metrics),
];

/// The router of every route in a table, and of what is not in it.
pub fn router(api: &Arc<Api>, table: &'static [Route]) -> Router {
    let mut router = Router::new();
    for route in table {
        let Ok(method) = route.method.parse().map_err(drop).and_then(filter) else {
            continue;
        };
        let api = Arc::clone(api);
        let answer = move |request| answer(Arc::clone(&api), Target::Route(route), request);
        router = router.route(route.path, on(method, answer));
    }
    let (nowhere, no_method) = (Arc::clone(api), Arc::clone(api));
    router
        .method_not_allowed_fallback(move |request| {
            answer(Arc::clone(&no_method), Target::NoMethod, request)
        })
        .fallback(move |request| answer(Arc::clone(&nowhere), Target::Nowhere, request))
}

fn filter(method: http::Method) -> Result<MethodFilter, ()> {
    MethodFilter::try_from(method).map_err(drop)
}

/// Answers one request.
async fn answer(api: Arc<Api>, target: Target, request: Request) -> Response {
    let worked = tokio::time::timeout(PATIENCE, work(&api, target, request)).await;
    let mut response = match worked {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => too_slow().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

async fn work(api: &Arc<Api>, target: Target, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    api.hosts.check(parts.version, &parts.uri, &parts.headers)?;
    let peer = parts.extensions.get::<Peer>();
    let from = peer.map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    let needs = match target {
        Target::Route(route) => route.needs,
        Target::NoMethod | Target::Nowhere => VIEWER,
    };
    let now = api.control.clock.now().mono;
    let in_force = api.control.in_force.load_full();
    let by = in_force.door.admit(needs, &parts.headers, from, now);
    let by = by.inspect_err(|problem| api.control.metrics.turned_away(problem.door_word()))?;
    let route = match target {
        Target::Route(route) => route,
        Target::NoMethod => return Err(no_method()),
        Target::Nowhere => return Err(no_route()),
    };
    let params = RawPathParams::from_request_parts(&mut parts, &()).await;
    let params = params.map_err(|_| no_route())?;
    let named = |wanted: &str| {
        let found = params.iter().find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| value)
    };
    let room = named("room");
    match route.work {
        Work::Live => Ok(live()),
        Work::Ready => Ok(api.ready()),
        Work::Metrics => api.metrics(),
        Work::OpenApi => Ok(openapi()),
        Work::Rooms => Ok(api.rooms()),
        Work::Room => api.room(room),
        Work::Policies => Ok(api.policies().await),
        Work::Audit => api.audit(parts.uri.query().unwrap_or_default()).await,
        Work::Change(change) => {
            let arrived = deed::Arrived {
                change,
                action: format!("{} {}", route.method, route.path),
                room: room.to_owned(),
                session: named("jti").to_owned(),
                by: by.ok_or_else(no_route)?.clone(),
                from,
                headers: parts.headers,
                body,
            };
            api.change(arrived).await
        }
    }
}

fn no_route() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "there is no such address here; /openapi.json lists those there are",
    )
}

fn no_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this address does not take this method; /openapi.json lists those it takes",
    )
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!(
            "no answer within {} s; whether an order took effect is unknown: look at the room, then send it again",
            PATIENCE.as_secs()
        ),
    )
}
