//! Lanes: the scripts against the program, the keys they need, and what a call costs.

use super::*;
use crate::store::embedded::Embedded;
use crate::store::{CheckIn, Joined};

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
    #![proptest_config(ProptestConfig { cases: (60 * ProptestConfig::default().cases).div_ceil(256), failure_persistence: None, ..ProptestConfig::default() })]
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
    assert!(matches!(again, Joined::Stands(stand) if stand.place == Some(places[2])));
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

/// The processor's time that Redis has used so far, in microseconds: other tests run beside this
/// one, so the time that passes says little.
async fn used(connection: &mut redis::aio::MultiplexedConnection) -> u64 {
    let mut info = cmd("INFO");
    let told: String = info.arg("cpu").query_async(connection).await.unwrap();
    let seconds = told.lines().filter_map(|line| {
        let (name, seconds) = line.split_once(':')?;
        name.ends_with("_main_thread")
            .then(|| seconds.parse::<f64>().unwrap())
    });
    (seconds.sum::<f64>() * 1e6) as u64
}

/// What one of ten like calls costs on average, in microseconds.
async fn cost(
    connection: &mut redis::aio::MultiplexedConnection,
    mut call: impl AsyncFnMut(),
) -> u64 {
    let before = used(connection).await;
    for _ in 0..10 {
        call().await;
    }
    (used(connection).await - before) / 10
}

/// What joins, a survey, a check-in of a whole batch, a tick that calls as many as it may, and a
/// sweep cost where 300,000 wait in lanes of these weights, as many in each.
async fn costs(weights: &[u16]) -> Vec<(&'static str, u64)> {
    let server = Server::start(1);
    let mut connection = server.connection(0).await;
    let store = Redis::new(Link::new(connection.clone()), || EPOCH);
    let mut room = Stage::open(&store, 1).await.unwrap();
    room.terms.lanes = Weights::new(weights).unwrap();
    room.terms.max_waiting = 1_000_000;
    room.terms.pace = Pace::per_minute(480_000).unwrap();
    let mut last = Vec::new();
    let started = used(&mut connection).await;
    for (lane, from) in Lane::all()
        .take(weights.len())
        .cycle()
        .zip((1..300_000).step_by(500))
    {
        let crowd = room.crowd_in(lane, from..=from + 499).await.unwrap();
        last = (from..).zip(crowd).map(|one| (lane, one)).collect();
    }
    let join = (used(&mut connection).await - started) / 600;
    let tokens = last[..MOST_ASKS]
        .iter()
        .map(|(lane, (number, place))| CheckIn {
            lane: *lane,
            ..room.token(*number, *place)
        });
    let tokens: Vec<_> = tokens.collect();
    // The first tick after a change is at the lower pace.
    room.tick().await.unwrap();
    let (name, terms) = (&room.room, &room.terms);
    let check_in = cost(&mut connection, async || {
        store.check_in(name, terms, &tokens).await.unwrap();
    });
    let check_in = check_in.await;
    let sweep = cost(&mut connection, async || {
        store.sweep(name, terms).await.unwrap();
    });
    let sweep = sweep.await;
    let mut ticks = room.survey().await.unwrap().ticks;
    let release = cost(&mut connection, async || {
        let next = crate::store::conformance::proposal(&ticks, TICK);
        let released = store.release(name, terms, next).await.unwrap();
        assert_eq!(released.batch.len() as u64, MOST_CALLED);
        ticks = released.ticks;
    });
    let release = release.await;
    // Samples are kept for four ticks; here they are taken each time.
    let mut forget = cmd("DEL");
    forget.arg("anteroom:{derby}:samples");
    let mut other = connection.clone();
    let survey = cost(&mut connection, async || {
        forget.query_async::<()>(&mut other).await.unwrap();
        room.survey().await.unwrap();
    });
    let survey = survey.await;
    vec![
        ("join", join),
        ("check_in", check_in),
        ("sweep", sweep),
        ("release", release),
        ("survey", survey),
    ]
}

#[tokio::test]
async fn a_call_on_three_lanes_costs_as_much_as_one_on_a_queue_of_as_many() {
    let (one, three) = (costs(&[1]).await, costs(&[70, 20, 10]).await);
    println!("one lane: {one:?} µs; three: {three:?} µs");
    for ((call, one), (_, three)) in one.into_iter().zip(three) {
        assert!(
            three <= one + one / 2 + 300,
            "{call}: {three} µs, not {one}"
        );
    }
}
