//! A sale on simulated time: fans, operator and gateway take their turns in order of time.
//!
//! Nothing of the room is imitated: ticks, releases, presence, positions and estimates are those
//! of a running gateway. Three things are simpler than outside. A fan's first visit, which writes
//! nothing, is left out: it comes at the moment of its joining. Who is far from the front asks
//! only where that is measured: such a poll costs the store nothing and changes nothing. And no
//! session runs out: it lasts as long as its stay, and ends because the site says so.

mod answered;
mod watching;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use anyhow::bail;

use super::dice::Dice;
use super::fan::{Fan, Habit, Kind, Stage};
use super::gateway::Gateway;
use super::plan::Plan;
use super::record::Record;
use super::shown::{Moment, Watched};
use super::span;
use crate::domain::estimate::LONGEST_POLL;
use crate::domain::lane::Lane;
use crate::domain::window::Order;

use crate::gate::queue::May;
use crate::store::survey::Survey;

/// A sale that is not over after this time is given up, in microseconds.
const LONGEST: u64 = 60 * 24 * 3_600 * 1_000_000;

/// Fans whose shown waits are held against what came, at most.
const MOST_WATCHED: usize = 50_000;

/// What a simulated sale came to.
#[derive(Debug)]
pub struct Sold {
    /// Who came, and when each was called.
    pub fans: Vec<Fan>,
    /// What was written down.
    pub record: Record,
    /// The waits shown to some.
    pub watched: Vec<Watched>,
    /// When the operator gave orders, in microseconds after the opening.
    pub orders: Vec<u64>,
}

/// What happens at a moment. The order of these is that of things at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The operator gives the order with this number.
    Order(usize),
    /// The room's loop goes round.
    Round,
    /// A bot tries again to join.
    Join(u32),
    /// A fan asks where it stands, and takes its turn.
    Ask(u32),
    /// A fan is done inside.
    Done(u32),
}

/// Runs a sale from its opening until everybody who is to come in was called.
///
/// # Errors
/// It does not end within [`LONGEST`], or an order cannot be carried out.
pub async fn run(plan: Plan) -> anyhow::Result<Sold> {
    let mut sale = Sale::new(plan)?;
    sale.gateway.order(&Order::OPEN_NOW).await?;
    sale.plan(0, Event::Round);
    for at in 0..sale.orders.len() {
        let due = sale.orders.get(at).map_or(0, |one| micros(one.at));
        sale.plan(due, Event::Order(at));
    }
    while let Some((at, event)) = sale.next() {
        if at > LONGEST {
            bail!(
                "the sale is not over after {}",
                span::words(Duration::from_micros(LONGEST))
            );
        }
        sale.gateway.pass(Duration::from_micros(at - sale.now));
        sale.now = at;
        sale.happen(event).await?;
    }
    sale.record.close(&sale.gateway.snapshot().survey);
    Ok(Sold {
        fans: sale.fans,
        record: sale.record,
        watched: sale.watched,
        orders: sale.orders.iter().map(|one| micros(one.at)).collect(),
    })
}

struct Sale {
    gateway: Gateway,
    dice: Dice,
    stay: Duration,
    orders: Vec<super::plan::Ordered>,
    fans: Vec<Fan>,
    /// The number of the fan that comes next.
    coming: u32,
    /// How many are expected inside one day.
    expected: usize,
    /// Microseconds after the opening.
    now: u64,
    agenda: BinaryHeap<Reverse<(u64, Event)>>,
    /// Orders that were not given yet.
    due: usize,
    /// Fans whom the horizon has not reached, in order of place.
    far: VecDeque<u32>,
    /// Watched fans who are not half way yet, in order of place.
    before_half: VecDeque<usize>,
    watched: Vec<Watched>,
    /// One of so many fans is watched.
    every: usize,
    record: Record,
}

impl Sale {
    fn new(plan: Plan) -> anyhow::Result<Self> {
        Ok(Self {
            gateway: Gateway::new(&plan)?,
            dice: Dice::of(!plan.seed),
            stay: plan.stay,
            due: plan.orders.len(),
            orders: plan.orders,
            coming: 0,
            expected: plan.fans.iter().filter(|fan| fan.is_expected()).count(),
            now: 0,
            agenda: BinaryHeap::new(),
            far: VecDeque::new(),
            before_half: VecDeque::new(),
            watched: Vec::new(),
            every: plan.fans.len().div_ceil(MOST_WATCHED).max(1),
            record: Record::default(),
            fans: plan.fans,
        })
    }

    fn plan(&mut self, at: u64, event: Event) {
        self.agenda.push(Reverse((at.max(self.now), event)));
    }

