//! The request framing guard's judgement: where each request of a connection ends, and whether
//! its bytes say so clearly.
//!
//! hyper forgives what must not be forgiven: it drops a Content-Length beside Transfer-Encoding,
//! merges equal duplicates, takes bare line feeds and a missing Host. [`Framing`] looks at the
//! bytes first. It may refuse more than hyper and nginx, never accept more. It does no I/O;
//! [`super::guard::Guard`] puts it under a connection.

mod chunks;
mod fault;
mod field;
mod head;
mod limits;
mod lines;
pub mod mapped;
#[cfg(test)]
mod tests;

use chunks::Chunks;
pub use fault::{Fault, FaultKind};
pub use head::{Body, Head, HeadScan, Then, Version};
pub use limits::Limits;

/// What to do with the leading bytes of a connection's unread bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// That many bytes may be handed on.
    Pass(usize),
    /// That many bytes must be thrown away: an empty line before a request, or a
    /// trailer that none may be.
    Drop(usize),
    /// Nothing can be said before more bytes are here.
    More,
    /// The bytes are refused, and so is everything after them.
    Refuse(Fault),
}

/// Follows the requests of one connection from its first byte to its last.
#[derive(Clone, Debug)]
pub struct Framing {
    limits: Limits,
    stage: Stage,
    heads: u64,
    blank_dropped: bool,
    found: Option<Step>,
    /// Of the request whose body is passing.
    then: Then,
}

#[derive(Clone, Debug)]
enum Stage {
    Head(HeadScan),
    Length(u64),
    Chunked(Chunks),
    /// No more requests: the last one asked for another protocol.
    Over,
}

impl Framing {
    /// Stands before the first byte of a connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            stage: Stage::Head(HeadScan::default()),
            heads: 0,
            blank_dropped: false,
            found: None,
            then: Then::Request,
        }
    }

    /// How many heads have been passed.
    #[must_use]
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether the next byte belongs to a body, or a fault was found in one.
    #[must_use]
    pub fn is_in_body(&self) -> bool {
        match self.stage {
            Stage::Head(_) | Stage::Over => false,
            Stage::Length(_) | Stage::Chunked(_) => true,
        }
    }

    /// Whether the last request asked to speak WebSocket: what follows it is never passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Judges the leading bytes of `run`, which are the connection's bytes not yet passed or
    /// dropped. A head is passed only when it is complete and clear; a refusal is final.
    ///
    /// After [`Step::Pass`] and [`Step::Drop`] ask again with the rest, after [`Step::More`] with
    /// the same bytes and more. Where the run is cut never changes what is passed or refused.
    pub fn feed(&mut self, run: &[u8]) -> Step {
        let mut passed = 0;
        loop {
            let rest = run.get(passed..).unwrap_or_default();
            let step = self.found.take().unwrap_or_else(|| self.step(rest));
            match step {
                Step::Pass(count) => passed += count,
                Step::More if passed == 0 => return Step::More,
                Step::More => return Step::Pass(passed),
                Step::Drop(_) if passed == 0 => return step,
                Step::Refuse(_) if passed == 0 => {
                    self.found = Some(step);
                    return step;
                }
                Step::Drop(_) | Step::Refuse(_) => {
                    self.found = Some(step);
                    return Step::Pass(passed);
                }
            }
        }
    }

    fn step(&mut self, run: &[u8]) -> Step {
        match &mut self.stage {
            Stage::Head(scan) => {
                if let Some(step) = blank_line(run, self.blank_dropped) {
                    self.blank_dropped |= step != Step::More;
                    return step;
                }
                match scan.scan(run, &self.limits) {
                    Ok(Some(head)) => self.pass(head),
                    Ok(None) => Step::More,
                    Err(fault) => Step::Refuse(fault),
                }
            }
            Stage::Length(left) => {
                let (step, rest) = pass_up_to(run, *left);
                *left = rest;
                self.end_body_if(rest == 0);
                step
            }
            Stage::Chunked(chunks) => {
                let step = chunks.step(run, &self.limits);
                let done = chunks.is_done();
                self.end_body_if(done);
                step
            }
            Stage::Over => Step::More,
        }
    }

    fn pass(&mut self, head: Head) -> Step {
        self.heads += 1;
        self.blank_dropped = false;
        self.then = head.then;
        self.stage = match head.body {
            Body::Absent | Body::Length(0) => self.behind(),
            Body::Length(length) => Stage::Length(length),
            Body::Chunked => Stage::Chunked(Chunks::default()),
        };
        Step::Pass(head.len)
    }

    fn end_body_if(&mut self, done: bool) {
        if done {
            self.stage = self.behind();
        }
    }

    /// What comes behind the present request.
    fn behind(&self) -> Stage {
        match self.then {
            Then::Request => Stage::Head(HeadScan::default()),
            Then::Socket => Stage::Over,
        }
    }
}

/// One empty line before a request is dropped, as RFC 9112 section 2.2 asks; a second is judged
/// as a request line, which it is not.
fn blank_line(run: &[u8], dropped: bool) -> Option<Step> {
    match run {
        [] => Some(Step::More),
        [b'\r'] if !dropped => Some(Step::More),
        [b'\r', b'\n', ..] if !dropped => Some(Step::Drop(2)),
        _ => None,
    }
}

/// Passes as much of `run` as `left` allows, and says what is then left.
fn pass_up_to(run: &[u8], left: u64) -> (Step, u64) {
    let count = usize::try_from(left).map_or(run.len(), |left| left.min(run.len()));
    match count {
        0 => (Step::More, left),
        count => (Step::Pass(count), left.saturating_sub(count as u64)),
    }
}
