//! Whole sales at random: two gateways on one store, fans who do anything in any order, an operator
//! who does too, and gateways that are cut off at any call of the store and start again. Whatever
//! happens, what every fan is promised holds.

mod ledger;

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use self::ledger::Ledger;
use super::house::{Got, House, OPEN, SECOND, Visitor, per_minute};
use crate::domain::invitation::{CodeNumber, Invite};
use crate::domain::lane::{LaneSettings, Weights};
use crate::domain::pace::Pace;
use crate::domain::place::{Epoch, Turn};
use crate::domain::room::{Activation, Method, RoomSettings};
use crate::domain::window::{Opening, Order, WindowState};
use crate::store::QueueStore;
use crate::store::embedded::Embedded;
use crate::store::redis::databases;
use crate::store::survey::Survey;

/// How many fans there are.
const FANS: usize = 9;

/// How many gateways.
const GATEWAYS: usize = 2;

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    /// A fan, through a gateway, does something.
    Fan(usize, usize, Deed),
    /// Time goes by, in steps of 50 ms.
    Time(u32),
    /// The operator gives an order.
    Order(Ordered),
    /// A gateway is cut off after so many calls of the store.
    Kill(usize, u64),
    /// A gateway starts again, and remembers nothing.
    Restart(usize),
}

/// What a fan does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Visit,
    Poll,
    Claim,
    Leave,
    StepAway,
    Extend,
    /// Brings a code into the members' lane: one for each fan, and the last fan brings another's.
    Redeem,
    /// Tries the admission of a stay that is over.
    ComeBackInside,
}

/// What the operator does.
#[derive(Clone, Debug)]
enum Ordered {
    Open,
    Prequeue,
    Pause,
    Close,
    End,
    Pace(u32),
    Capacity(Option<u32>),
    Release(u32),
    RevokeAll,
}

/// How the room is made.
#[derive(Clone, Debug)]
struct Kind {
    method: Method,
    activation: Activation,
    begins: Ordered,
    capacity: Option<u32>,
    /// The weights of its lanes.
    lanes: &'static [u16],
}

