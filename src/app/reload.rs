//! Policies are replaced while the gateway runs: whole or not at all.
//!
//! What visitors are answered by is one [`Door`], swapped in one step: a request takes it once and
//! sees all of the old policies or all of the new. What lasts from one door to the next is taken
//! over in `wiring`.

mod told;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::certificates::{self, Shown};
use super::identities::Identities;
use super::lanes;
use super::loops::{Loops, surveyed};
use super::origins;
use super::wiring::{self, Files, credentials};
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
use told::{keys_changed, tell};

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
    /// The policies' directory, below which certificates are, and the files of the origins.
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
    certificates: Option<Arc<Shown>>,
}

impl Reloads {
    /// Puts the policies of the start into force.
    ///
    /// # Errors
    /// When a metric cannot be declared, or a file for the way to an origin cannot be used.
    pub(super) fn start(
        lasting: Lasting,
        config: Config,
        (mut loops, certificates): (Loops, Option<Arc<Shown>>),
    ) -> anyhow::Result<Self> {
        let files = Files {
            keys: lasting.keys.load_full(),
            tls: certificates.as_ref().map(|shown| Arc::clone(&shown.tls)),
            origins: origins::settings(&config, &lasting.policies)?,
        };
        let door = wiring::door(&lasting, &config, files, None)?;
        count(&lasting.metrics, certificates.as_deref());
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
            running: Mutex::new(Running {
                config,
                loops,
                certificates,
            }),
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

    /// The certificates of a configuration as it can be put into force; what is the same is kept.
    async fn certificates(
        &self,
        config: &Config,
        last: Option<&Arc<Shown>>,
    ) -> Result<Option<Arc<Shown>>, Refused> {
        let Some(wanted) = config.tls.clone() else {
            return Ok(None);
        };
        let policies = self.lasting.policies.clone();
        let read = tokio::task::spawn_blocking(move || certificates::read(&wanted, &policies));
        let read = read.await.unwrap_or_else(|_| Err(broke_off()))?;
        let now = self.lasting.clock.now().wall;
        read.timely(last.map(Arc::as_ref), now)?;
        Ok(Some(match last {
            Some(last) if last.is_same(&read) => Arc::clone(last),
            Some(_) | None => Arc::new(read),
        }))
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
    fn found(&self, running: &Running, fresh: &Fresh, certificates: Option<&Shown>) -> Found {
        let difference = running.config.difference(&fresh.config);
        let mut changes = difference.changes;
        changes.extend(keys_changed(&self.door.load().gate.keys, &fresh.keys));
        let mut warnings: Vec<Finding> = fresh.warnings.iter().map(Finding::from).collect();
        if let Some(shown) = certificates {
            let last = running.certificates.iter();
            changes.extend(last.flat_map(|last| shown.changes(last)));
            let now = self.lasting.clock.now().wall;
            warnings.extend(shown.warnings(&fresh.config, now));
        }
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
        let config = fresh.config.clone().as_far_as_it_goes(&running.config);
        let certificates = self.certificates(&config, running.certificates.as_ref());
        let certificates = certificates.await?;
        let found = self.found(&running, &fresh, certificates.as_deref());
        let tokens = credentials(&config, self.lasting.control_token.as_deref());
        control::guarded(config.listen.control, &tokens).map_err(refused)?;
        let (last, before) = (self.door.load_full(), self.in_force.load_full());
        let keys = Arc::new(fresh.keys);
        let files = Files {
            keys: Arc::clone(&keys),
            tls: certificates.as_ref().map(|shown| Arc::clone(&shown.tls)),
            origins: self.origins(&config).await?,
        };
        let next = wiring::door(&self.lasting, &config, files, Some(&last));
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
        count(&self.lasting.metrics, certificates.as_deref());
        running.certificates = certificates;
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
        let config = fresh.config.clone().as_far_as_it_goes(&running.config);
        let certificates = self.certificates(&config, running.certificates.as_ref());
        let certificates = certificates.await?;
        Ok(self.found(&running, &fresh, certificates.as_deref()))
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

/// Shows when each certificate ends.
fn count(metrics: &Metrics, shown: Option<&Shown>) {
    let all = shown.into_iter().flat_map(Shown::certificates);
    let ends = all.map(|(file, certificate)| (file, certificate.ends.secs()));
    metrics.tls.certificates(ends);
}