    /// What comes next; nothing once nobody is expected any more.
    fn next(&mut self) -> Option<(u64, Event)> {
        let arrival = self.fan(self.coming).map(|fan| fan.comes);
        if arrival.is_none() && self.expected == 0 && self.due == 0 {
            return None;
        }
        let planned = self.agenda.peek().map(|Reverse((at, _))| *at);
        match (arrival, planned) {
            (Some(comes), planned) if planned.is_none_or(|at| comes < at) => {
                self.coming += 1;
                Some((comes, Event::Join(self.coming - 1)))
            }
            _ => self.agenda.pop().map(|Reverse(next)| next),
        }
    }

    async fn happen(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Order(at) => {
                self.due -= 1;
                if let Some(ordered) = self.orders.get(at) {
                    self.gateway.order(&ordered.order).await?;
                }
            }
            Event::Round => self.round().await?,
            Event::Join(number) => self.join(number).await?,
            Event::Ask(number) => self.ask(number).await?,
            Event::Done(number) => {
                let turn = self.fan(number).map(|fan| fan.turn);
                if let Some(turn) = turn {
                    self.gateway.done(number, turn).await?;
                }
            }
        }
        Ok(())
    }

    fn fan(&self, number: u32) -> Option<Fan> {
        self.fans.get(number as usize).copied()
    }

    fn with_fan(&mut self, number: u32, change: impl FnOnce(&mut Fan)) {
        if let Some(fan) = self.fans.get_mut(number as usize) {
            let expected = fan.is_expected();
            change(fan);
            self.expected -= usize::from(expected && !fan.is_expected());
        }
    }

    async fn round(&mut self) -> anyhow::Result<()> {
        let rest = self.gateway.round().await;
        let called: Vec<u32> = self.gateway.called().collect();
        let now = self.now;
        for number in &called {
            if self.fan(*number).is_some_and(|fan| fan.called.is_none()) {
                self.record.order.push(*number);
            }
            self.with_fan(*number, |fan| fan.called = fan.called.or(Some(now)));
        }
        let snapshot = self.gateway.snapshot();
        let pace = self.gateway.pace(&snapshot);
        self.record
            .round(now, called.len() as u64, &snapshot.survey, pace);
        self.wake_the_near(&snapshot.survey);
        self.ask_half_way(&snapshot.survey).await?;
        self.plan(now + micros(rest), Event::Round);
        Ok(())
    }

    /// Those whom the horizon has reached ask again when their next poll is due: within the
    /// longest interval, at a moment that nothing favours.
    fn wake_the_near(&mut self, survey: &Survey) {
        while let Some(number) = self.far.front().copied() {
            let Some(fan) = self.fan(number) else { return };
            if fan
                .place
                .is_some_and(|place| !survey.lane(Lane::GENERAL).is_near(place))
            {
                return;
            }
            self.far.pop_front();
            let within = self.dice.share() * micros(LONGEST_POLL) as f64;
            self.ask_later(number, self.now + within as u64);
        }
    }

    fn ask_later(&mut self, number: u32, at: u64) {
        match self.fan(number).map(|fan| fan.habit) {
            Some(Habit::Stays) => self.plan(at, Event::Ask(number)),
            Some(Habit::Away(until)) => self.plan(at.max(until), Event::Ask(number)),
            Some(Habit::NeverBack) | None => {}
        }
    }

    async fn join(&mut self, number: u32) -> anyhow::Result<()> {
        let Some(fan) = self.fan(number) else {
            return Ok(());
        };
        if let Some(wait) = fan
            .address()
            .and_then(|address| self.gateway.limited(address))
        {
            self.plan(self.now + micros(wait).max(1), Event::Join(number));
            return Ok(());
        }
        let answer = self.gateway.ask(number, &fan, May::Join).await?;
        let Some(notice) = self.take_in(number, &answer) else {
            return Ok(());
        };
        let watched = fan.habit == Habit::Stays && fan.kind == Kind::Person;
        if watched && (number as usize).is_multiple_of(self.every) {
            let ahead = notice.position.map_or(0, |position| position - 1);
            let mut watched = Watched::new(number, ahead);
            watched.note(Moment::Join, self.now, notice.wait);
            self.before_half.push_back(self.watched.len());
            self.watched.push(watched);
        }
        let place = self.fan(number).and_then(|fan| fan.place);
        let survey = &self.gateway.snapshot().survey;
        if place.is_some_and(|place| !survey.lane(Lane::GENERAL).is_near(place)) {
            self.far.push_back(number);
        } else {
            self.ask_later(number, self.now + micros(notice.poll_after));
        }
        Ok(())
    }

    async fn ask(&mut self, number: u32) -> anyhow::Result<()> {
        let Some(fan) = self.fan(number).filter(|fan| fan.stage == Stage::Waiting) else {
            return Ok(());
        };
        let answer = self.gateway.ask(number, &fan, May::Claim).await?;
        let Some(notice) = self.take_in(number, &answer) else {
            return Ok(());
        };
        self.note_near(number, &notice);
        self.ask_later(number, self.now + micros(notice.poll_after));
        Ok(())
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
