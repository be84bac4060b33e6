//! From the configuration's words to the folders' own settings, and the sockets to listen on.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::{Config, site};
use crate::control::ControlRoom;
use crate::control::auth::{Credential, Role};
use crate::domain::room::RoomName;
use crate::gate::room::Room;
use crate::gate::{Gate, Site};
use crate::origin::Settings as OriginSettings;
use crate::store::survey::StoreHealth;
use crate::telemetry::labels::RuleLabel;
use crate::telemetry::metrics::Metrics;

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

/// So many of something at once.
pub(super) fn places(most: NonZeroU32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(
        usize::try_from(most.get()).unwrap_or(usize::MAX),
    ))
}

pub(super) fn addresses(listeners: &[TcpListener]) -> std::io::Result<Vec<SocketAddr>> {
    listeners.iter().map(TcpListener::local_addr).collect()
}

pub(super) fn metrics(config: &Config) -> anyhow::Result<Metrics> {
    let rooms: Vec<RoomName> = config.rooms.iter().map(|room| room.name.clone()).collect();
    let sites: Vec<RoomName> = config.sites.iter().map(|site| site.name.clone()).collect();
    let rules: Vec<RuleLabel> = config
        .rules
        .names()
        .map(|(rule, action)| RuleLabel {
            rule: rule.to_string(),
            action: action.word(),
        })
        .collect();
    Ok(Metrics::new(&rooms, &sites, &rules)?)
}

pub(super) fn controlled(room: &Room) -> ControlRoom {
    ControlRoom {
        settings: room.settings.as_ref().clone(),
        snapshot: Arc::clone(&room.snapshot),
    }
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

pub(super) fn sites(config: &Config) -> Vec<Site> {
    config
        .sites
        .iter()
        .map(|site| Site {
            hosts: site.hosts.clone(),
            https: site.scheme == site::Scheme::Https,
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

pub(super) fn origin_settings(site: &site::Site) -> OriginSettings {
    OriginSettings {
        address: site.origin.to_string(),
        connect: site.connect,
        response: site.response,
        idle: site.idle,
        max_connections: usize::try_from(site.max_connections.get()).unwrap_or(usize::MAX),
        idle_connections: 256,
    }
}

/// Sockets that were bound before anything started.
pub(super) struct Listeners {
    pub(super) public: Vec<TcpListener>,
    pub(super) control: TcpListener,
    pub(super) health: Option<TcpListener>,
}

/// Waits until every room has been surveyed once.
pub(super) async fn all_surveyed(gate: &Gate) {
    let unknown = |room: &Room| room.snapshot.load().store == StoreHealth::NotYet;
    while gate.rooms.iter().any(unknown) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
