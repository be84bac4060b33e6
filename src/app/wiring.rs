//! From the configuration's words to the folders' own settings, and the sockets to listen on.
//! Where policies replace others, what lasts is taken over from the door before.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Context as _;
use http::HeaderValue;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::tls::Tls as TlsSettings;
use crate::config::{Config, site};
use crate::control::ControlRoom;
use crate::control::auth::{Credential, Door as Guard, Role};
use crate::control::policies::{Edition, InForce, Names};
use crate::domain::room::RoomName;
use crate::edge::proxied::Announcers;
use crate::edge::respond::Responder;
use crate::edge::serve::Door;
use crate::edge::tls::Tls;
use crate::gate::admit::Admissions;
use crate::gate::identify::Proxies;
use crate::gate::limit::Limiters;
use crate::gate::room::Room;
use crate::gate::{Gate, Site};
use crate::origin::{Origin, World};
use crate::telemetry::labels::RuleLabel;
use crate::telemetry::metrics::MetricsError;
use crate::telemetry::series::{Counts, Named};
use crate::token::Keyring;
use crate::token::assertion::Assertor;

use super::descriptors::{sockets, streams};
use super::origins::Behind;
use super::reload::Lasting;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;

pub(super) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket
        .bind(&address.into())
        .and_then(|()| socket.listen(BACKLOG))
        .with_context(|| {
            format!("cannot listen on {address}: end the program that does, or choose another address under [listen]")
        })?;
    Ok(TcpListener::from_std(socket.into())?)
}

/// Listens on all of these, or on none.
pub(super) fn all(at: &[SocketAddr]) -> anyhow::Result<Vec<TcpListener>> {
    at.iter().map(|address| bind(*address)).collect()
}

/// So many of something at once.
pub(super) fn places(most: NonZeroU32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(
        usize::try_from(most.get()).unwrap_or(usize::MAX),
    ))
}

pub(super) fn addresses(listeners: &[TcpListener]) -> std::io::Result<Vec<SocketAddr>> {
    listeners.iter().map(TcpListener::local_addr).collect()
}

/// What policies name and do not hold: read from files of their own.
pub(super) struct Files {
    /// The keys of tokens.
    pub keys: Arc<Keyring>,
    /// The certificates.
    pub tls: Option<Arc<Tls>>,
    /// What is behind the gate.
    pub behind: Behind,
}

/// The door of these policies. It takes over from the `last` one what outlives them: what is known
/// of rooms, tables of limits that are the same, connections to origins that are the same, and
/// what the same keys verified.
///
/// # Errors
/// When a metric's series cannot be declared.
pub(super) fn door(
    lasting: &Lasting,
    config: &Config,
    files: Files,
    last: Option<&Door>,
) -> Result<Door, MetricsError> {
    let Files { keys, tls, behind } = files;
    let (limits, clock) = (&config.limits, &lasting.clock);
    let metrics = &lasting.metrics;
    Ok(Door {
        origin: match last {
            Some(last) => last.origin.renewed(behind.origins)?,
            None => Origin::new(
                behind.origins,
                World::new(clock.clone(), Arc::clone(metrics)),
            )?,
        },
        responder: Responder::new(&config.prefix, &keys.jwks()),
        clock: clock.clone(),
        metrics: Arc::clone(&lasting.metrics),
        counts: counts(lasting, config)?,
        sockets: match last {
            Some(last) => Arc::clone(&last.sockets),
            None => sockets(config.connections),
        },
        streams: match last {
            Some(last) => Arc::clone(&last.streams),
            None => streams(config.connections, &lasting.metrics),
        },
        tls,
        hsts: config.tls.as_ref().and_then(hsts),
        announcers: Announcers::of(config.announcing_proxies.clone()),
        gate: Gate {
            sites: sites(config, behind.assertors),
            rooms: rooms(config, last.map(|last| &last.gate)),
            proxies: Proxies::trusting(config.trusted_proxies.clone()),
            prefix: config.prefix.clone(),
            rules: config.rules.clone(),
            limiters: match last {
                Some(last) => last.gate.limiters.renewed(limits),
                None => Limiters::new(limits, clock.clone()),
            },
            admissions: match last.map(|last| &last.gate) {
                Some(last) if last.keys.is_same(&keys) => last.admissions.clone(),
                Some(last) => last.admissions.for_other_keys(),
                None => Admissions::default(),
            },
            store: Arc::clone(&lasting.store),
            pressure: match last {
                Some(last) => Arc::clone(&last.gate.pressure),
                None => Arc::default(),
            },
            providers: lasting
                .identities
                .follow(&config.identities, &lasting.metrics),
            keys,
            secure_port: config
                .tls
                .as_ref()
                .and_then(|tls| tls.redirect.map(|port| port.0)),
        },
    })
}

