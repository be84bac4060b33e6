//! The files of `[tls]`: read, put together, and compared with what is in force.
//!
//! What cannot be used is said by its file, everything at once, and nothing is shown to visitors
//! that was not read whole.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::files::{secret, text};
use crate::config::Config;
use crate::config::tls::{Certificate as Files, Clients as Asked, Oldest as From, Tls as Wanted};
use crate::control::policies::{Change, Finding, Refused};
use crate::domain::clock::UnixTime;
use crate::domain::pattern::HostPattern;
use crate::edge::tls::certificate::{Certificate, Pem};
use crate::edge::tls::{Clients, Oldest, Settings, Tls};

/// How long before its end a certificate is warned of.
const SOON: Duration = Duration::from_hours(14 * 24);

/// The certificates of one set of policies, as they were read.
pub(super) struct Shown {
    /// What visitors meet.
    pub tls: Arc<Tls>,
    /// The file of each certificate, in the order of the configuration.
    files: Vec<String>,
    /// All that it was made of, so that what is the same is not made anew.
    made_of: MadeOf,
}

/// What TLS is made of, as far as it can be compared.
#[derive(PartialEq)]
struct MadeOf {
    wanted: Wanted,
    prints: Vec<[u8; 32]>,
    clients: Clients,
}

/// Reads all files that `[tls]` names. May block.
///
/// # Errors
/// Everything that is wrong with them, each with its file.
pub(super) fn read(wanted: &Wanted, policies: &Path) -> Result<Shown, Refused> {
    let mut faults = Vec::new();
    let mut certificates = Vec::new();
    for files in &wanted.certificates {
        match certificate(files, policies) {
            Ok(certificate) => certificates.push(certificate),
            Err(fault) => faults.push(Finding::of_all(format!("{fault:#}"))),
        }
    }
    let clients = clients(&wanted.clients, policies);
    if let Err(fault) = &clients {
        faults.push(Finding::of_all(format!("{fault:#}")));
    }
    let (Ok(clients), []) = (clients, faults.as_slice()) else {
        return Err(Refused::of(faults));
    };
    let made_of = MadeOf {
        wanted: wanted.clone(),
        prints: certificates.iter().map(|one| one.print).collect(),
        clients: clients.clone(),
    };
    let default = wanted.certificates.iter().position(|one| one.is_default);
    let tls = Tls::new(Settings {
        certificates,
        default: default.unwrap_or_default(),
        clients,
        oldest: match wanted.oldest {
            From::Tls12 => Oldest::Tls12,
            From::Tls13 => Oldest::Tls13,
        },
    });
    let files = wanted.certificates.iter().map(name);
    match tls {
        Ok(tls) => Ok(Shown {
            tls: Arc::new(tls),
            files: files.collect(),
            made_of,
        }),
        Err(fault) => {
            let file = authorities(&wanted.clients).map(|file| format!("{file}: "));
            let message = format!("{}{fault}", file.unwrap_or_default());
            Err(Refused::because(message))
        }
    }
}

/// How a certificate is called: by its file, as the policies write it.
fn name(files: &Files) -> String {
    files.chain.resolve(Path::new("")).display().to_string()
}

fn certificate(files: &Files, policies: &Path) -> anyhow::Result<Certificate> {
    let (chain, key) = (files.chain.resolve(policies), files.key.resolve(policies));
    let chain_text = text(&chain)?;
    let key_text = secret(&key)?;
    let pem = Pem {
        chain: &chain_text,
        key: &key_text,
    };
    let (chain, key) = (chain.display(), key.display());
    Certificate::parse(pem).with_context(|| format!("certificate {chain} with key {key}"))
}

const fn authorities_of(asked: &Asked) -> Option<&crate::config::PolicyPath> {
    match asked {
        Asked::Off => None,
        Asked::Optional(file) | Asked::Required(file) => Some(file),
    }
}

fn authorities(asked: &Asked) -> Option<String> {
    let file = authorities_of(asked)?;
    Some(file.resolve(Path::new("")).display().to_string())
}

fn clients(asked: &Asked, policies: &Path) -> anyhow::Result<Clients> {
    let read = |file: &crate::config::PolicyPath| text(&file.resolve(policies));
    Ok(match asked {
        Asked::Off => Clients::Off,
        Asked::Optional(file) => Clients::Optional(read(file)?),
        Asked::Required(file) => Clients::Required(read(file)?),
    })
}

impl Shown {
    /// Whether this was made of the same as the other.
    pub fn is_same(&self, other: &Self) -> bool {
        self.made_of == other.made_of
    }

    /// Every certificate with its file.
    pub fn certificates(&self) -> impl Iterator<Item = (&str, &Certificate)> {
        let files = self.files.iter().map(String::as_str);
        files.zip(self.tls.certificates())
    }

    fn at(&self, file: &str) -> Option<&Certificate> {
        let mut all = self.certificates();
        all.find(|(name, _)| *name == file).map(|(_, one)| one)
    }

    /// Certificates whose days do not cover `now` and that are not shown already. What ran out
    /// while it was in force may go on until there is another: nobody is helped by a change of the
    /// pace that is refused.
    ///
    /// # Errors
    /// Each of them, with its days.
    pub fn timely(&self, last: Option<&Self>, now: UnixTime) -> Result<(), Refused> {
        let untimely = self.certificates().filter(|(file, one)| {
            let shown = last.and_then(|last| last.at(file));
            let is_new = shown.is_none_or(|shown| shown.print != one.print);
            is_new && (one.ends < now || one.begins > now)
        });
        let faults: Vec<Finding> = untimely
            .map(|(file, one)| Finding::of_all(days(file, one)))
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Refused::of(faults))
        }
    }

    /// What is different in the files of certificates that were there before.
    pub fn changes(&self, last: &Self) -> Vec<Change> {
        let changed = self.certificates().filter_map(|(file, one)| {
            let before = last.at(file).filter(|before| before.print != one.print)?;
            let change = Change::unshown(&format!("certificate {file}"), "ends");
            let (before, after) = (before.ends.rfc3339(), one.ends.rfc3339());
            Some(if before == after {
                Change::unshown(&format!("certificate {file}"), "chain")
            } else {
                Change {
                    before: Some(before),
                    after: Some(after),
                    ..change
                }
            })
        });
        changed.collect()
    }

    /// What operators should look at: days that run out, and hosts that nothing stands for.
    pub fn warnings(&self, config: &Config, now: UnixTime) -> Vec<Finding> {
        let soon = now.after(SOON);
        let ending = self
            .certificates()
            .filter(|(_, one)| one.ends < soon || one.begins > now)
            .map(|(file, one)| days(file, one));
        let hosts = config.sites.iter().flat_map(|site| &site.hosts);
        let bare = hosts.filter(|host| !self.covers(host)).map(|host| {
            format!("no certificate stands for `{host}`: browsers will refuse to go there")
        });
        ending.chain(bare).map(Finding::of_all).collect()
    }

    fn covers(&self, host: &HostPattern) -> bool {
        let by = |name: &str| {
            let mut all = self.tls.certificates().iter();
            all.any(|one| one.names.cover(name))
        };
        match host {
            HostPattern::Any => true,
            HostPattern::Exact(name, _) => by(name),
            HostPattern::Under(suffix, _) => by(&format!("a{suffix}")),
        }
    }
}

fn days(file: &str, one: &Certificate) -> String {
    let (begins, ends) = (one.begins.rfc3339(), one.ends.rfc3339());
    format!("certificate {file} holds from {begins} to {ends}")
}
