//! Interim answers (1xx) on their way from an origin to the visitor: cleaned as an answer is, few,
//! and small.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::framing::goes_on;
use super::{headers, trailers};
use crate::telemetry::asides::{Asides, InterimResult};

/// The most that are passed on before one answer.
const MOST: usize = 8;

/// The most bytes of names and values that one may have.
const MOST_BYTES: usize = 8 << 10;

/// An interim answer, fit for a visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interim {
    /// From 102 to 199.
    pub status: StatusCode,
    /// What it says.
    pub headers: HeaderMap,
}

/// The interim answers of one exchange that have come and were not taken yet.
///
/// A request that carries one of these among its extensions to [`super::Origin::forward`] has its
/// interim answers laid there.
#[derive(Clone, Debug, Default)]
pub struct Ahead(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    answers: VecDeque<Interim>,
    laid: usize,
    taker: Option<Waker>,
}

impl Ahead {
    /// The next one, once there is one.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Interim> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = waiting.answers.pop_front() {
            return Poll::Ready(answer);
        }
        waiting.taker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The next one, if there is one now.
    #[must_use]
    pub fn take(&self) -> Option<Interim> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.answers.pop_front()
    }

    /// Listens for those of a request that is about to be sent, whatever the origin speaks.
    pub(super) fn listen<B>(self, request: &mut Request<B>, asides: Arc<Asides>) {
        let listener = Listener {
            ahead: self,
            asides,
        };
        request.extensions_mut().insert(listener.clone());
        hyper::ext::on_informational(request, move |answer| {
            listener.hear(answer.status(), answer.headers());
        });
    }

    fn lay(&self, status: StatusCode, said: &HeaderMap, asides: &Asides) {
        // Whether a body is wanted is between each two neighbours: the visitor has been told.
        if goes_on(status) {
            asides.interim(InterimResult::Unwanted);
            return;
        }
        let headers = fit(said);
        let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        let bytes: usize = headers.iter().map(size).sum();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.laid == MOST || bytes > MOST_BYTES {
            asides.interim(InterimResult::Excess);
            return;
        }
        waiting.laid += 1;
        waiting.answers.push_back(Interim { status, headers });
        if let Some(taker) = waiting.taker.take() {
            taker.wake();
        }
    }
}

/// Who listens for the interim answers of one request, among whose extensions it is.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    ahead: Ahead,
    asides: Arc<Asides>,
}

impl Listener {
    /// One has come.
    pub(super) fn hear(&self, status: StatusCode, said: &HeaderMap) {
        self.ahead.lay(status, said, &self.asides);
    }
}

/// What a visitor may hear before the answer: nothing that an answer could not say, and nothing
/// that only the answer's own head may. Browsers read the policy for what is linked there.
fn fit(said: &HeaderMap) -> HeaderMap {
    let mut fit = said.clone();
    headers::clean_answer(&mut fit);
    let going: Vec<HeaderName> = fit
        .keys()
        .filter(|name| {
            !trailers::may_be(name.as_str().as_bytes()) && *name != "content-security-policy"
        })
        .cloned()
        .collect();
    for name in going {
        fit.remove(name);
    }
    fit
}

#[cfg(test)]
mod tests;
