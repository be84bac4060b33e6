//! A simulated fan: when it comes, what it does after joining, and where it stands.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;

use super::dice::Dice;
use crate::domain::place::{Place, Turn};
use crate::domain::visitor::VisitorId;

/// What a fan does after joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Keeps the page open.
    Stays,
    /// Goes away and comes back at this time, in microseconds after the opening.
    Away(u64),
    /// Never comes back.
    NeverBack,
}

/// Who a fan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person, who joins once.
    Person,
    /// One of the joins of the bot with this number.
    Bot(u32),
}

/// Where a fan stands, as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not in line yet.
    Coming,
    /// In line.
    Waiting,
    /// Inside, or done there.
    Served,
    /// Turned away, or its turn is over unused.
    Lost,
}

/// A simulated fan.
#[derive(Clone, Copy, Debug)]
pub struct Fan {
    /// When it joins, in microseconds after the opening.
    pub comes: u64,
    /// What it does then.
    pub habit: Habit,
    /// Who it is.
    pub kind: Kind,
    /// Where it stands.
    pub stage: Stage,
    /// Its place, once it has one.
    pub place: Option<Place>,
    /// Which stay it is.
    pub turn: Turn,
    /// The position last shown.
    pub position: Option<NonZeroU32>,
    /// The tick behind that position.
    pub tick: u64,
    /// When it was first called.
    pub called: Option<u64>,
}

impl Fan {
    /// A fan that comes at this time and keeps the page open.
    #[must_use]
    pub const fn new(comes: u64, kind: Kind) -> Self {
        Self {
            comes,
            habit: Habit::Stays,
            kind,
            stage: Stage::Coming,
            place: None,
            turn: Turn::FIRST,
            position: None,
            tick: 0,
            called: None,
        }
    }

    /// Whether this fan will take its turn one day, so that a sale is not over without it.
    #[must_use]
    pub const fn is_expected(&self) -> bool {
        !matches!(self.habit, Habit::NeverBack)
            && matches!(self.stage, Stage::Coming | Stage::Waiting)
    }

    /// The address a bot asks from.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self.kind {
            Kind::Person => None,
            Kind::Bot(number) => Some(IpAddr::V4(Ipv4Addr::from_bits(number))),
        }
    }
}

/// Which fans are other than those who come once and wait, as shares of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habits {
    /// Never come back after joining.
    pub no_shows: f64,
    /// Go away after joining and come back later.
    pub away: f64,
    /// For how long, on average, in seconds.
    pub away_for: f64,
    /// Are bots.
    pub bots: f64,
    /// How often a bot joins.
    pub joins_per_bot: u32,
}

impl Habits {
    /// How many joins so many arrivals make, on average.
    #[must_use]
    pub fn joins(&self, arrivals: u64) -> u64 {
        let more = self.bots * f64::from(self.joins_per_bot.saturating_sub(1));
        (arrivals as f64 * (1.0 + more)) as u64
    }
}

/// How far apart the joins of one bot are, in microseconds.
const BOT_PAUSE: u64 = 50_000;

/// The fans who come at these times, in order of coming.
#[must_use]
pub fn crowd(arrivals: &[u64], habits: &Habits, dice: &mut Dice) -> Vec<Fan> {
    let mut fans = Vec::with_capacity(arrivals.len());
    for (comes, number) in arrivals.iter().zip(0..) {
        if dice.falls(habits.bots) {
            let joins = (0..u64::from(habits.joins_per_bot))
                .map(|join| Fan::new(comes + join * BOT_PAUSE, Kind::Bot(number)));
            fans.extend(joins);
            continue;
        }
        let mut fan = Fan::new(*comes, Kind::Person);
        let lot = dice.share();
        if lot < habits.no_shows {
            fan.habit = Habit::NeverBack;
        } else if lot < habits.no_shows + habits.away {
            let away = dice.exponential(habits.away_for) * 1e6;
            fan.habit = Habit::Away(comes.saturating_add(away as u64));
        }
        fans.push(fan);
    }
    fans.sort_by_key(|fan| fan.comes);
    fans
}

/// The identity of the fan with this number: its first half is spread as chance would.
#[must_use]
pub fn visitor(number: u32, seed: u64) -> VisitorId {
    let mut bytes = [0; 16];
    let spread = Dice::of(seed ^ u64::from(number)).bits().to_be_bytes();
    let own = spread.into_iter().chain([0; 4]).chain(number.to_be_bytes());
    for (to, from) in bytes.iter_mut().zip(own) {
        *to = from;
    }
    VisitorId::from_bytes(bytes)
}

/// The number of the fan with this identity.
#[must_use]
pub const fn number(visitor: &VisitorId) -> u32 {
    let [.., a, b, c, d] = *visitor.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Habits = Habits {
        no_shows: 0.0,
        away: 0.0,
        away_for: 600.0,
        bots: 0.0,
        joins_per_bot: 20,
    };

    #[test]
    fn an_identity_tells_its_fan() {
        for fan in [0, 1, 77, u32::MAX] {
            assert_eq!(number(&visitor(fan, 9)), fan);
        }
        assert_ne!(visitor(1, 9).as_bytes()[..8], visitor(2, 9).as_bytes()[..8]);
    }

    #[test]
    fn habits_fall_in_their_shares_and_bots_join_often() {
        let arrivals: Vec<u64> = (0..10_000).map(|at| at * 1_000).collect();
        let habits = Habits {
            no_shows: 0.3,
            away: 0.1,
            bots: 0.02,
            ..NONE
        };
        let fans = crowd(&arrivals, &habits, &mut Dice::of(3));
        let share = |is: fn(&Fan) -> bool| fans.iter().filter(|fan| is(fan)).count() as f64 / 1e4;

        assert!(fans.is_sorted_by_key(|fan| fan.comes));
        let gone = share(|fan| fan.habit == Habit::NeverBack);
        let away = share(|fan| matches!(fan.habit, Habit::Away(_)));
        let bots = share(|fan| matches!(fan.kind, Kind::Bot(_)));
        assert!((0.28..0.31).contains(&gone), "{gone}");
        assert!((0.09..0.11).contains(&away), "{away}");
        assert!(
            (0.32..0.48).contains(&bots),
            "a fiftieth, twenty times: {bots}"
        );
        let plain = crowd(&arrivals, &NONE, &mut Dice::of(3));
        assert!(
            plain
                .iter()
                .all(|fan| fan.habit == Habit::Stays && fan.address().is_none())
        );
    }
}
