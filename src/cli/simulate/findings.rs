//! What a simulated sale showed, as numbers.

use std::time::Duration;

use serde::Serialize;

use super::demand;
use super::fan::{Fan, Habit, Kind, Stage};
use super::figures::{greatest_displacement, kendall_tau, quantile};
use super::record::Point;
use super::sale::Sold;
use super::shown::{Hits, Moment};
use crate::domain::pace::VISITOR;

/// What a simulated sale showed. Times are seconds after the opening, spans seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// Joins, those of bots each.
    pub joins: u64,
    /// How many were called.
    pub called: u64,
    /// How many took their turn.
    pub served: u64,
    /// When the last one was called.
    pub last_called_s: f64,
    /// How long people waited.
    pub waits: Waits,
    /// What it takes to be done by a time, where one was asked for.
    pub finish: Option<Finish>,
    /// Whether the order was kept.
    pub order: OrderKept,
    /// What bots got.
    pub bots: Bots,
    /// Whether the bounds were kept.
    pub bounds: Bounds,
    /// How often the waits shown came true: at joining, half way, a minute before.
    pub shown: [Hits; 3],
    /// The curve of the sale.
    pub curve: Vec<Point>,
}

/// How long people waited, from joining until they were called, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Waits {
    /// How many stayed and were called.
    pub count: u64,
    /// One of ten waited at most so long.
    pub p10_s: f64,
    /// One of two.
    pub p50_s: f64,
    /// Nine of ten.
    pub p90_s: f64,
    /// Ninety-nine of a hundred.
    pub p99_s: f64,
    /// Nobody waited longer.
    pub most_s: f64,
}

/// What it takes to be done by a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Finish {
    /// The time, in seconds after the opening.
    pub within_s: u64,
    /// The lowest pace that does it; none where somebody comes too late for it.
    pub per_minute: Option<u64>,
    /// Where none does: the lowest pace that does it for the first 99 of 100 who come.
    pub per_minute_for_most: Option<u64>,
    /// How many are inside at once at that pace.
    pub capacity: Option<u64>,
    /// When the last one comes.
    pub last_comes_s: u64,
}

/// Whether those who were there all the time were called in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OrderKept {
    /// How many were there all the time and called.
    pub present: u64,
    /// Kendall's tau of coming and being called.
    pub kendall_tau: f64,
    /// How many places anybody was called before or after its own.
    pub greatest_displacement: u64,
}

/// What bots got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bots {
    /// How many there were.
    pub count: u64,
    /// Of all who came, counted by heads.
    pub share_of_heads: f64,
    /// Of all places.
    pub share_of_places: f64,
    /// Of the first tenth of those called.
    pub share_of_first_tenth: f64,
}

/// Whether the bounds were kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounds {
    /// The most that were released in any window beyond pace × window, rounded up.
    pub overshoot: u64,
    /// The most that may be: the effective burst.
    pub effective_burst: u64,
    /// The most that were inside at once.
    pub most_inside: u64,
    /// The most that waited at once.
    pub most_waiting: u64,
}

impl Bounds {
    /// Whether the releases kept to the pace.
    #[must_use]
    pub const fn are_kept(&self) -> bool {
        self.overshoot <= self.effective_burst
    }
}

impl Findings {
    /// What a sale showed; `stay` is how long a fan was inside, `finish` when it was to be over.
    #[must_use]
    pub fn of(sold: Sold, stay: Duration, finish: Option<Duration>) -> Self {
        let fans = &sold.fans;
        let called_at = |number: u32| fans.get(number as usize).and_then(|fan| fan.called);
        let last = fans.iter().filter_map(|fan| fan.called).max();
        Self {
            joins: fans.iter().filter(|fan| fan.stage != Stage::Coming).count() as u64,
            called: sold.record.order.len() as u64,
            served: fans.iter().filter(|fan| fan.stage == Stage::Served).count() as u64,
            last_called_s: seconds(last.unwrap_or(0)),
            waits: waits(fans),
            finish: finish.map(|within| to_finish(fans, stay, within)),
            order: order(fans, &sold.record.order),
            bots: bots(fans, &sold.record.order),
            bounds: Bounds {
                overshoot: sold.record.overshoot.most().div_ceil(VISITOR),
                effective_burst: sold.record.effective_burst,
                most_inside: sold.record.most_inside,
                most_waiting: sold.record.most_waiting,
            },
            shown: Moment::ALL
                .map(|moment| Hits::of(&sold.watched, moment, &sold.orders, called_at)),
            curve: sold.record.points,
        }
    }

