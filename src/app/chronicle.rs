//! What gateways change in rooms by themselves, by the schedule or in a draw, is recorded in the
//! audit log too. It is done before it is recorded, for a sale does not wait for a disk.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::audit::Entry;
use crate::control::ledger::SharedLedger;
use crate::control::recorded::automatic;
use crate::domain::clock::{Clock, UnixTime};
use crate::pacing::Heard;

/// Changes that may wait for the disk; of more, the newest are only logged.
const MOST: usize = 1_024;

/// Hears of changes and has them written one after the other, off the loops. When the loops are to
/// end it writes what it has heard, and ends.
pub(super) fn heard(
    (audit, clock): (&SharedLedger, &Clock),
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Heard {
    let (sender, receiver) = mpsc::channel(MOST);
    let clock = clock.clone();
    tasks.spawn(write(Arc::clone(audit), receiver, stop.clone()));
    Arc::new(move |by, room, (before, after)| {
        let entry = automatic(by, room, before, after);
        if sender.try_send((clock.now().wall, entry)).is_err() {
            tracing::error!(%room, by, "a change could not be recorded: too many wait for the disk");
        }
    })
}

async fn write(
    audit: SharedLedger,
    mut changes: mpsc::Receiver<(UnixTime, Entry)>,
    stop: CancellationToken,
) {
    while let Some(Some((at, entry))) = stop.run_until_cancelled(changes.recv()).await {
        record(Arc::clone(&audit), at, entry).await;
    }
    changes.close();
    while let Some((at, entry)) = changes.recv().await {
        record(Arc::clone(&audit), at, entry).await;
    }
}

/// Writes what was done.
pub(super) async fn record(audit: SharedLedger, at: UnixTime, entry: Entry) {
    let written = tokio::task::spawn_blocking(move || audit.write(at, &entry)).await;
    match written {
        Ok(Ok(head)) => {
            tracing::info!(audit = head.number, head = %head.hash, "what the gateway changed by itself was recorded");
        }
        Ok(Err(fault)) => {
            tracing::error!(%fault, "the gateway changed something by itself, and that could not be recorded");
        }
        Err(_) => tracing::error!("recording a change broke off"),
    }
}
