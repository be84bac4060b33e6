//! What may be sent a second time, and how often that may happen.

use std::sync::atomic::{AtomicU32, Ordering};

use http::{Extensions, HeaderMap, Method, Request, Uri};

use super::upload::RequestBody;

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

    /// One is to be sent again. `false` if that is too much.
    pub(super) fn spend(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
                saved.checked_sub(COST)
            })
            .is_ok()
    }
}

/// All of a request but its body.
pub(super) struct Copy {
    method: Method,
    target: Uri,
    headers: HeaderMap,
    /// Who listens for interim answers.
    extensions: Extensions,
}

impl Copy {
    /// A copy, if the request may be sent a second time although the first may have arrived: it
    /// changes nothing there and has no body.
    pub(super) fn of_repeatable(request: &Request<RequestBody>) -> Option<Self> {
        is_repeatable(request).then(|| Self {
            method: request.method().clone(),
            target: request.uri().clone(),
            headers: request.headers().clone(),
            extensions: request.extensions().clone(),
        })
    }

    /// The request again.
    pub(super) fn into_request(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target;
        *request.headers_mut() = self.headers;
        *request.extensions_mut() = self.extensions;
        request
    }
}

/// Whether a second arrival of the request is harmless.
pub(super) fn is_repeatable(request: &Request<RequestBody>) -> bool {
    let changes_nothing = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    changes_nothing && matches!(request.body(), RequestBody::Empty)
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
