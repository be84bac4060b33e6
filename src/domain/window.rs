//! The sale window: its state, the operator's orders about it, and its schedule.
//!
//! [`Orders`] is one value with a version, kept in the store. Deciding what an order or the
//! schedule makes of it is pure; writing it back is a compare-and-set on the version.

mod lifted;

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::clock::UnixTime;
use super::draw::Draw;
pub use super::order::{Order, OrderRefused};
use super::pace::Pace;
use super::room::Schedule;

/// Which sale window this is: max(last + 1, minutes since 2025). 0 before the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WindowId(pub u32);

impl WindowId {
    /// The window that starts at `now` after this one.
    #[must_use]
    pub fn next(self, now: UnixTime) -> Self {
        Self(self.0.saturating_add(1).max(now.minutes_since_2025()))
    }
}

/// The state of a room's sale window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowState {
    /// No joins, releases or claims; places are kept, claim windows stand still.
    #[default]
    Closed,
    /// Joins go to the lobby, in no order; nobody is released.
    Prequeue,
    /// The lobby is frozen and being given its order; who joins goes behind it.
    Drawing,
    /// Joins and releases.
    Open,
    /// Joins and claims, no releases.
    Paused,
    /// The queue is dismissed.
    Ended,
}

impl WindowState {
    /// The word in the API and the status JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Prequeue => "prequeue",
            Self::Drawing => "drawing",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// Whether visitors may join.
    #[must_use]
    pub const fn joins(self) -> bool {
        matches!(
            self,
            Self::Prequeue | Self::Drawing | Self::Open | Self::Paused
        )
    }

    /// Whether the pacer releases.
    #[must_use]
    pub const fn releases(self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether a released visitor may claim.
    #[must_use]
    pub const fn claims(self) -> bool {
        matches!(self, Self::Open | Self::Paused)
    }
}

/// The standing orders of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// Grows by one with every change; 0 is "no order yet".
    pub version: u64,
    /// The present or last sale window.
    pub window: WindowId,
    /// Its state.
    pub state: WindowState,
    /// When this room opens by order, if that is still to come.
    pub opens_at: Option<u64>,
    /// When this window ends by order.
    pub ends_at: Option<u64>,
    /// When the prequeue of the window to come opens by order, if that is still to come.
    #[serde(default)]
    pub prequeue_opens_at: Option<u64>,
    /// Where the external value of the coming window's draw is to come from, by order.
    #[serde(default)]
    pub external_source: Option<String>,
    /// What is published of this window's draw; `None` where it had no prequeue.
    #[serde(default)]
    pub draw: Option<Draw>,
    /// How many things are left to be sold in this window, where the site says so.
    #[serde(default)]
    pub stock: Option<u64>,
    /// The scheduled opening (Unix ms) that has been acted on, so that each opens once.
    pub opened_for: Option<u64>,
    /// The scheduled end (Unix ms) that has passed, so that each ends once and a room opened
    /// again by order after it stays open.
    #[serde(default)]
    pub ended_for: Option<u64>,
    /// Pace by order.
    pub pace: Option<Pace>,
    /// Capacity by order: `Some(None)` lifts the file's cap.
    #[serde(with = "lifted")]
    pub capacity: Option<Option<NonZeroU32>>,
    /// Shown to those waiting.
    pub message: Option<String>,
    /// Visitors ever ordered to be released now, counted over the room's life.
    pub grants: u64,
    /// Admission tokens signed under a lower number are void.
    pub rev: u32,
}

impl Orders {
    /// What `order` makes of these at `now`. An order already in force gives an equal value with
    /// the same version.
    ///
    /// # Errors
    /// [`OrderRefused`] when the room's state does not allow it.
    pub fn apply(&self, order: &Order, now: UnixTime) -> Result<Self, OrderRefused> {
        let mut next = self.clone();
        match order {
            Order::Open { opens_at, ends_at } => next.open(*opens_at, *ends_at, now)?,
            Order::Pause => next.turn_to(WindowState::Paused)?,
            Order::Resume => next.turn_to(WindowState::Open)?,
            Order::Close => next.close(),
            Order::End => next.end(),
            Order::Pace(pace) => next.pace = Some(*pace),
            Order::Capacity(capacity) => next.capacity = Some(*capacity),
            Order::Message(message) => next.message.clone_from(message),
            Order::Release(count) => next.grant(*count)?,
            Order::RevokeAll => next.rev = next.rev.saturating_add(1),
        }
        Ok(next.versioned(self))
    }

