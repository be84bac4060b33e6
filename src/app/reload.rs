//! Policies are replaced while the gateway runs: whole or not at all.
//!
//! What visitors are answered by is one [`Door`], swapped in one step: a request takes it once and
//! sees all of the old policies or all of the new. What lasts from one door to the next is taken
//! over in `wiring`.

mod next;
mod told;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::certificates::Shown;
use super::identities::Identities;
use super::loops::{Loops, surveyed};
use super::named::Named;
use super::wiring::{self, Files, credentials};
use crate::config::Config;
use crate::control::auth::Door as Guard;
use crate::control::ledger::SharedLedger;
use crate::control::policies::{Edition, Found, InForce, Policies, Refused, Reloaded};
use crate::domain::clock::Clock;
use crate::edge::serve::Door;
use crate::store::QueueStore;
use crate::telemetry::metrics::Metrics;
use crate::text::fault::Faults;
use crate::token::{Keyring, SharedKeyring};
use next::Next;
use told::tell;

/// Policies and keys as they were just read.
pub struct Fresh {
    /// The checked configuration.
    pub config: Config,
    /// Allowed but probably not meant.
    pub warnings: Faults,
    /// The keys, with the issuer set, or what is wrong with them.
    pub keys: Result<Keyring, Refused>,
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
    named: Named,
}

impl Reloads {
    /// Puts the policies of the start into force.
    ///
    /// # Errors
    /// When a metric cannot be declared.
    pub(super) fn start(
        lasting: Lasting,
        config: Config,
        (mut loops, named): (Loops, Named),
    ) -> anyhow::Result<Self> {
        let files = Files {
            keys: lasting.keys.load_full(),
            named: named.clone(),
        };
        let door = wiring::door(&lasting, &config, files, None)?;
        count(&lasting.metrics, named.certificates.as_deref());
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
                named,
            }),
        })
    }

    /// Whether there are files to read.
    pub(super) fn has_files(&self) -> bool {
        self.lasting.reread.is_some()
    }

    async fn replace(&self) -> Result<Reloaded, Refused> {
        let mut running = self.running.lock().await;
        let next = self.prepared(&running).await?;
        let Next {
            config,
            keys,
            named,
            tokens,
            found,
        } = next;
        let (last, before) = (self.door.load_full(), self.in_force.load_full());
        let keys = Arc::new(keys);
        let files = Files {
            keys: Arc::clone(&keys),
            named: named.clone(),
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
        count(&self.lasting.metrics, named.certificates.as_deref());
        running.named = named;
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
        let next = self.prepared(&running).await?;
        Ok(next.found)
    }
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
