//! A crowd of apps that wait as they are told, enter when they may, and look at the shop once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher as _;
use std::time::Duration;

use anteroom::domain::clock::Clock;
use serde_json::Value;

use super::forge::claims_of;
use super::{Ask, Visitor};

const ROOM: &str = "/_anteroom/rooms/derby";

/// One that entered.
#[derive(Clone, Debug)]
pub struct Entered {
    /// At which of the gateways.
    pub gateway: usize,
    /// The name of its session.
    pub session: String,
}

/// One app that keeps its tokens itself and speaks over connections it shares with others.
struct App {
    queue_token: String,
    /// The gateway it keeps to; without one it goes to any, each time anew.
    keeps_to: Option<usize>,
    /// The smallest position it was shown.
    position: u64,
}

/// What came of asking.
enum Told {
    Again(Duration),
    Enters(Entered),
}

/// A connection to each gateway.
struct Lines(Vec<Visitor>);

impl Lines {
    fn any(&self) -> usize {
        // A new hasher is seeded at random.
        let random = std::hash::RandomState::new().hash_one(0);
        usize::try_from(random % self.0.len() as u64).unwrap()
    }
}

impl App {
    /// Takes a place.
    async fn joins(lines: &mut Lines, number: usize) -> (Self, Duration) {
        let gateway = lines.any();
        let join = Ask::post(&format!("{ROOM}/join"));
        let token = lines.0[gateway].ask(join).await.is(202).says("queue_token");
        let mut app = Self {
            queue_token: token.as_str().unwrap().to_owned(),
            keeps_to: number.is_multiple_of(2).then_some(gateway),
            position: u64::MAX,
        };
        match app.polls(lines).await {
            Told::Again(next) => (app, next),
            Told::Enters(entered) => panic!("in without a wait: {entered:?}"),
        }
    }

    /// Asks where it stands, and enters when it is its turn.
    async fn polls(&mut self, lines: &mut Lines) -> Told {
        let gateway = self.keeps_to.unwrap_or_else(|| lines.any());
        let ask = self.asks(Ask::get(&format!("{ROOM}/status")));
        let status = lines.0[gateway].ask(ask).await.is(200).json();
        self.keeps(&status);
        if status["state"] == "released" {
            return Told::Enters(self.enters(lines, gateway).await);
        }
        let next = status["poll_after_s"].as_u64().unwrap();
        Told::Again(Duration::from_secs(next))
    }

    /// Claims at one gateway, and at all the others to the same effect; then looks at the shop.
    async fn enters(&mut self, lines: &mut Lines, gateway: usize) -> Entered {
        let token = self.claims(&mut lines.0[gateway]).await;
        let session = claims_of(&token)["jti"].as_str().unwrap().to_owned();
        for other in (0..lines.0.len()).filter(|&other| other != gateway) {
            let again = self.claims(&mut lines.0[other]).await;
            assert_eq!(claims_of(&again)["jti"], session, "admitted twice");
        }
        let visit = Ask::get("/buy/1").with("anteroom-admission", &token);
        lines.0[gateway].ask(visit).await.is_served();
        Entered { gateway, session }
    }

    async fn claims(&mut self, line: &mut Visitor) -> String {
        loop {
            let claim = self.asks(Ask::post(&format!("{ROOM}/claim")));
            let status = line.ask(claim).await.json();
            if let Some(token) = status["admission_token"].as_str() {
                return token.to_owned();
            }
            // Only where the store did not answer in time a claim may have to be made again.
            assert_eq!(status["reason"], "recovering", "{status}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    fn asks(&self, ask: Ask) -> Ask {
        ask.with("anteroom-queue", &self.queue_token)
    }

    fn keeps(&mut self, status: &Value) {
        if let Some(token) = status["queue_token"].as_str() {
            token.clone_into(&mut self.queue_token);
        }
        if let Some(position) = status["position"].as_u64() {
            assert!(
                position <= self.position,
                "{} before {status}",
                self.position
            );
            self.position = position;
        }
    }
}

/// So many apps one after the other on one connection to each of some gateways, each when it was
/// told to come, until this time of `clock`; those that entered. Half of them keep to a gateway.
pub async fn crowd(
    lines: Vec<Visitor>,
    apps: usize,
    clock: Clock,
    until: Duration,
) -> Vec<Entered> {
    let mut lines = Lines(lines);
    let (mut waiting, mut agenda) = (Vec::new(), BinaryHeap::new());
    for number in 0..apps {
        let (app, next) = App::joins(&mut lines, number).await;
        waiting.push(app);
        agenda.push(Reverse((clock.now().mono + next, number)));
    }
    let mut entered = Vec::new();
    while let Some(Reverse((due, number))) = agenda.pop() {
        if due > until {
            break;
        }
        tokio::time::sleep(due.saturating_sub(clock.now().mono)).await;
        match waiting[number].polls(&mut lines).await {
            Told::Again(next) => agenda.push(Reverse((clock.now().mono + next, number))),
            Told::Enters(one) => entered.push(one),
        }
    }
    entered
}
