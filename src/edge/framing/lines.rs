//! Finding line ends in bytes that arrive piece by piece.

use super::fault::Fault;
use crate::text::feed::position_of_feed;

/// Walks the lines of a growing run of bytes and looks at each byte once.
///
/// The caller hands in the same run again, longer each time. Where the run is cut makes no
/// difference to what comes out, neither to the lines nor to [`Overrun`].
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    start: usize,
    seen: usize,
}

/// The current line is longer than it may be.
#[derive(Debug)]
pub(super) struct Overrun;

impl Lines {
    /// Where the current line starts in the run.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The current line with its line feed, and moves on to the next; `None` until it is whole.
    ///
    /// # Errors
    /// [`Overrun`] as soon as the line is known to be longer than `max`.
    pub(super) fn next<'a>(
        &mut self,
        run: &'a [u8],
        max: usize,
    ) -> Result<Option<&'a [u8]>, Overrun> {
        let unseen = run.get(self.seen..).unwrap_or_default();
        let feed = position_of_feed(unseen);
        let end = feed.map_or(run.len(), |at| self.seen + at + 1);
        if end.saturating_sub(self.start) > max {
            return Err(Overrun);
        }
        self.seen = end;
        if feed.is_none() {
            return Ok(None);
        }
        let line = run.get(self.start..end).unwrap_or_default();
        self.start = end;
        Ok(Some(line))
    }
}

/// A line from [`Lines::next`] without its CR LF.
///
/// # Errors
/// [`Fault::LineEnd`] if it ends in a bare line feed.
pub(super) fn text(line: &[u8]) -> Result<&[u8], Fault> {
    line.strip_suffix(b"\r\n").ok_or(Fault::LineEnd)
}
