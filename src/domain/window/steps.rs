//! The steps of a window, whoever asks for them: it begins, its lobby is frozen, it lets people
//! in, is paused or closed, goes on, and ends.

use std::num::NonZeroU32;

use super::past::{Finish, MOST_PAST, PastWindow, Running};
use super::{OrderRefused, Orders, Unopened, WindowState};
use crate::domain::clock::UnixTime;
use crate::domain::schedule::SaleWindow;

impl Orders {
    /// Begins a new window at `at`, that of the file or an operator's own. The one before is over;
    /// what it brought along lapses.
    pub(super) fn begin(&mut self, at: UnixTime, planned: Option<&SaleWindow>) {
        self.conclude(at, Finish::Replaced);
        // Numbered by the time in the file: a room that was lost altogether begins again as the
        // same window, however late.
        self.window = self
            .window
            .next(planned.map_or(at, |window| window.begins_at()));
        self.draw = None;
        self.measure_stock_anew();
        self.closed_in = None;
        self.scheduled_for = planned.map(|window| window.opens_at.millis());
        self.running = Some(Running {
            began_at: at.millis(),
            ..Running::default()
        });
        self.give_back();
        if let Some(window) = planned {
            self.borrow(window);
        }
    }

    /// The running window is taken for the one in the file: it has that one's own terms, where no
    /// order says otherwise.
    pub(super) fn adopt(&mut self, window: &SaleWindow) {
        self.scheduled_for = Some(window.opens_at.millis());
        self.lent.method = window.method;
        if let Some(pace) = window.pace.filter(|_| self.pace.is_none()) {
            self.pace = Some(pace);
            self.lent.pace = true;
        }
        if let Some(message) = window.message.as_ref().filter(|_| self.message.is_none()) {
            self.message = Some(message.clone());
            self.lent.message = true;
        }
    }

    fn borrow(&mut self, window: &SaleWindow) {
        self.lent.method = window.method;
        if let Some(pace) = window.pace {
            self.pace = Some(pace);
            self.lent.pace = true;
        }
        if let Some(message) = &window.message {
            self.message = Some(message.clone());
            self.lent.message = true;
        }
    }

    fn give_back(&mut self) {
        let lent = std::mem::take(&mut self.lent);
        if lent.pace {
            self.pace = None;
        }
        if lent.message {
            self.message = None;
        }
    }

    /// Nobody comes into the lobby any more; the store freezes it with this order.
    pub(super) const fn freeze(&mut self) {
        self.state = WindowState::Drawing;
    }

    /// Lets people in.
    pub(super) fn let_in(&mut self, at: UnixTime) {
        self.state = WindowState::Open;
        if let Some(running) = &mut self.running {
            running.opened_at.get_or_insert(at.millis());
        }
    }

    /// Closes the room; all places are kept, in the lobby too.
    pub(super) fn close(&mut self) {
        match self.state {
            // Its time of opening stays, for when it goes on.
            WindowState::Prequeue => self.closed_in = Some(Unopened::Prequeue),
            WindowState::Drawing => self.closed_in = Some(Unopened::Drawing),
            WindowState::Closed if self.closed_in == Some(Unopened::Prequeue) => {}
            WindowState::Open | WindowState::Paused | WindowState::Closed | WindowState::Ended => {
                self.expect_nothing()
            }
        }
        if self.state.joins() {
            self.state = WindowState::Closed;
        }
    }

    /// Goes on with a closed window where it was.
    pub(super) fn go_on(&mut self, at: UnixTime) {
        match self.closed_in.take() {
            Some(Unopened::Prequeue) => self.state = WindowState::Prequeue,
            Some(Unopened::Drawing) => self.freeze(),
            None => self.let_in(at),
        }
    }

    /// Ends the window and dismisses who is in its queue or lobby.
    pub(in crate::domain) fn end(&mut self, at: UnixTime, why: Finish) {
        self.conclude(at, why);
        self.expect_nothing();
        self.ends_at = None;
        self.closed_in = None;
        self.state = WindowState::Ended;
    }

    /// Takes back the times at which something was to begin by order.
    pub(super) fn expect_nothing(&mut self) {
        self.opens_at = None;
        self.prequeue_opens_at = None;
        self.external_source = None;
    }

    /// Puts the window that runs among those that are over.
    fn conclude(&mut self, at: UnixTime, why: Finish) {
        if !self.has_window() {
            return;
        }
        let running = self.running.take();
        self.past.push(PastWindow {
            window: self.window,
            began_at: running.map(|running| running.began_at),
            opened_at: running.and_then(|running| running.opened_at),
            ended_at: at.millis(),
            why,
            totals: None,
        });
        let surplus = self.past.len().saturating_sub(MOST_PAST);
        self.past.drain(..surplus);
    }

    /// Pauses or resumes.
    pub(super) fn turn_to(&mut self, state: WindowState) -> Result<(), OrderRefused> {
        if !self.state.claims() {
            return Err(OrderRefused::NotOpen(self.state));
        }
        self.state = state;
        Ok(())
    }

    /// Lets so many more in.
    pub(super) fn grant(&mut self, count: NonZeroU32) -> Result<(), OrderRefused> {
        if !self.state.claims() {
            return Err(OrderRefused::NotOpen(self.state));
        }
        self.grants = self.grants.saturating_add(u64::from(count.get()));
        Ok(())
    }
}
