//! Who needs no place: what the owner exempts, rooms where nobody waits, and the crew.

use http::{Method, header};

use crate::domain::room::Method as RoomMethod;

use super::notice::{Face, Notice, Visit};
use super::permit::Grounds;
use super::room::Room;
use super::stay::Stay;
use super::{Gate, Refusal, Request, Verdict};

impl Gate {
    /// What the owner lets pass without queueing, and what nobody may ask.
    pub(super) fn open_to_all(
        &self,
        room: &Room,
        request: &Request<'_>,
    ) -> Result<Option<Verdict>, Refusal> {
        let head = request.ask.head;
        let passes = |grounds| request.pass(grounds, None, || Stay::Unbound).map(Some);
        if room.exempts(head, &request.canonical, request.client) {
            return passes(Grounds::Exempt);
        }
        let method = if self.is_hidden(room, request) {
            RoomMethod::Passthrough
        } else {
            room.method()
        };
        if method != RoomMethod::Passthrough && is_preflight(request) {
            return Err(Refusal::Preflight);
        }
        match method {
            RoomMethod::Passthrough => passes(Grounds::Passthrough),
            RoomMethod::Reject => match self.walks_in(room, request)? {
                Some(pass) => Ok(Some(pass)),
                None => Ok(Some(rejected(room, request))),
            },
            RoomMethod::Fifo | RoomMethod::Random => Ok(None),
        }
    }

    /// The crew goes through the door, in every state of the room. In a rehearsal it stands in line
    /// like anybody.
    pub(super) fn walks_in(
        &self,
        room: &Room,
        request: &Request<'_>,
    ) -> Result<Option<Verdict>, Refusal> {
        if room.settings.rehearsal || self.crew(room, request).is_none() {
            return Ok(None);
        }
        let pass = request.pass(Grounds::Crew, None, || Stay::Unbound);
        pass.map(Some)
    }

    /// Whether the room is not there for who asks: it is rehearsed, and they are not of the crew.
    pub(super) fn is_hidden(&self, room: &Room, request: &Request<'_>) -> bool {
        room.settings.rehearsal && self.crew(room, request).is_none()
    }
}

/// Whether a browser asks on behalf of another site's page what it may send.
fn is_preflight(request: &Request<'_>) -> bool {
    let head = request.ask.head;
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && head
            .headers
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn rejected(room: &Room, request: &Request<'_>) -> Verdict {
    let (settings, now) = (room.settings.clone(), request.ask.now.wall);
    let mut notice = Notice::of(settings, Face::Closed, now);
    notice.visit = Visit::Rejected;
    Verdict::Shut(Box::new(notice))
}
