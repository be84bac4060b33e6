//! Composition and drain: a checked configuration becomes a running gateway.

pub mod audit;
mod storing;
mod wiring;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::config::gateway::Connections;
use crate::control::{self, Control, health::Readiness, ledger::SharedLedger, routes};
use crate::domain::clock::Clock;
use crate::edge::framing::Limits as FramingLimits;
use crate::edge::guard::{Deadlines, Terms};
use crate::edge::listener::Listening;
use crate::edge::respond::{Responder, farewell};
use crate::edge::serve::Door;
use crate::edge::tunnel::Drain;
use crate::gate::admit::Admissions;
use crate::gate::identify::Proxies;
use crate::gate::limit::Limiters;
use crate::gate::room::Room;
use crate::gate::{Gate, Screens};
use crate::origin::Origin;
use crate::pacing::{Beat, RoomLoop};
use crate::store::QueueStore;
use crate::store::kept::Keeper;
use crate::telemetry::metered::Metered;
use crate::token::Keyring;

pub use storing::open_store;
use wiring::{
    Listeners, addresses, all_surveyed, bind, controlled, credentials, metrics, origin_settings,
    places, sites,
};

/// How long visitors are let wait for the first surveys after a start: before them nobody knows
/// which sessions have ended.
const FIRST_SURVEY: Duration = Duration::from_secs(2);

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
    /// The folder in which this gateway keeps what a store that lost a room must be told.
    pub keep: PathBuf,
}

/// A gateway that listens.
pub struct App {
    stop: CancellationToken,
    tracker: TaskTracker,
    loops: TaskTracker,
    stop_loops: CancellationToken,
    ready: Arc<Readiness>,
    drain: Duration,
    public: Vec<SocketAddr>,
    control: SocketAddr,
}

impl App {
    /// Binds every listener, then starts everything. Nothing runs when one address is taken.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub fn start(parts: Parts) -> anyhow::Result<Self> {
        let listen = &parts.config.listen;
        let public = listen
            .public
            .iter()
            .map(|address| bind(*address))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let tokens = credentials(&parts.config, parts.control_token.as_deref());
        control::guarded(listen.control, &tokens)?;
        let control = bind(listen.control)?;
        let health = listen.health.map(bind).transpose()?;
        let stop = CancellationToken::new();
        let mut app = Self {
            tracker: TaskTracker::new(),
            loops: TaskTracker::new(),
            stop_loops: CancellationToken::new(),
            ready: Arc::default(),
            drain: parts.config.connections.drain,
            public: addresses(&public)?,
            control: control.local_addr()?,
            stop,
        };
        app.launch(
            parts,
            Listeners {
                public,
                control,
                health,
            },
        )?;
        Ok(app)
    }

    /// Where visitors are answered.
    #[must_use]
    pub fn public(&self) -> &[SocketAddr] {
        &self.public
    }

    /// Where operators are answered.
    #[must_use]
    pub const fn control(&self) -> SocketAddr {
        self.control
    }

    /// Stops accepting, lets what runs finish within the drain limit, then ends the loops.
    pub async fn drain(self) {
        self.ready.drain();
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

    fn launch(&mut self, parts: Parts, listeners: Listeners) -> anyhow::Result<()> {
        let Parts {
            config,
            keys,
            store,
            control_token,
            audit,
            clock,
            keep,
        } = parts;
        let metrics = Arc::new(metrics(&config)?);
        let store: Arc<dyn QueueStore> =
            Arc::new(Metered::new(store, Arc::clone(&metrics), clock.clone()));
        let rooms: Vec<Room> = config.rooms.iter().cloned().map(Room::new).collect();
        self.start_loops(&rooms, (&store, &Arc::new(Keeper::new(keep))), &clock);
        let operators = Control {
            rooms: rooms.iter().map(controlled).collect(),
            store: Arc::clone(&store),
            tokens: credentials(&config, control_token.as_deref()),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            ready: Arc::clone(&self.ready),
            audit,
            reload: None,
        };
        let limiters = Arc::new(Limiters::new(&config.limits, clock.clone()));
        self.tidy(Arc::clone(&limiters));
        let door = Arc::new(Door {
            origin: Origin::new(config.sites.iter().map(origin_settings).collect()),
            responder: Responder::new(&config.prefix, &keys.jwks()),
            clock,
            metrics,
            sockets: places(config.connections.sockets),
            gate: Arc::new(Gate {
                sites: sites(&config),
                rooms,
                proxies: Proxies::trusting(config.trusted_proxies.clone()),
                prefix: config.prefix.clone(),
                screens: ArcSwap::from_pointee(Screens {
                    rules: config.rules,
                }),
                limiters,
                keys,
                store,
                admissions: Admissions::default(),
            }),
        });
        self.listen(door, config.connections, listeners.public);
        if let Some(health) = listeners.health {
            let shown = if config.listen.metrics {
                routes::HEALTH_AND_METRICS
            } else {
                routes::HEALTH
            };
            let stop = self.stop_loops.clone();
            self.loops.spawn(control::serve_health(
                health,
                operators.clone(),
                shown,
                stop,
            ));
        }
        self.serve_control(operators, listeners.control);
        Ok(())
    }

    fn start_loops(
        &self,
        rooms: &[Room],
        (store, keeper): (&Arc<dyn QueueStore>, &Arc<Keeper>),
        clock: &Clock,
    ) {
        for room in rooms {
            let beat = Beat {
                room: Arc::clone(&room.settings),
                snapshot: Arc::clone(&room.snapshot),
                notes: Arc::clone(&room.notes),
                store: Arc::clone(store),
                clock: clock.clone(),
                keeper: Some(Arc::clone(keeper)),
            };
            self.loops
                .spawn(RoomLoop::new(beat).run(self.stop_loops.clone()));
        }
    }

    fn tidy(&self, limiters: Arc<Limiters>) {
        let stop = self.stop_loops.clone();
        self.loops.spawn(async move {
            while stop
                .run_until_cancelled(tokio::time::sleep(TIDY))
                .await
                .is_some()
            {
                limiters.tidy();
            }
        });
    }

    fn listen(&self, door: Arc<Door>, connections: Connections, listeners: Vec<TcpListener>) {
        let listening = Listening {
            door,
            terms: Arc::new(Terms {
                limits: FramingLimits::default(),
                deadlines: Deadlines::default(),
                farewell,
            }),
            places: places(connections.max),
            tracker: self.tracker.clone(),
            cancel: self.stop.clone(),
            drain: Drain::new(self.stop.clone(), self.drain),
        };
        for listener in listeners {
            let listening = listening.clone();
            self.tracker.spawn(async move {
                let gate = &listening.door.gate;
                let known = tokio::time::timeout(FIRST_SURVEY, all_surveyed(gate)).await;
                if known.is_err() {
                    tracing::warn!("the store has not answered yet; visitors are told to wait");
                }
                listening.accept(listener).await;
            });
        }
    }

    fn serve_control(&self, operators: Control, listener: TcpListener) {
        let stop = self.stop_loops.clone();
        self.loops.spawn(async move {
            if let Err(fault) = control::serve(listener, operators, stop).await {
                tracing::error!(%fault, "the control API ended");
            }
        });
    }
}
