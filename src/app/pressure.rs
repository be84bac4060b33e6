//! Measures how much this gateway has to do, and tells the gate.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::domain::pressure::{LOOK, Load, Pressure, Watch};
use crate::edge::capacity::Capacity;
use crate::edge::serve::Door;

/// Looks four times a second until stopped.
pub(super) async fn watch(
    door: Arc<ArcSwap<Door>>,
    capacity: Arc<Capacity>,
    stop: CancellationToken,
) {
    let mut watch = Watch::default();
    loop {
        let began = door.load().clock.now().mono;
        if stop.run_until_cancelled(sleep(LOOK)).await.is_none() {
            return;
        }
        let door = door.load();
        let pressure = watch.look(Load {
            at_work: capacity.at_work(),
            most: capacity.most(),
            late: door.clock.now().mono.saturating_sub(began + LOOK),
        });
        let before = door.gate.pressure.set(pressure);
        door.metrics.connections.pressed(pressure == Pressure::High);
        match (before, pressure) {
            (Pressure::Calm, Pressure::High) => {
                tracing::warn!("too much to do: new visitors are told to come back in a moment");
            }
            (Pressure::High, Pressure::Calm) => tracing::info!("new visitors are welcome again"),
            (Pressure::Calm, Pressure::Calm) | (Pressure::High, Pressure::High) => {}
        }
    }
}
