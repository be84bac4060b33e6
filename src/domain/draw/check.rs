//! Recomputes a published draw from nothing but itself, and says what does not fit.

mod spelled;

use std::fmt;

use super::Hash;
use super::formula;
use super::published::{Hex, Published};
use super::receipt::Receipt;
use super::tree;

/// A draw in which everything follows from everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The draw, with its roster.
    pub draw: Published,
    /// How many were drawn.
    pub count: u64,
    /// Whether a value from outside, later than the freeze, went into it.
    pub external: bool,
}

/// A field of a published draw and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The field; several where the sums do not tell them apart.
    pub fields: &'static [&'static str],
    /// What is wrong, as the rest of a sentence that begins with the field.
    pub why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.fields.join("` or `"), self.why)
    }
}

/// The first thing that is wrong, or nothing.
type Checked<T> = Result<T, Wrong>;

fn wrong<T>(fields: &'static [&'static str], why: impl Into<String>) -> Checked<T> {
    let why = why.into();
    Err(Wrong { fields, why })
}

/// Checks a published draw with its roster.
///
/// # Errors
/// What is wrong first, or is not there yet.
pub fn check(read: Published<Hex>) -> Checked<Sound> {
    let draw = spelled::spelled(read)?;
    let facts = Facts::of(&draw)?;
    facts.check_outside(&draw)?;
    facts.check_seeds(&draw)?;
    facts.check_roster()?;
    facts.check_digest(&draw)?;
    let (count, external) = (facts.count, draw.external_source.is_some());
    Ok(Sound {
        draw,
        count,
        external,
    })
}

/// Checks a fan's receipt against a sound draw.
///
/// # Errors
/// What is wrong first.
pub fn check_receipt(sound: &Sound, receipt: &Receipt) -> Checked<()> {
    let draw = &sound.draw;
    if receipt.room != draw.room || receipt.window != draw.window {
        return wrong(&["room", "window"], "of the receipt is another draw's");
    }
    if Some(receipt.roster_root) != draw.roster_root {
        return wrong(&["roster_root"], "of the receipt is not the draw's");
    }
    if receipt.count != sound.count {
        return wrong(&["count"], "of the receipt is not the draw's");
    }
    let roster = draw.roster.as_deref().unwrap_or_default();
    let found = roster.iter().position(|leaf| *leaf == receipt.leaf);
    let Some(found) = found else {
        return wrong(&["leaf"], "of the receipt is not in the roster");
    };
    if !receipt.holds() {
        return wrong(
            &["proof"],
            "of the receipt does not lead from its leaf and index to the root",
        );
    }
    let rank = found as u64 + 1;
    match receipt.rank {
        Some(told) if told != rank => wrong(
            &["rank"],
            format!("of the receipt is {told}; in the roster the leaf is number {rank}"),
        ),
        Some(_) | None => Ok(()),
    }
}

/// What a finished draw has.
struct Facts<'d> {
    commitment: Hash,
    server_seed: Hash,
    seed: Hash,
    root: Hash,
    count: u64,
    roster: &'d [Hash],
    ascending: Vec<Hash>,
}

impl<'d> Facts<'d> {
    fn of(draw: &'d Published) -> Checked<Self> {
        let there = |field, value: Option<Hash>| match value {
            Some(value) => Ok(value),
            None => wrong(
                field,
                "is not there: the room was not open yet when this was fetched",
            ),
        };
        let Some(roster) = draw.roster.as_deref() else {
            return wrong(&["roster"], "is not there: fetch the draw with `?roster=1`");
        };
        let Some(count) = draw.count else {
            return wrong(&["count"], "is not there");
        };
        let mut ascending = roster.to_vec();
        ascending.sort_unstable();
        Ok(Self {
            commitment: draw.commitment,
            server_seed: there(&["server_seed"], draw.server_seed)?,
            seed: there(&["seed"], draw.seed)?,
            root: there(&["roster_root"], draw.roster_root)?,
            count,
            roster,
            ascending,
        })
    }

