//! Decides one request; sends nothing.
//!
//! [`Gate::decide`] reads top to bottom as the stages of a request's life: canonical, identify,
//! room, screen, limit, admit, queue.

pub mod absence;
pub mod admit;
mod assert;
pub mod canonical;
pub mod claim;
mod clear;
pub mod crew;
mod deed;
pub mod draw;
pub mod encrypted;
pub mod identify;
pub mod identity;
mod known;
pub mod leave;
pub mod limit;
pub mod lobby;
mod moments;
pub mod newcomer;
pub mod notice;
mod odds;
mod open;
pub mod own;
pub mod pass;
pub mod path;
pub mod permit;
pub mod pressure;
pub mod queue;
pub mod redeem;
pub mod room;
pub mod screen;
pub mod sites;
pub mod socket;
mod spread;
pub mod stay;
pub mod steer;
pub mod tell;
pub mod verdict;
pub mod watch;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;

use http::{Method, request};

use crate::domain::clock::Now;
use crate::policy::rules::Rules;
use crate::store::{QueueStore, ShownBy};
use crate::token::assertion::Assertor;
use crate::token::keyring::Keyring;
use crate::token::queue::QueueToken;

pub use sites::Site;
pub use verdict::{Decided, Own, Refusal, Trace, Verdict};

use admit::Admissions;
use canonical::Canonical;
use encrypted::Encrypted;
use identify::{Manner, Proxies, Token};
use identity::Provider;
use limit::Limiters;
use permit::Grounds;
use pressure::Gauge;
use queue::{Coming, May, Outcome};
use room::Room;
use stay::Stay;

/// What is asked: a request's head, who brought it and when.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The head as parsed.
    pub head: &'a request::Parts,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// What was said in the handshake, where the connection is encrypted.
    pub tls: Option<&'a Encrypted>,
    /// When it came.
    pub now: Now,
}

/// Everything the gate decides by. It never changes: other policies make another gate, which
/// takes over what lasts (`Room::renewed`, `Limiters::renewed`, `Admissions`).
pub struct Gate {
    /// The sites, in the order of the configuration.
    pub sites: Vec<Site>,
    /// All rooms.
    pub rooms: Vec<Room>,
    /// Whose word about visitors is taken.
    pub proxies: Proxies,
    /// Where our own URLs live, without a trailing slash.
    pub prefix: String,
    /// Bot rules.
    pub rules: Rules,
    /// Rate limits.
    pub limiters: Limiters,
    /// The keys.
    pub keys: Arc<Keyring>,
    /// Where the rooms are kept.
    pub store: Arc<dyn QueueStore>,
    /// Verified admissions.
    pub admissions: Admissions,
    /// Whose word about visitors rooms take.
    pub providers: Vec<Provider>,
    /// The port over TLS that visitors in the clear are sent to, where they are.
    pub secure_port: Option<NonZeroU16>,
    /// Whether there is too much to do for newcomers.
    pub pressure: Arc<Gauge>,
}

/// A request on its way through the gate.
struct Request<'a> {
    ask: &'a Ask<'a>,
    canonical: Canonical,
    site: usize,
    assertor: Option<&'a Assertor>,
    client: IpAddr,
    https: bool,
}

impl Gate {
    /// Decides one request. Does not send it anywhere and does not answer it.
    pub async fn decide(&self, ask: &Ask<'_>) -> Decided {
        let mut trace = Trace::default();
        let verdict = self.verdict(ask, &mut trace).await;
        Decided { verdict, trace }
    }

    /// An admitted visitor costs no store call. `Err` is a visitor turned away, there for `?`
    /// alone.
    async fn verdict(&self, ask: &Ask<'_>, trace: &mut Trace) -> Result<Verdict, Refusal> {
        let canonical = canonical::parse(ask.head)?;
        let request = self.identify(ask, canonical)?;
        trace.client = Some(request.client);
        trace.https = request.https;
        let covering = sites::covering(
            self.sites.get(request.site),
            &self.rooms,
            &request.canonical,
        );
        trace.room = covering;
        let asked = (request.canonical.key.as_str(), &ask.head.headers);
        screen::screen(&self.rules, request.client, asked, trace)?;
        self.limiters
            .visit(request.client, &request.canonical.key)?;
        if let Some(address) = self.over_tls(&request)? {
            return Ok(Verdict::Own(Own::OverTls(address)));
        }
        if own::is_under(&self.prefix, &request.canonical.key) {
            return self.own(&request, trace).await.map(Verdict::Own);
        }
        let Some(room) = covering.and_then(|at| self.rooms.get(at)) else {
            return request.pass(Grounds::Outside, None, || Stay::Unbound);
        };
        if let Some(pass) = self.open_to_all(room, &request)? {
            return Ok(pass);
        }
        if let Some(admitted) = self.admit(room, &request, trace) {
            let grounds = Grounds::Admitted(admitted.session);
            trace.holder = Some(Arc::clone(&admitted.known));
            let stay = || Stay::of(room, admitted.known);
            return request.pass(grounds, admitted.renewed, stay);
        }
        if let Some(pass) = self.walks_in(room, &request)? {
            return Ok(pass);
        }
        self.queue(room, request, trace).await
    }

