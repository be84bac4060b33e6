//! A whole run: fans come when their time has come, whatever the gateways do.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinSet, LocalSet};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::curve;
use crate::fan::{Fan, World};
use crate::journal::Journal;
use crate::life::Life;
use crate::order::{Way, kendall, overtaken};
use crate::pace::{Bound, Count, Window, tightest, without_resets};
use crate::plan::Plan;
use crate::promise::{Breach, Promise};
use crate::watch::{self, Sample, Setting};

/// How old an answer about the line, or a total in the metrics, may be: two surveys of the store.
const AGE: Duration = Duration::from_millis(500);
/// How often a word is said about how it goes.
const WORD_EVERY: Duration = Duration::from_secs(10);

/// All that is known of a run that has ended.
#[derive(Debug)]
pub struct Outcome {
    /// What it was to do.
    pub plan: Plan,
    /// How long it took.
    pub ran: Duration,
    /// What the room is set to; nothing when no gateway said.
    pub setting: Option<Setting>,
    /// What was written down.
    pub journal: Journal,
    /// What the gateways said.
    pub samples: Vec<Sample>,
    /// How often a fan waited for a connection of its own side.
    pub held_back: u64,
    /// The window of releases that came closest to the bound.
    pub window: Option<Window>,
    /// Kendall's tau of those who asked on time.
    pub tau: Option<f64>,
    /// The ways of all who held a place.
    pub ways: Vec<Way>,
}

/// Runs the sale.
///
/// # Errors
/// When the curve cannot be read, or the system gives no runtime.
pub fn run(plan: Plan, curve: Option<&str>) -> Result<Outcome, Box<dyn std::error::Error>> {
    let mut chance = Chance::seeded(plan.seed);
    let arrivals = match curve {
        Some(text) => curve::read(text, &mut chance)?,
        None => curve::shaped(plan.shape, plan.fans, plan.seconds, &mut chance),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = LocalSet::new();
    Ok(local.block_on(&runtime, sale(plan, arrivals, chance)))
}

async fn sale(plan: Plan, arrivals: Vec<Duration>, chance: Chance) -> Outcome {
    let world = World::new(plan, arrivals.len(), Clock::start());
    let setting = watch::setting(&world).await;
    let samples = Rc::new(RefCell::new(Vec::new()));
    let mut beside = JoinSet::new();
    let taken = Rc::clone(&samples);
    let take = move |sample| taken.borrow_mut().push(sample);
    beside.spawn_local(watch::watch(Rc::clone(&world), take));
    beside.spawn_local(words(Rc::clone(&world), Rc::clone(&samples)));
    let limit = Duration::from_secs(world.plan.at_most_s.into());
    let _ended = tokio::time::timeout(limit, visits(&world, &arrivals, &chance)).await;
    beside.shutdown().await;
    let last = watch::sample(&world).await;
    samples.borrow_mut().push(last);
    outcome(world, samples.take(), setting)
}

/// Lets every fan come at its time, and waits until all are gone. Dropped, it takes them along.
async fn visits(world: &Rc<World>, arrivals: &[Duration], chance: &Chance) {
    let mut fans = JoinSet::new();
    for (number, arrival) in (0..).zip(arrivals) {
        world.clock.sleep_until(*arrival).await;
        let fan = Fan::new(number, Rc::clone(world), chance.fork(number.into()));
        fans.spawn_local(fan.visit(*arrival));
        while fans.try_join_next().is_some() {}
    }
    while fans.join_next().await.is_some() {}
}

/// Says now and then how it goes.
async fn words(world: Rc<World>, samples: Rc<RefCell<Vec<Sample>>>) {
    let mut next = WORD_EVERY;
    loop {
        world.clock.sleep_until(next).await;
        let journal = world.journal.borrow();
        let asked: u64 = journal.answers.values().sum();
        let gone = journal
            .lives
            .iter()
            .filter(|life| life.end.is_some())
            .count();
        let came = journal
            .lives
            .iter()
            .filter(|life| life.arrived_s.is_some())
            .count();
        let room = samples.borrow().last().cloned().unwrap_or_default();
        eprintln!(
            "{:>5} s  {came} came, {} wait, {} inside, {gone} gone; {asked} requests, {} broken promises",
            next.as_secs(),
            room.waiting,
            room.active,
            journal.checker.breaches().len()
        );
        next += WORD_EVERY;
    }
}

fn outcome(world: Rc<World>, samples: Vec<Sample>, setting: Option<Setting>) -> Outcome {
    let ran = world.clock.now();
    let journal = world.journal.replace(Journal::new(0));
    let ways = journal.checker.ways();
    let on_time = ways.iter().filter(|way| way.on_time);
    let pairs: Vec<_> = on_time
        .filter_map(|way| Some((way.place, way.called?)))
        .collect();
    let mut outcome = Outcome {
        plan: world.plan.clone(),
        ran,
        setting,
        held_back: world.shelf.held_back(),
        window: setting.and_then(|setting| window(&samples, setting)),
        tau: kendall(&pairs),
        journal,
        samples,
        ways,
    };
    for breach in outcome.broken_at_the_end() {
        outcome.journal.checker.breach(breach);
    }
    outcome
}

fn window(samples: &[Sample], setting: Setting) -> Option<Window> {
    let answered: Vec<&Sample> = samples
        .iter()
        .filter(|sample| sample.gateways > 0)
        .collect();
    let totals = without_resets(answered.iter().map(|sample| sample.releases));
    let counts: Vec<Count> = answered
        .iter()
        .zip(totals)
        .map(|(sample, total)| Count {
            sent: Duration::from_millis(sample.sent_ms),
            got: Duration::from_millis(sample.got_ms),
            total,
        })
        .collect();
    let bound = Bound {
        per_minute: setting.per_minute,
        effective_burst: setting.effective_burst,
        age: AGE,
    };
    tightest(&counts, &bound)
}

impl Outcome {
    /// What can only be seen when all is over.
    fn broken_at_the_end(&self) -> Vec<Breach> {
        let mut broken = self.journal.checker.lost(self.ran);
        broken.extend(overtaken(&self.ways, AGE * 2).iter().map(|found| Breach {
            promise: Promise::InOrderOfPlaces,
            fan: Some(found.fan),
            at_s: self.ran.as_secs_f64(),
            what: format!(
                "place {} still waited {:.1} s after place {} was called",
                found.place,
                found.gap.as_secs_f64(),
                found.by
            ),
        }));
        broken.extend(self.beyond_the_pace());
        let joined = |life: &Life| life.first_position.is_some();
        if self.ways.is_empty() && self.journal.lives.iter().any(joined) {
            broken.push(self.unknown(Promise::InOrderOfPlaces, "no fan could read its place"));
        }
        if self.window.is_none() {
            broken.push(self.unknown(Promise::WithinThePace, "no gateway told its releases"));
        }
        broken
    }

    fn beyond_the_pace(&self) -> Option<Breach> {
        let window = self.window.filter(Window::is_beyond)?;
        Some(Breach {
            promise: Promise::WithinThePace,
            fan: None,
            at_s: window.to_s,
            what: format!(
                "{} released from {:.1} s to {:.1} s, at most {:.1} may be",
                window.released, window.from_s, window.to_s, window.allowed
            ),
        })
    }

    /// A promise of which nothing is known counts as broken.
    fn unknown(&self, promise: Promise, what: &str) -> Breach {
        Breach {
            promise,
            fan: None,
            at_s: self.ran.as_secs_f64(),
            what: what.to_owned(),
        }
    }
}
