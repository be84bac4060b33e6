//! Random histories on this store and the embedded one: every answer and every survey is the same.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::clock::UnixTime;
use crate::domain::pace::Pace;
use crate::domain::place::{Place, Turn};
use crate::domain::standing::EndedBy;
use crate::domain::window::{WindowId, WindowState};
use crate::store::conformance::{PROMISED, jti};
use crate::store::embedded::Embedded;

/// Something that is done to both: what, to whom, and a number that says how.
type Step = (u8, u32, u64);

struct Twins {
    one: Embedded,
    other: Redis,
    room: RoomName,
    terms: Terms,
    orders: Orders,
    epoch: u32,
    tick: u64,
    /// Turn and place that a visitor was last told.
    told: Vec<(u16, Place)>,
}

/// Asks both, and has them agree.
macro_rules! both {
    ($twins:expr, $verb:ident($($arg:expr),*)) => {{
        let one = $twins.one.$verb(&$twins.room, $($arg),*).await;
        let other = $twins.other.$verb(&$twins.room, $($arg),*).await;
        assert_eq!(format!("{one:?}"), format!("{other:?}"), stringify!($verb));
        one
    }};
}

impl Twins {
    async fn new() -> Self {
        let mut terms = Terms::of_pace(Pace::per_minute(240).unwrap());
        terms.session.idle = Duration::from_secs(20);
        terms.session.absolute = Duration::from_secs(90);
        terms.session.claim_window = Duration::from_secs(10);
        terms.max_waiting = 8;
        Self {
            one: Embedded::in_memory(EPOCH),
            other: databases::store(EPOCH).await,
            room: "derby".parse().unwrap(),
            terms,
            orders: Orders::default(),
            epoch: EPOCH.0,
            tick: 0,
            told: vec![(1, Place::LOWEST); 12],
        }
    }

    fn note(&mut self, number: u32, stand: &Stand) {
        if let Some(place) = stand.place {
            self.told[number as usize] = (stand.turn.0, place);
        }
    }

    async fn step(&mut self, (what, number, how): Step) {
        let (turn, place) = self.told[number as usize];
        let window =
            WindowId(self.orders.window.0 - u32::from(how % 19 == 18 && self.orders.window.0 > 0));
        let old = how % 7 == 6;
        let turn = Turn(if old {
            turn.saturating_sub(1).max(1)
        } else {
            turn
        });
        let who = visitor(number);
        let session = jti(number, turn);
        match what {
            0..=5 => {
                let ask = |visitor| Joining {
                    visitor,
                    window,
                    promised: PROMISED,
                };
                let asks = [ask(who), ask(visitor(number % 5)), ask(who)];
                let asks = &asks[..1 + (how % 3) as usize];
                if let Ok(joined) = both!(self, join(&self.terms, asks)) {
                    if let Joined::Stands(stand) = &joined[0] {
                        self.note(number, stand);
                    }
                    if let Some(Joined::Stands(stand)) = joined.get(1) {
                        self.note(number % 5, stand);
                    }
                }
            }
            6..=9 => {
                let turn = if how % 11 == 10 { turn.next() } else { turn };
                let lost = how % 5 == 4;
                let place = if lost {
                    Place::new(EPOCH, 20 + (how % 3) as u32).unwrap()
                } else {
                    place
                };
                let epoch = Epoch(if lost { EPOCH.0 } else { self.epoch });
                let tick = self.tick + u64::from(how % 17 == 16);
                let token = CheckIn {
                    visitor: who,
                    window,
                    epoch,
                    turn,
                    place,
                    tick,
                    promised: PROMISED,
                };
                let tokens = [
                    token,
                    CheckIn {
                        visitor: visitor(1),
                        ..token
                    },
                ];
                let tokens = &tokens[..1 + (how % 2) as usize];
                if let Ok(stands) = both!(self, check_in(&self.terms, tokens)) {
                    self.note(number, &stands[0]);
                    if let Some(stand) = stands.get(1) {
                        self.note(1, stand);
                    }
                }
            }
            10..=14 => {
                let at = UnixTime::from_secs(1_000 + self.tick * 2);
                let claim = Claim {
                    visitor: who,
                    window,
                    turn,
                    session,
                    at,
                };
                let _ = both!(self, claim(&self.terms, &[claim]));
            }
            15 => {
                let _ = both!(
                    self,
                    leave(&[Leaving {
                        visitor: who,
                        window,
                        turn
                    }])
                );
            }
            16 => {
                let rev = self.orders.rev;
                let touch = |session| Touch {
                    session,
                    rev,
                    life: Duration::from_secs(how % 40),
                };
                let _ = both!(self, touch(&[touch(session), touch(session)]));
            }
            17 => {
                let why = EndedBy::ALL[(how % 6) as usize];
                let ending = Ending {
                    session,
                    why,
                    life: Duration::from_secs(how % 30),
                };
                let _ = both!(self, end(&[ending, ending]));
            }
            18..=24 => self.tick(how).await,
            25 => {
                let _ = (
                    self.one.sweep(&self.room, &self.terms).await,
                    self.other.sweep(&self.room, &self.terms).await,
                );
            }
            26 => self.recover(how).await,
            _ => self.order(how).await,
        }
        self.compare().await;
    }

