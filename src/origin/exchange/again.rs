//! Whether a request that got no answer may be sent again.

use std::sync::Arc;

use http::Request;

use crate::origin::carrier::{Break, Carrier, Unanswered};
use crate::origin::deadline::Silence;
use crate::origin::pool::{Held, Pool};
use crate::origin::retry::{Copy, Repeat, repeat_of};
use crate::origin::site::Site;
use crate::origin::upload::RequestBody;

/// The second sending that a request may have.
pub(super) struct Again<'a> {
    site: &'a Site,
    used: bool,
    /// Where it was lost, if it is to be sent again and has not been yet.
    owed: Option<Arc<Pool>>,
}

impl<'a> Again<'a> {
    /// Of a request that comes to this site.
    pub(super) const fn at(site: &'a Site) -> Self {
        Self {
            site,
            used: false,
            owed: None,
        }
    }

    /// Whether there is another origin to send it to.
    pub(super) const fn has_elsewhere(&self) -> bool {
        self.site.has_several()
    }

    /// The request is on its way to an origin: if it is a second time, that is counted now.
    pub(super) fn sends(&mut self) {
        if let Some(pool) = self.owed.take() {
            pool.sent_again();
        }
    }

    /// A copy to be sent again, if one may be of use on this connection.
    ///
    /// Only on a shared connection can an origin say that it did not take a request up.
    pub(super) fn copy_of(
        &self,
        request: &Request<RequestBody>,
        carrier: &Carrier,
    ) -> Option<Copy> {
        let is_of_use = match carrier {
            Carrier::Line(_) => !self.used && repeat_of(request) == Repeat::Harmless,
            Carrier::Stream(_) => true,
        };
        is_of_use.then(|| Copy::of(request)).flatten()
    }

    /// The request again, if it may be sent a second time after this.
    pub(super) fn second(
        &mut self,
        unanswered: &Unanswered,
        (copy, held): (Option<Copy>, &Held),
        silence: &mut Silence,
    ) -> Option<Request<RequestBody>> {
        let copy = copy?;
        match arrived(unanswered) {
            Arrived::No => {}
            Arrived::Maybe if copy.repeat() == Repeat::Harmless && !self.used => self.used = true,
            Arrived::Maybe | Arrived::InPart => return None,
        }
        if !self.site.budget.spend() {
            return None;
        }
        self.owed = Some(Arc::clone(&held.pool));
        let (request, upload) = copy.into_request();
        silence.follow(upload);
        Some(request)
    }
}

impl Drop for Again<'_> {
    /// What was to be sent again, and found no origin, costs nothing.
    fn drop(&mut self) {
        if self.owed.is_some() {
            self.site.budget.give_back();
        }
    }
}

/// Whether the origin has taken a request up.
enum Arrived {
    No,
    Maybe,
    /// It has begun to answer, or was silent.
    InPart,
}

const fn arrived(unanswered: &Unanswered) -> Arrived {
    match unanswered {
        Unanswered::Unsent(_) => Arrived::No,
        Unanswered::Silent(_) => Arrived::InPart,
        Unanswered::Broken { by, .. } => match by {
            Break::Declined => Arrived::No,
            Break::HangUp | Break::Untrusted => Arrived::Maybe,
            Break::Nonsense => Arrived::InPart,
        },
    }
}
