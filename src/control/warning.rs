//! What an operator should know of a room, and can do about it.

use crate::domain::clock::UnixTime;
use crate::domain::window::{Unopened, WindowState};
use crate::store::survey::Snapshot;
use crate::telemetry::reading::Reading;

/// Said of a room whose newest orders nobody knows.
const UNKNOWN_WINDOW: &str = "visitors bring tokens of a newer sale window than the store knows, and nobody knows the orders of it: `open` continues that window, and everybody in it keeps the place";

/// Said of a room that only its crew meets.
const REHEARSAL: &str = "a rehearsal: only the crew waits in this room, everybody else passes; take `rehearsal` out of its file before the sale";

/// Said of a room that was closed in its prequeue.
const LOBBY_CLOSED: &str = "the room was closed in its prequeue and does not open by itself: `open` opens the lobby again, with everybody who was in it";

/// Said of a room that was closed while its lobby was drawn.
const DRAW_CLOSED: &str =
    "the room was closed while its lobby was being drawn: `open` goes on with the draw";

/// Said of a room that is about to open.
const DRAWING: &str = "the lobby is being drawn; the room opens by itself when that is done";

/// The most urgent of what is to be said of a room.
pub(super) fn warning(reading: &Reading<'_>) -> Option<String> {
    let orders = &reading.snapshot.survey.orders;
    if is_ahead(reading.snapshot) {
        return Some(UNKNOWN_WINDOW.to_owned());
    }
    if let Some(source) = awaited(reading) {
        return Some(format!(
            "the draw waits for the external value that was promised from {source:?}: the room opens when it is given"
        ));
    }
    if reading.settings.rehearsal {
        return Some(REHEARSAL.to_owned());
    }
    match (orders.state, orders.closed_in) {
        (WindowState::Closed, Some(Unopened::Prequeue)) => Some(LOBBY_CLOSED.to_owned()),
        (WindowState::Closed, Some(Unopened::Drawing)) => Some(DRAW_CLOSED.to_owned()),
        (WindowState::Drawing, _) => Some(DRAWING.to_owned()),
        (WindowState::Open | WindowState::Paused, _) => not_as_planned(reading),
        (WindowState::Closed | WindowState::Prequeue | WindowState::Ended, _) => None,
    }
}

/// The source of the value that a draw waits for.
pub(super) fn awaited<'r>(reading: &Reading<'r>) -> Option<&'r str> {
    let orders = &reading.snapshot.survey.orders;
    let draw = orders.draw.as_ref()?;
    let waits = orders.state == WindowState::Drawing && draw.external.is_none();
    draw.external_source.as_deref().filter(|_| waits)
}

/// Whether tokens tell of a window that nobody has the orders of.
fn is_ahead(snapshot: &Snapshot) -> bool {
    let window = snapshot.survey.orders.window;
    snapshot.unknown.is_some_and(|seen| seen.window > window)
}

/// A window that an operator began is taken for the one in the file that comes next.
fn not_as_planned(reading: &Reading<'_>) -> Option<String> {
    let orders = &reading.snapshot.survey.orders;
    let began_by_order = orders.scheduled_for.is_none();
    let next = orders.coming(&reading.settings.schedule).next();
    let next = next.filter(|_| began_by_order)?;
    let (what, at): (_, UnixTime) = match next.prequeue_opens_at {
        Some(at) => ("prequeue", at),
        None => ("opening", next.opens_at),
    };
    Some(format!(
        "the room is open by order, so the {what} that is planned for {} will begin no new window; end this one before, if it should",
        at.rfc3339()
    ))
}
