//! Composition and drain: a checked configuration becomes a running gateway.

pub mod audit;
mod begin;
mod certificates;
mod chronicle;
mod descriptors;
mod fetch;
mod files;
mod identities;
mod lanes;
mod loops;
mod named;
mod origins;
mod pressure;
mod reload;
mod storing;
mod wiring;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::config::gateway::Connections;
use crate::control::policies::Policies;
use crate::control::recorded::signalled;
use crate::control::{self, Control, health::Readiness, ledger::SharedLedger, routes};
use crate::domain::clock::Clock;
use crate::edge::events;
use crate::edge::framing::Limits as FramingLimits;
use crate::edge::guard::{Deadlines, Terms};
use crate::edge::listener::{Layer, Listening};
use crate::edge::respond::farewell;
use crate::edge::tunnel::Drain;
use crate::store::QueueStore;
use crate::token::Keyring;

use begin::begin;
use descriptors::capacity;
use loops::surveyed;
use reload::Reloads;
use wiring::{addresses, all, bind, credentials, places};

pub use reload::{Fresh, Reread};
pub use storing::open_store;

/// How often limiters forget whoever has not asked lately.
const TIDY: Duration = Duration::from_secs(5);

/// What a gateway is made of.
pub struct Parts {
    /// The checked configuration.
    pub config: Config,
    /// The keys, with the issuer set.
    pub keys: Keyring,
    /// Where the rooms are kept.
    pub store: Arc<dyn QueueStore>,
    /// An admin token of the control API from the environment.
    pub control_token: Option<String>,
    /// Where operators' changes are recorded.
    pub audit: SharedLedger,
    /// The clock.
    pub clock: Clock,
    /// Reads policies and keys again; `None` where there are no files.
    pub reread: Option<Reread>,
    /// The folder in which this gateway keeps what a store that lost a room must be told.
    pub keep: PathBuf,
    /// The policies' directory, below which key sets of identity providers are.
    pub policies: PathBuf,
}

/// A gateway that listens.
pub struct App {
    leaving: CancellationToken,
    stop: CancellationToken,
    tracker: TaskTracker,
    loops: TaskTracker,
    stop_loops: CancellationToken,
    ready: Arc<Readiness>,
    reloads: Arc<Reloads>,
    drain_min: Duration,
    drain: Duration,
    public: Vec<SocketAddr>,
    encrypted: Vec<SocketAddr>,
    control: SocketAddr,
}

impl App {
    /// Binds every listener, then starts everything. Nothing runs when one address is taken.
    ///
    /// # Errors
    /// When an address cannot be listened on, or there may be too few open files.
    pub fn start(parts: Parts) -> anyhow::Result<Self> {
        descriptors::enough()?;
        let (listen, connections) = (parts.config.listen.clone(), parts.config.connections);
        let (public, encrypted) = (all(&listen.public)?, all(&listen.tls)?);
        let tokens = credentials(&parts.config, parts.control_token.as_deref());
        control::guarded(listen.control, &tokens)?;
        let control = bind(listen.control)?;
        let health = listen.health.map(bind).transpose()?;
        let (loops, stop_loops) = (TaskTracker::new(), CancellationToken::new());
        let app = Self {
            public: addresses(&public)?,
            encrypted: addresses(&encrypted)?,
            control: control.local_addr()?,
            reloads: Arc::new(begin(parts, &loops, &stop_loops)?),
            drain_min: connections.drain_min,
            drain: connections.drain,
            leaving: CancellationToken::new(),
            stop: CancellationToken::new(),
            ready: Arc::default(),
            tracker: TaskTracker::new(),
            loops,
            stop_loops,
        };
        app.tidy();
        app.read_keys();
        app.watch_origins();
        app.answer_visitors((public, encrypted), connections);
        if let Some(health) = health {
            app.answer_probes(health, listen.metrics);
        }
        app.answer_operators(control);
        Ok(app)
    }

    /// Where visitors are answered over plain HTTP.
    #[must_use]
    pub fn public(&self) -> &[SocketAddr] {
        &self.public
    }

    /// Where visitors are answered over TLS.
    #[must_use]
    pub fn encrypted(&self) -> &[SocketAddr] {
        &self.encrypted
    }

    /// Where operators are answered.
    #[must_use]
    pub const fn control(&self) -> SocketAddr {
        self.control
    }

    /// Puts what the policy files say now into force in the background; the log tells how it went.
    pub fn reload(&self, by: &'static str) {
        let reloads = Arc::clone(&self.reloads);
        self.loops.spawn(async move {
            let (audit, clock) = (Arc::clone(&reloads.lasting.audit), &reloads.lasting.clock);
            // What became of it is in the log already.
            if let Ok(reloaded) = Arc::clone(&reloads).reload(by).await {
                chronicle::record(audit, clock.now().wall, signalled(&reloaded)).await;
            }
        });
    }

