//! Policies are replaced while the gateway runs: whole or not at all.
//!
//! What visitors are answered by is one [`Door`], swapped in one step: a request takes it once and
//! sees all of the old policies or all of the new. What lasts from one door to the next is taken
//! over in `wiring`.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::identities::Identities;
use super::lanes;
use super::loops::{Loops, surveyed};
use super::origins;
use super::wiring::{self, credentials};
use crate::config::Config;
use crate::control;
use crate::control::auth::Door as Guard;
use crate::control::ledger::SharedLedger;
use crate::control::policies::{
    Change, Edition, Finding, Found, InForce, Policies, Refused, Reloaded, Turn,
};
use crate::domain::clock::Clock;
use crate::edge::serve::Door;
use crate::origin::Settings as OriginSettings;
use crate::store::QueueStore;
use crate::telemetry::metrics::Metrics;
use crate::text::fault::Faults;
use crate::token::{Keyring, SharedKeyring};

/// Changes and faults that one reload writes into the log at most.
const MOST_LOGGED: usize = 100;

/// Policies and keys as they were just read.
pub struct Fresh {
    /// The checked configuration.
    pub config: Config,
    /// Allowed but probably not meant.
    pub warnings: Faults,
    /// The keys, with the issuer set.
    pub keys: Keyring,
}

/// Reads policies and keys again. May block.
pub type Reread = Arc<dyn Fn() -> Result<Fresh, Refused> + Send + Sync>;

/// What stays whatever the policies say.
pub(super) struct Lasting {
    pub store: Arc<dyn QueueStore>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    /// An admin token of the control API from the environment.
    pub control_token: Option<String>,
    /// Where operators' changes are recorded.
    pub audit: SharedLedger,
    /// Reads policies and keys again; `None` where there are no files.
    pub reread: Option<Reread>,
    /// The keys in force.
    pub keys: SharedKeyring,
    /// Every reload's task.
    pub tasks: TaskTracker,
    /// The keys of identity providers.
    pub identities: Identities,
    /// The policies' directory, below which the files of the origins are.
    pub policies: PathBuf,
}

/// The policies in force, and the way to others.
pub(super) struct Reloads {
    /// What visitors are answered by.
    pub door: Arc<ArcSwap<Door>>,
    /// What operators are answered by.
    pub in_force: Arc<ArcSwap<InForce>>,
    /// What both are made with.
    pub lasting: Lasting,
    /// Held through a reload, so that they come one after the other.
    running: Mutex<Running>,
}

/// What a reload starts from.
struct Running {
    config: Config,
    loops: Loops,
}

impl Reloads {
    /// Puts the policies of the start into force.
    ///
    /// # Errors
    /// When a metric cannot be declared, or a file for the way to an origin cannot be used.
    pub(super) fn start(
        lasting: Lasting,
        config: Config,
        mut loops: Loops,
    ) -> anyhow::Result<Self> {
        let origins = origins::settings(&config, &lasting.policies)?;
        let by = (lasting.keys.load_full(), origins);
        let door = wiring::door(&lasting, &config, by, None)?;
        loops.begin(&door.gate.rooms);
        let tokens = credentials(&config, lasting.control_token.as_deref());
        let edition = Edition {
            number: 1,
            loaded_at: lasting.clock.now().wall,
        };
        let in_force = wiring::in_force(&config, &door, Guard::new(tokens), edition);
        Ok(Self {
            door: Arc::new(ArcSwap::from_pointee(door)),
            in_force: Arc::new(ArcSwap::from_pointee(in_force)),
            lasting,
            running: Mutex::new(Running { config, loops }),
        })
    }

    /// Whether there are files to read.
    pub(super) fn has_files(&self) -> bool {
        self.lasting.reread.is_some()
    }

    async fn fresh(&self) -> Result<Fresh, Refused> {
        let Some(reread) = self.lasting.reread.as_ref().map(Arc::clone) else {
            return Err(Refused::because(
                "this gateway has no policy files to read again",
            ));
        };
        let read = tokio::task::spawn_blocking(move || reread()).await;
        read.unwrap_or_else(|_| Err(broke_off()))
    }

