//! What is in force, and what becomes of a reload: the words in which the control API, the command
//! line and the log speak of policies.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::ControlRoom;
use super::auth::Door;
use crate::domain::clock::UnixTime;
use crate::text::fault::{Fault, Faults};

/// What the policies in force say to operators: one value, swapped whole.
pub struct InForce {
    /// Every room, in the order in which they are listed.
    pub rooms: Vec<ControlRoom>,
    /// Who may do what.
    pub door: Door,
    /// Which reload they came with.
    pub edition: Edition,
    /// What else they name.
    pub names: Names,
}

/// Which policies these are.
#[derive(Clone, Copy, Debug)]
pub struct Edition {
    /// 1 for those of the start, one more with each reload that took effect.
    pub number: u64,
    /// When they took effect.
    pub loaded_at: UnixTime,
}

/// The names in the policies, besides those of rooms.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Names {
    /// Sites.
    pub sites: Vec<String>,
    /// Rate limits.
    pub limits: Vec<String>,
    /// Bot rules, in the order in which they are tried.
    pub rules: Vec<String>,
}

/// The files that the policies come from.
#[async_trait]
pub trait Policies: Send + Sync {
    /// Puts what the files say into force, whole, in the name of `by`. Reloads that come at once
    /// take effect one after the other.
    ///
    /// # Errors
    /// [`Refused`] with every fault: nothing has changed then.
    async fn reload(self: Arc<Self>, by: &str) -> Result<Reloaded, Refused>;

    /// What a reload would do now.
    ///
    /// # Errors
    /// [`Refused`] with every fault.
    async fn look(&self) -> Result<Found, Refused>;
}

/// What the files say that is not in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What a reload puts into force.
    pub changes: Vec<Change>,
    /// What only a restart puts into force.
    pub needs_restart: Vec<Change>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Finding>,
}

/// A reload that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The number of the policies in force since.
    pub version: u64,
    /// What is different from those before.
    #[serde(flatten)]
    pub found: Found,
}

/// One thing in which two sets of policies differ. Secrets are named, never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What changed, as in `room derby` or `[listen]`.
    pub what: String,
    /// What happened to it.
    pub change: Turn,
    /// Which of its settings, as in `pace.per_minute`; `None` for the whole.
    pub key: Option<String>,
    /// What the setting was, where that may be shown.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// It is another.
    Changed,
}

impl Change {
    /// A thing that came.
    #[must_use]
    pub fn added(what: &str) -> Self {
        Self::whole(what, Turn::Added)
    }

    /// A thing that went.
    #[must_use]
    pub fn removed(what: &str) -> Self {
        Self::whole(what, Turn::Removed)
    }

    /// A setting that is another and is not shown.
    #[must_use]
    pub fn unshown(what: &str, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..Self::whole(what, Turn::Changed)
        }
    }

    fn whole(what: &str, change: Turn) -> Self {
        Self {
            what: what.to_owned(),
            change,
            key: None,
            before: None,
            after: None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.what)?;
        if let Some(key) = &self.key {
            write!(f, " {key}")?;
        }
        match (self.change, &self.before, &self.after) {
            (Turn::Added, ..) => f.write_str(" added"),
            (Turn::Removed, ..) => f.write_str(" removed"),
            (Turn::Changed, Some(before), Some(after)) => write!(f, " {before} → {after}"),
            (Turn::Changed, ..) => f.write_str(" changed"),
        }
    }
}

/// One fault or warning, with its place where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file, by its path below the policies directory.
    pub file: Option<String>,
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// The column in characters, counted from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
}

impl Finding {
    /// A fault of no one place.
    #[must_use]
    pub fn of_all(message: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            message: message.into(),
            suggestion: None,
        }
    }
}

impl From<&Fault> for Finding {
    fn from(fault: &Fault) -> Self {
        Self {
            file: Some(fault.file.to_string()),
            line: Some(fault.line),
            column: Some(fault.column),
            message: fault.message.clone(),
            suggestion: fault.suggestion.clone(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(file), Some(line), Some(column)) = (&self.file, self.line, self.column) {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(&self.message)?;
        let mut words = self.suggestion.iter();
        words.try_for_each(|word| write!(f, ", did you mean `{word}`?"))
    }
}

/// Policies that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How many faults there are, and where.
    pub summary: String,
    /// The faults, as many as are kept of one reading.
    pub faults: Vec<Finding>,
}

impl Refused {
    /// For these faults, of which there is at least one.
    #[must_use]
    pub fn of(faults: Vec<Finding>) -> Self {
        let summary = match faults.len() {
            1 => "1 fault".to_owned(),
            count => format!("{count} faults"),
        };
        Self { summary, faults }
    }

    /// For one reason, which lies in no policy file.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self::of(vec![Finding::of_all(reason)])
    }
}

/// Both, or everything that speaks against either of them.
///
/// # Errors
/// The faults of the one, then those of the other.
pub fn both<A, B>(one: Result<A, Refused>, other: Result<B, Refused>) -> Result<(A, B), Refused> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(fault), Ok(_)) | (Ok(_), Err(fault)) => Err(fault),
        (Err(mut one), Err(other)) => {
            one.faults.extend(other.faults);
            Err(Refused::of(one.faults))
        }
    }
}

impl From<Faults> for Refused {
    fn from(faults: Faults) -> Self {
        Self {
            summary: faults.summary("fault"),
            faults: faults.iter().map(Finding::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_as_a_line_and_a_secret_is_only_named() {
        let pace = Change {
            before: Some("600".into()),
            after: Some("900".into()),
            ..Change::unshown("room derby", "pace.per_minute")
        };
        assert_eq!(pace.to_string(), "room derby: pace.per_minute 600 → 900");
        let secret = Change::unshown("control token alice", "sha256");
        assert_eq!(secret.to_string(), "control token alice: sha256 changed");
        assert_eq!(Change::added("room final").to_string(), "room final: added");
        let gone = Change::removed("limit search").to_string();
        assert_eq!(gone, "limit search: removed");
    }

    #[test]
    fn a_finding_reads_as_check_shows_it() {
        let fault = Fault::of_file("rooms/derby.toml", "unknown key `pase`");
        let finding = Finding::from(&fault.suggesting(Some("pace")));
        let line = "rooms/derby.toml:1:1: unknown key `pase`, did you mean `pace`?";
        assert_eq!(finding.to_string(), line);
        assert_eq!(Finding::of_all("no keys").to_string(), "no keys");
    }
}
