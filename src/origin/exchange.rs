//! One exchange: an origin is chosen, a place taken there, the request sent on a warm connection or
//! a new one, and tried once more where that is safe.
//!
//! Safe is: nothing of it was sent, or the origin says that it did not take it up; or a second
//! arrival changes nothing, it has no body, and the origin hung up before the first byte of an
//! answer. The first may happen on every origin of the site up to [`MOST_TRIES`], the second once.
//! Whatever was sent once is sent again only within the site's budget.

mod again;

use std::pin::pin;

use http::{Request, Response};

use super::OriginError;
use super::carrier::{Break, Carrier, Unanswered};
use super::deadline::{End, Silence};
use super::inflow::Inflow;
use super::line::Line;
use super::pool::{Blame, Held};
use super::retry::Copy;
use super::site::{Ask, Site, Tried};
use super::unsent::Waiting;
use super::upload::RequestBody;
use again::Again;

/// The most origins that one request is taken to.
const MOST_TRIES: usize = 3;

/// The head of an answer, and what its body comes on.
pub(super) struct Answered {
    pub(super) answer: Response<Inflow>,
    pub(super) carrier: Carrier,
    pub(super) held: Held,
}

/// A request that got no answer from one origin.
struct Lost<R = Request<RequestBody>> {
    fault: OriginError,
    blame: Blame,
    /// The request, if another origin may have it.
    rest: Option<R>,
}

/// The origins that one request is taken to, one after another.
struct Tour<'a> {
    site: &'a Site,
    ask: Ask,
    tried: Tried,
    left: usize,
    last: OriginError,
    end: End,
    waiting: Waiting<'a>,
}

impl<'a> Tour<'a> {
    fn of(site: &'a Site, (ask, waiting): (Ask, Waiting<'a>), end: End) -> Self {
        Self {
            site,
            ask,
            tried: Tried::none(),
            left: MOST_TRIES,
            last: OriginError::LeftOut,
            end,
            waiting,
        }
    }

    /// A place at the next origin.
    ///
    /// # Errors
    ///
    /// If there is none: what went wrong last.
    async fn next(&mut self) -> Result<Held, OriginError> {
        let last = std::mem::replace(&mut self.last, OriginError::LeftOut);
        if self.left == 0 {
            return Err(last);
        }
        self.left = self.left.saturating_sub(1);
        let seat = pin!(self.site.seat(self.ask, &mut self.tried));
        let seat = match self.end.bound(seat).await.flatten() {
            Err(OriginError::LeftOut) => Err(last),
            seat => seat,
        };
        let seat = self.waiting.came_to(seat);
        if seat.is_ok() {
            self.waiting.has_place();
        }
        seat
    }

    /// Holds against the last origin what went wrong there, and gives back what another may have.
    ///
    /// # Errors
    ///
    /// If there is nothing that another may have: what went wrong.
    fn lost<R>(&mut self, held: &mut Held, lost: Lost<R>) -> Result<R, OriginError> {
        held.lost(&lost.fault, lost.blame);
        match lost.rest {
            None => Err(lost.fault),
            Some(rest) => {
                self.last = lost.fault;
                Ok(rest)
            }
        }
    }
}

