//! What a gateway remembers of a room, and what it says to a store that knows less.
//!
//! Pure: the loop of a room brings surveys and what tokens have seen, and does what is judged.

use std::time::Duration;

use super::notes::Glimpse;
use super::recovery::{Recovery, Rest};
use super::survey::Survey;
use crate::domain::pace::TICK;
use crate::domain::place::Epoch;
use crate::domain::window::{Orders, WindowId};

/// How long a room rests whose data is gone, or old: so long visitors have to come back to their
/// places before anybody is released.
pub const LONG_REST: Duration = Duration::from_secs(20);

/// How long it rests when only the last moments are missing, as after a change of master.
pub const SHORT_REST: Duration = Duration::from_millis(500);

/// More missing ticks than this are more than the last moments: two seconds.
const FEW_TICKS: u64 = 8;

/// A sale window opened so many minutes ago is one that runs, not one that somebody opened in an
/// emptied store before a gateway with a memory came round.
const RUNS: u32 = 10;

/// What a gateway remembers of one room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    known: Option<Known>,
    orders: Orders,
    inside: u64,
    /// Room time in microseconds until which surveys after a loss may not show everybody inside.
    uncounted_until: u64,
}

/// The newest survey that was sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    incarnation: u64,
    epoch: Epoch,
    tick: u64,
}

/// What a survey is, held against the memory.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// It knows all that is remembered.
    Sound,
    /// The room is in another epoch, entered by another gateway that put back what was lost, or
    /// its orders were put back there: what is counted by epoch begins anew.
    Renewed,
    /// The store was emptied long ago and another sale runs in it: what is remembered is of no
    /// use any more.
    Outdated,
    /// The store knows less than is remembered.
    Lost(Box<Loss>),
}

/// What a store lost, as far as this gateway can tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// By what it shows, for the log.
    pub why: &'static str,
    /// What to put back.
    pub recovery: Recovery,
}

/// What is known beside a survey when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Witness {
    /// What tokens had seen before the survey was asked for.
    pub seen: Glimpse,
    /// Minutes since 2025: no epoch entered now is lower.
    pub minutes: u32,
    /// For how long those inside count although the store does not know them.
    pub idle: Duration,
    /// How many ends of sessions this gateway will tell the store again.
    pub ends: u64,
}

impl Memory {
    /// The memory of a gateway that was stopped: its newest orders, and the data that it saw last.
    #[must_use]
    pub const fn of(orders: Orders, incarnation: u64, epoch: Epoch) -> Self {
        let known = Known {
            incarnation,
            epoch,
            tick: 0,
        };
        Self {
            known: Some(known),
            orders,
            inside: 0,
            uncounted_until: 0,
        }
    }

    /// The newest orders known.
    #[must_use]
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Remembers orders that the store has acknowledged.
    pub fn heed(&mut self, orders: &Orders) {
        if orders.version > self.orders.version {
            self.orders.clone_from(orders);
        }
    }

    /// Remembers a survey that is sound.
    pub fn remember(&mut self, survey: &Survey) {
        self.known = Some(Known {
            incarnation: survey.incarnation,
            epoch: survey.epoch,
            tick: survey.ticks.tick,
        });
        self.heed(&survey.orders);
        let counted = survey.released.saturating_add(survey.active);
        // A store that is lost again soon after must not take the few it has counted for all.
        let uncounted = survey.ticks.earned < self.uncounted_until;
        self.inside = if uncounted {
            self.inside.max(counted)
        } else {
            counted
        };
    }

    /// Begins anew in the epoch of `survey`, which this gateway or another entered. For `idle`
    /// from then on there may be more inside than the store knows.
    pub fn renew(&mut self, survey: &Survey, idle: Duration) {
        let idle = u64::try_from(idle.as_micros()).unwrap_or(u64::MAX);
        self.uncounted_until = survey.ticks.earned.saturating_add(idle);
        self.known = Some(Known {
            incarnation: survey.incarnation,
            epoch: survey.epoch,
            tick: survey.ticks.tick,
        });
        self.heed(&survey.orders);
    }