    fn identify<'a>(
        &'a self,
        ask: &'a Ask<'a>,
        canonical: Canonical,
    ) -> Result<Request<'a>, Refusal> {
        let (site, found) =
            sites::serving(&self.sites, &canonical.host).ok_or(Refusal::Misdirected)?;
        if ask.tls.is_some_and(|tls| !tls.is_for(&canonical.host)) {
            return Err(Refusal::OtherName);
        }
        let headers = &ask.head.headers;
        let peer = ask.peer.ip();
        Ok(Request {
            ask,
            canonical,
            site,
            assertor: found.assertor.as_deref(),
            client: self.proxies.client(peer, headers),
            https: match self.proxies.https(peer, headers) {
                Some(said) => said,
                None => ask.tls.is_some() || found.https,
            },
        })
    }

    async fn queue(
        &self,
        room: &Room,
        request: Request<'_>,
        trace: &mut Trace,
    ) -> Result<Verdict, Refusal> {
        let method = &request.ask.head.method;
        let manner = Manner::of(method, &request.ask.head.headers);
        let may = match manner {
            Manner::Visit if *method == Method::HEAD => May::Look,
            Manner::Visit => May::Claim,
            Manner::Prefetch | Manner::CrossSite | Manner::Socket => May::Look,
        };
        let brought = self.queue_token(room, &request, trace)?;
        let joins = *method == Method::GET || !method.is_safe();
        let placed = brought.is_some_and(|token| token.place.is_some());
        let joins = joins && !identify::is_of_a_last_page(brought, &request.ask.head.headers);
        let may = if joins || placed { may } else { May::Look };
        let token = brought.filter(|token| room.counts(token));
        let coming = Coming {
            known: self.known_if_new(room, &request, (token.as_ref(), trace)),
            token,
            may,
            // Who brings a true token of another window does keep cookies.
            returned: request.canonical.returned && brought.is_none(),
            shown_by: if may == May::Look {
                ShownBy::Page
            } else {
                ShownBy::Visitor
            },
        };
        let snapshot = room.snapshot.load_full();
        let outcome = self
            .line(room, &snapshot, request.ask.now)
            .serve(coming)
            .await?;
        Ok(match outcome {
            Outcome::Told(mut notice) => {
                // A header that proves nothing gets what no header gets.
                notice.tells_tokens =
                    brought.is_some() && identify::keeps_no_cookies(&request.ask.head.headers);
                Verdict::told(notice)
            }
            Outcome::Claimed {
                session,
                token,
                known,
                notice: _,
            } => {
                trace.holder = Some(known);
                Verdict::Claimed(request.permit(Grounds::Admitted(session)), token)
            }
        })
    }

    /// The queue token a request brings, of whatever window, if it verifies. A visitor who polls
    /// too often is turned away before any work.
    fn queue_token(
        &self,
        room: &Room,
        request: &Request<'_>,
        trace: &mut Trace,
    ) -> Result<Option<QueueToken>, Refusal> {
        let headers = &request.ask.head.headers;
        let Some(text) = room.cookies.brought(headers, Token::Queue, request.https) else {
            return Ok(None);
        };
        let now = room.snapshot.load().skew.correct(request.ask.now).wall;
        let token = match self.keys.verify_queue(&room.settings.name, text, now) {
            Ok(token) => token,
            Err(refused) => {
                trace.token = Some(refused.reason());
                return Ok(None);
            }
        };
        self.limiters.poll(token.visitor)?;
        room.witness(&token);
        Ok(Some(token))
    }
}