/// Sends a request to one of the site's origins and waits for the head of the answer.
///
/// # Errors
///
/// What went wrong at the last origin that was tried.
pub(super) async fn carry(
    site: &Site,
    (mut request, ask, waiting): (Request<RequestBody>, Ask, Waiting<'_>),
    silence: &mut Silence,
) -> Result<Answered, OriginError> {
    site.budget.earn();
    let mut again = Again::at(site);
    let mut tour = Tour::of(site, (ask, waiting), silence.whole());
    loop {
        let mut held = tour.next().await?;
        match attempt(&held, request, silence, &mut again).await {
            Ok((answer, carrier)) => {
                return Ok(Answered {
                    answer,
                    carrier,
                    held,
                });
            }
            Err(lost) => request = tour.lost(&mut held, lost)?,
        }
    }
}

/// Makes a connection of its own to one of the site's origins, for a handshake that has to be over
/// at `end`.
///
/// # Errors
///
/// What went wrong at the last origin that was tried.
pub(super) async fn reach(
    site: &Site,
    asking: (Ask, Waiting<'_>),
    end: End,
) -> Result<(Line, Held), OriginError> {
    let mut tour = Tour::of(site, asking, end);
    loop {
        let mut held = tour.next().await?;
        let opened = end.bound(pin!(held.pool.open_line())).await;
        let lost = match opened {
            Ok(Ok(line)) => return Ok((line, held)),
            Ok(Err(fault)) => Lost::unsent((fault, Blame::Origin), ()),
            Err(late) => Lost::late(late),
        };
        tour.lost(&mut held, lost)?;
    }
}

/// Sends a request to one origin: on a warm connection if there is one, else on a new one.
///
/// An origin may close a warm connection in the very moment it is used. Then the request is sent
/// once more, on a new connection, if nothing of it was sent or if a second arrival is harmless.
async fn attempt(
    held: &Held,
    mut request: Request<RequestBody>,
    silence: &mut Silence,
    again: &mut Again<'_>,
) -> Result<(Response<Inflow>, Carrier), Lost> {
    if let Some(carrier) = held.pool.take() {
        match try_on(carrier, request, silence, again).await {
            Ok(answered) => return Ok(answered),
            Err((Unanswered::Unsent(back), _)) => request = *back,
            Err((unanswered, copy)) => {
                let second = again.second(&unanswered, (copy, held), silence);
                request = second.ok_or_else(|| Lost::of(unanswered, silence))?;
            }
        }
    }

    let carrier = match silence.whole().bound(pin!(held.pool.open())).await {
        Ok(Ok(carrier)) => carrier,
        Ok(Err(unopened)) => return Err(Lost::unsent(unopened, request)),
        Err(late) => return Err(Lost::late(late)),
    };
    match try_on(carrier, request, silence, again).await {
        Ok(answered) => Ok(answered),
        Err((Unanswered::Unsent(back), _)) => {
            let source = "the origin hung up before the request was sent".into();
            let fault = OriginError::BadAnswer { source };
            Err(Lost::unsent((fault, Blame::Origin), *back))
        }
        Err((unanswered, copy)) if again.has_elsewhere() => {
            let rest = again.second(&unanswered, (copy, held), silence);
            Err(Lost {
                rest,
                ..Lost::of(unanswered, silence)
            })
        }
        Err((unanswered, _)) => Err(Lost::of(unanswered, silence)),
    }
}

/// Sends a request on one connection. If it gets no answer, with a copy that may be sent again.
async fn try_on(
    mut carrier: Carrier,
    request: Request<RequestBody>,
    silence: &mut Silence,
    again: &mut Again<'_>,
) -> Result<(Response<Inflow>, Carrier), (Unanswered, Option<Copy>)> {
    let copy = again.copy_of(&request, &carrier);
    again.sends();
    match carrier.send(request, silence).await {
        Ok(answer) => Ok((answer, carrier)),
        Err(unanswered) => Err((unanswered, copy)),
    }
}

impl<R> Lost<R> {
    fn unsent((fault, blame): (OriginError, Blame), rest: R) -> Self {
        Self {
            fault,
            blame,
            rest: Some(rest),
        }
    }

    /// By a request whose whole time was over before it was sent.
    const fn late(fault: OriginError) -> Self {
        Self {
            fault,
            blame: Blame::Nobody,
            rest: None,
        }
    }
}

impl Lost {
    fn of(unanswered: Unanswered, silence: &Silence) -> Self {
        let (fault, blame) = fault_of(unanswered, silence);
        Self {
            fault,
            blame,
            rest: None,
        }
    }
}

/// What the visitor is told, and whom it speaks against.
pub(super) fn fault_of(unanswered: Unanswered, silence: &Silence) -> (OriginError, Blame) {
    match unanswered {
        // Who does not send the rest of a request is no fault of the origin's, and the time of the
        // whole is the owner's, however much of it the origin had.
        Unanswered::Silent(waited) if silence.request_is_sent() && !silence.is_over() => {
            (OriginError::NoAnswer { waited }, Blame::Origin)
        }
        Unanswered::Silent(waited) => (OriginError::NoAnswer { waited }, Blame::Nobody),
        Unanswered::Unsent(_) => {
            let source = "the origin hung up before the request was sent".into();
            (OriginError::BadAnswer { source }, Blame::Origin)
        }
        Unanswered::Broken { error: source, .. } if silence.request_is_broken() => {
            (OriginError::RequestBody { source }, Blame::Nobody)
        }
        Unanswered::Broken { error: source, by } => match by {
            Break::Untrusted => (OriginError::Untrusted { source }, Blame::Origin),
            Break::HangUp => (OriginError::BadAnswer { source }, Blame::Origin),
            // Who shuts down, or has as many streams as it wants, is well.
            Break::Declined | Break::Nonsense => (OriginError::BadAnswer { source }, Blame::Nobody),
        },
    }
}

#[cfg(test)]
mod tests;
