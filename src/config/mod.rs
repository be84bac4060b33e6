//! The policies directory, from texts to a checked configuration or every fault in it.

mod absence;
mod claims;
mod cross;
mod difference;
mod exempt;
pub mod gateway;
pub mod identity;
mod lane;
pub mod listen;
pub mod origins;
mod pace;
mod proxies;
mod room;
mod session;
pub mod site;
pub mod store;
pub mod tls;
mod ways;
mod window;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;

pub use difference::Difference;

pub use crate::text::fault::{Fault, Faults};
pub use crate::text::source::Sources;

use crate::domain::room::RoomSettings;
use crate::policy::limits::{self, Limits};
use crate::policy::{bots, rules::Rules};
use crate::text::fault::Findings;
use crate::text::wording::{closest, shown};
use gateway::{Connections, ControlToken, Keys};
use identity::Identity;
use listen::Listen;
use site::Site;
use store::StoreSettings;
use tls::Tls;

/// Everything the files say, with every default filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the gateway listens.
    pub listen: Listen,
    /// Where the queues are kept.
    pub store: StoreSettings,
    /// The signing keys.
    pub keys: Keys,
    /// The file in which every change by an operator is recorded.
    pub audit: PolicyPath,
    /// The proxies whose word about a client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// The proxies that say in front of a connection, by the PROXY protocol, whose it is.
    pub announcing_proxies: Vec<IpNet>,
    /// TLS, where there is a listener for it.
    pub tls: Option<Tls>,
    /// Under which path the gateway's own pages stand; without a slash at its end.
    pub prefix: String,
    /// Who may use the control API.
    pub control_tokens: Vec<ControlToken>,
    /// Limits on the connections of visitors.
    pub connections: Connections,
    /// The sites, at least one.
    pub sites: Vec<Site>,
    /// The identity providers whose word rooms may take.
    pub identities: Vec<Identity>,
    /// The rooms, in order of their files' names.
    pub rooms: Vec<RoomSettings>,
    /// Rate limits.
    pub limits: Limits,
    /// Bot rules.
    pub rules: Rules,
}

/// A configuration that can be used, and what its writer should look at again.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// Allowed but probably not meant.
    pub warnings: Faults,
}

/// A path in the files, as it is written: relative to the policies directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPath(PathBuf);

impl FromStr for PolicyPath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = !text.is_empty() && !text.contains('\0');
        fits.then(|| Self(text.into()))
            .ok_or("a path, as in `./keys`")
    }
}

impl PolicyPath {
    /// The path to use, given the policies directory; without a `./` in its middle.
    #[must_use]
    pub fn resolve(&self, policies: &Path) -> PathBuf {
        policies.join(&self.0).components().collect()
    }
}

/// Reads all texts of a policies directory. Opens no files, keys or sockets.
///
/// # Errors
/// Every fault there is, sorted. Warnings are given only when there is no fault.
pub fn read(sources: &Sources) -> Result<Checked, Faults> {
    let findings = Findings::default();
    note_strangers(sources, &findings);
    let gateway = match sources.named("anteroom.toml") {
        Some(source) => Some(gateway::read(source, &findings)),
        None => {
            findings.fault(|| Fault::of_file("anteroom.toml", "this file is missing"));
            None
        }
    };
    let rooms: Vec<room::RoomText> = sources
        .inside("rooms")
        .map(|source| room::read(source, &findings))
        .collect();
    if sources.inside("rooms").next().is_none() {
        let message = "no room in `rooms/`: every visitor passes";
        findings.warning(|| Fault::of_file("rooms/", message));
    }
    cross::check(gateway.as_ref(), &rooms);
    let limits = match sources.named("limits.toml") {
        Some(source) => limits::read(source, &findings),
        None => Limits::default(),
    };
    let rules = bots::read(sources, &findings);

    let (faults, warnings) = findings.take_lists();
    let config = gateway.and_then(|gateway| gateway.complete(rooms, limits, rules));
    match config {
        Some(config) if faults.is_empty() => Ok(Checked { config, warnings }),
        _ => Err(faults),
    }
}

/// Warns of files that nothing reads, so that a misspelt name does not go unnoticed.
fn note_strangers(sources: &Sources, findings: &Findings) {
    const NAMES: [&str; 3] = ["anteroom.toml", "limits.toml", "bots.toml"];
    for source in sources.iter() {
        let name = source.name();
        if NAMES.contains(&name.as_ref()) || in_a_folder(name) {
            continue;
        }
        let message = format!("`{}` is read by nothing", shown(name));
        let near = closest(name, NAMES.into_iter());
        findings.warning(|| Fault::of_file(name, message).suggesting(near));
    }
}

fn in_a_folder(name: &str) -> bool {
    matches!(name.split_once('/'), Some(("rooms" | "bots", file)) if !file.contains('/'))
}

#[cfg(test)]
mod tests;