    /// Says that it is not ready and ends each connection with its next answer, for as long as load
    /// balancers need to see that; then stops accepting, lets what runs finish within the drain
    /// limit, and ends the loops.
    pub async fn drain(self) {
        self.ready.drain();
        self.leaving.cancel();
        tokio::time::sleep(self.drain_min).await;
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(self.drain, self.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tracker.len(),
                "connections were cut at the drain limit"
            );
        }
        self.stop_loops.cancel();
        self.loops.close();
        if tokio::time::timeout(Duration::from_secs(5), self.loops.wait())
            .await
            .is_err()
        {
            tracing::warn!("the store did not take the last notes in time");
        }
    }

    fn operators(&self) -> Control {
        let (reloads, lasting) = (&self.reloads, &self.reloads.lasting);
        let policies = || Arc::clone(reloads) as Arc<dyn Policies>;
        Control {
            in_force: Arc::clone(&reloads.in_force),
            store: Arc::clone(&lasting.store),
            clock: lasting.clock.clone(),
            keys: Arc::clone(&lasting.keys),
            metrics: Arc::clone(&lasting.metrics),
            ready: Arc::clone(&self.ready),
            audit: Arc::clone(&lasting.audit),
            policies: reloads.has_files().then(policies),
        }
    }

    fn tidy(&self) {
        let (stop, door) = (self.stop_loops.clone(), Arc::clone(&self.reloads.door));
        self.loops.spawn(async move {
            while stop
                .run_until_cancelled(tokio::time::sleep(TIDY))
                .await
                .is_some()
            {
                door.load_full().gate.limiters.tidy();
            }
        });
    }

    fn read_keys(&self) {
        let (reloads, stop) = (Arc::clone(&self.reloads), self.stop_loops.clone());
        self.loops.spawn(async move {
            let lasting = &reloads.lasting;
            let by = (lasting.clock.clone(), Arc::clone(&lasting.metrics));
            lasting.identities.keep(by, stop).await;
        });
    }

    fn watch_origins(&self) {
        let (door, stop) = (Arc::clone(&self.reloads.door), self.stop_loops.clone());
        self.loops.spawn(origins::watch(door, stop));
    }

    fn answer_visitors(
        &self,
        (plain, encrypted): (Vec<TcpListener>, Vec<TcpListener>),
        connections: Connections,
    ) {
        let listening = Listening {
            door: Arc::clone(&self.reloads.door),
            terms: Arc::new(Terms {
                limits: FramingLimits::default(),
                deadlines: Deadlines {
                    idle: connections.idle,
                    ..Deadlines::default()
                },
                farewell,
                clock: self.reloads.lasting.clock.clone(),
            }),
            handshakes: places(connections.handshakes),
            capacity: capacity(connections, &self.reloads.lasting.metrics),
            tracker: self.tracker.clone(),
            leaving: self.leaving.clone(),
            cancel: self.stop.clone(),
            drain: Drain::new(self.stop.clone(), self.drain),
        };
        let watch = pressure::watch(
            Arc::clone(&listening.door),
            Arc::clone(&listening.capacity),
            self.stop_loops.clone(),
        );
        self.loops.spawn(watch);
        self.tracker
            .spawn(events::run(Arc::clone(&listening.door), self.stop.clone()));
        let plain = plain.into_iter().map(|one| (one, Layer::Plain));
        let encrypted = encrypted.into_iter().map(|one| (one, Layer::Tls));
        for (listener, layer) in plain.chain(encrypted) {
            let listening = listening.clone();
            let reloads = Arc::clone(&self.reloads);
            self.tracker.spawn(async move {
                reloads.lasting.identities.read_once().await;
                let door = listening.door.load_full();
                surveyed(&door.gate.rooms.iter().collect::<Vec<_>>()).await;
                drop(door);
                listening.accept(listener, layer).await;
            });
        }
    }

    fn answer_probes(&self, listener: TcpListener, metrics: bool) {
        let shown = if metrics {
            routes::HEALTH_AND_METRICS
        } else {
            routes::HEALTH
        };
        let (operators, stop) = (self.operators(), self.stop_loops.clone());
        self.loops
            .spawn(control::serve_health(listener, operators, shown, stop));
    }

    fn answer_operators(&self, listener: TcpListener) {
        let (operators, stop) = (self.operators(), self.stop_loops.clone());
        self.loops.spawn(async move {
            if let Err(fault) = control::serve(listener, operators, stop).await {
                tracing::error!(%fault, "the control API ended");
            }
        });
    }
}
