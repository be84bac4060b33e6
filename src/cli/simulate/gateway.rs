//! A gateway of one room without sockets: the room's own loop, the embedded store in memory and
//! the gate's own queue, on a clock that is moved by hand.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use arc_swap::ArcSwap;

use super::dice::Dice;
use super::fan::{self, Fan};
use super::plan::Plan;
use crate::domain::clock::{Clock, UnixTime};
use crate::domain::pace::Corrected;
use crate::domain::place::{Epoch, Turn};
use crate::domain::pressure::Pressure;
use crate::domain::room::{
    Activation, Method, PageStatus, RoomSettings, Schedule, Terms, WhenStoreFails,
};
use crate::domain::session::SessionTerms;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::VisitorId;
use crate::domain::window::Order;
use crate::gate::Refusal;
use crate::gate::admit::Admissions;
use crate::gate::identity::Known as Identified;
use crate::gate::limit::Limiters;
use crate::gate::queue::{Coming, Line, May, Outcome};
use crate::gate::room::Room;
use crate::pacing::{Beat, RoomLoop};
use crate::policy::limits::{Limit, Limits};
use crate::store::embedded::Embedded;
use crate::store::survey::Snapshot;
use crate::store::{Ending, Ordered, QueueStore, ShownBy};
use crate::telemetry::metrics::Metrics;
use crate::token::keyfile::generate;
use crate::token::{AdmissionAlgorithm, Keyring, Purpose, QueueToken};

/// The wall time at which every simulated sale opens. No figure depends on it.
const OPENING: UnixTime = UnixTime::from_secs(1_800_000_000);

/// The epoch in which the store begins.
const EPOCH: Epoch = Epoch(1_000_000);

/// Sessions never run out: they end because the site says so.
const STAYS_OPEN: Duration = Duration::from_hours(60 * 24);

/// For how long the end of a session is remembered: nobody comes back with its token.
const ENDED_FOR: Duration = Duration::from_secs(1);

/// The path that everybody asks for.
const PATH: &str = "/buy/1";

/// What a fan was answered.
pub struct Answer {
    /// The answer.
    pub outcome: Outcome,
    /// The queue token that came with it.
    pub token: Option<QueueToken>,
}

/// A gateway of one room.
pub struct Gateway {
    clock: Clock,
    store: Arc<Embedded>,
    room: Room,
    beat: RoomLoop,
    keys: Arc<Keyring>,
    admissions: Admissions,
    limiters: Limiters,
    seed: u64,
}

impl Gateway {
    /// A gateway of the room that `plan` describes, not opened yet.
    ///
    /// # Errors
    /// Keys could not be made; that does not happen.
    pub fn new(plan: &Plan) -> anyhow::Result<Self> {
        let clock = Clock::by_hand(OPENING);
        let store = Arc::new(Embedded::in_memory(EPOCH));
        let room = Room::new(settings(plan)?);
        let mut dice = Dice::of(plan.seed);
        let algorithm = AdmissionAlgorithm::Hs256;
        let files = generate(OPENING, &Purpose::ALL, algorithm, &mut || Ok(dice.bytes()))?;
        let keys = Keyring::read(&files).map_err(|_| anyhow!("the keys made are no keys"))?;
        let keys = Arc::new(keys);
        let beat = Beat {
            room: Arc::clone(&room.settings),
            snapshot: Arc::clone(&room.snapshot),
            notes: Arc::clone(&room.notes),
            store: Arc::clone(&store) as Arc<dyn QueueStore>,
            clock: clock.clone(),
            keys: Arc::new(ArcSwap::new(Arc::clone(&keys))),
            draw: Arc::clone(&room.draw),
            keeper: None,
            heard: Arc::new(|_, _, _| {}),
        };
        Ok(Self {
            limiters: Limiters::new(&limits(plan.limit)?, clock.clone(), Metrics::new()?.limits),
            beat: RoomLoop::seeded(beat, plan.seed),
            admissions: Admissions::default(),
            seed: plan.seed,
            clock,
            store,
            room,
            keys,
        })
    }

    /// Lets this span go by.
    pub fn pass(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// The room's loop goes round; says how long it rests.
    pub async fn round(&mut self) -> Duration {
        self.beat.step().await
    }

    /// Whom the last round called, by their numbers.
    pub fn called(&self) -> impl Iterator<Item = u32> + '_ {
        self.beat.called().iter().map(fan::number)
    }

