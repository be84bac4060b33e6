//! The framing guard under a connection: hyper reads through it and sees only bytes that
//! [`Framing`] has passed.
//!
//! - Part of a head is never visible: it waits here until the head is complete and clear.
//! - After a bad head hyper sees the end of the stream, finishes the answers it owes in order, and
//!   shuts the connection down; then the guard itself writes the last answer. For this the server
//!   is built with `half_close(true)`, and with `header_read_timeout(None)`, because the deadlines
//!   are kept here.
//! - hyper reads nothing while an answer is made. Who leaves meanwhile is noticed by the guard: the
//!   flush that hyper tries each time it is woken fails.
//! - After a fault in a body the read fails with that [`Fault`] as the error's source. The request
//!   is still the service's to answer; hyper closes behind it.
//! - After a head that asks to speak WebSocket hyper sees the end of the stream too, so that no
//!   byte behind it is ever read as a request, whatever the answer is. Once a checked 101 has been
//!   written, [`Guard::become_socket`] opens the connection for bytes that nobody judges.
//! - hyper shuts nothing down after an error or an upgrade it did not take. Whoever runs the
//!   connection takes the guard back with `into_parts` and calls [`Guard::close`], which shuts
//!   nothing down that is already, and cuts off whoever took too little for too long.

mod activity;
mod advance;
mod closing;
mod cut;
mod deadlines;
mod departure;
mod ending;
mod parting;
mod patience;
mod rest;
mod socket;
mod taking;
#[cfg(test)]
mod tests;
mod writing;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

pub use activity::{Activity, InFlight};
pub use advance::Advance;
pub(super) use cut::{Cut, limit_silence, limit_unsent};
pub(super) use deadlines::Alarm;
pub use deadlines::Deadlines;
use departure::Departure;
pub(super) use ending::{Ending, Respite};
pub use parting::Parting;
pub(super) use patience::{Patience, Wait};
use socket::Speaks;
use taking::Taking;

use super::framing::{Fault, Framing, Limits, Step};
use crate::domain::clock::Clock;

/// What a guard holds a connection to; shared by all connections of a listener.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How much framing is read.
    pub limits: Limits,
    /// How long is waited.
    pub deadlines: Deadlines,
    /// The whole last answer to a bad or slow head, head and body.
    pub farewell: fn(Parting<'_>) -> Bytes,
    /// The clock that dates it.
    pub clock: Clock,
}

/// A connection of which only well-framed requests can be read.
#[derive(Debug)]
pub struct Guard<S> {
    io: S,
    terms: Arc<Terms>,
    framing: Framing,
    /// Bytes not yet handed on; the first `passed` of them may be.
    held: BytesMut,
    passed: usize,
    speaks: Speaks,
    end: Option<End>,
    patience: Patience,
    taking: Taking,
    departure: Departure,
    activity: Activity,
    advance: Advance,
    /// With an alarm of its own, because hyper flushes before each look at the shutdown and a
    /// flush that succeeds clears the other.
    ending: Ending,
    /// Whether the visitor took too little for too long.
    given_up: bool,
}

/// Why nothing more is read.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The visitor sent its last byte.
    Eof,
    /// The visitor had nothing to say for too long.
    Silence,
    /// A bad or slow head, which the farewell answers.
    Head(Fault),
    /// A bad or slow body, which the service answers.
    Body(Fault),
    /// No other request may follow: the last one asks to speak WebSocket.
    Handshake,
}

impl<S> Guard<S> {
    /// Puts a guard on a connection nothing has been read from.
    pub fn new(io: S, terms: Arc<Terms>) -> Self {
        let activity = Activity::default();
        Self {
            io,
            framing: Framing::new(terms.limits),
            held: BytesMut::new(),
            passed: 0,
            speaks: Speaks::Http,
            end: None,
            patience: Patience::new(terms.deadlines, activity.clone()),
            taking: Taking::default(),
            departure: Departure::default(),
            activity,
            advance: Advance::default(),
            ending: Ending::default(),
            given_up: false,
            terms,
        }
    }

    /// What the connection's service counts its requests with and learns the fault from.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Where the connection's service says what is written before an answer.
    #[must_use]
    pub fn advance(&self) -> Advance {
        self.advance.clone()
    }