    /// Judges a survey.
    ///
    /// A gateway without a memory takes what it finds, unless tokens have seen more. Tokens of a
    /// window that nobody has orders for are no loss that could be put back; see
    /// [`Memory::unknown`].
    #[must_use]
    pub fn judge(&self, survey: &Survey, by: Witness) -> Judged {
        if self.is_outdated(survey, by.minutes) {
            return Judged::Outdated;
        }
        let told = by.seen > survey.glimpse() && by.seen.window <= self.newest_window(survey);
        let why = self
            .missing(survey)
            .or(told.then_some("tokens have seen more than the store shows"));
        let Some(why) = why else {
            let same = self.known.is_none_or(|known| {
                (known.incarnation, known.epoch) == (survey.incarnation, survey.epoch)
            });
            return if same { Judged::Sound } else { Judged::Renewed };
        };
        Judged::Lost(Box::new(Loss {
            why,
            recovery: Recovery {
                epoch: self.next_epoch(survey, by),
                orders: self.orders_for(survey),
                pause: self.rest(survey, by),
                rest: Rest::AfterLoss,
                // Those told again as ended are taken off again, one by one.
                inside: self.inside.saturating_add(by.ends),
                inside_for: by.idle,
            },
        }))
    }

    /// What tokens have seen, where that is a window for which there are no orders anywhere.
    #[must_use]
    pub fn unknown(&self, survey: &Survey, seen: Glimpse) -> Option<Glimpse> {
        (seen.window > self.newest_window(survey)).then_some(seen)
    }

    /// The window of the newest orders, which stand whatever was opened elsewhere.
    fn newest_window(&self, survey: &Survey) -> WindowId {
        if survey.orders.version > self.orders.version {
            survey.orders.window
        } else {
            self.orders.window
        }
    }

    /// Windows are numbered by the time they were opened at, so a newer one in other data came
    /// after whatever is remembered. Just opened, it may be an error: visitors still hold their
    /// places in the older one, and get them back.
    fn is_outdated(&self, survey: &Survey, minutes: u32) -> bool {
        let window = survey.orders.window;
        self.known
            .is_some_and(|known| known.incarnation != survey.incarnation)
            && window > self.orders.window
            && minutes.saturating_sub(window.0) >= RUNS
    }

    /// By what the store shows that it knows less than is remembered.
    fn missing(&self, survey: &Survey) -> Option<&'static str> {
        let orders = &survey.orders;
        if orders.version < self.orders.version {
            return Some("the store's orders are older than those known here");
        }
        let known = self.known?;
        let other_data = known.incarnation != survey.incarnation;
        if other_data && self.is_fork(survey) {
            return Some("the store was emptied, and other orders were given since");
        }
        if survey.epoch > known.epoch {
            return None;
        }
        if other_data {
            return Some("the store's data is not that known here");
        }
        let back = (survey.epoch, survey.ticks.tick) < (known.epoch, known.tick);
        back.then_some("the store's ticks have gone back")
    }

    /// Whether orders of the same version say something else: one of both was given to a store
    /// that had forgotten the other.
    fn is_fork(&self, survey: &Survey) -> bool {
        survey.orders.version == self.orders.version && survey.orders != self.orders
    }

    fn orders_for(&self, survey: &Survey) -> Orders {
        let mut orders = self.orders.clone();
        if self.is_fork(survey) {
            orders.version = orders.version.saturating_add(1);
        }
        orders
    }

    fn newest_epoch(&self, seen: Glimpse) -> Epoch {
        self.known
            .map_or(seen.epoch, |known| known.epoch.max(seen.epoch))
    }

    /// Above every epoch that was seen before the loss; one that is so already will do.
    fn next_epoch(&self, survey: &Survey, by: Witness) -> Epoch {
        let newest = self.newest_epoch(by.seen);
        if survey.epoch > newest {
            return survey.epoch;
        }
        Epoch(newest.0.saturating_add(1).max(by.minutes))
    }

    fn rest(&self, survey: &Survey, by: Witness) -> Duration {
        let same_data = self
            .known
            .is_some_and(|known| known.incarnation == survey.incarnation);
        let same_epoch = self.newest_epoch(by.seen) <= survey.epoch;
        let newest = self.known.map_or(0, |known| known.tick).max(
            if (by.seen.window, by.seen.epoch) == (survey.orders.window, survey.epoch) {
                by.seen.tick
            } else {
                0
            },
        );
        let few = newest.saturating_sub(survey.ticks.tick) <= FEW_TICKS;
        if same_data && same_epoch && few {
            SHORT_REST
        } else {
            LONG_REST
        }
    }
}

