//! What must hold between the sites and rooms of all files.

use std::collections::BTreeMap;

use super::gateway::GatewayText;
use super::room::RoomText;
use super::site::SiteText;
use crate::domain::pattern::{HostPattern, PathPattern};
use crate::domain::room::RoomName;
use crate::text::wording::{closest, shown};

/// Notes every clash between sites, between rooms, and between both.
pub(super) fn check(gateway: Option<&GatewayText<'_>>, rooms: &[RoomText<'_>]) {
    site_names(gateway);
    hosts(gateway);
    room_names(rooms);
    for room in rooms {
        own_paths(room);
        exceptions(room);
        if let Some(gateway) = gateway {
            site_of(room, gateway);
            below_prefix(room, &gateway.prefix);
            provider_of(room, gateway);
        }
    }
    paths_between(rooms);
}

fn sites<'g, 'a>(gateway: Option<&'g GatewayText<'a>>) -> impl Iterator<Item = &'g SiteText<'a>> {
    gateway.into_iter().flat_map(|gateway| &gateway.sites)
}

fn site_names(gateway: Option<&GatewayText<'_>>) {
    let mut names = std::collections::BTreeSet::new();
    for site in sites(gateway) {
        let Some(name) = &site.name else { continue };
        if !names.insert(&name.value) {
            let message = format!("another site is named `{}`", name.value);
            site.reader.fault(name.at, message);
        }
    }
}

fn hosts(gateway: Option<&GatewayText<'_>>) {
    let mut taken: BTreeMap<&HostPattern, &SiteText<'_>> = BTreeMap::new();
    for site in sites(gateway) {
        for host in &site.hosts {
            if let Some(first) = taken.insert(&host.value, site) {
                let name = first.name.as_ref().map(|name| name.value.as_str());
                let name = name.unwrap_or("without a name");
                let written = site.reader.written(host.at);
                let message = format!("host {written} belongs to site `{name}` already");
                site.reader.fault(host.at, message);
            }
        }
    }
}

fn room_names(rooms: &[RoomText<'_>]) {
    let mut names: BTreeMap<&RoomName, &str> = BTreeMap::new();
    for room in rooms {
        let Some(name) = &room.name else { continue };
        let file = room.reader.source().name();
        if let Some(first) = names.insert(&name.value, file) {
            let first = shown(first);
            let message = format!("another room is named `{}`, in `{first}`", name.value);
            room.reader.fault(name.at, message);
        }
    }
}

/// The site must exist. Where `anteroom.toml` cannot be read to its end, nobody knows.
fn site_of(room: &RoomText<'_>, gateway: &GatewayText<'_>) {
    let Some(site) = &room.site else { return };
    let names = || {
        let named = gateway.sites.iter().filter_map(|site| site.name.as_ref());
        named.map(|name| name.value.as_str())
    };
    let sites_are_known = !gateway.reader.is_broken()
        && !gateway.sites.is_empty()
        && gateway.sites.iter().all(|site| site.name.is_some());
    if !sites_are_known || names().any(|name| name == site.value.as_str()) {
        return;
    }
    let message = format!("there is no site `{}`", site.value);
    let near = closest(site.value.as_str(), names());
    room.reader.suggest(site.at, message, near);
}

/// The identity provider must exist.
fn provider_of(room: &RoomText<'_>, gateway: &GatewayText<'_>) {
    let Some(identity) = &room.identity else {
        return;
    };
    let names = || {
        let all = gateway.identities.iter();
        all.map(|identity| identity.value.name.as_str())
    };
    let wanted = identity.provider.value.as_str();
    if gateway.reader.is_broken() || names().any(|name| name == wanted) {
        return;
    }
    let message = format!("there is no `[[identity]]` named `{wanted}` in `anteroom.toml`");
    let near = closest(wanted, names());
    room.reader.suggest(identity.provider.at, message, near);
}

fn own_paths(room: &RoomText<'_>) {
    let mut seen = std::collections::BTreeSet::new();
    for path in &room.paths {
        if !seen.insert(&path.value) {
            let message = format!("`paths` lists `{}` twice", path.value);
            room.reader.fault(path.at, message);
        }
    }
}

fn exceptions(room: &RoomText<'_>) {
    for except in &room.except {
        let pattern = &except.value;
        if room.paths.iter().any(|path| path.value == *pattern) {
            let message = format!("`{pattern}` is listed in `paths` and in `except`");
            room.reader.fault(except.at, message);
            continue;
        }
        if !room.paths.iter().any(|path| reaches(&path.value, pattern)) {
            let message = format!("`paths` does not cover `{pattern}`: excepting it has no effect");
            room.reader.warn(except.at, message);
        }
    }
}

fn below_prefix(room: &RoomText<'_>, prefix: &str) {
    let own = PathPattern::Below(prefix.to_owned());
    for path in room.paths.iter().chain(&room.except) {
        if own.covers(written(&path.value)) {
            let message = format!(
                "`{}` lies under `{prefix}`, the gateway's own pages",
                path.value
            );
            room.reader.fault(path.at, message);
        }
    }
}

/// Two rooms of a site may overlap, for the more specific path wins; alike they may not be.
fn paths_between(rooms: &[RoomText<'_>]) {
    let mut taken: BTreeMap<(&RoomName, &PathPattern), usize> = BTreeMap::new();
    for (index, room) in rooms.iter().enumerate() {
        let Some(site) = &room.site else { continue };
        for path in &room.paths {
            let first = taken.entry((&site.value, &path.value)).or_insert(index);
            let Some(first) = rooms.get(*first).filter(|_| *first != index) else {
                continue;
            };
            let file = first.reader.source().name();
            let message = format!(
                "`{}` is covered by the room in `{file}` already",
                path.value
            );
            room.reader.fault(path.at, message);
        }
    }
}

/// Whether `outer` covers something that `inner` covers.
fn reaches(outer: &PathPattern, inner: &PathPattern) -> bool {
    outer.covers(written(inner)) || inner.covers(written(outer))
}

fn written(pattern: &PathPattern) -> &str {
    match pattern {
        PathPattern::Exact(path) | PathPattern::Below(path) => path,
    }
}
