//! What scripts are asked, as fixed-width big-endian bytes; the scripts say in what order.

use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::domain::place::Epoch;
use crate::domain::presence::check_in_lasts;
use crate::domain::room::Terms;
use crate::domain::session::LEEWAY;
use crate::domain::standing::EndedBy;
use crate::domain::tick::{Lead, Proposal};
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Orders, WindowState};
use crate::store::lobby::Chunk;
use crate::store::recovery::{Recovery, Rest};
use crate::store::{
    CheckIn, Claim, Ending, Hold, Joining, Leaving, Passing, ShownBy, Spending, StoreError, Touch,
};

/// No number a script is given is larger, so that sums of several stay exact in Lua's doubles.
/// In microseconds it is 35 years.
const MOST: u64 = 1 << 50;

/// Something a batch is made of.
pub(super) trait Ask {
    /// Writes it down.
    fn put(&self, to: &mut Vec<u8>);
}

/// One argument that holds a whole batch.
pub(super) fn batch<A: Ask>(asks: &[A]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(asks.len() * 51);
    for ask in asks {
        ask.put(&mut bytes);
    }
    bytes
}

/// Those who join: what is said of them, and then each visitor as an argument of its own, which
/// saves the script from cutting them out.
pub(super) fn joins(asks: &[Joining]) -> impl Iterator<Item = Vec<u8>> {
    let lasts = |ask: &Joining| micros(check_in_lasts(ask.promised));
    let longest = asks.iter().map(lasts).max().unwrap_or(0);
    let windows = || asks.iter().map(|ask| ask.window.0);
    let lanes = || asks.iter().map(|ask| ask.lane.0);
    let mut said = number(longest).to_vec();
    for window in [windows().min(), windows().max()] {
        said.extend(window.unwrap_or(0).to_be_bytes());
    }
    said.extend([lanes().min(), lanes().max()].map(Option::unwrap_or_default));
    for ask in asks {
        said.extend(ask.window.0.to_be_bytes());
        said.extend(number(lasts(ask)));
        said.push(ask.lane.0);
    }
    let visitors = asks.iter().map(|ask| ask.visitor.as_bytes().to_vec());
    std::iter::once(said).chain(visitors)
}

impl Ask for Passing {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.joining.visitor.as_bytes());
        to.extend(self.joining.window.0.to_be_bytes());
        to.extend(number(micros(check_in_lasts(self.joining.promised))));
        to.extend(self.session.0);
        to.extend(number(self.at.millis()));
        to.push(self.joining.lane.0);
    }
}

impl Ask for CheckIn {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.visitor.as_bytes());
        to.extend(self.window.0.to_be_bytes());
        to.extend(self.epoch.0.to_be_bytes());
        to.extend(self.turn.0.to_be_bytes());
        to.extend(self.place.score().to_be_bytes());
        to.extend(number(self.tick));
        to.extend(number(micros(check_in_lasts(self.promised))));
        to.extend([self.lane.0, u8::from(self.shown_by == ShownBy::Visitor)]);
    }
}

impl Ask for Claim {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.visitor.as_bytes());
        to.extend(self.window.0.to_be_bytes());
        to.extend(self.turn.0.to_be_bytes());
        to.extend(self.session.0);
        to.extend(number(self.at.millis()));
    }
}

impl Ask for Leaving {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.visitor.as_bytes());
        to.extend(self.window.0.to_be_bytes());
        to.extend(self.turn.0.to_be_bytes());
    }
}

impl Ask for Spending {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.key);
        to.extend(self.visitor.as_bytes());
        to.extend(self.window.0.to_be_bytes());
        to.extend(number(micros(self.keep)));
    }
}

impl Ask for Touch {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.session.0);
        to.extend(self.rev.to_be_bytes());
        to.extend(number(micros(self.life.saturating_add(LEEWAY))));
    }
}

impl Ask for Hold {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.session.0);
        to.push(u8::from(self.rev.is_some()));
        to.extend(self.rev.unwrap_or(0).to_be_bytes());
        to.extend(number(self.at.millis()));
        to.extend(number(self.until.millis()));
        to.extend(number(micros(self.longest) / 1_000));
        to.extend(number(micros(LEEWAY)));
    }
}

impl Ask for Ending {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.session.0);
        to.push(reason(self.why));
        to.extend(number(micros(self.life.saturating_add(LEEWAY))));
    }
}

/// A random name for a room's data.
pub(super) fn incarnation() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Unreachable("the system gives no random numbers".into()))?;
    Ok(u64::from_le_bytes(bytes))
}

/// What a room is made with where there is none.
pub(super) fn birth(epoch: Epoch, incarnation: u64) -> Vec<u8> {
    let mut bytes = epoch.0.to_be_bytes().to_vec();
    bytes.extend(format!("{incarnation:016x}").into_bytes());
    bytes
}