    /// What `order` makes of these where tokens prove that there has been a window `newest`: an
    /// opening continues that one, so that nobody in it loses the place.
    ///
    /// # Errors
    /// As [`Orders::apply`].
    pub fn apply_after(
        &self,
        order: &Order,
        now: UnixTime,
        newest: WindowId,
    ) -> Result<Self, OrderRefused> {
        let opens = matches!(order, Order::Open { .. });
        if !opens || newest <= self.window {
            return self.apply(order, now);
        }
        // A window that is closed and has not ended is what an opening continues, now or later.
        let closed = Self {
            window: newest,
            state: WindowState::Closed,
            ends_at: None,
            ..self.clone()
        };
        closed.apply(order, now).map(|next| next.versioned(self))
    }

    /// What the schedule makes of these at `now`; `None` when nothing is due. Orders given
    /// since have their way: a scheduled opening acts once.
    #[must_use]
    pub fn due(&self, schedule: &Schedule, now: UnixTime) -> Option<Self> {
        let mut next = self.clone();
        let opens = self.opening(schedule);
        let ends = self.ending(schedule);
        let ended = ends.is_some_and(|at| at <= now);
        if let Some(at) = opens.filter(|at| *at <= now) {
            next.opened_for = Some(at.millis());
            next.opens_at = None;
            if !ended && !self.state.joins() {
                // An ordered opening continues a window that was closed, as `open` now would.
                // Numbered by the opening itself: a room that was lost altogether opens again as
                // the same window.
                if self.opens_at.is_none() || !self.has_window() {
                    next.window = self.window.next(at);
                }
                next.state = WindowState::Open;
            }
        }
        if ended && (next.state.joins() || opens.is_some_and(|at| at <= now)) {
            next.end();
        }
        if let Some(at) = schedule.ends_at.filter(|at| *at <= now) {
            next.ended_for = next.ended_for.max(Some(at.millis()));
        }
        (next != *self).then(|| next.versioned(self))
    }

    /// When the room opens next, as far as is known: the order's time, else the schedule's if it
    /// has not been acted on.
    #[must_use]
    pub fn opening(&self, schedule: &Schedule) -> Option<UnixTime> {
        self.opens_at.map(UnixTime::from_millis).or_else(|| {
            schedule
                .opens_at
                .filter(|at| self.opened_for.is_none_or(|done| done < at.millis()))
        })
    }

    /// When the window ends, as far as is known: the order's time, else the schedule's if it has
    /// not passed before.
    #[must_use]
    pub fn ending(&self, schedule: &Schedule) -> Option<UnixTime> {
        self.ends_at.map(UnixTime::from_millis).or_else(|| {
            schedule
                .ends_at
                .filter(|at| self.ended_for.is_none_or(|done| done < at.millis()))
        })
    }

