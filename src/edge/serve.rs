//! One request from the connection to its answer: decided once, carried out, counted and logged
//! once.

mod caller;
mod session;
mod settle;
mod stranger;
mod told;

use std::pin::pin;
use std::sync::Arc;

use http::header::{HeaderValue, STRICT_TRANSPORT_SECURITY};
use http::{Request, Version, request};
use tokio::sync::Semaphore;

use crate::domain::clock::{Clock, Now};
use crate::gate::permit::{Grounds, Permit};
use crate::gate::socket::names_websocket;
use crate::gate::{Ask, Decided, Gate, Own, Refusal, Trace, Verdict};
use crate::origin::Origin;
use crate::telemetry::labels::{RefusalLabel, VerdictLabel};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::series::Counts;

use super::body::{AnswerBody, SentBody};
use super::events::Streams;
use super::interim::{self, Herald};
use super::negotiate::NEGOTIATED;
use super::proxied::Announcers;
use super::respond::{Answer, Asking, Responder, close};
use super::sockets::Switch;
use super::tls::Tls;
use session::Went;
use settle::settle;

pub use caller::{Caller, Peer};

/// Everything a request needs on this side, made for one set of policies: a request takes it once,
/// and other policies come as another door.
pub struct Door {
    /// Decides.
    pub gate: Gate,
    /// Carries what may pass.
    pub origin: Origin,
    /// Makes our own answers.
    pub responder: Responder,
    /// The clock.
    pub clock: Clock,
    /// Where outcomes are counted.
    pub metrics: Arc<Metrics>,
    /// Where outcomes of these sites and rules are counted.
    pub counts: Counts,
    /// WebSockets that may be open at once, over all sites.
    pub sockets: Arc<Semaphore>,
    /// Event streams that are open.
    pub streams: Arc<Streams>,
    /// TLS on the listeners that speak it.
    pub tls: Option<Arc<Tls>>,
    /// What visitors over TLS are told about coming that way, where they are.
    pub hsts: Option<HeaderValue>,
    /// Who says in front of a connection whose it is.
    pub announcers: Announcers,
}

/// A request that came.
pub(super) struct Came<'a> {
    pub(super) head: request::Parts,
    pub(super) body: SentBody,
    pub(super) now: Now,
    pub(super) switch: &'a Switch,
    pub(super) herald: Herald<'a>,
}

impl Door {
    /// Answers one request.
    ///
    /// Each request allocates this future. What not every request needs (the origin, the store,
    /// an unwanted body) is boxed where it begins, so that it stays small.
    pub async fn answer(&self, request: Request<SentBody>, caller: Caller<'_>) -> Answer {
        let in_flight = caller.activity.begin();
        let (head, body) = request.into_parts();
        let socket = names_websocket(&head.headers);
        let is_old = head.version == Version::HTTP_10;
        let now = self.clock.now();
        let decided = self
            .gate
            .decide(&Ask {
                head: &head,
                peer: caller.peer.address,
                tls: caller.peer.tls.as_ref(),
                now,
            })
            .await;
        self.count(&decided);
        if let Err(Refusal::Misdirected) = &decided.verdict {
            self.tell_stranger(&head, now);
        }
        if socket {
            self.count_unopened(&decided);
        }
        let came = Came {
            head,
            body,
            now,
            switch: caller.switch,
            herald: caller.herald,
        };
        let mut answer = self.carry_out(decided, came).await;
        if is_old {
            // Else the library offers whoever asks for it to go on.
            *answer.version_mut() = Version::HTTP_10;
        }
        // Nothing else is read from a connection that asked for a socket, or speaks HTTP/1.0.
        if is_old || socket && !caller.switch.is_set() {
            close(&mut answer);
        }
        if let (Some(_), Some(hsts)) = (&caller.peer.tls, &self.hsts) {
            // A site that says it for itself knows better.
            let said = answer.headers_mut().entry(STRICT_TRANSPORT_SECURITY);
            said.or_insert_with(|| hsts.clone());
        }
        answer.map(|body| body.holding(in_flight))
    }

