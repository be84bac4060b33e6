//! What an operator's order to open does in each state.

use super::{Opening, OrderRefused, Orders, Unopened, WindowState};
use crate::domain::clock::UnixTime;

impl Orders {
    pub(super) fn open(&mut self, opening: &Opening, now: UnixTime) -> Result<(), OrderRefused> {
        let start = opening.opens_at.unwrap_or(now).max(now);
        if opening.ends_at.is_some_and(|end| end <= start) {
            return Err(OrderRefused::EndsTooEarly);
        }
        match opening.prequeue_opens_at {
            Some(prequeue) if prequeue.max(now) >= start => Err(OrderRefused::PrequeueTooLate),
            Some(prequeue) => self.open_lobby(opening, (prequeue, start), now),
            None if opening.external_source.is_some() => Err(OrderRefused::NoPrequeue),
            None if start > now => self.open_later(opening, start),
            None => {
                self.open_now(opening, now);
                Ok(())
            }
        }
    }

    fn open_now(&mut self, opening: &Opening, now: UnixTime) {
        let lobby_was_closed = self.closed_in == Some(Unopened::Prequeue);
        let kept = self.state.joins() || lobby_was_closed;
        self.end_by(opening, kept);
        match self.state {
            WindowState::Prequeue => {
                self.expect_nothing();
                self.freeze();
            }
            WindowState::Drawing | WindowState::Open => {}
            WindowState::Paused => self.state = WindowState::Open,
            // Its time of opening stands: who closed it by mistake opens it again.
            WindowState::Closed if lobby_was_closed => self.go_on(now),
            WindowState::Closed | WindowState::Ended => {
                self.expect_nothing();
                if self.has_window() {
                    self.go_on(now);
                } else {
                    self.begin(now, None);
                    self.let_in(now);
                }
            }
        }
    }

    fn open_later(&mut self, opening: &Opening, start: UnixTime) -> Result<(), OrderRefused> {
        let lobby_was_closed = self.closed_in == Some(Unopened::Prequeue);
        match self.state {
            WindowState::Drawing | WindowState::Open | WindowState::Paused => {
                return Err(OrderRefused::OpenAlready(self.state));
            }
            WindowState::Prequeue => self.end_by(opening, true),
            WindowState::Closed if lobby_was_closed => {
                self.end_by(opening, true);
                self.go_on(start);
            }
            WindowState::Closed | WindowState::Ended => {
                self.end_by(opening, false);
                self.expect_nothing();
            }
        }
        self.opens_at = Some(start.millis());
        Ok(())
    }

    fn open_lobby(
        &mut self,
        opening: &Opening,
        (prequeue, start): (UnixTime, UnixTime),
        now: UnixTime,
    ) -> Result<(), OrderRefused> {
        match self.state {
            WindowState::Drawing | WindowState::Open | WindowState::Paused => {
                return Err(OrderRefused::OpenAlready(self.state));
            }
            WindowState::Prequeue if prequeue > now => {
                return Err(OrderRefused::OpenAlready(self.state));
            }
            WindowState::Prequeue => {
                let promised = self.draw.as_ref().map(|draw| &draw.external_source);
                if promised.is_some_and(|promised| *promised != opening.external_source) {
                    return Err(OrderRefused::SourcePublished);
                }
                self.end_by(opening, true);
            }
            WindowState::Closed if self.has_window() => return Err(OrderRefused::HasWindow),
            WindowState::Closed | WindowState::Ended => {
                self.end_by(opening, false);
                self.external_source.clone_from(&opening.external_source);
                if prequeue > now {
                    self.prequeue_opens_at = Some(prequeue.millis());
                } else {
                    self.prequeue_opens_at = None;
                    self.begin(now, None);
                    self.state = WindowState::Prequeue;
                }
            }
        }
        self.opens_at = Some(start.millis());
        Ok(())
    }

    /// The end that goes with an opening; where the window goes on, it keeps the one it has.
    fn end_by(&mut self, opening: &Opening, keeps: bool) {
        if opening.ends_at.is_some() || !keeps {
            self.ends_at = opening.ends_at.map(UnixTime::millis);
        }
    }
}