    /// The share of all shown ranges that held; `None` where none was shown.
    #[must_use]
    pub fn calibration(&self) -> Option<f64> {
        let shown: u64 = self.shown.iter().map(|hits| hits.shown).sum();
        let inside: u64 = self.shown.iter().map(|hits| hits.inside).sum();
        (shown > 0).then(|| inside as f64 / shown as f64)
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// The waits of people who were there all the time.
fn waits(fans: &[Fan]) -> Waits {
    let mut waited: Vec<u64> = fans
        .iter()
        .filter(|fan| fan.kind == Kind::Person && fan.habit == Habit::Stays)
        .filter_map(|fan| Some(fan.called?.saturating_sub(fan.comes)))
        .collect();
    waited.sort_unstable();
    let at = |share| quantile(&waited, share).map_or(0.0, seconds);
    Waits {
        count: waited.len() as u64,
        p10_s: at(0.1),
        p50_s: at(0.5),
        p90_s: at(0.9),
        p99_s: at(0.99),
        most_s: at(1.0),
    }
}

fn to_finish(fans: &[Fan], stay: Duration, within: Duration) -> Finish {
    let called = fans.iter().filter(|fan| fan.called.is_some());
    let arrivals: Vec<u64> = called.map(|fan| fan.comes).collect();
    let per_minute = demand::pace(&arrivals, within);
    let most = arrivals.get(..arrivals.len() * 99 / 100);
    let per_minute_for_most = most
        .filter(|most| per_minute.is_none() && !most.is_empty())
        .and_then(|most| demand::pace(most, within));
    let pace = per_minute.or(per_minute_for_most);
    Finish {
        within_s: within.as_secs(),
        per_minute,
        per_minute_for_most,
        capacity: pace.map(|pace| demand::capacity(pace, stay)),
        last_comes_s: arrivals.last().map_or(0, |last| last / 1_000_000),
    }
}

fn order(fans: &[Fan], called: &[u32]) -> OrderKept {
    let stays = |number: &&u32| {
        let fan = fans.get(**number as usize);
        fan.is_some_and(|fan| fan.habit == Habit::Stays)
    };
    let places: Vec<u32> = called
        .iter()
        .filter(stays)
        .filter_map(|number| fans.get(*number as usize)?.place)
        .map(|place| place.number())
        .collect();
    OrderKept {
        present: places.len() as u64,
        kendall_tau: kendall_tau(&places),
        greatest_displacement: greatest_displacement(&places),
    }
}

fn bots(fans: &[Fan], called: &[u32]) -> Bots {
    let bot = |number: &u32| match fans.get(*number as usize).map(|fan| fan.kind) {
        Some(Kind::Bot(bot)) => Some(bot),
        Some(Kind::Person) | None => None,
    };
    let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    let mut all: Vec<u32> = (0u32..)
        .take(fans.len())
        .filter_map(|number| bot(&number))
        .collect();
    let joins = all.len();
    all.sort_unstable();
    all.dedup();
    let people = fans.len() - joins;
    let first = called.get(..called.len().div_ceil(10)).unwrap_or_default();
    let early = first.iter().filter(|number| bot(number).is_some()).count();
    Bots {
        count: all.len() as u64,
        share_of_heads: share(all.len(), people + all.len()),
        share_of_places: share(joins, fans.len()),
        share_of_first_tenth: share(early, first.len()),
    }
}