/// What visitors over TLS are told about coming that way.
fn hsts(tls: &TlsSettings) -> Option<HeaderValue> {
    let seconds = tls.hsts?.as_secs();
    let below = if tls.hsts_subdomains {
        "; includeSubDomains"
    } else {
        ""
    };
    HeaderValue::try_from(format!("max-age={seconds}{below}")).ok()
}

fn rooms(config: &Config, last: Option<&Gate>) -> Vec<Room> {
    let known = |name: &RoomName| {
        let mut rooms = last?.rooms.iter();
        rooms.find(|room| room.settings.name == *name)
    };
    let rooms = config.rooms.iter().cloned();
    rooms
        .map(|settings| match known(&settings.name) {
            Some(room) => room.renewed(settings),
            None => Room::new(settings),
        })
        .collect()
}

/// The handles of the series that these policies name.
fn counts(lasting: &Lasting, config: &Config) -> Result<Counts, MetricsError> {
    let sites: Vec<RoomName> = config.sites.iter().map(|site| site.name.clone()).collect();
    let rules: Vec<RuleLabel> = config
        .rules
        .names()
        .map(|(rule, action)| RuleLabel {
            rule: rule.to_string(),
            action: action.word(),
        })
        .collect();
    let laned = config.rooms.iter().filter(|room| !room.lanes.is_empty());
    let laned: Vec<RoomName> = laned.map(|room| room.name.clone()).collect();
    let of_site = |site: &site::Site| {
        let origins = site.origins.list.iter();
        let named = origins.map(|origin| (site.name.clone(), origin.to_string()));
        named.collect::<Vec<_>>()
    };
    let origins: Vec<_> = config.sites.iter().flat_map(of_site).collect();
    lasting.metrics.counts(Named {
        sites: &sites,
        rules: &rules,
        laned: &laned,
        origins: &origins,
    })
}

/// What operators are told of these policies.
pub(super) fn in_force(config: &Config, door: &Door, guard: Guard, edition: Edition) -> InForce {
    let rules = config.rules.names().map(|(name, _)| name.to_string());
    let limits = config.limits.limits.iter();
    InForce {
        rooms: controlled(config, &door.gate.rooms),
        door: guard,
        edition,
        names: Names {
            sites: config
                .sites
                .iter()
                .map(|site| site.name.to_string())
                .collect(),
            limits: limits.map(|limit| limit.name.to_string()).collect(),
            rules: rules.collect(),
        },
    }
}

fn controlled(config: &Config, rooms: &[Room]) -> Vec<ControlRoom> {
    let surface = |room: &Room| {
        let mut sites = config.sites.iter();
        let site = sites.find(|site| site.name == room.settings.site);
        let secured = config
            .tls
            .as_ref()
            .is_some_and(|tls| tls.redirect.is_some());
        let address = site.and_then(|site| site.address(secured));
        let origin = address.unwrap_or_default();
        format!("{origin}{}", config.prefix)
    };
    let controlled = |room: &Room| ControlRoom {
        settings: room.settings.as_ref().clone(),
        snapshot: Arc::clone(&room.snapshot),
        surface: surface(room),
    };
    rooms.iter().map(controlled).collect()
}

pub(super) fn credentials(config: &Config, from_environment: Option<&str>) -> Vec<Credential> {
    let given = from_environment.map(|token| Credential::of("environment", Role::Admin, token));
    config
        .control_tokens
        .iter()
        .map(|token| Credential {
            name: token.name.to_string(),
            role: token.role,
            sha256: token.sha256,
        })
        .chain(given)
        .collect()
}

fn sites(config: &Config, assertors: Vec<Option<Arc<Assertor>>>) -> Vec<Site> {
    let sites = config.sites.iter().zip(assertors);
    sites
        .map(|(site, assertor)| Site {
            hosts: site.hosts.clone(),
            https: site.scheme == site::Scheme::Https,
            assertor,
            rooms: config
                .rooms
                .iter()
                .enumerate()
                .filter(|(_, room)| room.site == site.name)
                .map(|(at, _)| at)
                .collect(),
        })
        .collect()
}
