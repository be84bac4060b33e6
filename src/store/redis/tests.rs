//! Where the scripts tell a rule of the program again, and what Redis's own faults become.

mod lanes;
mod twins;

use proptest::prelude::*;
use redis::cmd;

use super::databases::{self, Server};
use super::*;
use crate::domain::lane::{Lane, Weights};
use crate::domain::pace::{Correction, Pace, TICK, VISITOR};
use crate::domain::presence::EXPECTED_AFTER;
use crate::domain::session::LEEWAY;
use crate::domain::tick::Proposal;
use crate::domain::tick::{Door, Lead};
use crate::domain::window::WindowState;
use crate::store::MOST_CALLED;
use crate::store::QueueStore as _;
use crate::store::conformance::{EPOCH, Stage, Told, visitor};
use crate::store::survey::MOST_SAMPLES;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn scripts_and_program_share_their_numbers() {
    let micros = |span: std::time::Duration| u64::try_from(span.as_micros()).unwrap();
    let terms = include_str!("scripts/terms.lua");
    let (visitor, tick) = (VISITOR, micros(TICK));
    assert!(terms.contains(&format!("local VISITOR, TICK = {visitor}, {tick}\n")));
    let (leeway, expected) = (micros(LEEWAY), micros(EXPECTED_AFTER));
    assert!(terms.contains(&format!(
        "local LEEWAY, EXPECTED_AFTER = {leeway}, {expected}\n"
    )));
    let release = include_str!("scripts/release.lua");
    assert!(release.contains(&format!("local MOST_CALLED, LATE_TOUCH = {MOST_CALLED}, ")));
    let survey = include_str!("scripts/survey.lua");
    assert!(survey.contains(&format!(
        "local MOST_SAMPLES, EVEN, MOST_ENDS = {MOST_SAMPLES}, "
    )));
}

/// A tick as it may be proposed: elapsed, waited, another's lead, then what changes before it.
type Turn = (u64, u64, bool, Option<(u32, u32)>, bool);

fn spans() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(250_000_u64),
        0..2_000_000_u64,
        0..1_000_000_000_000_u64,
        any::<u64>()
    ]
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let whole = || prop_oneof![1..2_000_u32, 1..=Pace::MOST];
    let pace = prop::option::weighted(0.3, (whole(), whole()));
    let turn = (
        spans(),
        spans(),
        any::<bool>(),
        pace,
        prop::bool::weighted(0.1),
    );
    prop::collection::vec(turn, 1..30)
}

