//! What is counted of each origin of a site.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge};

use super::families::Families;
use crate::domain::room::RoomName;

/// What became of a request at an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginResult {
    /// It was answered.
    Ok,
    /// It was answered with 500 or above.
    Error,
    /// No connection could be made.
    Unreachable,
    /// TLS failed.
    Untrusted,
    /// The origin was silent for too long.
    Timeout,
    /// The origin hung up before the end of its answer, or that made no sense.
    BadAnswer,
    /// The origin had as many requests as it may have.
    Busy,
    /// The visitor's network had as many requests there as one may have.
    Network,
    /// The visitor broke off before the head of an answer.
    Visitor,
}

/// Why a request was sent to no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// Every origin was left out.
    LeftOut,
    /// Its whole time was over before.
    Timeout,
    /// The visitor broke off before.
    Visitor,
}

impl Unsent {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::LeftOut, Self::Timeout, Self::Visitor];

    /// The label's value.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            Self::Timeout => "timeout",
            Self::Visitor => "visitor",
        }
    }
}

/// The handles of a site's requests that were sent to no origin.
#[derive(Debug)]
pub struct UnsentSeries(Vec<IntCounter>);

impl UnsentSeries {
    /// Counts one.
    pub fn unsent(&self, why: Unsent) {
        super::metrics::count(&self.0, why as usize);
    }
}

impl OriginResult {
    /// All of them, in their order.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Error,
        Self::Unreachable,
        Self::Untrusted,
        Self::Timeout,
        Self::BadAnswer,
        Self::Busy,
        Self::Network,
        Self::Visitor,
    ];

    /// The label's value.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::Timeout => "timeout",
            Self::BadAnswer => "bad_answer",
            Self::Busy => "busy",
            Self::Network => "network",
            Self::Visitor => "visitor",
        }
    }
}

/// The handles of one origin.
#[derive(Debug)]
pub struct OriginSeries {
    results: Vec<IntCounter>,
    retries: IntCounter,
    ejections: IntCounter,
    usable: IntGauge,
    busy: IntGauge,
    pending: IntGauge,
    connects: Histogram,
}

impl OriginSeries {
    /// Counts a request that came to its end there, its answer included.
    pub fn ended(&self, result: OriginResult) {
        super::metrics::count(&self.results, result as usize);
    }

    /// Counts a request that is sent a second time after it was lost there.
    pub fn sent_again(&self) {
        self.retries.inc();
    }

    /// Counts a time for which it is left out.
    pub fn ejected(&self) {
        self.ejections.inc();
    }

    /// Records how long a new connection took.
    pub fn connected(&self, took: Duration) {
        self.connects.observe(took.as_secs_f64());
    }

    /// Shows whether it is used.
    pub fn show_usable(&self, usable: bool) {
        self.usable.set(i64::from(usable));
    }

    /// Shows how many requests it has, and how many wait for it.
    pub fn show_load(&self, busy: usize, pending: usize) {
        let shown = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.busy.set(shown(busy));
        self.pending.set(shown(pending));
    }
}

impl Families {
    /// The handles of one origin.
    pub(super) fn origin(&self, site: &RoomName, origin: &str) -> prometheus::Result<OriginSeries> {
        let labels = [site.as_str(), origin];
        let result = |result: OriginResult| {
            let labels = [site.as_str(), origin, result.word()];
            self.origin_requests.get_metric_with_label_values(&labels)
        };
        let results = OriginResult::ALL.into_iter().map(result);
        Ok(OriginSeries {
            results: results.collect::<prometheus::Result<_>>()?,
            retries: self.origin_retries.get_metric_with_label_values(&labels)?,
            ejections: self
                .origin_ejections
                .get_metric_with_label_values(&labels)?,
            usable: self.origin_usable.get_metric_with_label_values(&labels)?,
            busy: self.origin_busy.get_metric_with_label_values(&labels)?,
            pending: self.origin_pending.get_metric_with_label_values(&labels)?,
            connects: self.origin_connects.get_metric_with_label_values(&labels)?,
        })
    }

    /// The handles of a site's requests that are sent to no origin.
    pub(super) fn unsent(&self, site: &RoomName) -> prometheus::Result<UnsentSeries> {
        let counters = Unsent::ALL.map(|why| {
            let labels = [site.as_str(), why.word()];
            self.origin_unsent.get_metric_with_label_values(&labels)
        });
        let counters = counters.into_iter().collect::<prometheus::Result<_>>()?;
        Ok(UnsentSeries(counters))
    }

    /// Takes down what is counted of a site that is gone.
    pub(super) fn drop_site(&self, site: &RoomName) {
        // A series that is not there may be taken down again: that is no fault.
        let _ = self.origin_duration.remove_label_values(&[site.as_str()]);
        for why in Unsent::ALL {
            let labels = [site.as_str(), why.word()];
            let _ = self.origin_unsent.remove_label_values(&labels);
        }
    }

    /// Takes down the series of an origin that is gone.
    pub(super) fn drop_origin(&self, site: &RoomName, origin: &str) {
        let labels = [site.as_str(), origin];
        // A series that is not there may be taken down again: that is no fault.
        for result in OriginResult::ALL {
            let labels = [site.as_str(), origin, result.word()];
            let _ = self.origin_requests.remove_label_values(&labels);
        }
        for counters in [&self.origin_retries, &self.origin_ejections] {
            let _ = counters.remove_label_values(&labels);
        }
        for gauges in [&self.origin_usable, &self.origin_busy, &self.origin_pending] {
            let _ = gauges.remove_label_values(&labels);
        }
        let _ = self.origin_connects.remove_label_values(&labels);
    }
}
