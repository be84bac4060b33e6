//! Random histories against a reference that is too simple to be wrong: a list of people.

mod people;
mod steps;

use proptest::prelude::*;

use self::people::{At, LaneModel, Model, Person, micros};
use self::steps::{Step, steps, weights};
use super::*;
use crate::domain::lane::Weights;
use crate::domain::pace::VISITOR;
use crate::domain::presence::check_in_lasts;
use crate::domain::session::LEEWAY;
use crate::domain::share::Leads;
use crate::store::{Ending, Touch, Touched};

/// How many may be inside.
const CAPACITY: u64 = 4;

/// The store and the reference, side by side.
struct Pair<'a> {
    room: Stage<'a>,
    model: Model,
    now: u64,
}

impl Pair<'_> {
    async fn step(&mut self, step: &Step) -> Told {
        match *step {
            Step::Join(number, lane) => self.join(number, Lane(lane)).await?,
            Step::CheckIn(number) => self.check_in(number, ShownBy::Page).await?,
            Step::ComeBack(number) => self.check_in(number, ShownBy::Visitor).await?,
            Step::Depart(number) => self.step_away(number).await?,
            Step::Extend(number) => self.extend(number).await?,
            Step::Claim(number) => self.claim(number).await?,
            Step::Leave(number) => self.leave(number).await?,
            Step::Touch(number) => self.touch(number).await?,
            Step::End(number) => self.end(number).await?,
            Step::Tick(millis) => self.tick(Duration::from_millis(millis)).await?,
            Step::State(state) => self.turn_to(state).await?,
            Step::Reload(ref weights) => self.room.terms.lanes = Weights::new(weights).unwrap(),
            Step::Sweep => {
                let room = &self.room;
                room.store.sweep(&room.room, &room.terms).await?;
                self.model.sweep(self.now);
            }
        }
        self.compare(step).await
    }

    async fn compare(&self, step: &Step) -> Told {
        let seen = self.room.survey().await?;
        let counts = (seen.waiting, seen.absent, seen.released, seen.active);
        assert_eq!(counts, self.model.counts(), "after {step:?}");
        assert_eq!(seen.missed_total, self.model.missed_total);
        let over = self.model.count(|at| matches!(at, At::Over(_)));
        let all = seen.waiting + seen.released + seen.active + over;
        assert_eq!(seen.joins_total, all, "nobody is lost");
        let inside = seen.released + seen.active;
        assert!(inside <= CAPACITY, "{inside} inside");
        for one in &self.model.people {
            let ahead = self.model.ahead_of(one);
            let lane = seen.lane(one.lane);
            if lane.samples.iter().any(|sample| sample.place == one.place) {
                assert_eq!(lane.ahead_of(one.place), ahead);
            }
        }
        for (lane, of_lane) in Lane::all().zip(&seen.lanes) {
            assert_eq!(of_lane.waiting, self.model.waiting_in(lane), "{lane:?}");
        }
        Ok(())
    }

    /// The newest turn and place of somebody, as its token has it. The lane may be an old one.
    fn token(&mut self, number: u32) -> Option<CheckIn> {
        let (turn, place) = self.model.last(number).map(|one| (one.turn, one.place))?;
        let token = self.room.token(number, place);
        Some(CheckIn { turn, ..token })
    }

    async fn join(&mut self, number: u32, asked: Lane) -> Told {
        let joined = self.room.try_join_in(number, asked).await?;
        let known = self.model.last(number).map(|one| (one.turn, one.at));
        let turn = match known {
            Some((turn, At::Over(_))) => turn.next(),
            Some(_) => {
                self.model.see(number, self.now, ShownBy::Visitor);
                let standing = self.model.standing(number);
                assert!(
                    matches!(joined, Joined::Stands(stand) if Some(stand.standing) == standing)
                );
                return Ok(());
            }
            None => Turn::FIRST,
        };
        let full = self.model.counts().0 >= u64::from(self.room.terms.max_waiting);
        let Joined::Stands(stand) = joined else {
            let why = if self.model.state.joins() {
                Joined::Full
            } else {
                Joined::Shut
            };
            assert_eq!(joined, why);
            assert!(full || why == Joined::Shut);
            return Ok(());
        };
        assert!(self.model.state.joins() && !full);
        let place = stand.place.unwrap();
        let highest = self.model.people.iter().map(|one| one.place).max();
        assert!(Some(place) > highest, "places ascend");
        assert_eq!(stand.turn, turn);
        let lane = self.room.terms.lanes.lane(asked);
        assert_eq!(stand.lane, lane);
        let seen_until = self.now + micros(check_in_lasts(PROMISED));
        self.model.people.push(Person {
            number,
            turn,
            place,
            lane,
            at: At::Waiting { seen_until },
            missed: false,
            step_aways: 0,
            extensions: 0,
        });
        assert_eq!(Some(stand.standing), self.model.standing(number));
        Ok(())
    }

    async fn check_in(&mut self, number: u32, shown_by: ShownBy) -> Told {
        let Some(token) = self.token(number) else {
            return Ok(());
        };
        let stand = self.room.check_in(CheckIn { shown_by, ..token }).await?;
        self.model.see(number, self.now, shown_by);
        assert_eq!(Some(stand.standing), self.model.standing(number));
        Ok(())
    }

    async fn step_away(&mut self, number: u32) -> Told {
        let Some(token) = self.token(number) else {
            return Ok(());
        };
        let granted = self.room.step_away(token).await?;
        let expected = self.model.step_away(&self.room.terms, number);
        self.agrees(number, granted, expected);
        Ok(())
    }

    async fn extend(&mut self, number: u32) -> Told {
        let Some(token) = self.token(number) else {
            return Ok(());
        };
        let granted = self.room.extend(token).await?;
        let expected = self.model.extend(&self.room.terms, number);
        self.agrees(number, granted, expected);
        let absence = self.room.terms.absence;
        if let Some(one) = self.model.last(number) {
            assert!(one.step_aways <= absence.step_aways);
            assert!(one.extensions <= absence.extensions);
        }
        Ok(())
    }

    fn agrees(&self, number: u32, granted: Granted, expected: (bool, bool)) {
        let said = match granted {
            Granted::Yes(_) => (true, true),
            Granted::Spent(_) => (false, true),
            Granted::Not(_) => (false, false),
        };
        assert_eq!(said, expected, "{granted:?}");
        assert_eq!(Some(granted.stand().standing), self.model.standing(number));
    }

    async fn claim(&mut self, number: u32) -> Told {
        let Some(token) = self.token(number) else {
            return Ok(());
        };
        let claim = Claim {
            turn: token.turn,
            session: jti(number, token.turn),
            ..self.room.claiming(number, 1_000)
        };
        let room = &self.room;
        let claimed = room.store.claim(&room.room, &room.terms, &[claim]).await?;
        let until = self.now + micros(room.terms.session.idle + LEEWAY);
        let open = self.model.state.claims();
        let before = self.model.standing(number);
        let one = self.model.last(number).unwrap();
        let admitted = match one.at {
            At::Released { .. } if open => {
                one.at = At::Inside { until };
                true
            }
            At::Inside { until: held } => {
                let until = until.max(held);
                one.at = At::Inside { until };
                true
            }
            _ => false,
        };
        match claimed[0] {
            Claimed::Admitted {
                since,
                turn,
                rev: 0,
                kept: _,
            } => {
                assert!(admitted);
                assert_eq!((since, turn), (UnixTime::from_secs(1_000), token.turn));
            }
            Claimed::Admitted { rev, .. } => panic!("nobody revoked anything: {rev}"),
            Claimed::Not(stand) => {
                assert!(!admitted);
                assert_eq!(Some(stand.standing), before);
            }
        }
        Ok(())
    }

    async fn leave(&mut self, number: u32) -> Told {
        let Some(token) = self.token(number) else {
            return Ok(());
        };
        let leaving = Leaving {
            visitor: token.visitor,
            window: token.window,
            turn: token.turn,
        };
        self.room.store.leave(&self.room.room, &[leaving]).await?;
        self.model.over(number, EndedBy::Left);
        Ok(())
    }

    /// Touches whoever is inside: the store makes lost sessions again, and here none is lost.
    async fn touch(&mut self, number: u32) -> Told {
        let now = self.now;
        let Some(one) = self.model.last(number) else {
            return Ok(());
        };
        let At::Inside { until } = one.at else {
            return Ok(());
        };
        let life = Duration::from_secs(4);
        one.at = At::Inside {
            until: until.max(now + micros(life + LEEWAY)),
        };
        let session = jti(number, one.turn);
        let rev = 0;
        let touches = [Touch { session, rev, life }];
        let touched = self.room.store.touch(&self.room.room, &touches).await?;
        assert_eq!(touched, [Touched::Held]);
        Ok(())
    }

    async fn end(&mut self, number: u32) -> Told {
        let Some(Person {
            turn,
            at: At::Inside { .. },
            ..
        }) = self.model.last(number)
        else {
            return Ok(());
        };
        let ending = Ending {
            session: jti(number, *turn),
            why: EndedBy::Completed,
            life: Duration::from_secs(5),
        };
        self.room.store.end(&self.room.room, &[ending]).await?;
        self.model.over(number, EndedBy::Completed);
        Ok(())
    }

    async fn turn_to(&mut self, state: WindowState) -> Told {
        let mut orders = self.room.survey().await?.orders;
        let version = orders.version;
        orders.state = state;
        orders.version += 1;
        self.room
            .store
            .order(&self.room.room, &orders, version)
            .await?;
        self.model.state = state;
        Ok(())
    }

    async fn tick(&mut self, elapsed: Duration) -> Told {
        let released = self.room.propose(elapsed).await?;
        assert!(released.won);
        let ticks = released.ticks;
        self.model.expire(ticks.earned, ticks.earned - self.now);
        self.now = ticks.earned;
        let called = released.batch.len() as u64;
        let allowed = ticks.credit / VISITOR + called;
        let (_, _, out, inside) = self.model.counts();
        let most = allowed.min(CAPACITY.saturating_sub(out + inside));
        let most = if self.model.state.releases() { most } else { 0 };
        let batch = self.model.release(&self.room.terms, self.now, most);
        assert_eq!(released.batch, batch);
        let seen = self.room.survey().await?;
        for (lane, of_lane) in self.model.lanes.iter_mut().zip(&seen.lanes) {
            if let (true, Some(horizon)) = (self.model.state.releases(), of_lane.horizon) {
                lane.horizons.record(self.now, horizon);
            }
        }
        Ok(())
    }
}

