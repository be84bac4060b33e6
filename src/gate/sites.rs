//! Stage 3: which site a host belongs to, and which of its rooms covers a path.

use crate::domain::pattern::{Host, HostPattern};

use super::canonical::Canonical;
use super::room::Room;

/// One site: its hosts and how visitors come to it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The hosts it answers to.
    pub hosts: Vec<HostPattern>,
    /// Whether visitors come over TLS, where neither a trusted proxy nor the connection says.
    pub https: bool,
    /// Indices of its rooms.
    pub rooms: Vec<usize>,
}

/// The site that serves a host, most specific pattern first, and its index.
#[must_use]
pub fn serving<'a>(sites: &'a [Site], host: &Host) -> Option<(usize, &'a Site)> {
    let weight = |site: &Site| {
        let covering = site.hosts.iter().filter(|pattern| pattern.covers(host));
        covering.map(HostPattern::weight).max()
    };
    sites
        .iter()
        .enumerate()
        .filter_map(|(at, site)| Some((weight(site)?, at, site)))
        .max_by_key(|(weight, ..)| *weight)
        .map(|(_, at, site)| (at, site))
}

/// The index of the room that covers a request, most specific first.
#[must_use]
pub fn covering(site: Option<&Site>, rooms: &[Room], request: &Canonical) -> Option<usize> {
    site?
        .rooms
        .iter()
        .filter_map(|at| Some((rooms.get(*at)?.covers(request)?, *at)))
        .max_by_key(|(weight, _)| *weight)
        .map(|(_, at)| at)
}
