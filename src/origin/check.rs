//! Asking origins whether they are well: a request of our own on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, Uri};

use super::deadline::{Deadlines, Silence};
use super::health::Answer;
use super::pool::Pool;
use super::upload::RequestBody;
use super::{Check, Origin};
use crate::domain::clock::Clock;

/// What an origin is told about who asks.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("anteroom/", env!("CARGO_PKG_VERSION"), " (health)"));

/// Statuses of an origin that is well.
const WELL: std::ops::Range<u16> = 200..400;

/// When one origin is to be asked again.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    /// In microseconds on the monotonic clock.
    next: AtomicU64,
    is_asked: AtomicBool,
}

/// A question that is due.
#[derive(Debug)]
#[must_use = "it is asked by `run`"]
pub struct DueCheck {
    pool: Arc<Pool>,
    check: Check,
    clock: Clock,
}

impl Timetable {
    /// Whether it is time to ask; the next time is `interval` later, and none while one is asked.
    fn is_due(&self, now: Duration, interval: Duration) -> bool {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        if micros(now) < self.next.load(Ordering::Relaxed)
            || self.is_asked.swap(true, Ordering::AcqRel)
        {
            return false;
        }
        let next = micros(now.saturating_add(interval));
        self.next.store(next, Ordering::Relaxed);
        true
    }
}

impl Origin {
    /// Shows in the metrics how the origins are, and gives the questions that are due to them. To
    /// be called a few times a second.
    #[must_use]
    pub fn round(&self) -> Vec<DueCheck> {
        let now = self.world.clock.now().mono;
        let mut due = Vec::new();
        for pool in self.sites.iter().flat_map(|site| site.pools()) {
            pool.show();
            if let Some(check) = &pool.settings().check
                && pool.timetable().is_due(now, check.interval)
            {
                due.push(DueCheck {
                    pool: Arc::clone(pool),
                    check: check.clone(),
                    clock: self.world.clock.clone(),
                });
            }
        }
        due
    }
}

impl DueCheck {
    /// Asks, and takes the answer into account. What changes is logged.
    pub async fn run(self) {
        let asked = tokio::time::timeout(self.check.timeout, self.ask()).await;
        let answer = asked.unwrap_or(Answer::Bad);
        let now = self.clock.now().mono;
        let turn = self.pool.health().heard(answer, &self.check, now);
        self.pool.tell(turn);
    }

    async fn ask(&self) -> Answer {
        let Ok(mut carrier) = self.pool.open_anew().await else {
            return Answer::Bad;
        };
        let mut request = Request::new(RequestBody::Empty);
        *request.uri_mut() = Uri::from(self.check.path.clone());
        let headers = request.headers_mut();
        headers.insert(HOST, self.check.host.clone());
        headers.insert(USER_AGENT, AGENT);
        let deadlines = Deadlines::new(self.pool.settings());
        match carrier
            .send(request, &mut Silence::new(deadlines, None))
            .await
        {
            Ok(answer) if WELL.contains(&answer.status().as_u16()) => Answer::Good,
            Ok(_) | Err(_) => Answer::Bad,
        }
    }
}

impl Drop for DueCheck {
    fn drop(&mut self) {
        self.pool
            .timetable()
            .is_asked
            .store(false, Ordering::Release);
    }
}
