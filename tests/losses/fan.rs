//! A fan with an app that polls as it is told, at one gateway and the other by turns, and looks at
//! the shop again and again once it is in.

use std::net::SocketAddr;
use std::time::Duration;

use anteroom::domain::clock::Clock;
use serde_json::Value;
use tokio::sync::watch;

use crate::kit::forge::{claims_of, decoded, place_of};
use crate::kit::{Ask, Visitor};

const ROOM: &str = "/_anteroom/rooms/derby";

/// How often somebody inside looks at the shop.
const LOOKS: Duration = Duration::from_secs(1);

/// What a poll was answered.
#[derive(Clone, Debug)]
pub struct Poll {
    /// When, by the clock of the test.
    pub at: Duration,
    /// The state.
    pub state: String,
    /// The position, if one was shown.
    pub position: Option<u64>,
    /// The epoch of the token.
    pub epoch: u32,
    /// When to ask again.
    pub next: Duration,
}

/// The fan.
pub struct Fan {
    /// Its app.
    pub visitor: Visitor,
    /// The place, which never changes.
    pub place: u64,
    /// Its session, and when it entered.
    pub entered: Option<(String, Duration)>,
    /// Everything it was told.
    pub polls: Vec<Poll>,
    shown: u64,
    gateways: [SocketAddr; 2],
    clock: Clock,
}

/// The epoch in which a queue token was signed.
fn epoch_of(token: &str) -> u32 {
    u32::from_be_bytes(decoded(token)[29..33].try_into().unwrap())
}

impl Fan {
    /// Takes a place at the first of these gateways.
    pub async fn joins(gateways: [SocketAddr; 2], clock: &Clock) -> Self {
        let mut visitor = Visitor::to(gateways[0]).speaking_json();
        visitor.joins().await;
        Self {
            place: place_of(&visitor.queue_token()),
            visitor,
            entered: None,
            polls: Vec::new(),
            shown: u64::MAX,
            gateways,
            clock: clock.clone(),
        }
    }

    /// Goes to these gateways from now on.
    pub fn goes_to(&mut self, gateways: [SocketAddr; 2]) {
        self.gateways = gateways;
    }

    /// Goes on until told to stop.
    pub async fn lives(mut self, mut stop: watch::Receiver<bool>) -> Self {
        loop {
            let rest = self.asks().await;
            let stopped = tokio::time::timeout(rest, stop.wait_for(|stop| *stop)).await;
            if stopped.is_ok() {
                return self;
            }
        }
    }

    /// Polls, or looks at the shop; when to ask again.
    pub async fn asks(&mut self) -> Duration {
        self.gateways.reverse();
        let gateway = self.gateways[0];
        self.visitor = self.visitor.another_tab().sent_to(gateway);
        match self.entered.clone() {
            None => self.polls().await,
            Some((session, _)) => {
                let page = self.visitor.get("/buy/1").await;
                assert!(page.is_from_the_shop(), "thrown out: {page:?}");
                assert_eq!(self.session(), session, "admitted twice");
                LOOKS
            }
        }
    }

    async fn polls(&mut self) -> Duration {
        let status = self.visitor.status().await;
        self.notes(&status);
        if status["state"] == "released" {
            let page = self.visitor.get("/buy/1").await;
            if page.is_from_the_shop() {
                self.entered = Some((self.session(), self.clock.now().mono));
                return LOOKS;
            }
        }
        self.polls.last().unwrap().next
    }

    fn notes(&mut self, status: &Value) {
        let token = self.visitor.queue_token();
        assert_eq!(place_of(&token), self.place, "{status}");
        assert!(status["ended_by"].is_null(), "{status}");
        let position = status["position"].as_u64();
        assert!(
            position.is_none_or(|position| position <= self.shown),
            "{status} after {}",
            self.shown
        );
        self.shown = position.unwrap_or(self.shown);
        self.polls.push(Poll {
            at: self.clock.now().mono,
            state: status["state"].as_str().unwrap().to_owned(),
            position,
            epoch: epoch_of(&token),
            next: Duration::from_secs(status["poll_after_s"].as_u64().unwrap()),
        });
    }

    fn session(&self) -> String {
        let admission = self
            .visitor
            .admission()
            .expect("served without an admission");
        claims_of(admission)["jti"].as_str().unwrap().to_owned()
    }

    /// Enters before anybody else does; the whole way.
    pub async fn enters(mut self) -> Self {
        while self.entered.is_none() {
            self.polls().await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        self
    }

    /// Leaves, and gives what was saved of the tokens before.
    pub async fn leaves(mut self) -> Visitor {
        let saved = self.visitor.another_tab();
        self.visitor
            .ask(Ask::post(&format!("{ROOM}/leave")))
            .await
            .is(200);
        saved
    }
}