    /// Hands on held bytes that have been passed; whether there were any.
    fn hand_on(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let count = self.passed.min(out.remaining()).min(self.held.len());
        if count == 0 {
            return false;
        }
        out.put_slice(&self.held.split_to(count));
        self.passed -= count;
        if self.held.is_empty() {
            // An idle connection keeps no buffer.
            self.held = BytesMut::new();
        }
        true
    }

    /// Judges held bytes; whether that changed anything.
    fn judge(&mut self) -> bool {
        if self.held.is_empty() {
            return false;
        }
        match self.framing.feed(&self.held) {
            Step::Pass(count) => self.passed = count,
            Step::Drop(count) => self.held.advance(count.min(self.held.len())),
            Step::Refuse(fault) => self.refuse(fault),
            Step::More => return false,
        }
        true
    }

    fn refuse(&mut self, fault: Fault) {
        self.activity.note(fault);
        self.end = Some(if self.framing.is_in_body() {
            End::Body(fault)
        } else {
            End::Head(fault)
        });
    }

    /// Judges what was just read into `out` beyond `before`. What passes at once stays there
    /// and is never copied; the rest is held.
    fn sort(&mut self, out: &mut ReadBuf<'_>, before: usize) -> bool {
        let read = out.filled().get(before..).unwrap_or_default();
        let count = read.len();
        let (passed, dropped) = if self.held.is_empty() {
            match self.framing.feed(read) {
                Step::Pass(passed) => (passed, 0),
                Step::Drop(dropped) => (0, dropped),
                Step::More | Step::Refuse(_) => (0, 0),
            }
        } else {
            (0, 0)
        };
        let rest = read.get(passed + dropped..).unwrap_or_default();
        self.held.extend_from_slice(rest);
        out.set_filled(before + passed);
        self.patience.receive(count, self.framing.heads());
        passed > 0
    }

    /// What hyper sees once nothing more is read.
    fn show(&mut self, end: End) -> io::Result<()> {
        match end {
            End::Eof | End::Silence | End::Handshake => Ok(()),
            End::Body(fault) => Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
            End::Head(fault) => {
                if !self.ending.has_begun() {
                    let parting = Parting {
                        fault,
                        came: &self.held,
                        at: self.terms.clock.now().wall,
                    };
                    self.ending.say((self.terms.farewell)(parting));
                }
                Ok(())
            }
        }
    }

    /// Gives up once the visitor has kept us waiting too long, or has nothing under way when
    /// everything is to end.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let heads = self.framing.heads();
        let wait = match (self.framing.is_in_body(), self.held.is_empty()) {
            (true, _) => Wait::Body,
            (false, false) => Wait::Head,
            (false, true) if heads == 0 => Wait::FirstByte,
            (false, true) => Wait::Idle,
        };
        if self.activity.ends() && matches!(wait, Wait::FirstByte | Wait::Idle) {
            self.end = Some(End::Silence);
            return Poll::Ready(());
        }
        let is_quiet = self.activity.in_flight() == 0 && !self.taking.is_waited_for();
        if is_quiet && matches!(wait, Wait::FirstByte | Wait::Head) {
            self.activity.wait();
        }
        if self.patience.poll_end(cx, wait, heads).is_pending() {
            if self.patience.rests() && self.is_at_rest() {
                self.activity.rest();
            }
            return Poll::Pending;
        }
        match wait {
            Wait::FirstByte | Wait::Idle => self.end = Some(End::Silence),
            Wait::Head => self.refuse(Fault::HeadSlow),
            Wait::Body => self.refuse(Fault::BodySlow),
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if out.remaining() == 0 || this.hand_on(out) {
                return Poll::Ready(Ok(()));
            }
            if this.speaks == Speaks::Socket {
                return Pin::new(&mut this.io).poll_read(cx, out);
            }
            if this.end.is_none() && this.framing.is_over() {
                this.end = Some(End::Handshake);
            }
            if let Some(end) = this.end {
                return Poll::Ready(this.show(end));
            }
            if this.judge() {
                continue;
            }
            let before = out.filled().len();
            match Pin::new(&mut this.io).poll_read(cx, out)? {
                Poll::Pending => ready!(this.poll_patience(cx)),
                Poll::Ready(()) if out.filled().len() == before => this.end = Some(End::Eof),
                Poll::Ready(()) if this.sort(out, before) => return Poll::Ready(Ok(())),
                Poll::Ready(()) => {}
            }
        }
    }
}