async fn history(store: &dyn QueueStore, weights: &[u16], steps: &[Step]) -> Told {
    let mut room = Stage::open(store, 1).await?.holding(4);
    room.terms.lanes = Weights::new(weights).unwrap();
    room.terms.max_waiting = 9;
    room.terms.pace = Pace::per_minute(120).unwrap();
    room.terms.session.absolute = Duration::from_hours(1);
    room.terms.absence.step_away = Duration::from_secs(8);
    room.terms.absence.step_aways = 2;
    room.terms.absence.extensions = 2;
    let now = room.survey().await?.ticks.earned;
    let model = Model {
        people: Vec::new(),
        state: WindowState::Open,
        now,
        claim_time: 0,
        missed_total: 0,
        leads: Leads::default(),
        lanes: std::array::from_fn(|_| LaneModel::default()),
    };
    let mut pair = Pair { room, model, now };
    for step in steps {
        pair.step(step).await?;
    }
    Ok(())
}

fn run<S: QueueStore>(cases: u32, store: impl AsyncFn() -> S) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = ProptestConfig {
        cases: cases.max(ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(weights in weights(), steps in steps())| {
        let told = runtime.block_on(async { history(&store().await, &weights, &steps).await });
        prop_assert!(told.is_ok(), "{told:?}");
    });
}

#[test]
fn random_histories_agree_with_the_reference_in_memory() {
    run(1_000, async || Embedded::in_memory(EPOCH));
}

#[test]
fn random_histories_agree_with_the_reference_on_redis() {
    run(1_000, async || databases::store(EPOCH).await);
}
