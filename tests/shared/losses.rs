//! What two gateways do when their Redis is killed, and one of them when the other is.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::pair::{A, B, Pair, time_until};
use crate::kit::forge::{claims_of, place_of};
use crate::kit::{Ask, Plan, Visitor, until};

const STATUS: &str = "/_anteroom/rooms/derby/status";

/// Releases resume within five seconds; three times that, for a busy machine.
const SLACK: Duration = Duration::from_secs(15);

/// Somebody who waits, and what this one was shown.
struct Fan {
    visitor: Visitor,
    position: u64,
    place: u64,
}

impl Fan {
    fn new((visitor, position): (Visitor, u64)) -> Self {
        let place = place_of(&visitor.queue_token());
        assert_ne!(place, 0);
        Self {
            visitor,
            position,
            place,
        }
    }

    /// Notes what a status and its token say: the same place, and never farther back.
    fn notes(&mut self, status: &Value) {
        assert_eq!(
            place_of(&self.visitor.queue_token()),
            self.place,
            "{status}"
        );
        if let Some(position) = status["position"].as_u64() {
            assert!(
                position <= self.position,
                "{} before {status}",
                self.position
            );
            self.position = position;
        }
    }

    async fn looks(&mut self) -> Value {
        let status = self.visitor.status().await;
        self.notes(&status);
        status
    }

    /// Goes on until it is inside, at `other` when its own gateway is gone; its session.
    async fn enters(mut self, other: SocketAddr) -> String {
        loop {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let Some(answer) = self.visitor.try_ask(&Ask::get(STATUS)).await else {
                self.visitor = self.visitor.sent_to(other);
                continue;
            };
            let status = answer.is(200).json();
            if status["state"] == "waiting" {
                self.notes(&status);
                continue;
            }
            self.visitor.try_ask(&Ask::get("/buy/1")).await;
            if let Some(token) = self.visitor.admission() {
                return claims_of(token)["jti"].as_str().unwrap().to_owned();
            }
        }
    }
}

/// Everybody goes on until they are inside.
fn all_enter(fans: Vec<Fan>, other: SocketAddr) -> JoinSet<String> {
    let mut entering = JoinSet::new();
    for fan in fans {
        entering.spawn(fan.enters(other));
    }
    entering
}

async fn one_session_each(entering: JoinSet<String>, insiders: &[Visitor]) {
    let entered = entering.join_all().await;
    let tokens = insiders.iter().map(|visitor| visitor.admission().unwrap());
    let inside = tokens.map(|token| claims_of(token)["jti"].as_str().unwrap().to_owned());
    let count = entered.len() + insiders.len();
    let sessions: HashSet<String> = entered.into_iter().chain(inside).collect();
    assert_eq!(sessions.len(), count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11_a_redis_that_was_killed_comes_back_with_everybody_in_line() {
    let mut pair = Pair::open(Plan::per_minute(60)).await;
    let mut insiders = pair.insiders(4).await;
    let mut fans: Vec<Fan> = pair.fans(100).await.into_iter().map(Fan::new).collect();
    until("releases run", || async {
        (pair.head("releases_total") > 2).then_some(())
    })
    .await;
    let (epoch, tick) = (pair.head("epoch"), pair.head("tick"));
    let released = pair.head("releases_total");

    pair.redis.kill_nine();
    pair.both_say_that_the_store_is_away().await;
    pair.origin.lines();
    for visitor in &mut insiders {
        visitor.get("/buy/1").await.is_served();
    }
    assert_eq!(pair.origin.lines().len(), insiders.len());
    pair.strangers_wait_without_a_place().await;
    for fan in &mut fans {
        let first = fan.looks().await;
        assert_eq!(first["state"], "waiting", "{first}");
        let again = fan.looks().await;
        assert_eq!(again["position"], first["position"], "{again}");
    }
    pair.origin.saw_nothing();

    pair.redis.restart().await;
    // One tick may have fallen between the last look and the kill.
    let before = pair.head("releases_total");
    assert!(
        before <= released + 1,
        "{before} released, {released} before"
    );
    let resumes = || async { pair.head("releases_total") > before };
    let took = time_until("releases resume", resumes).await;
    println!("releases resume after {took:?}");
    assert!(took < SLACK, "{took:?}");
    for fan in &mut fans {
        fan.looks().await;
    }
    assert_eq!(pair.head("epoch"), epoch, "nothing was lost");
    assert!(pair.head("tick") > tick);

    pair.set(A, "pace", json!({ "per_minute": 6_000 })).await;
    one_session_each(all_enter(fans, pair.public(A)), &insiders).await;
    assert_eq!(pair.head("claims_total"), 104);
    assert_eq!(pair.origin.lines().len(), 100);
}

impl Pair {
    async fn both_say_that_the_store_is_away(&self) {
        for gateway in [A, B] {
            until("the gateway is not ready", || async {
                let ready = self.gateway(gateway).operator().get("/readyz").await;
                let away = ready.status == 503 && ready.text().contains("store_away");
                away.then_some(())
            })
            .await;
        }
    }

    async fn strangers_wait_without_a_place(&self) {
        for gateway in [A, B] {
            for mut visitor in [Visitor::to(self.public(gateway)), self.app(gateway)] {
                // The first visit gives a token, the next would take a place.
                for _ in 0..3 {
                    visitor.get("/buy/1").await.is_queue();
                    assert_eq!(place_of(&visitor.queue_token()), 0);
                }
                assert_eq!(visitor.status().await["position"], Value::Null);
            }
        }
        self.origin.saw_nothing();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11_the_fans_of_a_killed_gateway_go_on_at_the_other() {
    let mut pair = Pair::open(Plan::per_minute(240)).await;
    let insiders = pair.insiders(4).await;
    let fans: Vec<Fan> = pair.fans(60).await.into_iter().map(Fan::new).collect();
    let count = fans.len() as u64 + 4;
    let entering = all_enter(fans, pair.public(A));
    until("some are inside", || async {
        (pair.head("claims_total") > 10).then_some(())
    })
    .await;

    pair.kill_nine(B);
    let before = pair.head("releases_total");
    let goes_on = || async { pair.head("releases_total") > before };
    let took = time_until("releases go on", goes_on).await;
    println!("releases go on after {took:?}");
    assert!(
        before + 20 < count,
        "the kill came late: {before} of {count}"
    );

    one_session_each(entering, &insiders).await;
    assert_eq!(pair.head("claims_total"), count, "nobody came in twice");
    assert_eq!((pair.head("out"), pair.head("joins_total")), (0, count));
    for visitor in insiders {
        let mut moved = visitor.sent_to(pair.public(A));
        moved.get("/buy/1").await.is_served();
    }
}
