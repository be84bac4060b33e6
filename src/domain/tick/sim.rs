//! A simulation of one store and any number of gateways on a network with delays.
//!
//! True time is known here and only here: the store never reads it, and each gateway has a clock
//! that started at another moment. Every run is repeatable from its seed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::pace::{Corrected, TICK, VISITOR};
use super::{Door, Pacer, Proposal, Seen, Sight, TickState};

/// One second in microseconds.
pub const SECOND: u64 = 1_000_000;

/// What a run is made of. Times are in microseconds.
#[derive(Clone, Debug)]
pub struct World {
    pub seed: u64,
    pub gateways: usize,
    /// One message to the store and back.
    pub round_trip: u64,
    /// Every timer is late by up to this.
    pub timer_jitter: u64,
    /// How many of a million messages and timers are held up, and for how long at most.
    pub stalls: Vec<(u64, u64)>,
    pub runs_for: u64,
    /// The pace from each moment on; the first is from zero.
    pub paces: Vec<(u64, Corrected)>,
    /// Stretches in which nobody can go: nobody waits, or capacity is full.
    pub lulls: Vec<(u64, u64)>,
    /// Stretches in which the room is paused.
    pub pauses: Vec<(u64, u64)>,
    /// Whether nobody waits and visitors pass between the ticks: every so often as many as can.
    pub passes: bool,
}

impl World {
    pub fn new(seed: u64, gateways: usize, pace: impl Into<Corrected>) -> Self {
        Self {
            seed,
            gateways,
            round_trip: 1_000,
            timer_jitter: 100_000,
            stalls: vec![(10_000, 900_000)],
            runs_for: 600 * SECOND,
            paces: vec![(0, pace.into())],
            lulls: vec![],
            pauses: vec![],
            passes: false,
        }
    }

    /// The pace in force at `now`.
    pub fn pace(&self, now: u64) -> Corrected {
        let past = self.paces.iter().rev().find(|(from, _)| *from <= now);
        past.unwrap().1
    }

    /// What one clock would have earned from zero to `now`, in thousandths of a part of
    /// [`VISITOR`], so that a correction is exact.
    pub fn worth(&self, now: u64) -> i128 {
        let ends = self.paces[1..].iter().map(|(from, _)| *from).chain([now]);
        let spans = self.paces.iter().zip(ends);
        spans
            .map(|((from, pace), end)| {
                let span = i128::from(end.min(now).saturating_sub(*from));
                let rate = i128::from(pace.pace.rate()) * i128::from(pace.correction.get());
                span * rate
            })
            .sum()
    }
}

/// One accepted tick, at true time.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    pub at: u64,
    pub released: u64,
    pub state: TickState,
}

/// What came of a run.
pub struct Run {
    pub world: World,
    pub commits: Vec<Commit>,
}

impl Run {
    /// Released within `span` after the first accepted tick.
    pub fn released_within(&self, span: u64) -> u64 {
        let start = self.commits[0].at;
        let inside = self.commits.iter().filter(|c| c.at - start <= span);
        inside.map(|commit| commit.released).sum()
    }

    /// By how many thousandths of a part of [`VISITOR`] the worst window exceeds the bound; negative is within it.
    ///
    /// The bound of a window is the bucket of the pace in force when it begins, and what one
    /// clock would have earned in it.
    pub fn worst_excess(&self) -> i128 {
        let (mut released, mut floor, mut worst) = (0i128, i128::MAX, i128::MIN);
        for commit in &self.commits {
            let worth = self.world.worth(commit.at);
            let bucket = 1_000 * i128::from(self.world.pace(commit.at).ceiling(TICK));
            floor = floor.min(released - worth + bucket);
            released += 1_000 * i128::from(commit.released * VISITOR);
            worst = worst.max(released - worth - floor);
        }
        worst
    }

