//! From the configuration's words to the folders' own settings, and the sockets to listen on.

mod door;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Context as _;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::control::ControlRoom;
use crate::control::auth::{Credential, Door as Guard, Role};
use crate::control::policies::{Edition, InForce, Names};
use crate::edge::serve::Door;
use crate::gate::room::Room;
use crate::token::Keyring;

use super::named::Named;

pub(super) use door::door;

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
    /// What the others hold.
    pub named: Named,
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
