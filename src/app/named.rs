//! The files that policies name besides the keys of tokens: certificates, and what is behind the
//! gate. They are read together, so that everything wrong with them is told at once.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;

use super::certificates::{self, Shown};
use super::origins::{self, Behind};
use crate::config::Config;
use crate::control::policies::{Change, Refused, both};
use crate::domain::clock::{Clock, UnixTime};

/// What these files hold.
#[derive(Clone)]
pub(super) struct Named {
    /// The certificates; `None` where no listener speaks TLS.
    pub certificates: Option<Arc<Shown>>,
    /// The ways to the origins, and what signs to them.
    pub behind: Behind,
}

/// What is known before they are read again.
pub(super) struct Before {
    /// What they held.
    pub last: Named,
    /// Whether the certificates are to be read: policies that say nothing of TLS any more keep
    /// what the listeners show until a restart ends these, wherever the files are by then.
    pub certificates: Certificates,
    /// The time.
    pub now: UnixTime,
}

/// What becomes of certificates.
#[derive(Clone, Copy)]
pub(super) enum Certificates {
    /// They are read again.
    Reread,
    /// They stay as they were read.
    Kept,
}

/// Reads the files that a gateway starts with. A certificate that has run out is shown all the
/// same, loudly: nobody is helped by a site that is away altogether. May block.
///
/// # Errors
/// Everything that is wrong with them.
pub(super) fn at_start(config: &Config, policies: &Path, clock: &Clock) -> anyhow::Result<Named> {
    let read = both(shown(config, policies), origins::behind(config, policies));
    let (certificates, behind) = read.map_err(|refused| {
        let lines = refused.faults.iter().map(|fault| format!("  {fault}"));
        let lines: Vec<String> = lines.collect();
        let lines = lines.join("\n");
        anyhow!("the files that the policies name cannot be used:\n{lines}")
    })?;
    let now = clock.now().wall;
    let warnings = certificates
        .iter()
        .flat_map(|shown| shown.warnings(config, now));
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(Named {
        certificates: certificates.map(Arc::new),
        behind,
    })
}

/// Reads the files of a configuration as it can be put into force; certificates that are the same
/// are kept. May block.
///
/// # Errors
/// Everything that is wrong with them.
pub(super) fn again(config: &Config, policies: &Path, before: Before) -> Result<Named, Refused> {
    let last = before.last.certificates;
    let certificates = match before.certificates {
        Certificates::Kept => Ok(last),
        Certificates::Reread => shown(config, policies).and_then(|read| {
            let Some(read) = read else { return Ok(None) };
            read.timely(last.as_deref(), before.now)?;
            Ok(Some(match last {
                Some(last) if last.is_same(&read) => last,
                Some(_) | None => Arc::new(read),
            }))
        }),
    };
    let (certificates, behind) = both(certificates, origins::behind(config, policies))?;
    Ok(Named {
        certificates,
        behind,
    })
}

fn shown(config: &Config, policies: &Path) -> Result<Option<Shown>, Refused> {
    let wanted = config.tls.as_ref();
    wanted
        .map(|wanted| certificates::read(wanted, policies))
        .transpose()
}

impl Named {
    /// What is different in files that were there before.
    pub fn changes(&self, last: &Self) -> Vec<Change> {
        let shown = self.certificates.iter().zip(&last.certificates);
        let mut changes: Vec<Change> = shown
            .flat_map(|(shown, last)| shown.changes(last))
            .collect();
        changes.extend(self.behind.changes(&last.behind));
        changes
    }
}
