//! One exchange: an origin is chosen, a place taken there, the request sent on a warm connection or
//! a new one, and tried once more where that is safe.
//!
//! Safe is: nothing of it was sent; or a second arrival changes nothing, it has no body, and the
//! origin hung up before the first byte of an answer. The first may happen on every origin of the
//! site up to [`MOST_TRIES`], the second once, and only within the site's budget.

use http::{Request, Response};
use hyper::body::Incoming;

use super::OriginError;
use super::carrier::{Carrier, Unanswered};
use super::deadline::Silence;
use super::line::Line;
use super::pool::{Blame, Held};
use super::retry::Copy;
use super::site::{Ask, Site, Tried};
use super::upload::RequestBody;

/// The most origins that one request is taken to.
const MOST_TRIES: usize = 3;

/// The head of an answer, and what its body comes on.
pub(super) struct Answered {
    pub(super) answer: Response<Incoming>,
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

/// The second sending that a request may have.
struct Again<'a> {
    site: &'a Site,
    used: bool,
}

/// The origins that one request is taken to, one after another.
struct Tour<'a> {
    site: &'a Site,
    ask: Ask,
    tried: Tried,
    left: usize,
    last: OriginError,
}

impl<'a> Tour<'a> {
    const fn of(site: &'a Site, ask: Ask) -> Self {
        Self {
            site,
            ask,
            tried: Tried::none(),
            left: MOST_TRIES,
            last: OriginError::LeftOut,
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
        match self.site.seat(self.ask, &mut self.tried).await {
            Err(OriginError::LeftOut) => Err(last),
            seat => seat,
        }
    }

    /// Holds against the last origin what went wrong there, and gives back what another may have.
    ///
    /// # Errors
    ///
    /// If there is nothing that another may have: what went wrong.
    fn lost<R>(&mut self, held: &Held, lost: Lost<R>) -> Result<R, OriginError> {
        held.pool.lost(&lost.fault, lost.blame);
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
    (mut request, ask): (Request<RequestBody>, Ask),
    silence: &mut Silence,
) -> Result<Answered, OriginError> {
    site.budget.earn();
    let mut again = Again { site, used: false };
    let mut tour = Tour::of(site, ask);
    loop {
        let held = tour.next().await?;
        match attempt(&held, request, silence, &mut again).await {
            Ok((answer, carrier)) => {
                return Ok(Answered {
                    answer,
                    carrier,
                    held,
                });
            }
            Err(lost) => request = tour.lost(&held, lost)?,
        }
    }
}

/// Makes a connection of its own to one of the site's origins, for a handshake.
///
/// # Errors
///
/// What went wrong at the last origin that was tried.
pub(super) async fn reach(site: &Site, ask: Ask) -> Result<(Line, Held), OriginError> {
    let mut tour = Tour::of(site, ask);
    loop {
        let held = tour.next().await?;
        match held.pool.open_line().await {
            Ok(line) => return Ok((line, held)),
            Err(fault) => tour.lost(&held, Lost::unsent(fault, ()))?,
        }
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
) -> Result<(Response<Incoming>, Carrier), Lost> {
    let mut copy = None;
    if let Some(mut carrier) = held.pool.take() {
        copy = again.copy_of(&request);
        match carrier.send(request, silence).await {
            Ok(answer) => return Ok((answer, carrier)),
            Err(Unanswered::Unsent(back)) => request = *back,
            Err(unanswered) => {
                let second = again.second(&unanswered, &mut copy, held);
                request = second.ok_or_else(|| Lost::of(unanswered, silence))?;
            }
        }
    } else if again.site.has_several() {
        copy = again.copy_of(&request);
    }

    let mut carrier = match held.pool.open().await {
        Ok(carrier) => carrier,
        Err(fault) => return Err(Lost::unsent(fault, request)),
    };
    match carrier.send(request, silence).await {
        Ok(answer) => Ok((answer, carrier)),
        Err(Unanswered::Unsent(back)) => {
            let source = "the origin hung up before the request was sent".into();
            Err(Lost::unsent(OriginError::BadAnswer { source }, *back))
        }
        Err(unanswered) => {
            let rest = if again.site.has_several() {
                again.second(&unanswered, &mut copy, held)
            } else {
                None
            };
            Err(Lost {
                rest,
                ..Lost::of(unanswered, silence)
            })
        }
    }
}

impl Again<'_> {
    fn copy_of(&self, request: &Request<RequestBody>) -> Option<Copy> {
        if self.used {
            return None;
        }
        Copy::of_repeatable(request)
    }

    /// The request again, if it may be sent a second time after this.
    fn second(
        &mut self,
        unanswered: &Unanswered,
        copy: &mut Option<Copy>,
        held: &Held,
    ) -> Option<Request<RequestBody>> {
        let Unanswered::Broken {
            is_hang_up: true, ..
        } = unanswered
        else {
            return None;
        };
        let copy = copy.take()?;
        if !self.site.budget.spend() {
            return None;
        }
        self.used = true;
        held.pool.sent_again();
        Some(copy.into_request())
    }
}

impl<R> Lost<R> {
    const fn unsent(fault: OriginError, rest: R) -> Self {
        Self {
            fault,
            blame: Blame::Origin,
            rest: Some(rest),
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
        // Who does not send the rest of a request is no fault of the origin's.
        Unanswered::Silent(waited) if silence.request_is_sent() => {
            (OriginError::NoAnswer { waited }, Blame::Origin)
        }
        Unanswered::Silent(waited) => (OriginError::NoAnswer { waited }, Blame::Nobody),
        Unanswered::Unsent(_) => {
            let source = "the origin hung up before the request was sent".into();
            (OriginError::BadAnswer { source }, Blame::Origin)
        }
        Unanswered::Broken { error, is_hang_up } => {
            let source = error.into();
            if silence.request_is_broken() {
                (OriginError::RequestBody { source }, Blame::Nobody)
            } else if is_hang_up {
                (OriginError::BadAnswer { source }, Blame::Origin)
            } else {
                (OriginError::BadAnswer { source }, Blame::Nobody)
            }
        }
    }
}

#[cfg(test)]
mod tests;
