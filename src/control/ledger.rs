//! Where the audit log is kept, as the control API sees it.

use std::sync::Arc;

use super::audit::{Entry, Head};
use crate::domain::clock::UnixTime;

/// The audit log. Its calls wait for the disk: they are made off the runtime's threads.
pub trait Ledger: Send + Sync {
    /// Adds a line. Once this has answered, the line survives a power failure.
    ///
    /// # Errors
    /// [`LedgerFault`]; then the log is as it was.
    fn write(&self, at: UnixTime, entry: &Entry) -> Result<Head, LedgerFault>;

    /// Reads some lines, oldest first; begins the log where there is none.
    ///
    /// # Errors
    /// [`LedgerFault`].
    fn read(&self, page: Page, now: UnixTime) -> Result<Lines, LedgerFault>;
}

/// A log that several may write to.
pub type SharedLedger = Arc<dyn Ledger>;

/// Why the log cannot be written or read, in a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log {file}: {why}")]
pub struct LedgerFault {
    /// The file.
    pub file: String,
    /// What is wrong, and what to do about it.
    pub why: String,
}

/// Which lines to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Those after this number; the newest where it is `None`.
    pub after: Option<u64>,
    /// So many at most.
    pub most: usize,
}

/// Lines of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Where the chain stands.
    pub head: Head,
    /// The lines as they stand in the file, without their ends.
    pub lines: Vec<String>,
}