    fn open(
        &mut self,
        opens_at: Option<UnixTime>,
        ends_at: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<(), OrderRefused> {
        let start = opens_at.unwrap_or(now).max(now);
        if ends_at.is_some_and(|end| end <= start) {
            return Err(OrderRefused::EndsTooEarly);
        }
        if ends_at.is_some() || !self.state.joins() {
            self.ends_at = ends_at.map(UnixTime::millis);
        }
        if start > now {
            self.opens_at = Some(start.millis());
            return Ok(());
        }
        self.opens_at = None;
        if !self.has_window() {
            self.window = self.window.next(now);
        }
        self.state = WindowState::Open;
        Ok(())
    }

    /// Whether there is a window that has not ended.
    fn has_window(&self) -> bool {
        self.window != WindowId::default() && self.state != WindowState::Ended
    }

    fn turn_to(&mut self, state: WindowState) -> Result<(), OrderRefused> {
        if !self.state.joins() {
            return Err(OrderRefused::NotOpen(self.state));
        }
        self.state = state;
        Ok(())
    }

    fn close(&mut self) {
        self.opens_at = None;
        if self.state.joins() {
            self.state = WindowState::Closed;
        }
    }

    fn end(&mut self) {
        self.opens_at = None;
        self.ends_at = None;
        self.state = WindowState::Ended;
    }

    fn grant(&mut self, count: NonZeroU32) -> Result<(), OrderRefused> {
        if !self.state.joins() {
            return Err(OrderRefused::NotOpen(self.state));
        }
        self.grants = self.grants.saturating_add(u64::from(count.get()));
        Ok(())
    }

    fn versioned(mut self, last: &Self) -> Self {
        if self != *last {
            self.version = last.version.saturating_add(1);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);

    fn open_now() -> Order {
        Order::Open {
            opens_at: None,
            ends_at: None,
        }
    }

    fn later(secs: u64) -> UnixTime {
        UnixTime::from_millis(NOON.millis() + secs * 1_000)
    }

    #[test]
    fn a_slip_of_close_and_open_continues_the_window() {
        let open = Orders::default().apply(&open_now(), NOON).unwrap();
        let closed = open.apply(&Order::Close, NOON).unwrap();
        let again = closed.apply(&open_now(), later(600)).unwrap();

        assert_eq!(open.window.0, NOON.minutes_since_2025());
        assert_eq!(closed.state, WindowState::Closed);
        assert_eq!(
            (again.window, again.state),
            (open.window, WindowState::Open)
        );
        assert_eq!(again.version, 3);

        let at_ten = Order::Open {
            opens_at: Some(later(600)),
            ends_at: None,
        };
        let waiting = closed.apply(&at_ten, NOON).unwrap();
        let again = waiting.due(&Schedule::default(), later(600)).unwrap();
        assert_eq!(
            (again.window, again.state),
            (open.window, WindowState::Open),
            "also when it is opened later"
        );
    }

    #[test]
    fn a_window_that_only_tokens_know_is_continued_now_or_later() {
        let newest = WindowId(NOON.minutes_since_2025() + 5);
        let lost = Orders::default();
        let open = lost.apply_after(&open_now(), NOON, newest).unwrap();
        assert_eq!((open.window, open.state), (newest, WindowState::Open));
        assert_eq!(open.version, 1);

        let at_ten = Order::Open {
            opens_at: Some(later(600)),
            ends_at: None,
        };
        let soon = lost.apply_after(&at_ten, NOON, newest).unwrap();
        let then = soon.due(&Schedule::default(), later(600)).unwrap();
        assert_eq!((then.window, then.state), (newest, WindowState::Open));

        let restored = Orders::default().apply(&open_now(), NOON).unwrap();
        let open = restored.apply_after(&open_now(), NOON, newest).unwrap();
        assert_eq!((open.window, open.version), (newest, 2));
        let paused = restored.apply_after(&Order::Pause, NOON, newest).unwrap();
        assert_eq!(
            paused.window, restored.window,
            "only an opening continues it"
        );
    }

    #[test]
    fn a_scheduled_window_has_the_same_number_however_late_it_is_acted_on() {
        let schedule = Schedule {
            opens_at: Some(later(10)),
            ends_at: None,
        };
        let window = |secs| {
            Orders::default()
                .due(&schedule, later(secs))
                .unwrap()
                .window
        };
        assert_eq!(window(10), window(9_000));
    }

    #[test]
    fn opening_after_the_end_starts_a_new_window() {
        let open = Orders::default().apply(&open_now(), NOON).unwrap();
        let ended = open.apply(&Order::End, NOON).unwrap();
        let again = ended.apply(&open_now(), NOON).unwrap();
        assert_eq!(again.window.0, open.window.0 + 1);
    }

    #[test]
    fn an_order_in_force_changes_no_version() {
        let open = Orders::default().apply(&open_now(), NOON).unwrap();
        assert_eq!(open.apply(&open_now(), later(5)).unwrap(), open);
        let paused = open.apply(&Order::Pause, NOON).unwrap();
        assert_eq!(paused.apply(&Order::Pause, NOON).unwrap(), paused);
    }

    #[test]
    fn revoking_all_voids_what_was_signed_before_in_every_state() {
        let closed = Orders::default();
        let open = closed.apply(&open_now(), NOON).unwrap();
        let ended = open.apply(&Order::End, NOON).unwrap();
        for before in [closed, open, ended] {
            let once = before.apply(&Order::RevokeAll, NOON).unwrap();
            let twice = once.apply(&Order::RevokeAll, NOON).unwrap();
            assert_eq!((once.rev, twice.rev), (before.rev + 1, before.rev + 2));
            assert_eq!(
                twice.version,
                before.version + 2,
                "each ends those since let in"
            );
            assert_eq!((twice.state, twice.window), (before.state, before.window));
        }
    }

    #[test]
    fn a_closed_room_cannot_be_paused_or_resumed() {
        let closed = Orders::default();
        for order in [Order::Pause, Order::Resume, Order::Release(NonZeroU32::MIN)] {
            assert_eq!(
                closed.apply(&order, NOON),
                Err(OrderRefused::NotOpen(WindowState::Closed))
            );
        }
    }

    #[test]
    fn a_scheduled_opening_acts_once_and_an_order_beats_it() {
        let schedule = Schedule {
            opens_at: Some(later(10)),
            ends_at: Some(later(100)),
        };
        let before = Orders::default();
        assert_eq!(before.due(&schedule, NOON), None);

        let open = before.due(&schedule, later(10)).unwrap();
        assert_eq!(open.state, WindowState::Open);
        assert_eq!(open.due(&schedule, later(11)), None);

        let closed = open.apply(&Order::Close, later(12)).unwrap();
        assert_eq!(closed.due(&schedule, later(13)), None, "stays closed");

        let ended = open.due(&schedule, later(100)).unwrap();
        assert_eq!(ended.state, WindowState::Ended);
        assert_eq!(ended.due(&schedule, later(101)), None);
        let reopened = ended.apply(&open_now(), later(200)).unwrap();
        assert_eq!(reopened.state, WindowState::Open);
        assert_eq!(reopened.due(&schedule, later(201)), None, "stays open");

        let passed = closed.due(&schedule, later(100)).unwrap();
        assert_eq!(passed.state, WindowState::Closed);
        let reopened = passed.apply(&open_now(), later(200)).unwrap();
        assert_eq!(reopened.due(&schedule, later(201)), None, "stays open");
    }

    #[test]
    fn a_window_that_passed_while_everything_was_down_is_ended() {
        let schedule = Schedule {
            opens_at: Some(later(10)),
            ends_at: Some(later(100)),
        };
        let late = Orders::default().due(&schedule, later(500)).unwrap();
        assert_eq!(late.state, WindowState::Ended);
    }

    #[test]
    fn an_opening_ordered_for_later_waits_and_a_past_one_means_now() {
        let soon = Order::Open {
            opens_at: Some(later(60)),
            ends_at: None,
        };
        let waiting = Orders::default().apply(&soon, NOON).unwrap();
        assert_eq!(waiting.state, WindowState::Closed);
        assert_eq!(waiting.due(&Schedule::default(), later(59)), None);
        assert_eq!(
            waiting.due(&Schedule::default(), later(60)).unwrap().state,
            WindowState::Open
        );
        let past = Orders::default().apply(&soon, later(90)).unwrap();
        assert_eq!(past.state, WindowState::Open);
    }

    #[test]
    fn orders_survive_being_written_down() {
        let mut orders = Orders::default().apply(&open_now(), NOON).unwrap();
        orders.pace = Pace::per_minute(7);
        for capacity in [None, Some(None), Some(NonZeroU32::new(5))] {
            orders.capacity = capacity;
            let text = serde_json::to_string(&orders).unwrap();
            assert_eq!(serde_json::from_str::<Orders>(&text).unwrap(), orders);
        }
    }
}
