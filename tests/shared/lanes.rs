//! Two lanes of 70 and 30 over two gateways: who waits in each, and what share of the releases
//! each gets.

use std::time::Duration;

use anteroom::domain::lane::{Lane, Weights};
use anteroom::domain::pace::Pace;
use anteroom::domain::place::Epoch;
use anteroom::domain::room::{RoomName, Terms};
use anteroom::domain::visitor::VisitorId;
use anteroom::domain::window::WindowId;
use anteroom::store::redis::Redis as Rooms;
use anteroom::store::redis::link::Link;
use anteroom::store::{Joining, QueueStore as _};
use serde_json::{Value, json};

use super::pair::{A, B, Pair};
use crate::kit::house::metric;
use crate::kit::{Plan, until};

const LANES: &str = "[[lane]]\nname = \"general\"\nweight = 70\n\
                     [[lane]]\nname = \"members\"\nweight = 30";
const EACH: u64 = 2_000;

/// Puts so many into each of two lanes, past every gateway.
async fn fill(pair: &Pair) {
    let rooms = Rooms::new(Link::open(pair.redis.url().parse().unwrap()), || Epoch(1));
    let name: RoomName = "derby".parse().unwrap();
    let terms = Terms {
        lanes: Weights::new(&[70, 30]).unwrap(),
        ..Terms::of_pace(Pace::per_minute(1).unwrap())
    };
    until("the link is open", || async {
        rooms.survey(&name, &terms, 0).await.ok()
    })
    .await;
    let window = pair.room(A).await["window"].as_u64().unwrap();
    let window = WindowId(u32::try_from(window).unwrap());
    for lane in [0, 1] {
        let asks = (0..EACH).map(|number| Joining {
            visitor: VisitorId::from_bytes(
                (u128::from(number) << 8 | u128::from(lane)).to_be_bytes(),
            ),
            window,
            lane: Lane(lane),
            promised: Duration::from_mins(10),
        });
        let asks: Vec<Joining> = asks.collect();
        rooms.join(&name, &terms, &asks).await.unwrap();
    }
}

fn figures(room: &Value, what: &str) -> Vec<u64> {
    let lanes = room["lanes"].as_array().unwrap().iter();
    lanes.map(|lane| lane[what].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_lanes_over_two_gateways_get_the_shares_of_their_weights() {
    let pair = Pair::open(Plan::per_minute(6_000).room(LANES)).await;
    pair.order(A, "pause", json!({})).await;
    fill(&pair).await;
    // Whoever comes without a right to another lane waits in the general one, and counts there.
    let mut fan = pair.app(B);
    let position = fan.joins().await["position"].as_u64().unwrap();
    assert_eq!(position, EACH + 1);
    pair.tells_of(2 * usize::try_from(EACH).unwrap() + 1).await;
    for gateway in [A, B] {
        let room = pair.room(gateway).await;
        assert_eq!(figures(&room, "waiting"), [EACH + 1, EACH], "{room}");
        let shares: Vec<_> = [0, 1].map(|at| room["lanes"][at]["share"].clone()).into();
        assert_eq!(shares, [json!(0.7), json!(0.3)]);
    }

    pair.set(A, "capacity", json!({"active": null})).await;
    pair.order(B, "resume", json!({})).await;
    let went = until("a thousand are released", || async {
        let went = figures(&pair.room(A).await, "released_total");
        (went.iter().sum::<u64>() >= 1_000).then_some(went)
    })
    .await;
    pair.order(A, "pause", json!({})).await;

    let share = went[0] as f64 / went.iter().sum::<u64>() as f64;
    println!("{went:?}: {share:.4} of the releases");
    assert!((share - 0.7).abs() <= 0.7 * 0.02, "{share}");
    let mut operator = pair.gateway(B).operator();
    until("the other gateway counts them too", || async {
        let mut operator = pair.gateway(B).operator();
        let shown = metric(
            &mut operator,
            "anteroom_lane_releases_total",
            "lane=\"members\"",
        )
        .await;
        (shown >= went[1] as f64).then_some(())
    })
    .await;
    let waiting = metric(&mut operator, "anteroom_visitors_waiting", "room=\"derby\"").await;
    let lanes = metric(&mut operator, "anteroom_lane_waiting", "room=\"derby\"").await;
    assert_eq!(waiting, lanes, "the lanes together are the room");
    let now = fan.status().await["position"].as_u64().unwrap();
    assert!(now < position && now > EACH - 800, "{now}");
}
