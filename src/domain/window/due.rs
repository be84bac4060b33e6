//! What time makes of a room: the times in the file, and those that an operator ordered.
//!
//! Every time is one turn of events, taken in its order, once. A gateway that comes back after
//! several of them takes them all at once, and one that takes them late finds the same window as
//! one that was there: windows are numbered by the times in the file.

use super::past::Finish;
use super::{Orders, Unopened, WindowState};
use crate::domain::clock::UnixTime;
use crate::domain::schedule::{SaleWindow, Schedule, is_after};

/// One thing that falls due; of those due at one time, what ends something goes first.
#[derive(Clone, Copy, Debug)]
enum Turn<'s> {
    OrderedEnd,
    ScheduledEnd,
    OrderedPrequeue,
    OrderedOpening,
    ScheduledPrequeue(&'s SaleWindow),
    ScheduledOpening(&'s SaleWindow),
}

impl Orders {
    /// What has become of these at `now`, by the file's schedule and by the times that were
    /// ordered; `None` when nothing is due. An order beats the schedule, and each time acts once.
    /// What comes of it is [sealed](Orders::sealed) before it is written.
    #[must_use]
    pub fn due(&self, schedule: &Schedule, now: UnixTime) -> Option<Self> {
        self.next_change(schedule).filter(|at| *at <= now)?;
        let mut next = self.clone();
        while let Some((at, turn)) = next.next_turn(schedule).filter(|(at, _)| *at <= now) {
            next.take(turn, at, (schedule, now));
        }
        Some(next.versioned(self))
    }

    /// When something falls due next.
    #[must_use]
    pub fn next_change(&self, schedule: &Schedule) -> Option<UnixTime> {
        self.next_turn(schedule).map(|(at, _)| at)
    }

    /// When the room opens next, as far as is known: the order's time, else the schedule's.
    #[must_use]
    pub fn opening(&self, schedule: &Schedule) -> Option<UnixTime> {
        self.ordered_opening()
            .or_else(|| self.coming(schedule).next().map(|window| window.opens_at))
    }

    /// When the prequeue of the next opening opens, if there is one and it is still to come.
    #[must_use]
    pub fn prequeue_opening(&self, schedule: &Schedule) -> Option<UnixTime> {
        let ordered = self.prequeue_opens_at.map(UnixTime::from_millis);
        let opens_at = self.opening(schedule)?;
        let planned = || self.coming(schedule).next()?.prequeue_opens_at;
        let at = ordered.or_else(|| planned().filter(|at| is_after(*at, self.opened_for)));
        at.filter(|at| *at < opens_at)
    }

    /// When the window ends, as far as is known: the order's time, else the schedule's if it has
    /// not passed before.
    #[must_use]
    pub fn ending(&self, schedule: &Schedule) -> Option<UnixTime> {
        let ordered = self.ends_at.map(UnixTime::from_millis);
        ordered.or_else(|| schedule.end_after(self.ended_for))
    }

    /// The windows of the file that are still to open, the next one first.
    pub fn coming<'s>(&self, schedule: &'s Schedule) -> impl Iterator<Item = &'s SaleWindow> {
        // One that was closed before it opened waits for an operator; one that was ended is over.
        let stopped = matches!(self.state, WindowState::Closed | WindowState::Ended);
        let this = self.scheduled_for.filter(|_| stopped);
        schedule
            .opening_after(self.opened_for)
            .filter(move |window| this != Some(window.opens_at.millis()))
    }

    /// The time at which the room opens by order, unless it was closed since its prequeue opened.
    fn ordered_opening(&self) -> Option<UnixTime> {
        let held = self.closed_in == Some(Unopened::Prequeue);
        self.opens_at.filter(|_| !held).map(UnixTime::from_millis)
    }

    fn next_turn<'s>(&self, schedule: &'s Schedule) -> Option<(UnixTime, Turn<'s>)> {
        let time = |at: Option<u64>| at.map(UnixTime::from_millis);
        let planned = self.coming(schedule).next().map(|window| {
            let prequeue = window.prequeue_opens_at;
            match prequeue.filter(|at| is_after(*at, self.opened_for)) {
                Some(at) => (at, Turn::ScheduledPrequeue(window)),
                None => (window.opens_at, Turn::ScheduledOpening(window)),
            }
        });
        let turns = [
            time(self.ends_at).map(|at| (at, Turn::OrderedEnd)),
            (schedule.end_after(self.ended_for)).map(|at| (at, Turn::ScheduledEnd)),
            time(self.prequeue_opens_at).map(|at| (at, Turn::OrderedPrequeue)),
            (self.ordered_opening()).map(|at| (at, Turn::OrderedOpening)),
            planned,
        ];
        // The first of several that are equally early.
        turns.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn take(&mut self, turn: Turn<'_>, at: UnixTime, by: (&Schedule, UnixTime)) {
        match turn {
            Turn::OrderedEnd => {
                self.ends_at = None;
                self.ended_for = self.ended_for.max(Some(at.millis()));
                self.run_out(at);
            }
            Turn::ScheduledEnd => {
                self.ended_for = Some(at.millis());
                if self.ends_at.is_none() {
                    self.run_out(at);
                }
            }
            Turn::OrderedPrequeue => self.ordered_prequeue(at, by.1),
            Turn::OrderedOpening => self.open_as_ordered(at, by.1),
            Turn::ScheduledPrequeue(window) => self.scheduled_prequeue(window, by),
            Turn::ScheduledOpening(window) => self.scheduled_opening(window, by),
        }
    }

    /// The window's time is up. A room that an operator has closed stays closed.
    fn run_out(&mut self, at: UnixTime) {
        if self.state.joins() {
            self.end(at, Finish::Schedule);
        }
    }

    fn ordered_prequeue(&mut self, at: UnixTime, now: UnixTime) {
        self.prequeue_opens_at = None;
        // Missed: nobody could come into the lobby, so the room opens without one.
        let missed = self
            .opens_at
            .is_none_or(|opens_at| opens_at <= now.millis());
        if missed || self.has_window() {
            self.external_source = None;
            return;
        }
        self.begin(at, None);
        self.state = WindowState::Prequeue;
    }

    fn open_as_ordered(&mut self, at: UnixTime, now: UnixTime) {
        self.expect_nothing();
        self.opened_for = self.opened_for.max(Some(at.millis()));
        match self.state {
            WindowState::Prequeue => self.freeze(),
            WindowState::Drawing | WindowState::Open | WindowState::Paused => {}
            WindowState::Closed | WindowState::Ended => {
                if self.ends_at.is_some_and(|ends_at| ends_at <= now.millis()) {
                    self.end(at, Finish::Schedule);
                } else if self.has_window() {
                    self.go_on(at);
                } else {
                    self.begin(at, None);
                    self.let_in(at);
                }
            }
        }
    }

    fn scheduled_prequeue(&mut self, window: &SaleWindow, (schedule, now): (&Schedule, UnixTime)) {
        let at = window.begins_at();
        self.opened_for = Some(at.millis());
        // Missed: nobody could come into the lobby, so the room opens without one.
        if window.opens_at <= now {
            return;
        }
        if self.state.joins() && !self.gives_way_to(window, schedule) {
            self.adopt(window);
            return;
        }
        self.begin_as_planned(at, window);
        self.state = WindowState::Prequeue;
    }

    fn scheduled_opening(&mut self, window: &SaleWindow, (schedule, now): (&Schedule, UnixTime)) {
        let at = window.opens_at;
        self.opened_for = Some(at.millis());
        // An order has put the opening off.
        if self.ordered_opening().is_some_and(|ordered| ordered > at) {
            return;
        }
        let this = self.scheduled_for == Some(at.millis());
        if this || (self.state.joins() && !self.gives_way_to(window, schedule)) {
            if !this {
                self.adopt(window);
            }
            if self.state == WindowState::Prequeue {
                self.freeze();
            }
        } else if window.ends_at.is_some_and(|ends_at| ends_at <= now) {
            // Missed from its beginning to its end.
            self.end(at, Finish::Schedule);
        } else {
            self.begin_as_planned(at, window);
            self.let_in(at);
        }
    }

    fn begin_as_planned(&mut self, at: UnixTime, window: &SaleWindow) {
        // What was ordered for the window before is over with it.
        if self.ordered_opening().is_none() {
            self.expect_nothing();
            self.ends_at = None;
        }
        self.begin(at, Some(window));
        self.external_source.clone_from(&window.external_source);
    }

    /// Whether the running window is over when `window` begins: it is another one of the file. A
    /// window that an operator began is taken for the coming one, opened early.
    fn gives_way_to(&self, window: &SaleWindow, schedule: &Schedule) -> bool {
        let another = |millis: &u64| *millis != window.opens_at.millis();
        self.ordered_opening().is_none()
            && self
                .scheduled_for
                .filter(another)
                .is_some_and(|millis| schedule.has_opening(millis))
    }
}