    async fn tick(&mut self, how: u64) {
        let elapsed = [250_000, 1_000_000, 4_000_000, how % 900_000][(how % 4) as usize];
        let lead = if how % 9 == 8 {
            Lead::Taken
        } else {
            Lead::Kept
        };
        let waited = elapsed - how % 3 * elapsed / 4;
        let seen_tick = self.tick + u64::from(how % 31 == 30);
        let proposal = Proposal {
            seen_tick,
            elapsed,
            waited,
            lead,
        };
        let _ = both!(self, release(&self.terms, proposal));
    }

    async fn recover(&mut self, how: u64) {
        let mut orders = self.orders.clone();
        if how % 3 == 0 {
            orders.version += 2;
            orders.grants += 1;
        }
        let recovery = Recovery {
            epoch: Epoch(self.epoch + (how % 2) as u32),
            orders,
            pause: Duration::from_millis(how % 3_000),
            inside: how % 4,
            inside_for: Duration::from_secs(how % 20),
        };
        let _ = both!(self, recover(&recovery));
    }

    async fn order(&mut self, how: u64) {
        let mut orders = self.orders.clone();
        match how % 12 {
            0 => orders.state = WindowState::Paused,
            1 => orders.state = WindowState::Closed,
            2 => orders.pace = Pace::per_minute(1 + (how / 12 % 900) as u32),
            3 => orders.capacity = Some(NonZeroU32::new((how / 12 % 4) as u32)),
            4 => orders.capacity = None,
            5 => orders.grants += how / 12 % 4,
            6 if how / 12 % 3 == 0 => orders.rev += 1,
            7 if how / 12 % 4 == 0 => orders.window.0 += 1,
            8 if how / 12 % 4 == 0 => orders.state = WindowState::Ended,
            9 => orders.message = Some(format!("„{how}“")),
            _ => {
                orders.state = WindowState::Open;
                orders.window.0 = orders.window.0.max(7);
            }
        }
        orders.version += 1;
        let version = orders.version - 1 - u64::from(how % 13 == 12 && orders.version > 1);
        let revokes = orders.rev > self.orders.rev;
        let _ = both!(self, order(&orders, version));
        if revokes {
            // The embedded store remembers the ends of what was revoked until the next sweep.
            for store in [&self.one as &dyn QueueStore, &self.other] {
                while store.sweep(&self.room, &self.terms).await.unwrap() > 0 {}
            }
        }
    }

    async fn compare(&mut self) {
        let one = self.one.survey(&self.room, &self.terms, 0).await.unwrap();
        let other = self.other.survey(&self.room, &self.terms, 0).await.unwrap();
        assert!(other.store_time.is_some());
        let alike = Survey {
            incarnation: one.incarnation,
            store_time: None,
            ..other
        };
        assert_eq!(alike, one);
        self.orders = one.orders;
        self.epoch = one.epoch.0;
        self.tick = one.ticks.tick;
    }
}

async fn history(steps: &[Step]) {
    let mut twins = Twins::new().await;
    twins.compare().await;
    twins.step((27, 1, 11)).await;
    for step in steps {
        twins.step(*step).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn both_stores_answer_the_same_to_the_same_history(
        steps in prop::collection::vec((0_u8..30, 0_u32..12, 0_u64..100_000), 1..150),
    ) {
        runtime().block_on(history(&steps));
    }
}
