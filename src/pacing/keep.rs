//! What a room's loop keeps on this gateway's disk, and when.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::RoomLoop;
use crate::domain::place::Epoch;
use crate::store::kept::{Keeper, Kept, KeptEnd, KeptError};
use crate::store::memory::Memory;
use crate::store::survey::{Snapshot, Survey};

/// Ends alone are written this often at most: in a sale there are some every second.
const ENDS: Duration = Duration::from_secs(10);

/// The keeping of one room.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    keeper: Option<Arc<Keeper>>,
    read: bool,
    /// What the file holds or is about to hold, but for the ends.
    head: Option<(u64, u64, Epoch)>,
    ends_changed: bool,
    written: Duration,
    writing: Option<JoinHandle<Result<(), KeptError>>>,
}

impl Keeping {
    pub(super) fn new(keeper: Option<Arc<Keeper>>) -> Self {
        Self {
            keeper,
            ..Self::default()
        }
    }

    /// Notes that the ends have changed.
    pub(super) const fn ends_changed(&mut self) {
        self.ends_changed = true;
    }
}

impl RoomLoop {
    /// Reads what an earlier run of this gateway kept, once.
    pub(super) async fn remember_kept(&mut self) {
        if std::mem::replace(&mut self.keeping.read, true) {
            return;
        }
        let Some(keeper) = self.keeping.keeper.clone() else {
            return;
        };
        let room = self.beat.room.name.clone();
        let read = tokio::task::spawn_blocking(move || keeper.read(&room)).await;
        match read {
            Ok(Ok(Some(kept))) => self.take_up(&kept),
            Ok(Ok(None)) => {}
            Ok(Err(fault)) => {
                tracing::warn!(room = %self.beat.room.name, fault = whole(&fault), "what this gateway kept of the room cannot be used; it goes on without");
            }
            Err(fault) => {
                tracing::warn!(room = %self.beat.room.name, %fault, "what this gateway kept of the room was not read");
            }
        }
    }

    fn take_up(&mut self, kept: &Kept) {
        self.memory = Memory::of(kept.orders.clone(), kept.incarnation, kept.epoch);
        let now = self.beat.clock.now();
        let live = kept.ended.iter().filter(|end| end.until > now.wall);
        for end in live {
            let until = now.mono.saturating_add(end.until.since(now.wall));
            self.ends.learn(&[(end.session, end.why)], until, now.mono);
        }
        self.keeping.head = Some((kept.orders.version, kept.incarnation, kept.epoch));
        // The gate judges by what was known, not by nothing, until the store has answered.
        self.shown = self.ends.shared();
        self.beat.snapshot.rcu(|last| {
            let mut next = Snapshot::clone(last);
            next.survey.orders.clone_from(&kept.orders);
            next.survey.epoch = kept.epoch;
            next.ended = self.ends.shared();
            next
        });
    }

    /// Writes what changed, without waiting for the disk.
    pub(super) async fn keep(&mut self, survey: &Survey) {
        if self.keeping.keeper.is_none() || !self.is_written().await {
            return;
        }
        let head = (survey.orders.version, survey.incarnation, survey.epoch);
        let now = self.beat.clock.now().mono;
        let keeping = &mut self.keeping;
        let ends_due = keeping.ends_changed && now.saturating_sub(keeping.written) >= ENDS;
        if keeping.head == Some(head) && !ends_due {
            return;
        }
        keeping.head = Some(head);
        keeping.ends_changed = false;
        keeping.written = now;
        self.write(survey);
    }

    /// Waits for a write under way.
    pub(super) async fn kept(&mut self) {
        if let Some(writing) = self.keeping.writing.take() {
            self.tell_fault(writing.await.map_err(|fault| fault.to_string()));
        }
    }

    /// Whether no write is under way any more.
    async fn is_written(&mut self) -> bool {
        let busy = self.keeping.writing.as_ref();
        if busy.is_some_and(|writing| !writing.is_finished()) {
            return false;
        }
        self.kept().await;
        true
    }

    fn tell_fault(&mut self, written: Result<Result<(), KeptError>, String>) {
        let fault = match written {
            Ok(Ok(())) => return,
            Ok(Err(fault)) => whole(&fault),
            Err(fault) => fault,
        };
        // Tried again once ends are due, not in every round.
        self.keeping.ends_changed = true;
        tracing::warn!(room = %self.beat.room.name, %fault, "the room's orders could not be kept on this gateway's disk: let it write to the folder of `[store] keep`");
    }

    fn write(&mut self, survey: &Survey) {
        let Some(keeper) = self.keeping.keeper.clone() else {
            return;
        };
        let now = self.beat.clock.now();
        let ended = self.ends.each().map(|end| KeptEnd {
            session: end.session,
            why: end.why,
            until: now.wall.after(end.until.saturating_sub(now.mono)),
        });
        let kept = Kept {
            orders: survey.orders.clone(),
            incarnation: survey.incarnation,
            epoch: survey.epoch,
            ended: ended.collect(),
        };
        let room = self.beat.room.name.clone();
        let write = move || keeper.write(&room, &kept);
        self.keeping.writing = Some(tokio::task::spawn_blocking(write));
    }
}

/// A fault and what caused it, in one line.
fn whole(fault: &KeptError) -> String {
    match std::error::Error::source(fault) {
        Some(source) => format!("{fault}: {source}"),
        None => fault.to_string(),
    }
}