    /// By how much room time fell behind true time over the whole run, in microseconds.
    pub fn room_time_lost(&self) -> i128 {
        let (first, last) = (self.commits[0], self.commits[self.commits.len() - 1]);
        i128::from(last.at - first.at) - i128::from(last.state.earned - first.state.earned)
    }
}

/// Repeatable chance (the splitmix64 sequence).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A gateway's survey timer.
    Survey,
    /// A survey reaches the store; its answer is held up by `stall`.
    Asked { stall: u64 },
    /// A gateway's pacing timer; the call that follows is held up by `stall`.
    Wake { stall: Stall },
    /// A proposal that was sent at the local time `sent` reaches the store.
    Proposed {
        proposal: Proposal,
        sent: Duration,
        stall: u64,
    },
    /// Visitors pass.
    Rush,
    /// An answer reaches the gateway; `about` is what it proposed, `None` for a survey.
    Answer { seen: Seen, about: Option<Sight> },
}

/// Where one call is held up, and for how long: before it is made, on its way, on the way back.
#[derive(Clone, Copy, Debug, Default)]
struct Stall {
    before: u64,
    there: u64,
    back: u64,
}

struct Gateway {
    pacer: Pacer,
    clock_ahead: u64,
    awaiting: bool,
    /// The tick and lead for which a timer is set.
    timer_for: Option<(u64, bool)>,
}

impl Gateway {
    fn local(&self, now: u64) -> Duration {
        Duration::from_micros(now + self.clock_ahead)
    }

    fn is_due(&self, now: u64) -> bool {
        let due = self.pacer.due(Duration::ZERO);
        !self.awaiting && due.is_some_and(|due| due <= self.local(now))
    }
}

struct Sim {
    dice: Dice,
    queue: BTreeMap<(u64, u64), (usize, Event)>,
    events: u64,
    gateways: Vec<Gateway>,
    state: TickState,
    run: Run,
}

/// Plays `world` to its end.
pub fn play(world: World) -> Run {
    let mut dice = Dice(world.seed);
    let gateways = (0..world.gateways).map(|_| Gateway {
        pacer: Pacer::default(),
        clock_ahead: dice.below(1_000 * SECOND),
        awaiting: false,
        timer_for: None,
    });
    let mut sim = Sim {
        gateways: gateways.collect(),
        dice,
        queue: BTreeMap::new(),
        events: 0,
        state: TickState::default(),
        run: Run {
            commits: vec![],
            world,
        },
    };
    for gateway in 0..sim.gateways.len() {
        let start = sim.dice.below(250_000);
        sim.put(start, gateway, Event::Survey);
    }
    if sim.run.world.passes {
        sim.put(0, 0, Event::Rush);
    }
    while let Some(((now, _), (gateway, event))) = sim.queue.pop_first() {
        if now > sim.run.world.runs_for {
            break;
        }
        sim.step(now, gateway, event);
    }
    sim.run
}

impl Sim {
    fn put(&mut self, at: u64, gateway: usize, event: Event) {
        self.events += 1;
        self.queue.insert((at, self.events), (gateway, event));
    }

    fn stall(&mut self) -> Stall {
        let mut late = 0;
        for (chance, most) in &self.run.world.stalls {
            if self.dice.below(1_000_000) < *chance {
                late += self.dice.below(*most);
            }
        }
        let mut stall = Stall::default();
        match self.dice.below(3) {
            0 => stall.before = late,
            1 => stall.there = late,
            _ => stall.back = late,
        }
        stall
    }

    /// One way, between a quarter and three quarters of the round trip.
    fn way(&mut self) -> u64 {
        let round = self.run.world.round_trip;
        round / 4 + self.dice.below(round / 2)
    }

    fn lateness(&mut self) -> u64 {
        let jitter = self.run.world.timer_jitter;
        self.dice.below(jitter)
    }

