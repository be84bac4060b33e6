//! What became of requests at one origin: counted, held for or against it, and told.

use http::StatusCode;

use super::{Held, Pool};
use crate::origin::OriginError;
use crate::origin::check::Timetable;
use crate::origin::health::{Health, Turn};
use crate::telemetry::origins::OriginResult;

/// An answer from here on says that the origin itself went wrong.
const FIRST_OF_ITS_OWN_FAULTS: u16 = 500;

/// Whether what went wrong speaks against the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::origin) enum Blame {
    /// It hung up, was silent, or was not there.
    Origin,
    /// The visitor, or nobody: what it said made no sense to us, or it was not asked.
    Nobody,
}

impl Held {
    /// The head of an answer came. A visitor who breaks off from now on had one.
    pub(in crate::origin) fn answered(&mut self, status: StatusCode) {
        let is_fault = status.as_u16() >= FIRST_OF_ITS_OWN_FAULTS;
        self.result = if is_fault {
            OriginResult::Error
        } else {
            OriginResult::Ok
        };
        let pool = &self.pool;
        if is_fault && pool.settings.fitness.counts_5xx {
            pool.tell(pool.health.failed(pool.now(), self.trial()));
        } else {
            pool.tell(pool.health.succeeded(|| pool.now()));
        }
    }

    /// The request got no answer, or only the beginning of one.
    pub(in crate::origin) fn lost(&mut self, error: &OriginError, blame: Blame) {
        self.result = result_of(error);
        let pool = &self.pool;
        match blame {
            Blame::Nobody => {}
            Blame::Origin => pool.tell(pool.health.failed(pool.now(), self.trial())),
        }
    }

    /// Passes on what was found of an answer; one that makes no sense speaks against nobody.
    pub(in crate::origin) fn believed<T>(
        &mut self,
        found: Result<T, OriginError>,
    ) -> Result<T, OriginError> {
        if let Err(fault) = &found {
            self.lost(fault, Blame::Nobody);
        }
        found
    }

    fn trial(&self) -> Option<u64> {
        self.trial.as_ref().map(|trial| trial.number)
    }
}

impl Drop for Held {
    /// The request is over, its answer included.
    fn drop(&mut self) {
        self.pool.series.ended(self.result);
    }
}

impl Pool {
    /// A request that may have arrived is sent a second time.
    pub(in crate::origin) fn sent_again(&self) {
        self.series.sent_again();
    }

    /// When it is to be asked whether it is well.
    pub(in crate::origin) const fn timetable(&self) -> &Timetable {
        &self.timetable
    }

    /// What is thought of it.
    pub(in crate::origin) const fn health(&self) -> &Health {
        &self.health
    }

    /// Shows how it is at present.
    pub(in crate::origin) fn show(&self) {
        self.series
            .show_load(self.slots.busy(), self.slots.pending());
        self.series.show_usable(!self.health.is_out());
    }

    /// Logs and counts a change, once.
    pub(in crate::origin) fn tell(&self, turn: Option<Turn>) {
        let (site, origin) = (&self.settings.name, &self.name);
        match turn {
            None => {}
            Some(Turn::Ejected(span)) => {
                self.series.ejected();
                let span_s = span.as_secs();
                tracing::warn!(%site, %origin, span_s, "an origin failed too often in a row and is left out");
            }
            Some(Turn::Restored) => {
                tracing::info!(%site, %origin, "an origin that was left out answers again");
            }
            Some(Turn::Unwell) => {
                tracing::warn!(%site, %origin, "an origin does not answer its health check as it should");
            }
            Some(Turn::Well) => {
                tracing::info!(%site, %origin, "an origin answers its health check again");
            }
        }
        if turn.is_some() {
            self.show();
        }
    }
}

const fn result_of(error: &OriginError) -> OriginResult {
    match error {
        OriginError::Unreachable { .. } => OriginResult::Unreachable,
        OriginError::Untrusted { .. } => OriginResult::Untrusted,
        OriginError::NoAnswer { .. } => OriginResult::Timeout,
        OriginError::BadAnswer { .. } => OriginResult::BadAnswer,
        OriginError::Busy | OriginError::LeftOut => OriginResult::Busy,
        OriginError::RequestBody { .. } => OriginResult::Visitor,
    }
}
