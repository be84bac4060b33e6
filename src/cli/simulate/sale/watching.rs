//! Fans whose shown waits are held against what came: when they are looked at.

use std::time::Duration;

use super::Sale;
use crate::cli::simulate::shown::Moment;
use crate::domain::lane::Lane;
use crate::gate::notice::Notice;
use crate::gate::queue::{May, Outcome};
use crate::store::survey::Survey;

/// A wait that counts as near the front, as it is shown.
const NEAR: Duration = Duration::from_mins(1);

impl Sale {
    pub(super) fn note_near(&mut self, number: u32, notice: &Notice) {
        let near = notice.wait.is_some_and(|wait| wait.median <= NEAR);
        if !near || !(number as usize).is_multiple_of(self.every) {
            return;
        }
        let now = self.now;
        let at = self
            .watched
            .binary_search_by_key(&number, |watched| watched.fan);
        if let Some(watched) = at.ok().and_then(|at| self.watched.get_mut(at)) {
            watched.note(Moment::Near, now, notice.wait);
        }
    }

    /// Those of the watched who have come half way are shown their wait. They come half way in
    /// order of place, as long as no more than half a queue comes back at once.
    pub(super) async fn ask_half_way(&mut self, survey: &Survey) -> anyhow::Result<()> {
        while let Some(at) = self.before_half.front().copied() {
            let Some(watched) = self.watched.get(at).copied() else {
                return Ok(());
            };
            let fan = self.fan(watched.fan).filter(|fan| fan.called.is_none());
            if let Some(place) = fan.and_then(|fan| fan.place)
                && survey.lane(Lane::GENERAL).ahead_of(place) * 2 > watched.ahead
            {
                return Ok(());
            }
            self.before_half.pop_front();
            let Some(fan) = fan else { continue };
            let answer = self.gateway.ask(watched.fan, &fan, May::Look).await?;
            if let (Outcome::Told(notice), Some(watched)) =
                (&answer.outcome, self.watched.get_mut(at))
            {
                watched.note(Moment::Half, self.now, notice.wait);
            }
        }
        Ok(())
    }
}