    fn step(&mut self, now: u64, gateway: usize, event: Event) {
        match event {
            Event::Survey => self.survey(now, gateway),
            Event::Rush => {
                self.rush(now);
                let again = now + 1 + self.dice.below(SECOND);
                self.put(again, gateway, Event::Rush);
            }
            Event::Asked { stall } => self.answer(now + stall, gateway, None),
            Event::Wake { stall } => self.propose(now, gateway, stall),
            Event::Proposed {
                proposal,
                sent,
                stall,
            } => {
                let sight = self.commit(now, proposal, sent);
                self.answer(now + stall, gateway, Some(sight));
            }
            Event::Answer { seen, about } => self.observe(now, gateway, seen, about),
        }
    }

    fn survey(&mut self, now: u64, gateway: usize) {
        let Stall {
            before,
            there,
            back,
        } = self.stall();
        let arrives = now + before + there + self.way();
        self.put(arrives, gateway, Event::Asked { stall: back });
        let again = now + 250_000 + self.lateness();
        self.put(again, gateway, Event::Survey);
    }

    fn answer(&mut self, now: u64, gateway: usize, about: Option<Sight>) {
        let seen = self.state.seen();
        let arrives = now + self.way();
        self.put(arrives, gateway, Event::Answer { seen, about });
    }

    fn observe(&mut self, now: u64, gateway: usize, seen: Seen, about: Option<Sight>) {
        let jitter = Duration::from_micros(self.dice.below(250_000));
        let (late, stall) = (self.lateness(), self.stall());
        let here = &mut self.gateways[gateway];
        here.awaiting &= about.is_none();
        let local = here.local(now);
        here.pacer
            .observe(local, seen, about.unwrap_or(Sight::Told));
        let timer_for = Some((seen.tick, matches!(about, Some(Sight::Won { .. }))));
        if here.timer_for >= timer_for && about.is_none() {
            return;
        }
        here.timer_for = here.timer_for.max(timer_for);
        let due = here.pacer.due(jitter).unwrap().max(local) - local;
        let due = now + u64::try_from(due.as_micros()).unwrap();
        self.put(due + late + stall.before, gateway, Event::Wake { stall });
    }

    fn propose(&mut self, now: u64, gateway: usize, stall: Stall) {
        let arrives = now + self.way() + stall.there;
        let here = &mut self.gateways[gateway];
        if !here.is_due(now) {
            return;
        }
        here.awaiting = true;
        let sent = here.local(now);
        let proposed = Event::Proposed {
            proposal: here.pacer.propose(sent).unwrap(),
            sent,
            stall: stall.back,
        };
        self.put(arrives, gateway, proposed);
    }

    /// As many pass as can.
    fn rush(&mut self, now: u64) {
        let lulls = &self.run.world.lulls;
        if lulls.iter().any(|(a, b)| (*a..*b).contains(&now)) {
            return;
        }
        let pace = self.run.world.pace(now);
        let mut released = 0;
        while self.state.pass(pace) {
            released += 1;
        }
        self.run.commits.push(Commit {
            at: now,
            released,
            state: self.state,
        });
    }

    fn commit(&mut self, now: u64, proposal: Proposal, sent: Duration) -> Sight {
        if self.run.world.passes && self.dice.below(2) == 0 {
            self.rush(now);
        }
        let within = |spans: &[(u64, u64)]| spans.iter().any(|(a, b)| (*a..*b).contains(&now));
        let world = &self.run.world;
        let door = match within(&world.pauses) {
            true => Door::Shut,
            false => Door::Open,
        };
        let Some(step) = self.state.accept(proposal, world.pace(now), door) else {
            return Sight::Told;
        };
        let nobody_waits = world.passes || within(&world.lulls);
        let released = if nobody_waits { 0 } else { step.batch };
        self.state = step.state;
        self.state.spend(released);
        self.run.commits.push(Commit {
            at: now,
            released,
            state: self.state,
        });
        Sight::Won { sent }
    }
}