const _: () = assert!(SHORT_REST.as_millis() == 2 * TICK.as_millis());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tick::TickState;
    use crate::domain::window::WindowState;

    const BY: Witness = Witness {
        seen: Glimpse {
            window: WindowId(0),
            epoch: Epoch(0),
            tick: 0,
        },
        minutes: 50,
        idle: Duration::from_mins(5),
        ends: 0,
    };

    fn survey(incarnation: u64, epoch: u32, tick: u64, version: u64) -> Survey {
        Survey {
            orders: Orders {
                version,
                window: WindowId(9),
                state: WindowState::Open,
                ..Orders::default()
            },
            incarnation,
            epoch: Epoch(epoch),
            ticks: TickState {
                tick,
                ..TickState::default()
            },
            released: 2,
            active: 5,
            ..Survey::default()
        }
    }

    /// One that has seen data 1 in epoch 100 at tick 400 with orders 7.
    fn memory() -> Memory {
        let mut memory = Memory::default();
        memory.remember(&survey(1, 100, 400, 7));
        memory
    }

    fn seen(window: u32, epoch: u32, tick: u64) -> Witness {
        let seen = Glimpse {
            window: WindowId(window),
            epoch: Epoch(epoch),
            tick,
        };
        Witness { seen, ..BY }
    }

    /// The epoch to enter, the orders' version and the rest in seconds.
    fn lost(judged: Judged) -> Option<(u32, u64, Duration)> {
        match judged {
            Judged::Lost(loss) => Some((
                loss.recovery.epoch.0,
                loss.recovery.orders.version,
                loss.recovery.pause,
            )),
            Judged::Sound | Judged::Renewed | Judged::Outdated => None,
        }
    }

    #[test]
    fn a_store_that_knows_all_is_sound_and_a_newer_epoch_is_taken_as_it_is() {
        let memory = memory();
        for sound in [survey(1, 100, 400, 7), survey(1, 100, 999, 8)] {
            assert_eq!(memory.judge(&sound, BY), Judged::Sound);
        }
        for renewed in [survey(1, 101, 5, 7), survey(2, 130, 5, 9)] {
            assert_eq!(memory.judge(&renewed, BY), Judged::Renewed);
        }
    }

    #[test]
    fn a_store_that_knows_less_is_given_back_what_is_known() {
        let memory = memory();
        for (less, expected) in [
            (survey(1, 100, 392, 7), (101, 7, SHORT_REST)),
            (survey(1, 100, 391, 7), (101, 7, LONG_REST)),
            (survey(1, 99, 900, 7), (101, 7, LONG_REST)),
            (survey(1, 100, 400, 6), (101, 7, SHORT_REST)),
            (survey(2, 100, 500, 7), (101, 7, LONG_REST)),
            (survey(2, 90, 0, 0), (101, 7, LONG_REST)),
            (survey(2, 130, 0, 0), (130, 7, LONG_REST)),
        ] {
            assert_eq!(lost(memory.judge(&less, BY)), Some(expected), "{less:?}");
        }
        let late = Witness { minutes: 900, ..BY };
        let less = survey(2, 90, 0, 0);
        assert_eq!(lost(memory.judge(&less, late)), Some((900, 7, LONG_REST)));
    }

    #[test]
    fn orders_given_to_an_emptied_store_do_not_undo_those_before() {
        let mut other = survey(2, 130, 0, 7);
        other.orders.window = WindowId(10);
        let just_opened = Witness { minutes: 12, ..BY };
        let judged = memory().judge(&other, just_opened);
        assert_eq!(lost(judged), Some((130, 8, LONG_REST)));
    }

    #[test]
    fn tokens_that_have_seen_more_prove_a_loss() {
        let (fresh, now) = (Memory::default(), survey(1, 100, 400, 7));
        for (by, expected) in [
            (seen(9, 100, 401), Some((101, 0, LONG_REST))),
            (seen(9, 104, 1), Some((105, 0, LONG_REST))),
            (seen(9, 100, 400), None),
            (seen(8, 200, 999), None),
            (seen(10, 100, 1), None),
        ] {
            assert_eq!(lost(fresh.judge(&now, by)), expected, "{by:?}");
        }
        let known = memory().judge(&now, seen(9, 100, 405));
        assert_eq!(lost(known), Some((101, 7, SHORT_REST)));
    }

    #[test]
    fn a_window_without_orders_is_told_apart_from_a_loss() {
        let (memory, now) = (memory(), survey(1, 100, 400, 7));
        let by = seen(10, 100, 500);
        assert_eq!(memory.judge(&now, by), Judged::Sound);
        assert_eq!(memory.unknown(&now, by.seen), Some(by.seen));
        assert_eq!(memory.unknown(&now, seen(9, 100, 500).seen), None);
    }

    #[test]
    fn a_sale_that_runs_in_other_data_outdates_what_is_remembered_and_a_new_one_does_not() {
        let memory = memory();
        for (incarnation, window, minutes, expected) in [
            (2, 10, 20, true),
            (2, 10, 19, false),
            (2, 9, 99, false),
            (1, 10, 99, false),
        ] {
            let mut running = survey(incarnation, 90, 4, 3);
            running.orders.window = WindowId(window);
            let judged = memory.judge(&running, Witness { minutes, ..BY });
            assert_eq!(judged == Judged::Outdated, expected, "{judged:?}");
        }
    }

    #[test]
    fn tokens_of_a_window_that_was_overruled_are_no_loss() {
        let mut memory = Memory::default();
        let mut opened = survey(2, 130, 4, 1);
        opened.orders.window = WindowId(10);
        memory.remember(&opened);
        let (overruled, by) = (survey(2, 131, 2, 7), seen(10, 130, 5));
        assert_eq!(memory.judge(&overruled, by), Judged::Renewed);
        memory.renew(&overruled, BY.idle);
        assert_eq!(memory.judge(&overruled, by), Judged::Sound);
        assert_eq!(memory.unknown(&overruled, by.seen), Some(by.seen));
    }

    #[test]
    fn who_was_inside_before_a_loss_counts_at_the_next_one_soon_after() {
        let mut memory = memory();
        let after = |secs: u64| {
            let mut few = survey(2, 101, 4, 7);
            few.ticks.earned = secs * 1_000_000;
            few.active = 1;
            few
        };
        let inside = |memory: &Memory| match memory.judge(&survey(3, 90, 0, 0), BY) {
            Judged::Lost(loss) => loss.recovery.inside,
            sound => panic!("it is lost: {sound:?}"),
        };
        memory.renew(&after(0), BY.idle);
        memory.remember(&after(299));
        assert_eq!(inside(&memory), 7);
        memory.remember(&after(300));
        assert_eq!(inside(&memory), 3, "all who are inside were counted");
    }

    #[test]
    fn those_inside_count_on_and_so_do_ends_to_be_told_again() {
        let by = Witness { ends: 3, ..BY };
        let Judged::Lost(loss) = memory().judge(&survey(2, 90, 0, 0), by) else {
            panic!("it is lost");
        };
        assert_eq!(
            (loss.recovery.inside, loss.recovery.inside_for),
            (10, BY.idle)
        );
    }

    #[test]
    fn who_remembers_nothing_takes_what_there_is() {
        let fresh = Memory::default();
        assert_eq!(fresh.judge(&survey(3, 1, 0, 0), BY), Judged::Sound);
        let kept = Memory::of(survey(1, 1, 0, 7).orders, 1, Epoch(100));
        assert_eq!(kept.judge(&survey(1, 100, 5, 7), BY), Judged::Sound);
        let gone = kept.judge(&survey(2, 100, 0, 0), BY);
        assert_eq!(lost(gone), Some((101, 7, LONG_REST)));
    }
}
