//! Counting what sites say to us on their answers, and which of those we end.

use std::time::Duration;

use prometheus::IntCounter;

use super::families::{Families, words};
use super::metrics::count;
use super::seldom::Seldom;

/// What a site said, as `anteroom_site_words_total{word}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteWord {
    /// A session is done.
    Complete,
    /// A session is revoked.
    Revoke,
    /// A session is kept.
    Hold,
    /// So much is left.
    Stock,
    /// Something that cannot be understood.
    Malformed,
    /// Something on an answer to a request of no session.
    Unheeded,
}

impl SiteWord {
    /// Every word, in the order of declaration.
    pub const ALL: [Self; 6] = [
        Self::Complete,
        Self::Revoke,
        Self::Hold,
        Self::Stock,
        Self::Malformed,
        Self::Unheeded,
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Revoke => "revoke",
            Self::Hold => "hold",
            Self::Stock => "stock",
            Self::Malformed => "malformed",
            Self::Unheeded => "unheeded",
        }
    }
}

/// How often what a site says wrongly is logged, at most.
const SELDOM: Duration = Duration::from_secs(10);

/// The handles of sites' answers.
pub struct SiteMetrics {
    words: Vec<IntCounter>,
    streams_ended: IntCounter,
    logged: Seldom,
    strangers: Seldom,
}

impl SiteMetrics {
    pub(super) fn of(families: &Families) -> prometheus::Result<Self> {
        let none: [&str; 0] = [];
        let streams_ended = &families.site_streams_ended;
        Ok(Self {
            streams_ended: streams_ended.get_metric_with_label_values(&none)?,
            words: words(&families.site_words, SiteWord::ALL.map(SiteWord::word))?,
            logged: Seldom::each(SELDOM),
            strangers: Seldom::each(SELDOM),
        })
    }

    /// Counts a word.
    pub fn said(&self, word: SiteWord) {
        count(&self.words, word as usize);
    }

    /// Counts an event stream that ends with the session of who opened it.
    pub fn stream_ended(&self) {
        self.streams_ended.inc();
    }

    /// As [`Seldom::may_say`], of hosts that no site has.
    #[must_use]
    pub fn may_log_stranger(&self, now: Duration) -> Option<u64> {
        self.strangers.may_say(now)
    }

    /// Whether a line may be written to the log at the monotonic time `now`: none was for a while.
    #[must_use]
    pub fn may_log(&self, now: Duration) -> bool {
        self.logged.may_say(now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn every_word_stands_at_the_index_of_its_value() {
        for (index, word) in SiteWord::ALL.into_iter().enumerate() {
            assert_eq!(word as usize, index, "{}", word.word());
        }
    }

    #[test]
    fn a_site_that_errs_on_every_answer_fills_no_log() {
        let site = Metrics::new().unwrap().site;
        let lines = |millis: std::ops::Range<u64>| {
            let may = |at: &u64| site.may_log(Duration::from_millis(*at));
            millis.step_by(100).filter(may).count()
        };
        assert_eq!(lines(0..9_000), 1);
        assert_eq!(lines(9_000..30_000), 2);
    }
}
