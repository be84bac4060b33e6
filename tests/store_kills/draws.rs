//! A draw that is given up at a call of the store, wherever it was. Whoever takes it on ends it, and
//! every fan has the place that was drawn.

use std::time::Duration;

use anteroom::domain::lane::Lane;
use anteroom::domain::pace::Pace;
use anteroom::domain::place::{Epoch, Place};
use anteroom::domain::room::{RoomName, Terms};
use anteroom::domain::standing::Standing;
use anteroom::domain::tick::{Lead, Proposal};
use anteroom::domain::visitor::VisitorId;
use anteroom::domain::window::{Orders, WindowId, WindowState};
use anteroom::store::lobby::Chunk;
use anteroom::store::redis::Redis as Store;
use anteroom::store::redis::link::Link;
use anteroom::store::survey::Survey;
use anteroom::store::{Joined, Joining, Ordered, QueueStore, StoreError};

use crate::kit::{Cut, Redis, Relay, Trap, until};

const FANS: u32 = 40;
const EPOCH: Epoch = Epoch(100);
const WINDOW: WindowId = WindowId(7);

/// Members in one page, those who come in one call, and those placed in one.
const TOGETHER: u32 = 9;

/// At which call the one who draws is stopped.
#[derive(Clone, Copy, Debug)]
struct Case {
    verb: &'static str,
    cut: Cut,
    call: u64,
}

fn visitor(number: u32) -> VisitorId {
    VisitorId::from_bytes(u128::from(number).to_be_bytes())
}

/// In which order a lobby is drawn: some order that depends on nothing but who is in it.
fn drawn(mut members: Vec<VisitorId>) -> Vec<VisitorId> {
    members.sort_by_key(|one| u128::from_be_bytes(*one.as_bytes()) * 37 % 101);
    members
}

/// Somebody who does all that a draw needs, over a link of its own.
struct Drawer {
    store: Store,
    room: RoomName,
    terms: Terms,
}

impl Drawer {
    async fn at(url: &str) -> Self {
        let drawer = Self {
            store: Store::new(Link::open(url.parse().unwrap()), || EPOCH),
            room: "derby".parse().unwrap(),
            terms: Terms::of_pace(Pace::per_minute(60_000).unwrap()),
        };
        until("the link is open", || async {
            drawer.survey().await.ok().map(drop)
        })
        .await;
        drawer
    }

    async fn survey(&self) -> Result<Survey, StoreError> {
        self.store.survey(&self.room, &self.terms, 0).await
    }

    async fn turn_to(&self, state: WindowState) -> Result<Ordered, StoreError> {
        let present = self.survey().await?.orders;
        let orders = Orders {
            window: WINDOW,
            state,
            version: present.version + 1,
            ..present.clone()
        };
        self.store.order(&self.room, &orders, present.version).await
    }

    async fn join(&self, numbers: Vec<u32>) -> Result<Vec<Joined>, StoreError> {
        let asks: Vec<Joining> = numbers
            .into_iter()
            .map(|number| Joining {
                visitor: visitor(number),
                window: WINDOW,
                lane: Lane::GENERAL,
                promised: Duration::from_secs(2),
            })
            .collect();
        self.store.join(&self.room, &self.terms, &asks).await
    }

    /// Goes on from wherever the room stands until it is open.
    async fn goes_on(&self) -> Result<(), StoreError> {
        loop {
            let seen = self.survey().await?;
            match (seen.orders.state, seen.frozen) {
                (WindowState::Closed, _) => drop(self.turn_to(WindowState::Prequeue).await?),
                (WindowState::Prequeue, _) => {
                    self.gathers().await?;
                    self.turn_to(WindowState::Drawing).await?;
                }
                (WindowState::Drawing, Some(cut)) if !cut.is_complete() => self.draws().await?,
                (WindowState::Drawing, _) => drop(self.turn_to(WindowState::Open).await?),
                _ => return Ok(()),
            }
        }
    }

