//! What is counted and logged of one site's answers as a whole.

use std::time::Duration;

use prometheus::Histogram;

use super::families::Families;
use super::seldom::Seldom;
use crate::domain::room::RoomName;

/// How often it is logged that a site did not answer, at most.
const FAULT_LINES: Duration = Duration::from_secs(1);

/// The handles of one site.
pub struct SiteCounts {
    name: RoomName,
    duration: Histogram,
    /// Lines of the log about what went wrong there.
    faults: Seldom,
}

impl SiteCounts {
    /// The site's name.
    #[must_use]
    pub const fn name(&self) -> &RoomName {
        &self.name
    }

    /// Records how long a request took from its arrival to the head of its answer, or to what went
    /// wrong.
    pub fn answered(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
    }

    /// Whether it may be logged at the monotonic time `now` that the site did not answer, once a
    /// second at most; and then how often that was left unsaid.
    #[must_use]
    pub fn may_log_fault(&self, now: Duration) -> Option<u64> {
        self.faults.may_say(now)
    }
}

impl Families {
    pub(super) fn sites(&self, sites: &[RoomName]) -> prometheus::Result<Vec<SiteCounts>> {
        let series = |site: &RoomName| {
            let labels = [site.as_str()];
            Ok(SiteCounts {
                name: site.clone(),
                duration: self.origin_duration.get_metric_with_label_values(&labels)?,
                faults: Seldom::each(FAULT_LINES),
            })
        };
        sites.iter().map(series).collect()
    }
}