fn kinds() -> impl Strategy<Value = Kind> {
    let ways = prop_oneof![
        3 => Just((Method::Fifo, Activation::Always)),
        2 => Just((Method::Random, Activation::Always)),
        2 => Just((Method::Fifo, Activation::Overload)),
    ];
    let begins = prop_oneof![Just(Ordered::Open), Just(Ordered::Prequeue)];
    let capacity = prop_oneof![Just(None), (1_u32..5).prop_map(Some)];
    let lanes = prop::sample::select(vec![&[1][..], &[3, 1], &[1, 5]]);
    (ways, begins, capacity, lanes).prop_map(|(ways, begins, capacity, lanes)| Kind {
        method: ways.0,
        activation: ways.1,
        begins,
        capacity,
        lanes,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let deed = prop_oneof![
        8 => Just(Deed::Visit),
        6 => Just(Deed::Poll),
        4 => Just(Deed::Claim),
        1 => Just(Deed::Leave),
        2 => Just(Deed::StepAway),
        1 => Just(Deed::Extend),
        2 => Just(Deed::Redeem),
        2 => Just(Deed::ComeBackInside),
    ];
    let ordered = prop_oneof![
        5 => Just(Ordered::Open),
        1 => Just(Ordered::Prequeue),
        2 => Just(Ordered::Pause),
        1 => Just(Ordered::Close),
        1 => Just(Ordered::End),
        2 => prop::sample::select(vec![30_u32, 120, 600]).prop_map(Ordered::Pace),
        2 => (0_u32..4).prop_map(|cap| Ordered::Capacity(NonZeroU32::new(cap).map(u32::from))),
        1 => (1_u32..4).prop_map(Ordered::Release),
        1 => Just(Ordered::RevokeAll),
    ];
    let step = prop_oneof![
        10 => (0..FANS, 0..GATEWAYS, deed).prop_map(|(fan, at, deed)| Step::Fan(fan, at, deed)),
        6 => prop_oneof![1_u32..8, 1_u32..8, 20_u32..80].prop_map(Step::Time),
        2 => ordered.prop_map(Step::Order),
        1 => (0..GATEWAYS, 0_u64..12).prop_map(|(at, calls)| Step::Kill(at, calls)),
        1 => (0..GATEWAYS).prop_map(Step::Restart),
    ];
    vec(step, 1..70)
}

/// A sale that goes on.
struct Sale {
    gateways: [House; GATEWAYS],
    rests: [Duration; GATEWAYS],
    /// Since when each gateway has been able to ask the store.
    well_since: [Duration; GATEWAYS],
    fans: Vec<Visitor>,
    ledger: Ledger,
}

impl Sale {
    async fn begin(kind: &Kind, store: impl QueueStore + 'static) -> Self {
        let one = House::furnished_on(store, |room| furnish(room, kind));
        let two = one.beside_with(2, |with| with.store = with.store.beside());
        let mut sale = Self {
            gateways: [one, two],
            rests: [Duration::ZERO; GATEWAYS],
            well_since: [Duration::ZERO; GATEWAYS],
            fans: vec![Visitor::default(); FANS],
            ledger: Ledger::new(FANS, kind.capacity),
        };
        sale.time(10).await;
        if kind.lanes.len() > 1 {
            let invite = Invite {
                lane: "members".parse().unwrap(),
                count: 20,
                expires_at: None,
            };
            sale.gateways[0].order(Order::Invite(invite)).await;
        }
        sale.order(&kind.begins).await;
        sale
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Fan(fan, at, deed) => self.fan(*fan, *at, *deed).await,
            Step::Time(steps) => self.time(*steps).await,
            Step::Order(ordered) => self.order(ordered).await,
            Step::Kill(at, calls) => {
                *self.gateways[*at].store.calls_left.lock().unwrap() = Some(*calls);
            }
            Step::Restart(at) => self.restart(*at),
        }
    }

    fn restart(&mut self, at: usize) {
        let house = &self.gateways[at];
        self.well_since[at] = house.clock.now().mono;
        let again = house.beside_with(3, |with| with.store = with.store.beside());
        self.gateways[at] = again;
        self.rests[at] = Duration::ZERO;
    }

    /// Whether a gateway has heard of all that happened until a while ago.
    fn is_well(&self, at: usize) -> bool {
        let house = &self.gateways[at];
        let killed = house.store.calls_left.lock().unwrap().is_some();
        !killed && house.clock.now().mono > self.well_since[at] + SECOND
    }

    /// A fan asks; never more often than is turned away.
    async fn fan(&mut self, fan: usize, at: usize, deed: Deed) {
        self.time(2).await;
        match deed {
            Deed::ComeBackInside => return self.come_back_inside(fan, at).await,
            Deed::Redeem => return self.redeem(fan, at).await,
            _ => {}
        }
        let (house, visitor) = (&self.gateways[at], &mut self.fans[fan]);
        let was_inside = visitor.admission.clone();
        let own = |deed| format!("/_anteroom/rooms/sale/{deed}");
        let got = match deed {
            Deed::Visit => visitor.get(house, "/buy/1").await,
            Deed::Poll => visitor.ask(house, "GET", &own("status"), &[]).await,
            Deed::Claim => visitor.ask(house, "POST", &own("claim"), &[]).await,
            Deed::Leave => visitor.ask(house, "POST", &own("leave"), &[]).await,
            Deed::StepAway => visitor.ask(house, "POST", &own("step-away"), &[]).await,
            Deed::Extend | Deed::Redeem | Deed::ComeBackInside => {
                visitor.ask(house, "POST", &own("extend"), &[]).await
            }
        };
        if let Deed::Leave = deed {
            // A gateway that was cut off told nobody, and forgets it when it is begun anew.
            let cut_off = house.store.calls_left.lock().unwrap().is_some();
            let ended = was_inside.filter(|_| !cut_off);
            self.ledger.left(fan, (ended, house.clock.now().mono));
        }
        self.ledger.heard(fan, &self.fans[fan], (house, &got));
        self.look().await;
    }

    async fn redeem(&mut self, fan: usize, at: usize) {
        let house = &self.gateways[at];
        let number = CodeNumber {
            batch: 1,
            serial: u16::try_from(fan).unwrap() % (FANS as u16 - 1) + 1,
        };
        let room = &house.gate.rooms[0].settings.name;
        let code = house.gate.keys.codes().code(room, number).to_string();
        // Guesses are slowed down.
        if let Ok((notice, _)) = self.fans[fan].redeem(house, &code, &[]).await {
            let got = Got::Waits(notice);
            self.ledger.heard(fan, &self.fans[fan], (house, &got));
        }
    }

    /// Whoever left or was revoked does not come in again by the old admission, once every gateway
    /// has heard of it.
    async fn come_back_inside(&mut self, fan: usize, at: usize) {
        if !self.is_well(at) {
            return;
        }
        let house = &self.gateways[at];
        let Some(admission) = self.ledger.old_admission(fan, house.clock.now().mono) else {
            return;
        };
        let mut old = Visitor {
            admission: Some(admission),
            ..Visitor::default()
        };
        old.get(house, "/buy/1").await.is_not_served();
    }

    async fn order(&mut self, ordered: &Ordered) {
        self.time(1).await;
        let orders = self.survey().await.orders;
        let house = &mut self.gateways[0];
        let now = house.clock.now();
        let order = match ordered {
            Ordered::Open => OPEN,
            Ordered::Prequeue => Order::Open(Opening {
                prequeue_opens_at: Some(now.wall),
                opens_at: Some(now.wall.after(8 * SECOND)),
                ..Opening::default()
            }),
            Ordered::Pause => Order::Pause,
            Ordered::Close => Order::Close,
            Ordered::End => Order::End,
            Ordered::Pace(per_minute) => Order::Pace(Pace::per_minute(*per_minute).unwrap()),
            Ordered::Capacity(cap) => Order::Capacity(cap.and_then(NonZeroU32::new)),
            Ordered::Release(count) => Order::Release(NonZeroU32::new(*count).unwrap()),
            Ordered::RevokeAll => Order::RevokeAll,
        };
        // What the state forbids is refused, and changes nothing.
        if orders.apply(&order, now.wall).is_err() {
            return;
        }
        match ordered {
            Ordered::Pace(per_minute) => self.ledger.paces.push((now.mono, *per_minute)),
            Ordered::Capacity(cap) => self.ledger.capacity = *cap,
            Ordered::Release(count) => self.ledger.grants.push((now.mono, *count)),
            Ordered::RevokeAll => self.ledger.revoked(&self.fans, now.mono),
            _ => {}
        }
        house.order(order).await;
        self.look().await;
    }

    /// So many steps of 50 ms; each gateway goes round when its rest is over.
    async fn time(&mut self, steps: u32) {
        const STEP: Duration = Duration::from_millis(50);
        for _ in 0..steps {
            self.gateways[0].clock.advance(STEP);
            for (house, rest) in self.gateways.iter_mut().zip(&mut self.rests) {
                *rest = rest.saturating_sub(STEP);
                if rest.is_zero() {
                    *rest = house.turn().await;
                }
            }
        }
        self.look().await;
    }

    /// Looks at the room as the store has it now.
    async fn look(&mut self) {
        let survey = self.survey().await;
        self.ledger.seen(&survey);
    }

    async fn survey(&self) -> Survey {
        let room = &self.gateways[0].gate.rooms[0].settings;
        let store = self.gateways[0].store.inner();
        store.survey(&room.name, &room.terms, 0).await.unwrap()
    }

    /// The room opens for everybody, and whoever still comes gets in: nobody was lost on the way.
    async fn end(mut self) {
        for at in 0..GATEWAYS {
            self.restart(at);
        }
        for ordered in [Ordered::Capacity(None), Ordered::Pace(60), Ordered::Open] {
            self.order(&ordered).await;
        }
        let mut inside = [false; FANS];
        for round in 0..120 {
            let state = self.survey().await.orders.state;
            if matches!(
                state,
                WindowState::Closed | WindowState::Paused | WindowState::Prequeue
            ) {
                self.order(&Ordered::Open).await;
            }
            for (fan, inside) in inside.iter_mut().enumerate() {
                if *inside {
                    continue;
                }
                let at = (fan + round) % GATEWAYS;
                let got = self.fans[fan].get(&self.gateways[at], "/buy/1").await;
                self.ledger
                    .heard(fan, &self.fans[fan], (&self.gateways[at], &got));
                *inside = matches!(got, Got::Served);
            }
            if inside.iter().all(|inside| *inside) {
                break;
            }
            self.time(10).await;
        }
        assert!(
            inside.iter().all(|inside| *inside),
            "some fans are lost: {inside:?}"
        );
        let released = self.gateways[0].store.released.lock().unwrap().clone();
        self.ledger.assert_paced(&released);
    }
}

fn furnish(room: &mut RoomSettings, kind: &Kind) {
    room.method = kind.method;
    room.activation = kind.activation;
    room.terms = per_minute(120);
    room.terms.capacity = kind.capacity.and_then(NonZeroU32::new);
    room.terms.session.claim_window = 10 * SECOND;
    room.terms.session.idle = 30 * SECOND;
    room.terms.session.absolute = 60 * SECOND;
    room.terms.absence.step_away = 10 * SECOND;
    if kind.lanes.len() > 1 {
        room.lanes = ["general", "members"]
            .iter()
            .zip(kind.lanes)
            .map(|(name, weight)| LaneSettings {
                name: name.parse().unwrap(),
                weight: *weight,
            })
            .collect();
    }
    room.terms.lanes = Weights::new(kind.lanes).unwrap();
    room.terms.fairness_window = (kind.method == Method::Random).then_some(5 * SECOND);
}

fn run<S: QueueStore + 'static>(cases: u32, store: impl AsyncFn() -> S) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = ProptestConfig {
        cases: cases.max(ProptestConfig::default().cases),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    };
    proptest!(config, |(kind in kinds(), steps in steps())| {
        runtime.block_on(async {
            let mut sale = Sale::begin(&kind, store().await).await;
            for step in &steps {
                sale.step(step).await;
            }
            sale.end().await;
        });
    });
}

