//! When and where a browser without JavaScript goes next.

use super::super::status::State;
use super::super::wanted::{marked, unmarked};
use super::{PageKind, PageView};
use crate::domain::clock::UnixTime;

/// When and where a browser without JavaScript goes next: `SECONDS; url=ADDRESS`.
pub(super) fn refresh(view: &PageView<'_>) -> Option<String> {
    let status = view.status;
    let (seconds, address) = match (view.kind, status.state) {
        (PageKind::CookiesOff | PageKind::Reject | PageKind::Code, _) => return None,
        (PageKind::Wish, _) => return status.away_until.map(|until| after_break(view, until)),
        (PageKind::FirstVisit | PageKind::Passing, _) => (2, marked(view.wanted)),
        (PageKind::Standing, State::Ended) if status.ended_by.is_some() => return None,
        (PageKind::Standing, State::Released | State::Admitted) => (2, unmarked(view.wanted)),
        (
            PageKind::Standing,
            State::Prequeue
            | State::Drawing
            | State::Waiting
            | State::Paused
            | State::Closed
            | State::Ended
            | State::Full
            | State::Challenge
            | State::Recovering,
        ) => (status.poll_after_s.max(2), unmarked(view.wanted)),
    };
    Some(format!("{seconds}; url={address}"))
}

/// A break that is over ends of itself: by then the browser comes back.
fn after_break(view: &PageView<'_>, until: UnixTime) -> String {
    let left = until.since(view.status.updated_at).as_secs().max(2);
    format!("{left}; url={}", unmarked(view.wanted))
}
