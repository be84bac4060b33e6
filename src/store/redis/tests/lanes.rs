//! Lanes: the scripts against the program, the keys they need, and what a call costs.

use std::time::Instant;

use super::*;
use crate::store::embedded::Embedded;

/// A tick: how many may go, how many come into each lane before it, and which weights are new.
type Turn = (u32, [u32; 4], Option<Vec<u16>>);

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let weight = prop_oneof![1..20_u16, 1..=Weights::MOST];
    let weights = prop::option::weighted(0.3, prop::collection::vec(weight, 1..=4));
    let crowd = prop::array::uniform4(prop_oneof![Just(0_u32), 0..80_u32]);
    prop::collection::vec((0..150_u32, crowd, weights), 1..12)
}

async fn shares_agree(turns: &[Turn]) -> Told {
    let (one, other) = (Embedded::in_memory(EPOCH), databases::store(EPOCH).await);
    let mut rooms = [Stage::open(&one, 1).await?, Stage::open(&other, 1).await?];
    let mut last = 0;
    for (most, come, weights) in turns {
        let mut batches = Vec::new();
        for room in &mut rooms {
            room.terms.max_waiting = 100_000;
            let burst = most.max(&1) * 240;
            room.terms.pace = Pace::per_minute(burst).unwrap().with_burst(burst).unwrap();
            if let Some(weights) = weights {
                room.terms.lanes = Weights::new(weights).unwrap();
            }
            let mut next = last;
            for (lane, count) in Lane::all().zip(come).filter(|(_, count)| **count > 0) {
                room.crowd_in(lane, next + 1..=next + count).await?;
                next += count;
            }
            batches.push(room.tick().await?);
        }
        last += come.iter().sum::<u32>();
        assert_eq!(batches[0], batches[1]);
        // They sample long queues at different places.
        let (mut one, mut other) = (rooms[0].survey().await?, rooms[1].survey().await?);
        for lane in one.lanes.iter_mut().chain(&mut other.lanes) {
            lane.samples.clear();
        }
        assert_eq!(one.lanes, other.lanes);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_script_shares_releases_as_the_rule_does(turns in turns()) {
        let told = runtime().block_on(shares_agree(&turns));
        prop_assert!(told.is_ok(), "{told:?}");
    }
}

/// A gateway that does not know of the lanes yet, or no longer, must lose nobody in them.
#[tokio::test]
async fn a_gateway_that_knows_of_one_lane_finds_those_in_all() {
    let connection = databases::fresh().await;
    let store = Redis::new(Link::new(connection.clone()), || EPOCH);
    let mut room = Stage::open(&store, 4).await.unwrap();
    room.terms.lanes = Weights::new(&[1, 1, 2]).unwrap();
    let places = room.crowd_in(Lane(2), 1..=3).await.unwrap();

    let other = Redis::new(Link::new(connection.clone()), || EPOCH);
    let mut there = Stage::open(&other, 4).await.unwrap();
    there.terms.lanes = Weights::default();
    there.crowd(4..=6).await.unwrap();
    let stand = there.check_in(there.token(2, places[1])).await.unwrap();

    assert_eq!((stand.lane, stand.place), (Lane(2), Some(places[1])));
    assert_eq!(stand.standing, crate::store::conformance::waiting(1));
    assert_eq!(there.counts().await.unwrap(), (6, 0, 0, 0));
    let again = there.try_join(3).await.unwrap();
    assert!(matches!(again, super::super::Joined::Stands(stand) if stand.place == Some(places[2])));
    let third = Redis::new(Link::new(connection.clone()), || EPOCH);
    Stage {
        store: &third,
        ..room
    }
    .leave(1)
    .await
    .unwrap();
    assert_eq!(there.counts().await.unwrap(), (5, 0, 0, 0));
    let batch = there.tick().await.unwrap();
    assert_eq!(
        batch.len(),
        4,
        "those in the lanes that are gone have a share"
    );
    assert!(batch.contains(&visitor(2)));
    let more = there.tick().await.unwrap();
    assert_eq!(batch.len() + more.len(), 5);
}

#[tokio::test]
async fn a_dismissed_queue_leaves_nothing_of_its_lanes() {
    let mut connection = databases::fresh().await;
    let store = Redis::new(Link::new(connection.clone()), || EPOCH);
    let mut room = Stage::open(&store, 1).await.unwrap();
    room.terms.lanes = Weights::new(&[1, 1]).unwrap();
    room.crowd_in(Lane(1), 1..=3).await.unwrap();
    let mut held = cmd("ZCARD");
    held.arg("anteroom:{derby}:queue:1");
    assert_eq!(held.query_async::<u64>(&mut connection).await.unwrap(), 3);

    // This one has never heard of the lane.
    let other = Redis::new(Link::new(connection.clone()), || EPOCH);
    let mut there = Stage {
        store: &other,
        ..room
    };
    there.terms.lanes = Weights::default();
    let mut orders = there.survey().await.unwrap().orders;
    orders.state = WindowState::Ended;
    orders.version += 1;
    other
        .order(&there.room, &orders, orders.version - 1)
        .await
        .unwrap();

    let left: u64 = held.query_async(&mut connection).await.unwrap();
    assert_eq!(left, 0);
}

/// The longest that one script ran, by Redis's own clock.
async fn slowest(connection: &mut redis::aio::MultiplexedConnection) -> u64 {
    let mut log = cmd("SLOWLOG");
    log.arg("GET").arg(-1);
    let entries: Vec<Vec<redis::Value>> = log.query_async(connection).await.unwrap();
    let micros = |entry: &Vec<redis::Value>| match entry.get(2) {
        Some(redis::Value::Int(micros)) => u64::try_from(*micros).unwrap(),
        _ => 0,
    };
    entries.iter().map(micros).max().unwrap_or(0)
}

#[tokio::test]
async fn three_lanes_of_a_hundred_thousand_cost_a_few_milliseconds_a_call() {
    let server = Server::start(1);
    let mut connection = server.connection(0).await;
    let store = Redis::new(Link::new(connection.clone()), || EPOCH);
    let mut room = Stage::open(&store, 1).await.unwrap();
    room.terms.lanes = Weights::new(&[70, 20, 10]).unwrap();
    room.terms.max_waiting = 1_000_000;
    room.terms.pace = Pace::per_minute(480_000).unwrap();
    let mut config = cmd("CONFIG");
    config
        .arg("SET")
        .arg("slowlog-log-slower-than")
        .arg(1_000)
        .arg("slowlog-max-len")
        .arg(10_000);
    config.query_async::<()>(&mut connection).await.unwrap();
    let started = Instant::now();
    for from in (0..300_000).step_by(1_500) {
        for lane in 0..3 {
            let first = from + u32::from(lane) * 500 + 1;
            room.crowd_in(Lane(lane), first..=first + 499)
                .await
                .unwrap();
        }
    }
    let joined = (started.elapsed(), slowest(&mut connection).await);
    cmd("SLOWLOG")
        .arg("RESET")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    let seen = room.survey().await.unwrap();
    assert!(seen.lanes.iter().all(|lane| lane.waiting == 100_000));
    let surveyed = slowest(&mut connection).await;
    // The first tick after a change is at the lower pace.
    room.tick().await.unwrap();
    let before: u64 = room.survey().await.unwrap().releases_total;
    for _ in 0..5 {
        assert_eq!(room.tick().await.unwrap().len(), MOST_CALLED as usize);
        room.survey().await.unwrap();
        store.sweep(&room.room, &room.terms).await.unwrap();
    }
    let ticked = slowest(&mut connection).await;
    println!("joined {joined:?}, surveyed {surveyed} µs, ticked {ticked} µs");
    let seen = room.survey().await.unwrap();
    let all = seen.releases_total as f64;
    assert_eq!(seen.releases_total - before, 10_000);
    for (lane, part) in seen.lanes.iter().zip([0.7, 0.2, 0.1]) {
        let off = (lane.releases_total as f64 - all * part).abs();
        assert!(off <= 1.0 + 3.0 * part, "{} of {all}", lane.releases_total);
    }
    // Six times what it takes on an idle machine: other tests run beside this one.
    let most = joined.1.max(surveyed).max(ticked);
    assert!(most < 30_000, "{most} µs in one call");
}
