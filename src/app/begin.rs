//! What a gateway begins with: its policies in force, and the loops of their rooms.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::identities::Identities;
use super::loops::{Loops, Works};
use super::reload::{Lasting, Reloads};
use super::{Parts, chronicle, named};
use crate::store::QueueStore;
use crate::store::kept::Keeper;
use crate::telemetry::metered::Metered;
use crate::telemetry::metrics::Metrics;

/// Puts the policies of the start into force and begins the loops of their rooms.
pub(super) fn begin(
    parts: Parts,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Reloads> {
    let named = named::at_start(&parts.config, &parts.policies, &parts.clock)?;
    let metrics = Arc::new(Metrics::new()?);
    let metered = Metered::new(parts.store, Arc::clone(&metrics), parts.clock.clone());
    let store: Arc<dyn QueueStore> = Arc::new(metered);
    let keys = Arc::new(ArcSwap::from_pointee(parts.keys));
    let loops = Loops::new(Works {
        store: Arc::clone(&store),
        clock: parts.clock.clone(),
        keys: Arc::clone(&keys),
        keeper: Arc::new(Keeper::new(parts.keep)),
        heard: chronicle::heard((&parts.audit, &parts.clock), (tasks, stop)),
        tasks: tasks.clone(),
        stop: stop.clone(),
    });
    let lasting = Lasting {
        store,
        clock: parts.clock,
        metrics,
        control_token: parts.control_token,
        audit: parts.audit,
        reread: parts.reread,
        keys,
        tasks: tasks.clone(),
        identities: Identities::new(parts.policies.clone()),
        policies: parts.policies,
    };
    Reloads::start(lasting, parts.config, (loops, named))
}
