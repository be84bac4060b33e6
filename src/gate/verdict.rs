//! What the gate may decide about a request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::room::RoomName;
use crate::policy::rules::Action;

use super::absence::Denial;
use super::admit::{AdmissionToken, Known};
use super::crew::Crew;
use super::draw::{Shown, Unshown};
use super::notice::Notice;
use super::permit::Permit;
use super::redeem::{Bringing, Redeemed};
use super::socket::{Flaw, Opening};
use super::watch::Watch;

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
    /// Open a socket to the site; otherwise as [`Verdict::Pass`].
    Socket(Box<Opening>, Option<AdmissionToken>),
    /// The turn was claimed by this request: forward it and set the admission on the answer.
    Claimed(Permit, AdmissionToken),
    /// Show the visitor where it stands.
    Wait(Box<Notice>),
    /// The room takes nobody: closed, ended, full or `reject`.
    Shut(Box<Notice>),
    /// One of our own URLs.
    Own(Own),
}

impl Verdict {
    /// Tells a visitor who does not pass: to wait, or that the room takes nobody.
    #[must_use]
    pub fn told(notice: Box<Notice>) -> Self {
        if notice.face.is_in_line() {
            Self::Wait(notice)
        } else {
            Self::Shut(notice)
        }
    }
}

/// An answer of one of our own URLs.
#[derive(Debug)]
pub enum Own {
    /// The same page over TLS: its whole address.
    OverTls(String),
    /// The public keys.
    Jwks,
    /// One of the page's own files, by name.
    Asset(String),
    /// A draw, its roster, or a receipt of it.
    Draw(Shown),
    /// A page of the room's crew.
    Crew(Box<Crew>),
    /// Where the visitor stands: always 200.
    Status(Box<Notice>),
    /// A join without a token: come back with the one given.
    ComeBack(Box<Notice>),
    /// A claim of who is not released.
    NotReleased(Box<Notice>),
    /// The visitor left.
    Left(Box<Notice>),
    /// The page that takes a code.
    CodePage(Box<Notice>),
    /// A code is brought: its body is to be read and given to [`super::Gate::redeem`].
    Code(Box<Bringing>),
    /// A code was tried.
    Redeemed(Box<Notice>, Redeemed),
    /// A visitor's wish is granted.
    Granted(Box<Notice>),
    /// A visitor's wish is not granted, and why.
    Denied(Box<Notice>, Denial),
    /// An event stream is to be opened.
    Events(Box<Watch>),
}

impl Own {
    /// What it tells of tokens to who keeps no cookies; events, which cannot renew one, tell none.
    pub(super) fn notice_mut(&mut self) -> Option<&mut Notice> {
        match self {
            Self::Jwks
            | Self::OverTls(_)
            | Self::Asset(_)
            | Self::Events(_)
            | Self::Left(_)
            | Self::Code(_)
            | Self::Draw(_)
            | Self::Crew(_)
            | Self::Redeemed(..) => None,
            Self::Status(notice)
            | Self::ComeBack(notice)
            | Self::NotReleased(notice)
            | Self::Granted(notice)
            | Self::CodePage(notice)
            | Self::Denied(notice, _) => Some(notice),
        }
    }
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
    /// A WebSocket handshake that is none.
    #[error("this is no WebSocket handshake of version 13")]
    Handshake(Flaw),
    /// No site of ours has this host.
    #[error("no site with this host is served here")]
    Misdirected,
    /// The connection was encrypted for another name, by a certificate that does not cover this.
    #[error("this connection is not for this host")]
    OtherName,
    /// Something was sent in the clear to a site that is visited over TLS.
    #[error(
        "this site is visited over https only, and what was sent without may have been read on its way"
    )]
    InTheClear,
    /// No such URL of ours, or no such room.
    #[error("there is no such page here")]
    NotFound,
    /// Nothing of a draw can be shown.
    #[error("{0}")]
    Draw(Unshown),
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
    /// There is too much to do for a newcomer.
    #[error("many visitors come at this moment; please come again shortly")]
    Busy,
}

/// What happened on the way to a verdict.
#[derive(Clone, Debug, Default)]
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
    /// The session that the request belongs to, where it is admitted: what the site may steer.
    pub holder: Option<Arc<Known>>,
    /// Whether that session was found just now to be used from too many networks.
    pub spread: bool,
}
