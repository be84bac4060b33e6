//! Counting what comes beside requests and answers: interim answers before them, trailers behind.

use prometheus::IntCounter;

use super::families::Families;
use super::families::words;
use super::metrics::count;

/// Whose trailers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailersOf {
    /// A visitor's.
    Request,
    /// An origin's.
    Answer,
}

/// What became of an interim answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterimResult {
    /// The visitor got it.
    Passed,
    /// It is of a kind that is not passed on.
    Unwanted,
    /// There were too many before one answer, or it was too large.
    Excess,
}

/// The handles of trailers and interim answers.
#[derive(Debug)]
pub struct Asides {
    trailers: Vec<IntCounter>,
    interim: Vec<IntCounter>,
}

impl Asides {
    pub(super) fn of(families: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            trailers: words(&families.trailers_dropped, ["request", "answer"])?,
            interim: words(&families.interim_answers, ["passed", "unwanted", "excess"])?,
        })
    }

    /// Counts fields that were dropped.
    pub fn trailers_dropped(&self, of: TrailersOf, fields: usize) {
        if let Some(counter) = self.trailers.get(of as usize) {
            counter.inc_by(u64::try_from(fields).unwrap_or(u64::MAX));
        }
    }

    /// Counts an interim answer.
    pub fn interim(&self, result: InterimResult) {
        count(&self.interim, result as usize);
    }
}