/// The room's terms, as `scripts/terms.lua` reads them.
pub(super) fn terms(terms: &Terms) -> Vec<u8> {
    let capacity = terms.capacity.map_or(0, std::num::NonZeroU32::get);
    let pace = terms.pace;
    let small = [
        pace.per_minute.get(),
        pace.burst.get(),
        capacity,
        terms.max_waiting,
    ];
    let session = terms.session;
    let spans = [
        micros(session.claim_window),
        micros(terms.horizon),
        micros(session.idle) / 1_000,
        micros(session.absolute) / 1_000,
        terms.fairness_window.map_or(0, micros),
        micros(terms.absence.step_away),
    ];
    let mut bytes: Vec<u8> = small.into_iter().flat_map(u32::to_be_bytes).collect();
    bytes.extend(spans.into_iter().flat_map(number));
    bytes.extend(terms.correction.get().to_be_bytes());
    bytes.extend([terms.absence.step_aways, terms.absence.extensions]);
    let weights = terms.lanes.all();
    bytes.extend(weights.iter().flat_map(|weight| weight.to_be_bytes()));
    bytes
}

/// The next tick.
pub(super) fn proposal(proposal: Proposal) -> Vec<u8> {
    let numbers = [proposal.seen_tick, proposal.elapsed, proposal.waited];
    let taken = u8::from(proposal.lead == Lead::Taken);
    let numbers = numbers.into_iter().flat_map(number);
    numbers.chain([taken]).collect()
}

/// Standing orders: what scripts act on, and the whole as JSON, as `scripts/orders.lua` reads it.
pub(super) fn orders(orders: &Orders) -> Result<Vec<u8>, serde_json::Error> {
    let capacity = match orders.capacity {
        None => 0,
        Some(None) => 1,
        Some(Some(most)) => most.get().saturating_add(1),
    };
    let pace = orders.pace;
    let small = [
        orders.window.0,
        state(orders.state),
        pace.map_or(0, |pace| pace.per_minute.get()),
        pace.map_or(0, |pace| pace.burst.get()),
        capacity,
        orders.rev,
    ];
    let mut bytes = number(orders.version).to_vec();
    bytes.extend(small.into_iter().flat_map(u32::to_be_bytes));
    bytes.extend(number(orders.grants));
    bytes.extend(told_of_draw(orders).into_iter().flat_map(u32::to_be_bytes));
    serde_json::to_writer(&mut bytes, orders)?;
    Ok(bytes)
}

/// What orders tell of the draw: whether there is one and it is frozen, and the places kept free.
fn told_of_draw(orders: &Orders) -> [u32; 4] {
    match orders.draw.as_ref().map(|draw| draw.frozen) {
        None => [0; 4],
        Some(None) => [1, 0, 0, 0],
        Some(Some(frozen)) => [2, frozen.epoch.0, frozen.base, frozen.count],
    }
}

/// Where a part of a chunk belongs, and then each visitor as an argument of its own.
pub(super) fn places(
    chunk: &Chunk,
    from: u32,
    part: &[VisitorId],
) -> impl Iterator<Item = Vec<u8>> {
    let numbers = [chunk.window.0, chunk.round, chunk.epoch.0, chunk.base, from];
    let visitors = part.iter().map(|visitor| visitor.as_bytes().to_vec());
    std::iter::once(smalls(numbers)).chain(visitors)
}

/// Numbers of four bytes each.
pub(super) fn smalls<const N: usize>(numbers: [u32; N]) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// What a recovery brings besides its orders.
pub(super) fn recovery(recovery: &Recovery) -> Vec<u8> {
    let numbers = [
        micros(recovery.pause),
        recovery.inside,
        micros(recovery.inside_for),
    ];
    let epoch = recovery.epoch.0.to_be_bytes().into_iter();
    let rests = u8::from(recovery.rest == Rest::Always);
    let numbers = numbers.into_iter().flat_map(number);
    epoch.chain(numbers).chain([rests]).collect()
}

/// A number that Lua can count on with.
pub(super) fn number(value: u64) -> [u8; 8] {
    value.min(MOST).to_be_bytes()
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// One more than its number in [`EndedBy::ALL`].
fn reason(why: EndedBy) -> u8 {
    let at = EndedBy::ALL.iter().position(|one| *one == why);
    at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
}

const fn state(state: WindowState) -> u32 {
    match state {
        WindowState::Closed => 0,
        WindowState::Open => 1,
        WindowState::Paused => 2,
        WindowState::Ended => 3,
        WindowState::Prequeue => 4,
        WindowState::Drawing => 5,
    }
}
