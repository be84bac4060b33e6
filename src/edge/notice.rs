//! A notice of the gate in the words of the status JSON.

use std::time::Duration;

use crate::domain::chance;
use crate::domain::lane::Lane;
use crate::gate::notice::{self, Face, Notice, SetToken};

use super::status::{Chance, Reason, SignIn, State, Status, WaitRange};

/// A notice in the words of the status JSON.
#[must_use]
pub fn status_of(notice: &Notice) -> Status<'_> {
    let (queue_token, admission_token) = if notice.tells_tokens {
        let admission = match &notice.admission {
            SetToken::Give(token) => Some(token.text.as_str()),
            SetToken::Keep | SetToken::Clear => None,
        };
        (notice.queue.given(), admission)
    } else {
        (None, None)
    };
    Status {
        room: &notice.room.name,
        state: state(notice.face),
        position: notice.position,
        ahead: notice.position.map(|position| position.saturating_sub(1)),
        waiting: notice.waiting,
        wait: notice.wait.map(|wait| WaitRange {
            low_s: seconds(wait.low),
            median_s: seconds(wait.median),
            high_s: seconds(wait.high),
        }),
        reason: notice.reason.map(|reason| match reason {
            notice::Reason::Paused => Reason::Paused,
            notice::Reason::CapacityFull => Reason::CapacityFull,
            notice::Reason::Recovering => Reason::Recovering,
            notice::Reason::SoldOut => Reason::SoldOut,
            notice::Reason::PaceLowered => Reason::PaceLowered,
            notice::Reason::AbsentReturned => Reason::AbsentReturned,
            notice::Reason::Lanes => Reason::Lanes,
        }),
        poll_after_s: seconds(notice.poll_after).max(1),
        claim_by: notice.claim_by,
        opens_at: notice.opens_at,
        prequeue_opens_at: notice.prequeue_opens_at,
        message: notice.message.as_deref(),
        reference: notice.reference,
        ended_by: notice.ended_by,
        lane: lane(notice).map(|(_, name)| name),
        lane_share: lane(notice).map(|(lane, _)| lane_share(notice, lane)),
        sign_in: notice.sign_in.as_ref().map(|sign_in| SignIn {
            url: sign_in.link.as_deref(),
        }),
        chance: notice.chance.map(|chance| match chance {
            chance::Chance::Likely => Chance::Likely,
            chance::Chance::Possible => Chance::Possible,
            chance::Chance::Unlikely => Chance::Unlikely,
        }),
        updated_at: notice.at,
        away_until: notice.away_until,
        queue_token,
        admission_token,
    }
}

/// The visitor's lane, or the general one, with its name; none where the room has no lanes. A lane
/// that is gone counts as the general one.
fn lane(notice: &Notice) -> Option<(Lane, &str)> {
    let lane = notice
        .room
        .terms
        .lanes
        .lane(notice.lane.unwrap_or_default());
    let settings = notice.room.lanes.get(lane.index())?;
    Some((lane, settings.name.as_str()))
}

/// A lane's part of the releases while people wait in all lanes, to four digits.
fn lane_share(notice: &Notice, lane: Lane) -> f64 {
    (notice.room.terms.lanes.share(lane) * 10_000.0).round() / 10_000.0
}

const fn state(face: Face) -> State {
    match face {
        Face::Waiting => State::Waiting,
        Face::Prequeue => State::Prequeue,
        Face::Drawing => State::Drawing,
        Face::Released => State::Released,
        Face::Admitted => State::Admitted,
        Face::Paused => State::Paused,
        Face::Closed => State::Closed,
        Face::Ended => State::Ended,
        Face::Full => State::Full,
        Face::Recovering => State::Recovering,
    }
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}
