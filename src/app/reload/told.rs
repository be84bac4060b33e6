//! What is said of a reload: which keys are others, and what became of it.

use crate::control::policies::{Change, Refused, Reloaded};
use crate::token::Keyring;

/// Changes and faults that one reload writes into the log at most.
const MOST_LOGGED: usize = 100;

/// What is different in the keys, by their ids. A key that is another under the same id is named
/// for all.
pub(super) fn keys_changed(held: &Keyring, found: &Keyring) -> Vec<Change> {
    let names = |keys: &Keyring| -> Vec<String> {
        let lines = keys.lines().iter();
        lines
            .map(|line| format!("key {} {}", line.purpose, line.kid.as_str()))
            .collect()
    };
    let (before, after) = (names(held), names(found));
    let added = after.iter().filter(|name| !before.contains(name));
    let removed = before.iter().filter(|name| !after.contains(name));
    let mut changes: Vec<Change> = added.map(|name| Change::added(name)).collect();
    changes.extend(removed.map(|name| Change::removed(name)));
    if changes.is_empty() && !held.has_keys_of(found) {
        changes.push(Change::unshown("keys", "secrets"));
    }
    changes
}

/// Writes into the log what became of a reload.
pub(super) fn tell(by: &str, outcome: &Result<Reloaded, Refused>) {
    let reloaded = match outcome {
        Ok(reloaded) => reloaded,
        Err(refused) => {
            let Refused { summary, faults } = refused;
            tracing::error!(by, %summary, "the policies were not reloaded; those in force stay");
            for fault in faults.iter().take(MOST_LOGGED) {
                tracing::error!("{fault}");
            }
            return;
        }
    };
    let Reloaded { version, found } = reloaded;
    let changes = found.changes.len();
    if changes == 0 {
        tracing::info!(version, by, "the policies were reloaded: nothing changed");
    } else {
        tracing::info!(version, by, changes, "the policies were reloaded");
    }
    for change in found.changes.iter().take(MOST_LOGGED) {
        tracing::info!(version, "{change}");
    }
    for change in found.needs_restart.iter().take(MOST_LOGGED) {
        tracing::warn!(version, "needs a restart: {change}");
    }
    for warning in found.warnings.iter().take(MOST_LOGGED) {
        tracing::warn!("{warning}");
    }
}