#[tokio::test]
async fn who_was_drawn_left_and_came_back_is_told_no_place_before_it_is_drawn_again() {
    let kind = Kind {
        method: Method::Random,
        activation: Activation::Always,
        begins: Ordered::Prequeue,
        capacity: None,
        lanes: &[1],
    };
    let mut sale = Sale::begin(&kind, Embedded::in_memory(Epoch(1_000_000))).await;
    let asks = |deed| Step::Fan(0, 1, deed);
    for step in [
        Step::Time(40),
        asks(Deed::Visit),
        asks(Deed::Visit),
        Step::Time(200),
        asks(Deed::Poll),
        asks(Deed::Leave),
        Step::Order(Ordered::Pause),
        Step::Fan(1, 1, Deed::Visit),
        Step::Fan(1, 1, Deed::Visit),
        asks(Deed::Visit),
        Step::Time(40),
        asks(Deed::Redeem),
        asks(Deed::Poll),
        Step::Order(Ordered::Open),
        asks(Deed::Redeem),
        asks(Deed::Poll),
        Step::Time(200),
        asks(Deed::Poll),
    ] {
        sale.step(&step).await;
    }
    assert_eq!(sale.fans[0].token(&sale.gateways[1]).turn, Turn(2));
    sale.end().await;
}

#[test]
fn whatever_happens_in_a_sale_every_promise_holds_in_memory() {
    run(1_000, async || Embedded::in_memory(Epoch(1_000_000)));
}

#[test]
fn whatever_happens_in_a_sale_every_promise_holds_on_redis() {
    run(1_000, async || databases::store(Epoch(1_000_000)).await);
}