    /// What the gate answers from.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.room.snapshot.load_full()
    }

    /// The pace in force.
    pub fn pace(&self, snapshot: &Snapshot) -> Corrected {
        let ordered = snapshot.survey.orders.pace;
        self.room.settings.terms.pace_in_force(ordered)
    }

    /// Gives an order.
    ///
    /// # Errors
    /// The room's state does not allow it.
    pub async fn order(&self, order: &Order) -> anyhow::Result<()> {
        let (name, terms) = (&self.room.settings.name, &self.room.settings.terms);
        let now = self.store.survey(name, terms, 0).await?.orders;
        let next = now.apply(order, self.clock.now().wall)?;
        match self.store.order(name, &next, now.version).await? {
            Ordered::Done => Ok(()),
            Ordered::Changed(_) => Err(anyhow!("somebody else gave an order")),
        }
    }

    /// For how long a limit by address keeps this join back; `None` when it may go on.
    pub fn limited(&self, client: IpAddr) -> Option<Duration> {
        match self.limiters.visit(client, PATH) {
            Err(Refusal::TooMany { wait }) => Some(wait),
            Ok(()) | Err(_) => None,
        }
    }

    /// Asks for a fan where it stands, as its page does.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub async fn ask(&self, number: u32, fan: &Fan, may: May) -> anyhow::Result<Answer> {
        let snapshot = self.room.snapshot.load_full();
        let now = self.clock.now();
        let line = Line {
            room: &self.room,
            snapshot: &snapshot,
            keys: &self.keys,
            store: self.store.as_ref(),
            admissions: &self.admissions,
            now,
            pressure: Pressure::Calm,
        };
        let coming = Coming {
            token: Some(self.token(number, fan, &snapshot)),
            may,
            returned: false,
            known: Identified::Anybody,
            shown_by: ShownBy::Visitor,
        };
        let outcome = line
            .serve(coming)
            .await
            .map_err(|_| anyhow!("the machine gives no random numbers"))?;
        let notice = match &outcome {
            Outcome::Told(notice) | Outcome::Claimed { notice, .. } => notice,
        };
        let name = &self.room.settings.name;
        let read = |text| self.keys.verify_queue(name, text, now.wall);
        let token = notice.queue.given().map(read).transpose();
        let token = token.map_err(|_| anyhow!("a token just signed does not verify"))?;
        Ok(Answer { outcome, token })
    }

    /// The site says that a fan is done.
    ///
    /// # Errors
    /// The store does not answer; that does not happen.
    pub async fn done(&self, number: u32, turn: Turn) -> anyhow::Result<()> {
        let name = &self.room.settings.name;
        let window = self.room.snapshot.load().window();
        let ending = Ending {
            session: self.keys.jti(name, window, self.visitor(number), turn),
            why: EndedBy::Completed,
            life: ENDED_FOR,
        };
        Ok(self.store.end(name, &[ending]).await?)
    }

    fn visitor(&self, number: u32) -> VisitorId {
        fan::visitor(number, self.seed)
    }

    fn token(&self, number: u32, fan: &Fan, snapshot: &Snapshot) -> QueueToken {
        QueueToken {
            lane: 0,
            verdict: 0,
            rules: 0,
            visitor: self.visitor(number),
            window: snapshot.window(),
            epoch: snapshot.survey.epoch,
            turn: fan.turn,
            lobby: false,
            place: fan.place,
            expires: QueueToken::expiry(fan.place, self.clock.now().wall),
            tick: fan.tick,
            position: fan.position,
            ended: None,
            away: None,
        }
    }
}

fn settings(plan: &Plan) -> anyhow::Result<RoomSettings> {
    let session = SessionTerms {
        idle: STAYS_OPEN,
        absolute: STAYS_OPEN,
        ..SessionTerms::default()
    };
    Ok(RoomSettings {
        name: "sale".parse()?,
        site: "shop".parse()?,
        paths: Vec::new(),
        except: Vec::new(),
        exempt: Vec::new(),
        method: Method::Fifo,
        terms: Terms {
            capacity: plan.capacity,
            correction: plan.correction,
            session,
            max_waiting: u32::MAX,
            ..Terms::of_pace(plan.pace)
        },
        schedule: Schedule::default(),
        page_status: PageStatus::default(),
        activation: Activation::Always,
        when_store_fails: WhenStoreFails::Hold,
        lanes: Vec::new(),
        identity: None,
        rehearsal: false,
    })
}

fn limits(rate: Option<NonZeroU32>) -> anyhow::Result<Limits> {
    let limits = match rate {
        None => Vec::new(),
        Some(rate) => vec![Limit {
            name: "address".parse().context("the limit's name")?,
            rate,
            burst: rate,
            paths: Vec::new(),
        }],
    };
    Ok(Limits { limits })
}
