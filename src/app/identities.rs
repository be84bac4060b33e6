//! The keys of identity providers: read in the background, each after its own time, and never
//! because of a request.
//!
//! What a provider's keys were stays in force until others could be read, so that its outage locks
//! nobody out. A provider whose keys come from the same place keeps them over a reload.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::fetch;
use crate::config::PolicyPath;
use crate::config::identity::{Identity, KeySource};
use crate::domain::clock::Clock;
use crate::domain::room::RoomName;
use crate::gate::identity::{Provider, SharedKeys};
use crate::telemetry::metrics::Metrics;
use crate::token::identity::{Demands, MOST_BYTES, ProviderKeys};

/// How often it is looked whose keys are due.
const LOOK: Duration = Duration::from_millis(250);

/// How soon keys that could not be read are tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// How long the first reading is waited for before visitors are answered.
const FIRST: Duration = Duration::from_secs(2);

/// The providers of the policies in force, and when their keys are due.
pub(super) struct Identities {
    policies: PathBuf,
    held: Mutex<Vec<Held>>,
}

/// One provider's keys.
#[derive(Clone)]
struct Held {
    name: RoomName,
    source: KeySource,
    refresh: Duration,
    keys: SharedKeys,
    /// When they are to be read, on the monotonic clock.
    due: Duration,
    /// Whether the last reading failed, which is told once.
    failing: bool,
    tried: bool,
}

impl Identities {
    /// None yet; files are below the policies' directory.
    pub(super) const fn new(policies: PathBuf) -> Self {
        Self {
            policies,
            held: Mutex::new(Vec::new()),
        }
    }

    /// Goes on with these providers. Who was there and reads its keys from the same place keeps
    /// them.
    pub(super) fn follow(&self, identities: &[Identity], metrics: &Metrics) -> Vec<Provider> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let next: Vec<Held> = identities
            .iter()
            .map(|identity| {
                let same =
                    |held: &&Held| held.name == identity.name && held.source == identity.keys;
                let fresh = || Held {
                    name: identity.name.clone(),
                    source: identity.keys.clone(),
                    refresh: identity.refresh,
                    keys: SharedKeys::default(),
                    due: Duration::ZERO,
                    failing: false,
                    tried: false,
                };
                let kept = held.iter().find(same).cloned();
                Held {
                    refresh: identity.refresh,
                    ..kept.unwrap_or_else(fresh)
                }
            })
            .collect();
        for gone in held.iter() {
            if !next.iter().any(|next| next.name == gone.name) {
                metrics.forget_identity(gone.name.as_str());
            }
        }
        let providers = identities.iter().zip(&next).map(provider).collect();
        *held = next;
        providers
    }

    /// Reads keys whenever they are due, until it is stopped.
    pub(super) async fn keep(&self, by: (Clock, Arc<Metrics>), stop: CancellationToken) {
        let (clock, metrics) = by;
        while !stop.is_cancelled() {
            let mut readings = JoinSet::new();
            for held in self.due(clock.now().mono) {
                let policies = self.policies.clone();
                readings.spawn(async move {
                    let read = read(&held.source, &policies).await;
                    (held, read)
                });
            }
            let all = async {
                while let Some(done) = readings.join_next().await {
                    if let Ok((held, read)) = done {
                        self.note(&held, read, (clock.now().mono, &metrics));
                    }
                }
                tokio::time::sleep(LOOK).await;
            };
            stop.run_until_cancelled(all).await;
        }
    }

    /// Waits until the keys of all were tried to be read once, but not for long.
    pub(super) async fn read_once(&self) {
        let untried = || {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.iter().any(|held| !held.tried)
        };
        let tried = async {
            while untried() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Whoever comes before the keys do is asked to sign in, and comes back.
        let _ = tokio::time::timeout(FIRST, tried).await;
    }

    fn due(&self, now: Duration) -> Vec<Held> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter()
            .filter(|held| held.due <= now)
            .cloned()
            .collect()
    }

    /// Puts keys in force that could be read, and tells the log where that changed.
    fn note(
        &self,
        asked: &Held,
        read: anyhow::Result<ProviderKeys>,
        (now, metrics): (Duration, &Metrics),
    ) {
        let (identity, source) = (asked.name.as_str(), &asked.source);
        let failing = read.is_err();
        match read {
            Ok(keys) => {
                metrics.keys_read(identity, Some(keys.len()));
                if asked.failing || !asked.tried {
                    let count = keys.len();
                    tracing::info!(
                        identity,
                        keys = count,
                        "an identity provider's keys were read"
                    );
                }
                asked.keys.store(Arc::new(keys));
            }
            Err(fault) => {
                metrics.keys_read(identity, None);
                if !asked.failing {
                    let fault = format!("{fault:#}");
                    tracing::warn!(identity, %source, %fault, "an identity provider's keys could not be read; the last ones stay, and it is tried again");
                }
            }
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |held: &&mut Held| held.name == asked.name && held.source == asked.source;
        if let Some(held) = held.iter_mut().find(same) {
            held.tried = true;
            held.failing = failing;
            let pause = if failing {
                AGAIN.min(held.refresh)
            } else {
                held.refresh
            };
            held.due = now.saturating_add(pause);
        }
    }
}

fn provider((identity, held): (&Identity, &Held)) -> Provider {
    Provider {
        name: identity.name.clone(),
        demands: Demands {
            issuer: identity.issuer.clone(),
            audience: identity.audience.clone(),
            max_life: identity.max_life,
        },
        cookie: identity.cookie.as_ref().map(|name| name.0.clone()),
        header: identity.header.clone(),
        sign_in: identity.sign_in_url.as_ref().map(|link| link.0.clone()),
        keys: Arc::clone(&held.keys),
    }
}

async fn read(source: &KeySource, policies: &Path) -> anyhow::Result<ProviderKeys> {
    let text = match source {
        KeySource::File(path) => file(path, policies).await?,
        KeySource::Url { url, authorities } => {
            let authorities = authorities.as_ref().map(|path| path.resolve(policies));
            let answer = fetch::get(url, authorities.as_deref(), MOST_BYTES).await?;
            answer.to_vec()
        }
    };
    ProviderKeys::parse(&text).with_context(|| format!("{source} cannot be used"))
}

async fn file(path: &PolicyPath, policies: &Path) -> anyhow::Result<Vec<u8>> {
    let path = path.resolve(policies);
    let unreadable = || format!("cannot read {}", path.display());
    let length = tokio::fs::metadata(&path).await.with_context(unreadable)?;
    if length.len() > MOST_BYTES as u64 {
        bail!("{} is longer than {MOST_BYTES} bytes", path.display());
    }
    tokio::fs::read(&path).await.with_context(unreadable)
}
