//! One door from one set of policies. Where these replace others, what lasts is taken over from
//! the door before.

use std::sync::Arc;

use http::HeaderValue;

use super::Files;
use crate::app::descriptors::{sockets, streams};
use crate::app::named::Named;
use crate::app::origins::Behind;
use crate::app::reload::Lasting;
use crate::config::tls::Tls as TlsSettings;
use crate::config::{Config, site};
use crate::domain::room::RoomName;
use crate::edge::proxied::Announcers;
use crate::edge::respond::Responder;
use crate::edge::serve::Door;
use crate::gate::admit::Admissions;
use crate::gate::identify::Proxies;
use crate::gate::limit::Limiters;
use crate::gate::room::Room;
use crate::gate::{Gate, Site};
use crate::origin::{Origin, Settings, World};
use crate::telemetry::labels::RuleLabel;
use crate::telemetry::metrics::MetricsError;
use crate::telemetry::series::{self, Counts};
use crate::token::Keyring;
use crate::token::assertion::Assertor;

/// The door of these policies. It takes over from the `last` one what outlives them: what is known
/// of rooms, tables of limits that are the same, connections to origins that are the same, and
/// what the same keys verified.
///
/// # Errors
/// When a metric's series cannot be declared.
pub(in crate::app) fn door(
    lasting: &Lasting,
    config: &Config,
    files: Files,
    last: Option<&Door>,
) -> Result<Door, MetricsError> {
    let Files { keys, named } = files;
    let Named {
        certificates,
        behind: Behind { origins, assertors },
    } = named;
    Ok(Door {
        origin: origin(lasting, origins, last)?,
        responder: Responder::new(&config.prefix, &keys.jwks()),
        clock: lasting.clock.clone(),
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
        tls: certificates.map(|shown| Arc::clone(&shown.tls)),
        hsts: config.tls.as_ref().and_then(hsts),
        announcers: Announcers::of(config.announcing_proxies.clone()),
        gate: gate(
            lasting,
            config,
            (keys, assertors),
            last.map(|last| &last.gate),
        ),
    })
}

fn origin(
    lasting: &Lasting,
    sites: Vec<Settings>,
    last: Option<&Door>,
) -> Result<Origin, MetricsError> {
    let Some(last) = last else {
        let world = World::new(lasting.clock.clone(), Arc::clone(&lasting.metrics));
        return Origin::new(sites, world);
    };
    last.origin.renewed(sites)
}

fn gate(
    lasting: &Lasting,
    config: &Config,
    (keys, assertors): (Arc<Keyring>, Vec<Option<Arc<Assertor>>>),
    last: Option<&Gate>,
) -> Gate {
    let (metrics, tls) = (&lasting.metrics, config.tls.as_ref());
    Gate {
        sites: sites(config, assertors),
        rooms: rooms(config, last),
        proxies: Proxies::trusting(config.trusted_proxies.clone()),
        prefix: config.prefix.clone(),
        rules: config.rules.clone(),
        limiters: match last {
            Some(last) => last.limiters.renewed(&config.limits),
            None => Limiters::new(&config.limits, lasting.clock.clone()),
        },
        admissions: match last {
            Some(last) if last.keys.is_same(&keys) => last.admissions.clone(),
            Some(last) => last.admissions.for_other_keys(),
            None => Admissions::default(),
        },
        store: Arc::clone(&lasting.store),
        pressure: last.map_or_else(Arc::default, |last| Arc::clone(&last.pressure)),
        providers: lasting.identities.follow(&config.identities, metrics),
        keys,
        secure_port: tls.and_then(|tls| tls.secure_port(&config.listen)),
    }
}

/// What visitors over TLS are told about coming that way; no seconds take back what was told before
/// (RFC 6797, section 6.1.1).
fn hsts(tls: &TlsSettings) -> Option<HeaderValue> {
    let seconds = tls.hsts.as_secs();
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
    lasting.metrics.counts(series::Named {
        sites: &sites,
        rules: &rules,
        laned: &laned,
        origins: &origins,
    })
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
