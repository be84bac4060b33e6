//! Decides one request; sends nothing.
//!
//! [`Gate::decide`] reads top to bottom as the stages of a request's life: canonical, identify,
//! room, screen, limit, admit, queue.

pub mod admit;
pub mod canonical;
pub mod identify;
pub mod limit;
pub mod notice;
pub mod own;
pub mod permit;
pub mod queue;
pub mod room;
pub mod screen;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Method, header, request};

use crate::domain::clock::Now;
use crate::domain::pattern::HostPattern;
use crate::domain::room::{Method as RoomMethod, RoomName};
use crate::policy::rules::{Action, Rules};
use crate::store::QueueStore;
use crate::token::keyring::Keyring;
use crate::token::queue::QueueToken;

use admit::{AdmissionToken, Admissions, Door, NotAdmitted};
use canonical::Canonical;
use identify::{Manner, Proxies, Token};
use limit::Limiters;
use notice::{Face, Notice, SetToken};
use own::Endpoint;
use permit::{Grounds, Passage, Permit};
use queue::{Coming, Line, May, Outcome};
use room::Room;

/// What is asked: a request's head, who brought it and when.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The head as parsed.
    pub head: &'a request::Parts,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// When it came.
    pub now: Now,
}

/// What the gate decided, and how it came to it.
#[derive(Debug)]
pub struct Decided {
    /// The decision.
    pub verdict: Result<Verdict, Refusal>,
    /// What happened on the way, for counting and logging once.
    pub trace: Trace,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Verdict {
    /// Forward it; where a renewed admission is given, set it on the answer.
    Pass(Permit, Option<AdmissionToken>),
    /// The turn was claimed by this request: forward it and set the admission on the answer.
    Claimed(Permit, AdmissionToken),
    /// Show the visitor where it stands.
    Wait(Box<Notice>),
    /// The room takes nobody: closed, ended, full or `reject`.
    Shut(Box<Notice>),
    /// One of our own URLs.
    Own(Own),
}

/// An answer of one of our own URLs.
#[derive(Debug)]
pub enum Own {
    /// The public keys.
    Jwks,
    /// One of the page's own files, by name.
    Asset(String),
    /// Where the visitor stands: always 200.
    Status(Box<Notice>),
    /// A join without a token: come back with the one given.
    ComeBack(Box<Notice>),
    /// A claim of who is not released.
    NotReleased(Box<Notice>),
    /// The visitor left.
    Left(Box<Notice>),
}

/// A visitor turned away, and why. An outcome, not an error: never logged as a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request can be read in two ways.
    #[error("{0}")]
    Ambiguous(&'static str),
    /// TRACE, CONNECT, or a method this URL of ours does not answer.
    #[error("this method is not answered here")]
    MethodNotAllowed,
    /// An `Expect` that nobody can meet.
    #[error("this expectation cannot be met")]
    ExpectationFailed,
    /// No site of ours has this host.
    #[error("no site with this host is served here")]
    Misdirected,
    /// No such URL of ours, or no such room.
    #[error("there is no such page here")]
    NotFound,
    /// A bot rule denies it.
    #[error("a rule denies this request")]
    Denied,
    /// A limit is reached.
    #[error("too many requests; wait {wait:?}")]
    TooMany {
        /// Until the next may come.
        wait: Duration,
    },
    /// Another site's page asked for a change.
    #[error("another site's page may not do this")]
    CrossSite,
    /// A CORS preflight on a protected path.
    #[error("this path answers no requests from other sites")]
    Preflight,
    /// The machine gives no random numbers, so nobody can be given an identity.
    #[error("no new visitor can be served at present")]
    NoChance,
}

/// What happened on the way to a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The visitor's address, once known.
    pub client: Option<IpAddr>,
    /// Whether the visitor came over TLS, as far as is known.
    pub https: bool,
    /// Index of the room that covers the request.
    pub room: Option<usize>,
    /// The bot rule that matched, and what it says.
    pub rule: Option<(RoomName, Action)>,
    /// Why a token that was brought did not count.
    pub token: Option<&'static str>,
}