    async fn carry_out(&self, decided: Decided, came: Came<'_>) -> Answer {
        let Decided { verdict, trace } = decided;
        let went = self.going(&trace, &came.head.headers);
        let Went { room, https, .. } = went;
        let asking = Asking {
            head: &came.head,
            https,
        };
        let told = match verdict {
            Ok(Verdict::Pass(permit, token)) => {
                let answer = Box::pin(self.forward(permit, came, https)).await;
                return self.let_in(answer, token, went).await;
            }
            Ok(Verdict::Claimed(permit, token)) => {
                let answer = Box::pin(self.forward(permit, came, https)).await;
                return self.let_in(answer, Some(token), went).await;
            }
            Ok(Verdict::Socket(opening, token)) => {
                let answer = Box::pin(self.open(*opening, came, https)).await;
                return self.let_in(answer, token, went).await;
            }
            Ok(Verdict::Own(Own::Code(bringing))) => {
                return Box::pin(self.redeem(*bringing, came, (room, https))).await;
            }
            Ok(Verdict::Own(Own::Events(watch))) => {
                self.open_stream(*watch, (trace.room, trace.client), &came, https)
            }
            Ok(Verdict::Own(own)) => {
                let names = room.map(|room| &room.cookies);
                self.responder.own(&own, names, asking)
            }
            Ok(Verdict::Wait(notice) | Verdict::Shut(notice)) => match room {
                Some(room) => self.responder.notice(&notice, &room.cookies, asking),
                None => self.responder.refusal(Refusal::NotFound, asking),
            },
            Err(refusal) => self.responder.refusal(refusal, asking),
        };
        settle(told, came.body, &came.head.headers).await
    }

    async fn forward(&self, permit: Permit, mut came: Came<'_>, https: bool) -> Answer {
        let site = permit.passage().site;
        let asked = remembered(&came.head);
        let way = (interim::way(&mut came.head), came.herald);
        let request = Request::from_parts(came.head, came.body);
        let answering = pin!(self.origin.forward(request, permit));
        let outcome = interim::heralded(way, &self.metrics.asides, answering).await;
        self.time(site, came.now);
        match outcome {
            Ok(answer) => answer.map(AnswerBody::origin),
            Err(fault) => {
                self.tell_fault((&fault, site), "the origin did not answer");
                let asking = Asking {
                    head: &asked,
                    https,
                };
                self.responder.origin_fault(&fault, asking)
            }
        }
    }

    /// Records how long a site took to answer a request that came then.
    pub(super) fn time(&self, site: usize, came: Now) {
        let took = self.clock.now().mono.saturating_sub(came.mono);
        if let Some(counts) = self.counts.site(site) {
            counts.answered(took);
        }
    }

    fn count(&self, decided: &Decided) {
        let Trace {
            client: _,
            https: _,
            room,
            rule,
            token,
            holder: _,
            spread,
        } = &decided.trace;
        if *spread {
            self.metrics.session_spread();
        }
        self.metrics.verdict(match &decided.verdict {
            Ok(Verdict::Pass(permit, _)) => passed(permit),
            Ok(Verdict::Socket(opening, _)) => passed(&opening.permit),
            Ok(Verdict::Claimed(..)) => VerdictLabel::Claimed,
            Ok(Verdict::Wait(_)) => VerdictLabel::Wait,
            Ok(Verdict::Shut(_)) => VerdictLabel::Shut,
            Ok(Verdict::Own(_)) => VerdictLabel::Own,
            Err(_) => VerdictLabel::Refused,
        });
        if let Err(refusal) = &decided.verdict {
            self.metrics.refusal(label(*refusal));
        }
        if let Some((rule, _)) = rule {
            self.counts.rule_matched(rule);
        }
        if let Some(reason) = token {
            self.metrics.token_refused(reason);
        }
        tracing::debug!(?room, ?token, "decided");
    }
}

const fn passed(permit: &Permit) -> VerdictLabel {
    match permit.grounds() {
        Grounds::Crew => VerdictLabel::Crew,
        Grounds::Admitted(_) | Grounds::Outside | Grounds::Exempt | Grounds::Passthrough => {
            VerdictLabel::Pass
        }
    }
}

pub(super) const fn label(refusal: Refusal) -> RefusalLabel {
    match refusal {
        Refusal::Ambiguous(_) => RefusalLabel::Ambiguous,
        Refusal::MethodNotAllowed => RefusalLabel::Method,
        Refusal::ExpectationFailed => RefusalLabel::Expectation,
        Refusal::Handshake(_) => RefusalLabel::Handshake,
        Refusal::Misdirected => RefusalLabel::UnknownHost,
        Refusal::OtherName => RefusalLabel::OtherName,
        Refusal::InTheClear => RefusalLabel::InTheClear,
        Refusal::NotFound | Refusal::Draw(_) => RefusalLabel::UnknownAddress,
        Refusal::Denied => RefusalLabel::Denied,
        Refusal::TooMany { .. } => RefusalLabel::Limited,
        Refusal::CrossSite | Refusal::Preflight => RefusalLabel::CrossSite,
        Refusal::NoChance => RefusalLabel::NoChance,
        Refusal::Busy => RefusalLabel::Busy,
    }
}

/// What is kept of a request's head while the origin has it: enough to say in what form it went
/// wrong there.
pub(super) fn remembered(head: &request::Parts) -> request::Parts {
    let (mut kept, ()) = Request::new(()).into_parts();
    kept.method = head.method.clone();
    kept.uri = head.uri.clone();
    for name in &NEGOTIATED {
        for value in head.headers.get_all(name) {
            kept.headers.append(name.clone(), value.clone());
        }
    }
    kept
}
