//! Rooms that queue only under overload: who passes at once, with one call of the store or, where
//! the owner wants it so, with none while the store does not answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::clock::UnixTime;
use crate::domain::place::Turn;
use crate::domain::room::{Activation, WhenStoreFails};
use crate::domain::session::ALONE;
use crate::domain::skew::WallClock;
use crate::domain::window::WindowState;
use crate::store::survey::StoreHealth;
use crate::store::{Joined, Joining, Passed, Passing};
use crate::token::queue::QueueToken;

use super::Refusal;
use super::claim::Since;
use super::notice::Face;
use super::queue::{Line, May, Outcome, told};

/// How a gateway paces those whom it lets in on its own.
#[derive(Debug, Default)]
pub struct Alone {
    /// Monotonic microseconds before which the next may not go.
    next: AtomicU64,
}

impl Alone {
    /// Whether one more may go at `now`, one `gap` after the last and after `since`.
    #[must_use]
    pub fn admits(&self, now: Duration, since: Duration, gap: Duration) -> bool {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let (now, first) = (micros(now), micros(since.saturating_add(gap)));
        let last = self.next.load(Ordering::Acquire);
        let due = last.max(first);
        // What was not used lapses: nobody comes in a burst.
        let next = now.saturating_add(micros(gap));
        due <= now
            && self
                .next
                .compare_exchange(last, next, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }
}

impl Line<'_> {
    /// Whether a newcomer may try to pass: as far as is known nobody waits. The store decides.
    pub(super) fn may_pass(&self) -> bool {
        let survey = &self.snapshot.survey;
        self.room.settings.activation == Activation::Overload
            && survey.orders.state == WindowState::Open
            && survey.waiting <= survey.absent
    }

    /// Passes, or joins where that cannot be.
    pub(super) async fn pass(
        &self,
        token: &QueueToken,
        joining: Joining,
    ) -> Result<Outcome, Refusal> {
        let first = QueueToken {
            turn: Turn::FIRST,
            ..*token
        };
        let ask = Passing {
            joining,
            session: self.session(&first),
            at: self.now.wall,
        };
        let terms = &self.terms();
        match self.store.pass(self.name(), terms, &[ask]).await.as_deref() {
            Ok([Passed::Admitted { rev, stand }]) => {
                let token = QueueToken {
                    turn: stand.turn,
                    place: stand.place,
                    lane: stand.lane.0,
                    epoch: stand.epoch,
                    tick: stand.tick,
                    ..*token
                };
                let begun = Since {
                    since: self.now.wall,
                    rev: *rev,
                    kept: UnixTime::default(),
                };
                self.admitted(&token, begun)
            }
            Ok([Passed::Joined(Joined::Stands(stand))]) => {
                Box::pin(self.stands(token, *stand, May::Claim)).await
            }
            Ok([Passed::Joined(Joined::Full)]) => Ok(told(self.notice(Face::Full))),
            Ok(_) => Ok(told(self.without_place(token))),
            Err(_) => self.pass_alone(&first),
        }
    }

    /// Lets a newcomer in without the store, where the owner wants it so, nobody waited when it
    /// was last heard of, and this gateway's share of the pace allows. Such a stay ends after
    /// [`ALONE`], and when the store is back nobody is released for as long.
    pub(super) fn pass_alone(&self, token: &QueueToken) -> Result<Outcome, Refusal> {
        let StoreHealth::AwaySince(since) = self.snapshot.store else {
            return Ok(told(self.kept(token)));
        };
        let survey = &self.snapshot.survey;
        let wanted = self.room.settings.when_store_fails == WhenStoreFails::Pass
            && survey.waiting == 0
            && survey.recovering.is_zero()
            && self.snapshot.unknown.is_none()
            && self.snapshot.skew.clock == WallClock::Right;
        let share = self.share_of_pace();
        let gap = share.filter(|_| wanted).map(|share| ALONE / share);
        let admits = gap.is_some_and(|gap| self.room.alone.admits(self.now.mono, since, gap));
        if !admits {
            return Ok(told(self.kept(token)));
        }
        self.room.notes.passed_alone();
        let expires = self.now.wall.after(ALONE);
        // As if its longest stay ended then: nothing makes it longer.
        let whole = self.room.settings.terms.session.absolute;
        let begun = Since {
            since: expires.before(whole),
            rev: survey.orders.rev,
            kept: UnixTime::default(),
        };
        self.lets_in(token, begun, expires)
    }

    /// How many a minute this gateway may let in: its share of what pace and capacity leave, for
    /// each stays a minute. `None` where that is nobody.
    fn share_of_pace(&self) -> Option<u32> {
        let survey = &self.snapshot.survey;
        let terms = &self.terms();
        let pace = survey.orders.pace.unwrap_or(terms.pace).per_minute.get();
        let capacity = survey.orders.capacity.unwrap_or(terms.capacity);
        let free = capacity.map_or(u64::MAX, |most| {
            u64::from(most.get()).saturating_sub(survey.inside())
        });
        let most = u64::from(pace).min(free);
        let share = most / u64::from(survey.gateways.max(1));
        u32::try_from(share).ok().filter(|share| *share > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_gateway_lets_one_go_each_gap_and_saves_nothing_up() {
        let alone = Alone::default();
        let at = |millis| Duration::from_millis(millis);
        let admits = |now| alone.admits(at(now), at(10_000), at(500));

        assert!(!admits(10_499), "the first waits as long as the others");
        assert!(admits(10_500) && !admits(10_999) && admits(11_000));
        assert!(admits(60_000), "after a lull");
        assert!(!admits(60_001), "only one");
    }
}
