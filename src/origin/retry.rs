//! What may be sent a second time, and how often that may happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{Method, Request};

use super::upload::{RequestBody, Upload};

/// What a second sending costs.
const COST: u32 = 5;

/// What each request earns: so at most a fifth of the requests are sent twice.
const EARNED: u32 = 1;

/// The most that is saved up: a hundred second sendings at once, as when an origin goes down under
/// load.
const MOST: u32 = 100 * COST;

/// What a site's requests have earned for sending some of them again, so that a site that is
/// going down does not get twice the load.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Budget {
    /// All that can be saved up.
    pub(super) const fn full() -> Self {
        Self(AtomicU32::new(MOST))
    }

    /// A request came.
    pub(super) fn earn(&self) {
        if self.0.load(Ordering::Relaxed) < MOST {
            self.0.fetch_add(EARNED, Ordering::Relaxed);
        }
    }

    /// One that was to be sent again was not.
    pub(super) fn give_back(&self) {
        self.0.fetch_add(COST, Ordering::Relaxed);
    }

    /// One is to be sent again. `false` if that is too much.
    pub(super) fn spend(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
                saved.checked_sub(COST)
            })
            .is_ok()
    }
}

/// A request that may be sent a second time.
pub(super) struct Copy {
    request: Request<RequestBody>,
    upload: Option<Arc<Upload>>,
    /// What a second arrival would do.
    repeat: Repeat,
}

/// What it does if a request arrives twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Nothing that one arrival does not: it changes nothing, and has no body.
    Harmless,
    /// Who knows.
    Harmful,
}

impl Copy {
    /// A copy, if all of the request is there.
    pub(super) fn of(request: &Request<RequestBody>) -> Option<Self> {
        let (body, upload) = request.body().again()?;
        let mut copy = Request::new(body);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        // Who listens for interim answers.
        *copy.extensions_mut() = request.extensions().clone();
        Some(Self {
            request: copy,
            upload,
            repeat: repeat_of(request),
        })
    }

    /// What a second arrival would do.
    pub(super) const fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// The request again, and how far its body has come.
    pub(super) fn into_request(self) -> (Request<RequestBody>, Option<Arc<Upload>>) {
        (self.request, self.upload)
    }
}

/// What a second arrival of the request would do.
pub(super) fn repeat_of(request: &Request<RequestBody>) -> Repeat {
    let changes_nothing = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if changes_nothing && matches!(request.body(), RequestBody::Empty) {
        Repeat::Harmless
    } else {
        Repeat::Harmful
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h15_a_site_that_goes_down_does_not_get_twice_the_load() {
        let budget = Budget::full();
        let burst = (0..1_000).filter(|_| budget.spend()).count();
        assert_eq!(burst, 100);

        let mut again = 0;
        for _ in 0..1_000 {
            budget.earn();
            again += u32::from(budget.spend());
        }

        assert_eq!(again, 200, "a fifth");
    }

    #[test]
    fn what_is_saved_up_is_limited() {
        let budget = Budget::full();
        for _ in 0..10_000 {
            budget.earn();
        }
        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 100);
    }
}