    /// The value from outside: there where it was promised, and later than the freeze.
    fn check_outside(&self, draw: &Published) -> Checked<()> {
        let texts = [
            (&["room"][..], Some(&draw.room)),
            (&["external_source"][..], draw.external_source.as_ref()),
            (&["external_value"][..], draw.external_value.as_ref()),
        ];
        for (field, text) in texts {
            if text.is_some_and(|text| text.is_empty() || text.contains('\0')) {
                return wrong(field, "is empty or holds a zero byte");
            }
        }
        let frozen = time(&["frozen_at"], draw.frozen_at.as_deref())?;
        let given = draw.external_value_at.as_deref();
        match (&draw.external_source, &draw.external_value) {
            (None, Some(_)) => wrong(&["external_value"], "is there although none was promised"),
            (Some(_), None) => wrong(&["external_value"], "is missing although one was promised"),
            (None, None) if given.is_some() => wrong(
                &["external_value_at"],
                "is there although no value was promised",
            ),
            (None, None) => Ok(()),
            (Some(_), Some(_)) if time(&["external_value_at"], given)? < frozen => wrong(
                &["external_value_at"],
                "is earlier than the freeze: the value may have been known before",
            ),
            (Some(_), Some(_)) => Ok(()),
        }
    }

    /// Commitment, server's share, root, value and seed; where they do not fit, the others tell
    /// which of them it is.
    fn check_seeds(&self, draw: &Published) -> Checked<()> {
        let value = draw.external_value.as_deref().unwrap_or_default();
        let seed = formula::seed(self.server_seed, self.root, value);
        let seed_fits = seed == self.seed;
        if formula::commitment(self.server_seed) != self.commitment {
            return if seed_fits {
                wrong(&["commitment"], "is not the SHA-256 of `server_seed`")
            } else {
                wrong(
                    &["server_seed"],
                    "is not what was committed to: its SHA-256 is not `commitment`, and `seed` does not follow from it",
                )
            };
        }
        if seed_fits {
            return Ok(());
        }
        if !self.has_root() {
            return wrong(&["roster_root"], "is not the tree head over the roster");
        }
        if self.disorder(seed).is_none() {
            return wrong(
                &["seed"],
                "is not SHA-256 of `server_seed`, `roster_root` and `external_value`",
            );
        }
        wrong(
            &["external_value"],
            "does not give `seed` together with `server_seed` and `roster_root`",
        )
    }

    fn check_roster(&self) -> Checked<()> {
        if self
            .ascending
            .windows(2)
            .any(|pair| pair.first() == pair.last())
        {
            return wrong(&["roster"], "has a leaf twice");
        }
        let count = self.roster.len() as u64;
        let whole = self.has_root();
        if count != self.count {
            let field: &[&str] = if whole { &["count"] } else { &["roster"] };
            let why = format!(
                "does not fit: {} are said to be drawn, {count} are listed",
                self.count
            );
            return wrong(field, why);
        }
        let disorder = self.disorder(self.seed);
        match (whole, disorder) {
            (true, None) => Ok(()),
            (true, Some(number)) => wrong(
                &["roster"],
                format!("is not in the drawn order: leaf number {number} stands too late"),
            ),
            (false, None) => wrong(&["roster"], "does not have `roster_root` as its tree head"),
            (false, Some(number)) => wrong(
                &["roster"],
                format!(
                    "does not have `roster_root` as its tree head; leaf number {number} or the one before it was changed"
                ),
            ),
        }
    }

    fn has_root(&self) -> bool {
        tree::head(&self.ascending) == self.root
    }

    /// The first leaf, counted from 1, that does not follow the one before it under `seed`.
    fn disorder(&self, seed: Hash) -> Option<usize> {
        let mut keys = self
            .roster
            .iter()
            .map(|leaf| formula::sort_key(seed, *leaf));
        let mut last = keys.next()?;
        for (number, key) in (2..).zip(keys) {
            if key < last {
                return Some(number);
            }
            last = key;
        }
        None
    }

    fn check_digest(&self, draw: &Published) -> Checked<()> {
        let computed = draw.digest_of(self.roster.iter().copied());
        match draw.digest {
            Some(told) if told != computed => wrong(
                &[
                    "room",
                    "window",
                    "external_source",
                    "frozen_at",
                    "external_value_at",
                    "digest",
                ],
                "was changed: the digest over all of it differs",
            ),
            Some(_) | None => Ok(()),
        }
    }
}

fn time(field: &'static [&'static str], text: Option<&str>) -> Checked<jiff::Timestamp> {
    let time = text.and_then(|text| text.parse().ok());
    match time {
        Some(time) => Ok(time),
        None => wrong(field, "is not a time as in 2026-12-01T10:00:00Z"),
    }
}