    /// The origins of these policies, with the files that they name.
    async fn origins(&self, config: &Config) -> Result<Vec<OriginSettings>, Refused> {
        let (config, policies) = (config.clone(), self.lasting.policies.clone());
        let read = tokio::task::spawn_blocking(move || origins::settings(&config, &policies));
        let read = read
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("reading broke off")));
        read.map_err(|fault| refused(format!("{fault:#}")))
    }

    /// What is different in freshly read policies.
    fn found(&self, running: &Config, fresh: &Fresh) -> Found {
        let difference = running.difference(&fresh.config);
        let mut changes = difference.changes;
        changes.extend(keys_changed(&self.door.load().gate.keys, &fresh.keys));
        let mut warnings: Vec<Finding> = fresh.warnings.iter().map(Finding::from).collect();
        warnings.extend(changes.iter().filter_map(unguarded));
        warnings.extend(lanes::strayed(&self.in_force.load().rooms, &fresh.config));
        Found {
            changes,
            needs_restart: difference.needs_restart,
            warnings,
        }
    }

    async fn replace(&self) -> Result<Reloaded, Refused> {
        let mut running = self.running.lock().await;
        let fresh = self.fresh().await?;
        let found = self.found(&running.config, &fresh);
        let config = fresh.config.as_far_as_it_goes(&running.config);
        let tokens = credentials(&config, self.lasting.control_token.as_deref());
        control::guarded(config.listen.control, &tokens).map_err(refused)?;
        let (last, before) = (self.door.load_full(), self.in_force.load_full());
        let keys = Arc::new(fresh.keys);
        let origins = self.origins(&config).await?;
        let by = (Arc::clone(&keys), origins);
        let next = wiring::door(&self.lasting, &config, by, Some(&last));
        let next = Arc::new(next.map_err(refused)?);
        let edition = Edition {
            number: before.edition.number.saturating_add(1),
            loaded_at: self.lasting.clock.now().wall,
        };
        let guard = before.door.renewed(tokens);
        let in_force = wiring::in_force(&config, &next, guard, edition);

        // From here on nothing can fail. A room that is new is known before anybody asks for it.
        self.lasting.keys.store(keys);
        let begun = running.loops.begin(&next.gate.rooms);
        surveyed(&begun).await;
        self.door.store(Arc::clone(&next));
        self.in_force.store(Arc::new(in_force));
        running.loops.follow(&next.gate.rooms);
        running.config = config;
        Ok(Reloaded {
            version: edition.number,
            found,
        })
    }
}

#[async_trait]
impl Policies for Reloads {
    /// Runs to its end even if nobody waits for the answer any more.
    async fn reload(self: Arc<Self>, by: &str) -> Result<Reloaded, Refused> {
        let (by, tasks) = (by.to_owned(), self.lasting.tasks.clone());
        let work = tasks.spawn(async move {
            let outcome = self.replace().await;
            let number = outcome.as_ref().ok().map(|reloaded| reloaded.version);
            self.lasting.metrics.reloaded(number);
            tell(&by, &outcome);
            outcome
        });
        work.await.unwrap_or_else(|_| Err(broke_off()))
    }

    async fn look(&self) -> Result<Found, Refused> {
        // One at a time: files may be many and long.
        let running = self.running.lock().await;
        let fresh = self.fresh().await?;
        Ok(self.found(&running.config, &fresh))
    }
}

/// What a room that went leaves open. It may have been a slip in the middle of a sale.
fn unguarded(change: &Change) -> Option<Finding> {
    let gone = change.change == Turn::Removed && change.what.starts_with("room ");
    gone.then(|| {
        Finding::of_all(format!(
            "{} guards nothing any more: its paths are open to everybody unless another room covers them",
            change.what
        ))
    })
}

fn refused(fault: impl std::fmt::Display) -> Refused {
    Refused::because(fault.to_string())
}

fn broke_off() -> Refused {
    Refused::because("the reload broke off: see the log")
}

/// What is different in the keys, by their ids. A key that is another under the same id is named
/// for all.
fn keys_changed(held: &Keyring, found: &Keyring) -> Vec<Change> {
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
fn tell(by: &str, outcome: &Result<Reloaded, Refused>) {
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
