//! Looks after the open streams, four times a second: what each is told, and one call of the store
//! for all whose turn it is to be checked in.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::stream::Stream;
use super::{Common, Hub, held};
use crate::domain::pace::TICK;
use crate::domain::room::RoomName;
use crate::domain::standing::Stand;
use crate::edge::serve::Door;
use crate::gate::queue::Line;
use crate::gate::watch::Look;
use crate::store::survey::StoreHealth;
use crate::store::{CheckIn, StoreError};
use crate::telemetry::streams::StreamEnd;

/// Watchers checked in by one call at most; the others are next.
const MOST_ASKED: usize = 500;

/// Looks after the streams until cancelled, and then ends them all: their pages find another
/// gateway.
pub async fn run(door: Arc<ArcSwap<Door>>, cancel: CancellationToken) {
    let streams = Arc::clone(&door.load().streams);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut rounds, mut busy) = (JoinSet::new(), HashSet::new());
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(done) = rounds.join_next() => {
                if let Ok(name) = done {
                    busy.remove(&name);
                }
            }
            _ = ticks.tick() => {
                for (name, hub) in streams.rooms() {
                    if busy.insert(name.clone()) {
                        rounds.spawn(round(door.load_full(), hub, name));
                    }
                }
            }
        }
    }
    streams.close();
}

/// One look at a room's streams.
async fn round(door: Arc<Door>, hub: Arc<Hub>, name: RoomName) -> RoomName {
    let Some(room) = door
        .gate
        .rooms
        .iter()
        .find(|room| room.settings.name == name)
    else {
        hub.end(StreamEnd::Over);
        return name;
    };
    let snapshot = room.snapshot.load_full();
    let now = door.clock.now();
    let line = door.gate.line(room, &snapshot, now);
    let asks = hub.look(&line);
    if asks.is_empty() {
        return name;
    }
    let terms = &room.settings.terms;
    let answer = line.store.check_in(&name, terms, &asks).await;
    let snapshot = room.snapshot.load_full();
    let line = door.gate.line(room, &snapshot, door.clock.now());
    hub.hear(&line, answer);
    name
}

impl Hub {
    /// Tells every watcher what the snapshot tells, and says of whom the store is to be asked.
    fn look(&self, line: &Line<'_>) -> Vec<CheckIn> {
        let common = Common {
            orders: line.snapshot.survey.orders.version,
            reachable: line.snapshot.store == StoreHealth::Reachable,
            recovers: line.snapshot.recovers(),
            ordered: line.has_order(),
        };
        let mut watched = held(&self.0);
        let for_all = watched.common.replace(common) != Some(common);
        let mut asks = Vec::new();
        let now = line.now.mono;
        settle(&mut watched.streams, |stream| {
            if let Some(why) = stream.is_over(now) {
                return Err(why);
            }
            if asks.len() < MOST_ASKED && (for_all || stream.is_due(now)) {
                match stream.watcher.look(line) {
                    Look::Told(notice) => stream.tell(&notice, now)?,
                    Look::Ask(ask) => {
                        asks.push(ask);
                        stream.asked = true;
                    }
                    Look::Over => return Err(StreamEnd::Over),
                }
            }
            stream.beat(now)
        });
        asks
    }

    /// Tells those of whom the store was asked what it said, in the order in which they asked.
    fn hear(&self, line: &Line<'_>, answer: Result<Vec<Stand>, StoreError>) {
        let mut stands = answer.unwrap_or_default().into_iter();
        settle(&mut held(&self.0).streams, |stream| {
            if !std::mem::take(&mut stream.asked) {
                return Ok(());
            }
            let notice = match stands.next() {
                Some(stand) => stream.watcher.hears(line, stand),
                None => Some(stream.watcher.unheard(line)),
            };
            stream.tell(&*notice.ok_or(StreamEnd::Over)?, line.now.mono)
        });
    }
}

/// Attends to each stream, and ends those for which that is an error.
fn settle(streams: &mut Vec<Stream>, mut attend: impl FnMut(&mut Stream) -> Result<(), StreamEnd>) {
    let over = streams.extract_if(.., |stream| match attend(stream) {
        Ok(()) => false,
        Err(why) => {
            stream.ends_by(why);
            true
        }
    });
    over.for_each(drop);
}