    /// Everybody comes; who has come already is not doubled.
    async fn gathers(&self) -> Result<(), StoreError> {
        let numbers: Vec<u32> = (1..=FANS).collect();
        for part in numbers.chunks(TOGETHER as usize) {
            for joined in self.join(part.to_vec()).await? {
                let lobby =
                    matches!(joined, Joined::Stands(stand) if stand.standing == Standing::Lobby);
                assert!(lobby, "{joined:?}");
            }
        }
        Ok(())
    }

    async fn draws(&self) -> Result<(), StoreError> {
        let cut = self.survey().await?.frozen.unwrap();
        let mut members = Vec::new();
        while members.len() < cut.count as usize {
            let from = u32::try_from(members.len()).unwrap();
            let page = self.store.lobby(&self.room, from, TOGETHER).await?;
            members.extend(page.visitors);
        }
        let order = drawn(members);
        let mut upto = cut.placed;
        while upto < cut.count {
            let next = order.iter().skip(upto as usize).take(TOGETHER as usize);
            let chunk = Chunk {
                window: WINDOW,
                round: cut.round,
                epoch: cut.epoch,
                base: cut.base,
                from: upto,
                visitors: next.copied().collect(),
            };
            upto = self.store.place(&self.room, &chunk).await?.upto;
        }
        Ok(())
    }

    /// All who are released, one tick after another.
    async fn releases(&self) -> Vec<VisitorId> {
        let mut all = Vec::new();
        while all.len() < FANS as usize + 1 {
            let proposal = Proposal {
                seen_tick: self.survey().await.unwrap().ticks.tick,
                elapsed: 250_000,
                waited: 250_000,
                lead: Lead::Kept,
            };
            let released = self.store.release(&self.room, &self.terms, proposal);
            all.extend(released.await.unwrap().batch);
        }
        all
    }
}

/// Tells one story; whether there was such a call.
async fn story(case: Case) -> bool {
    let redis = Redis::forgetful().await;
    let relay = Relay::before(&redis).await;
    let (first, second) = (
        Drawer::at(&relay.url()).await,
        Drawer::at(&redis.url()).await,
    );
    let Case { verb, cut, call } = case;
    relay.set(Trap {
        verb,
        call,
        cut,
        deed: Box::new(|| {}),
    });

    // The relay lets the connection go with the call.
    let gone = first.goes_on().await;
    assert_eq!(gone.is_err(), relay.sprung(), "{gone:?}");
    drop(first);
    second.goes_on().await.unwrap();

    let order = drawn((1..=FANS).map(visitor).collect());
    let seen = second.survey().await.unwrap();
    let all = u64::from(FANS);
    assert_eq!(
        (seen.waiting, seen.joins_total, seen.lobby, seen.frozen),
        (all, all, 0, None),
        "{case:?}"
    );
    let roster = second.store.roster(&second.room, WINDOW, 0, FANS).await;
    assert_eq!(roster.unwrap(), order, "{case:?}");
    let numbers: Vec<u32> = (1..=FANS + 1).collect();
    for (number, joined) in (1..).zip(second.join(numbers).await.unwrap()) {
        let rank = order.iter().position(|one| *one == visitor(number));
        let rank = u32::try_from(rank.unwrap_or(FANS as usize)).unwrap();
        let Joined::Stands(stand) = joined else {
            panic!("{joined:?}");
        };
        assert_eq!(
            stand.place,
            Place::new(EPOCH, rank + 1),
            "{case:?} {number}"
        );
    }
    let mut going = order;
    going.push(visitor(FANS + 1));
    assert_eq!(second.releases().await, going, "{case:?}");
    relay.sprung()
}

/// Stops at every call of a verb there is.
async fn stopped_at_every(verb: &'static str, least: u64) {
    for call in 1.. {
        let mut sprung = false;
        for cut in [Cut::Before, Cut::After] {
            sprung = story(Case { verb, cut, call }).await;
        }
        if !sprung {
            assert!(call > least, "{verb} was called {} times", call - 1);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draw_given_up_at_any_order_is_ended_by_another() {
    stopped_at_every("order", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draw_given_up_at_any_join_or_page_is_ended_by_another() {
    stopped_at_every("join", 5).await;
    stopped_at_every("lobby", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draw_given_up_at_any_chunk_is_ended_by_another() {
    stopped_at_every("place", 5).await;
}