/// One site: its hosts and how visitors come to it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The hosts it answers to.
    pub hosts: Vec<HostPattern>,
    /// Whether visitors come over TLS, where no trusted proxy says.
    pub https: bool,
    /// Indices of its rooms.
    pub rooms: Vec<usize>,
}

/// What may be swapped while requests run: the rules.
#[derive(Debug, Default)]
pub struct Screens {
    /// Bot rules.
    pub rules: Rules,
}

/// Everything the gate decides by.
pub struct Gate {
    /// The sites, in the order of the configuration.
    pub sites: Vec<Site>,
    /// All rooms.
    pub rooms: Vec<Room>,
    /// Whose word about visitors is taken.
    pub proxies: Proxies,
    /// Where our own URLs live, without a trailing slash.
    pub prefix: String,
    /// Bot rules in force.
    pub screens: ArcSwap<Screens>,
    /// Rate limits in force.
    pub limiters: Arc<Limiters>,
    /// The keys.
    pub keys: Keyring,
    /// Where the rooms are kept.
    pub store: Arc<dyn QueueStore>,
    /// Verified admissions.
    pub admissions: Admissions,
}

/// A request on its way through the gate.
struct Request<'a> {
    ask: &'a Ask<'a>,
    canonical: Canonical,
    site: usize,
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
        let covering = self.room_covering(&request);
        trace.room = covering;
        let asked = (request.canonical.key.as_str(), &ask.head.headers);
        screen::screen(&self.screens.load().rules, request.client, asked, trace)?;
        self.limiters
            .visit(request.client, &request.canonical.key)?;
        if own::is_under(&self.prefix, &request.canonical.key) {
            return self.own(&request, trace).await.map(Verdict::Own);
        }
        let Some(room) = covering.and_then(|at| self.rooms.get(at)) else {
            return Ok(Verdict::Pass(request.permit(Grounds::Outside), None));
        };
        if let Some(pass) = self.open_to_all(room, &request)? {
            return Ok(pass);
        }
        if let Some(admitted) = self.admit(room, &request, trace) {
            let permit = request.permit(Grounds::Admitted(admitted.session));
            return Ok(Verdict::Pass(permit, admitted.renewed));
        }
        self.queue(room, request, trace).await
    }

    fn identify<'a>(&self, ask: &'a Ask<'a>, canonical: Canonical) -> Result<Request<'a>, Refusal> {
        let (site, found) = self
            .sites
            .iter()
            .enumerate()
            .filter_map(|(at, site)| {
                let covering = site
                    .hosts
                    .iter()
                    .filter(|host| host.covers(&canonical.host));
                let weight = covering.map(HostPattern::weight).max()?;
                Some((weight, at, site))
            })
            .max_by_key(|(weight, ..)| *weight)
            .map(|(_, at, site)| (at, site))
            .ok_or(Refusal::Misdirected)?;
        let headers = &ask.head.headers;
        let peer = ask.peer.ip();
        Ok(Request {
            ask,
            canonical,
            site,
            client: self.proxies.client(peer, headers),
            https: self.proxies.https(peer, headers).unwrap_or(found.https),
        })
    }

    /// The room that covers a request, most specific first.
    fn room_covering(&self, request: &Request<'_>) -> Option<usize> {
        let site = self.sites.get(request.site)?;
        site.rooms
            .iter()
            .filter_map(|at| {
                let weight = self.rooms.get(*at)?.covers(&request.canonical.key)?;
                Some((weight, *at))
            })
            .max_by_key(|(weight, _)| *weight)
            .map(|(_, at)| at)
    }

    /// What the owner lets pass without queueing, and what nobody may ask.
    fn open_to_all(&self, room: &Room, request: &Request<'_>) -> Result<Option<Verdict>, Refusal> {
        let head = request.ask.head;
        let exempt = room.exempts(
            &head.method,
            &request.canonical.key,
            request.client,
            &head.headers,
        );
        if exempt {
            return Ok(Some(Verdict::Pass(request.permit(Grounds::Exempt), None)));
        }
        match room.settings.method {
            RoomMethod::Passthrough => {
                let permit = request.permit(Grounds::Passthrough);
                return Ok(Some(Verdict::Pass(permit, None)));
            }
            RoomMethod::Reject => {
                let notice = Notice::of(
                    Arc::clone(&room.settings),
                    Face::Closed,
                    request.ask.now.wall,
                );
                return Ok(Some(Verdict::Shut(Box::new(notice))));
            }
            RoomMethod::Fifo => {}
        }
        let preflight = head.method == Method::OPTIONS
            && head.headers.contains_key(header::ORIGIN)
            && head
                .headers
                .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if preflight {
            return Err(Refusal::Preflight);
        }
        Ok(None)
    }

    fn admit(
        &self,
        room: &Room,
        request: &Request<'_>,
        trace: &mut Trace,
    ) -> Option<admit::Admitted> {
        let headers = &request.ask.head.headers;
        let text = room
            .cookies
            .brought(headers, Token::Admission, request.https)?;
        let snapshot = room.snapshot.load();
        let door = Door {
            keys: &self.keys,
            room: &room.settings.name,
            terms: &room.settings.terms.session,
            snapshot: &snapshot,
            notes: &room.notes,
        };
        match self.admissions.admit(door, text, request.ask.now) {
            Ok(admitted) => Some(admitted),
            Err(NotAdmitted::Refused(reason)) => {
                trace.token = Some(reason);
                None
            }
            Err(NotAdmitted::Expired) => {
                trace.token = Some("expired");
                None
            }
            Err(NotAdmitted::Ended) => {
                trace.token = Some("ended");
                None
            }
        }
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
            Manner::Visit if *method == Method::HEAD || *method == Method::OPTIONS => May::Look,
            Manner::Visit => May::Claim,
            Manner::Prefetch | Manner::CrossSite => May::Look,
        };
        let coming = Coming {
            token: self.queue_token(room, &request, trace)?,
            may,
            returned: request.canonical.returned,
        };
        let snapshot = room.snapshot.load_full();
        let outcome = self
            .line(room, &snapshot, request.ask.now)
            .serve(coming)
            .await?;
        Ok(match outcome {
            Outcome::Told(notice) => match notice.face {
                Face::Closed | Face::Ended | Face::Full => Verdict::Shut(notice),
                Face::Waiting | Face::Released | Face::Admitted | Face::Paused => {
                    Verdict::Wait(notice)
                }
            },
            Outcome::Claimed { session, token, .. } => {
                Verdict::Claimed(request.permit(Grounds::Admitted(session)), token)
            }
        })
    }

    fn line<'a>(
        &'a self,
        room: &'a Room,
        snapshot: &'a crate::store::survey::Snapshot,
        now: Now,
    ) -> Line<'a> {
        Line {
            room,
            snapshot,
            keys: &self.keys,
            store: self.store.as_ref(),
            admissions: &self.admissions,
            now,
        }
    }

    /// The queue token a request brings, if it counts here. A visitor who polls too often is
    /// turned away before any work.
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
        let now = request.ask.now.wall;
        let token = match self.keys.verify_queue(&room.settings.name, text, now) {
            Ok(token) => token,
            Err(refused) => {
                trace.token = Some(refused.reason());
                return Ok(None);
            }
        };
        self.limiters.poll(token.visitor)?;
        let snapshot = room.snapshot.load();
        let unknown = snapshot.store == crate::store::survey::StoreHealth::NotYet;
        let current = unknown || token.window == snapshot.survey.orders.window;
        Ok(current.then_some(token))
    }

    async fn own(&self, request: &Request<'_>, trace: &mut Trace) -> Result<Own, Refusal> {
        let path = request.canonical.target.path();
        let endpoint = Endpoint::parse(&self.prefix, path).ok_or(Refusal::NotFound)?;
        if !endpoint.answers(&request.ask.head.method) {
            return Err(Refusal::MethodNotAllowed);
        }
        let (name, deed) = match endpoint {
            Endpoint::Jwks => return Ok(Own::Jwks),
            Endpoint::Asset(name) => return Ok(Own::Asset(name)),
            Endpoint::Status(name) => (name, Deed::Status),
            Endpoint::Join(name) => (name, Deed::Join),
            Endpoint::Claim(name) => (name, Deed::Claim),
            Endpoint::Leave(name) => (name, Deed::Leave),
        };
        let (at, room) = self
            .rooms
            .iter()
            .enumerate()
            .find(|(_, room)| room.settings.name.as_str() == name)
            .ok_or(Refusal::NotFound)?;
        trace.room = Some(at);
        self.stand_at(room, request, deed, trace).await
    }

    async fn stand_at(
        &self,
        room: &Room,
        request: &Request<'_>,
        deed: Deed,
        trace: &mut Trace,
    ) -> Result<Own, Refusal> {
        let head = request.ask.head;
        let changes = !matches!(deed, Deed::Status);
        let host = &request.canonical.host_text;
        if changes && !identify::is_same_origin(&head.headers, host, request.https) {
            return Err(Refusal::CrossSite);
        }
        let visit = Manner::of(&head.method, &head.headers) == Manner::Visit;
        let may = match deed {
            Deed::Status if !visit || head.method == Method::HEAD => May::Look,
            Deed::Status | Deed::Join | Deed::Leave => May::Join,
            Deed::Claim => May::Claim,
        };
        let admitted = self.admit(room, request, trace);
        let token = self.queue_token(room, request, trace)?;
        let snapshot = room.snapshot.load_full();
        let line = self.line(room, &snapshot, request.ask.now);
        let by_header = head.headers.contains_key(identify::QUEUE_HEADER)
            || head.headers.contains_key(identify::ADMISSION_HEADER);
        let tells = by_header || (changes && !head.headers.contains_key("sec-fetch-site"));
        if deed == Deed::Leave {
            if let Some(admitted) = admitted {
                line.end(admitted.session);
            }
            return Ok(Own::Left(Box::new(line.leave(token.as_ref()).await)));
        }
        if let Some(admitted) = admitted {
            let mut notice = line.is_inside(admitted.renewed);
            notice.tells_tokens = tells;
            return Ok(Own::Status(Box::new(notice)));
        }
        let returned = false;
        let brought = token.is_some();
        let outcome = line
            .serve(Coming {
                token,
                may,
                returned,
            })
            .await?;
        let (mut notice, claimed) = match outcome {
            Outcome::Told(notice) => (notice, false),
            Outcome::Claimed { notice, .. } => (notice, true),
        };
        notice.tells_tokens = tells;
        Ok(match deed {
            Deed::Join if !brought => Own::ComeBack(notice),
            Deed::Claim if !claimed => Own::NotReleased(notice),
            Deed::Status | Deed::Join | Deed::Claim | Deed::Leave => Own::Status(notice),
        })
    }
}

/// What is asked of a room's own URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Status,
    Join,
    Claim,
    Leave,
}

impl Request<'_> {
    fn permit(&self, grounds: Grounds) -> Permit {
        Permit::new(
            grounds,
            Passage {
                site: self.site,
                target: self.canonical.target.clone(),
                host: self.canonical.host_text.clone(),
                client: self.client,
                https: self.https,
            },
        )
    }
}

impl SetToken<String> {
    /// The token given, if one is.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        match self {
            Self::Give(text) => Some(text),
            Self::Keep | Self::Clear => None,
        }
    }
}