async fn ticks_agree(turns: &[Turn]) -> Told {
    let store = databases::store(EPOCH).await;
    let mut room = Stage::open(&store, 1).await?;
    let mut waiting = 1_u32;
    let mut state = room.survey().await?.ticks;
    let mut open = true;
    for (elapsed, waited, taken, pace, turned) in turns {
        if let Some((rate, burst)) = pace {
            room.terms.pace = Pace::per_minute(*rate).unwrap().with_burst(*burst).unwrap();
            let correction = u16::try_from(1_000 + elapsed % 301).unwrap();
            room.terms.correction = Correction::thousandths(correction).unwrap();
        }
        if *turned {
            open = !open;
            let now = if open {
                WindowState::Open
            } else {
                WindowState::Paused
            };
            let mut orders = room.survey().await?.orders;
            orders.state = now;
            orders.version += 1;
            store.order(&room.room, &orders, orders.version - 1).await?;
        }
        room.terms.max_waiting = u32::MAX;
        room.crowd(waiting..=waiting + 3).await?;
        waiting += 4;
        let proposal = Proposal {
            seen_tick: state.tick,
            elapsed: *elapsed,
            waited: (*waited).min(*elapsed),
            lead: if *taken { Lead::Taken } else { Lead::Kept },
        };
        let door = if open { Door::Open } else { Door::Shut };
        let step = state
            .accept(proposal, room.terms.pace_in_force(None), door)
            .unwrap();
        let released = store.release(&room.room, &room.terms, proposal).await?;
        state = step.state;
        state.spend(released.batch.len() as u64);
        assert_eq!(released.ticks, state, "{proposal:?} {:?}", room.terms.pace);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: (60 * ProptestConfig::default().cases).div_ceil(256), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_script_accepts_and_earns_as_the_tick_rule_does(turns in turns()) {
        let told = runtime().block_on(ticks_agree(&turns));
        prop_assert!(told.is_ok(), "{told:?}");
    }
}

#[tokio::test]
async fn a_room_of_another_format_or_of_another_program_is_not_read() {
    let mut connection = databases::fresh().await;
    let store = Redis::new(Link::new(connection.clone()), || EPOCH);
    let room = Stage::open(&store, 1).await.unwrap();
    let head = "anteroom:{derby}:head";
    let mut other = cmd("HSET");
    other.arg(head).arg("format").arg(3);
    other.query_async::<()>(&mut connection).await.unwrap();

    let refused = room.try_join(1).await.unwrap_err();

    let StoreError::Unreadable { key, source } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(key, head);
    assert!(source.to_string().contains("another version"), "{source}");
    let mut text = cmd("SET");
    text.arg(head).arg("mine");
    text.query_async::<()>(&mut connection).await.unwrap();
    let refused = room.survey().await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Unreadable { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_full_memory_stops_newcomers_and_nobody_else() {
    let server = Server::start(1);
    let mut connection = server.connection(0).await;
    let store = Redis::new(Link::new(connection.clone()), || EPOCH);
    let mut room = Stage::open(&store, 1).await.unwrap();
    let places = room.crowd(1..=3).await.unwrap();
    let mut full = cmd("CONFIG");
    full.arg("SET").arg("maxmemory").arg(1);
    full.query_async::<()>(&mut connection).await.unwrap();

    let refused = room.try_join(4).await.unwrap_err();

    assert!(matches!(refused, StoreError::Unreachable(_)), "{refused:?}");
    assert_eq!(room.tick().await.unwrap(), [visitor(1)]);
    room.enter(1).await.unwrap();
    room.shows(2, places[1]).await.unwrap();
    room.leave(2).await.unwrap();
    store.sweep(&room.room, &room.terms).await.unwrap();
    assert_eq!(room.counts().await.unwrap(), (1, 0, 0, 1));
    room.turn_to(WindowState::Paused).await.unwrap();
    assert_eq!(room.enters(1_500_000).await.unwrap().0, 1_500_000);
    full = cmd("CONFIG");
    full.arg("SET").arg("maxmemory").arg(0);
    full.query_async::<()>(&mut connection).await.unwrap();
    let place = room.join(4).await.unwrap().place.unwrap();
    assert_eq!((place.epoch().0, place.number()), (1_500_000, 1));
}

/// Whoever is far from the front costs a place and nothing else, and is called all the same.
#[tokio::test]
async fn only_those_near_the_front_have_records() {
    let mut connection = databases::fresh().await;
    let store = Redis::new(Link::new(connection.clone()), || EPOCH);
    let mut room = Stage::open(&store, 1).await.unwrap();
    room.terms.max_waiting = 10_000;
    room.terms.pace = Pace::per_minute(60).unwrap();
    let places = room.crowd(1..=2_000).await.unwrap();

    let mut records = cmd("HLEN");
    records.arg("anteroom:{derby}:entries");
    let near: u64 = records.query_async(&mut connection).await.unwrap();

    assert_eq!(
        near, 240,
        "those who go in the horizon and while the check-in lasts"
    );
    let seen = room.survey().await.unwrap();
    let samples = &seen.lane(Lane::GENERAL).samples;
    assert_eq!((seen.waiting, samples.len()), (2_000, 503));
    for sample in samples {
        assert_eq!(sample.place, places[usize::try_from(sample.ahead).unwrap()]);
    }
    room.shows(1_500, places[1_499]).await.unwrap();
    let after: u64 = records.query_async(&mut connection).await.unwrap();
    assert_eq!(after, near, "a check-in from afar is answered and not kept");
    room.leave(1_500).await.unwrap();
    assert_eq!(room.counts().await.unwrap(), (1_999, 0, 0, 0));
    assert_eq!(room.join(1_500).await.unwrap().turn.0, 2);
}
