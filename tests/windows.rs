//! Sale windows by the clock on the wall: a real gateway goes through their times, and another
//! time is not there for them.

use std::time::Duration;

use anteroom::domain::clock::{Clock, UnixTime};
use serde_json::Value;
use tempfile::TempDir;

use crate::kit::process::furnish;
use crate::kit::{Ask, Gateway, Origin, Plan, Visitor, until};

/// A day on which things happen some seconds after its beginning.
struct Day {
    clock: Clock,
    begin: UnixTime,
}

impl Day {
    fn begins() -> Self {
        let clock = Clock::machine();
        let begin = clock.now().wall;
        Self { clock, begin }
    }

    /// A time as files name it.
    fn at(&self, secs: u64) -> String {
        let time = UnixTime::from_secs(self.begin.secs() + secs);
        format!("\"{}\"", time.rfc3339())
    }

    fn is_past(&self, secs: u64) -> bool {
        self.clock.now().wall.secs() >= self.begin.secs() + secs
    }

    async fn reaches(&self, secs: u64) {
        while !self.is_past(secs) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

trait Windows {
    /// With one more room, of these lines of `[window]`.
    fn sale(self, name: &str, window: &str) -> Self;
}

impl Windows for Plan {
    fn sale(self, name: &str, window: &str) -> Self {
        let text = format!(
            "name = \"{name}\"\nsite = \"shop\"\npaths = [\"/{name}/*\"]\n[pace]\nper_minute = 60\n\
             [capacity]\nactive = 10\n[window]\n{window}"
        );
        self.file(&format!("rooms/{name}.toml"), &text)
    }
}

async fn room(gateway: &Gateway, name: &str) -> Value {
    let target = format!("/v1/rooms/{name}");
    gateway
        .operator()
        .ask(Ask::get(&target))
        .await
        .is(200)
        .json()
}

/// Waits until a room is in one of these states.
async fn comes_to(gateway: &Gateway, name: &str, states: &[&str]) -> Value {
    until(&format!("{name} is {states:?}"), || async {
        let room = room(gateway, name).await;
        let there = states.iter().any(|state| room["state"] == *state);
        there.then_some(room)
    })
    .await
}

async fn status(visitor: &mut Visitor, name: &str) -> Value {
    let target = format!("/_anteroom/rooms/{name}/status");
    visitor.ask(Ask::get(&target)).await.is(200).json()
}

#[tokio::test]
async fn a_room_goes_from_closed_through_its_prequeue_to_the_draw_by_itself() {
    let (dir, origin, day) = (TempDir::new().unwrap(), Origin::open().await, Day::begins());
    let window = format!(
        "prequeue_opens_at = {}\nopens_at = {}\nexternal_source = \"round 4,711\"\n",
        day.at(8),
        day.at(14)
    );
    let plan = Plan::default().sale("gala", &window);
    let at = furnish(dir.path(), &plan, origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    let mut ann = Visitor::to(at.public).speaking_json();

    let early = status(&mut ann, "gala").await;
    assert!(!day.is_past(8), "the machine is too slow for this test");
    assert_eq!(early["state"], "closed");
    assert_eq!(early["opens_at"], day.at(14).trim_matches('"'));
    assert_eq!(early["prequeue_opens_at"], day.at(8).trim_matches('"'));
    let page = Visitor::to(at.public).get("/gala/1").await;
    assert_eq!(
        page.header("set-cookie"),
        None,
        "nothing is kept of anybody"
    );
    assert!(page.text().contains("data-scene=\"before_lobby\""));
    assert!(ann.jar.is_empty());

    let lobby = comes_to(&gateway, "gala", &["prequeue"]).await;
    assert!(day.is_past(8));
    assert_eq!(lobby["windows"][0]["external_source"], "round 4,711");
    let first = status(&mut ann, "gala").await;
    assert_eq!(first["position"], Value::Null);
    assert!(!ann.jar.is_empty(), "a token with which to come back");
    let drawing = comes_to(&gateway, "gala", &["drawing"]).await;
    assert!(day.is_past(14));
    assert_eq!(drawing["held_by"], "external_value");
    assert_eq!(drawing["window"], lobby["window"]);
    gateway.terminate();
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_gateway_that_was_killed_before_the_opening_does_what_is_right_when_it_is_back() {
    let (dir, origin, day) = (TempDir::new().unwrap(), Origin::open().await, Day::begins());
    let times = |prequeue, opens| {
        format!(
            "prequeue_opens_at = {}\nopens_at = {}\n",
            day.at(prequeue),
            day.at(opens)
        )
    };
    let plan = Plan::default()
        .sale("drawn", &times(1, 16))
        .sale("missed", &times(14, 15))
        .sale(
            "over",
            &format!("{}ends_at = {}\n", times(14, 15), day.at(16)),
        )
        .sale("early", &times(14, 400));
    let at = furnish(dir.path(), &plan, origin.address);
    let gateway = Gateway::start(dir.path(), at).await;
    let lobby = comes_to(&gateway, "drawn", &["prequeue"]).await;
    assert_eq!(room(&gateway, "missed").await["state"], "closed");
    gateway.kill_nine();
    assert!(!day.is_past(14), "the machine is too slow for this test");

    day.reaches(17).await;
    let gateway = Gateway::start(dir.path(), at).await;
    let drawn = comes_to(&gateway, "drawn", &["drawing", "open"]).await;
    assert_eq!(drawn["window"], lobby["window"], "the same lobby");
    let missed = comes_to(&gateway, "missed", &["open"]).await;
    assert_eq!(missed["windows"][0]["prequeue_opens_at"], Value::Null);
    comes_to(&gateway, "over", &["ended"]).await;
    let early = comes_to(&gateway, "early", &["prequeue"]).await;
    assert_eq!(early["opens_at"], day.at(400).trim_matches('"'));
}
