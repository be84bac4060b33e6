//! What the log says of a request that got no answer from its site.

use super::Door;
use crate::origin::OriginError;

impl Door {
    /// Logs what went wrong at a site, in a sentence that says `what`: a line a second for each
    /// site, however many visitors it happens to. What a visitor does is none of the site's faults.
    pub(in crate::edge) fn tell_fault(&self, (fault, site): (&OriginError, usize), what: &str) {
        let Some(counts) = self.counts.site(site) else {
            return;
        };
        let site = counts.name();
        if let OriginError::RequestBody { .. } = fault {
            let told = fault.with_sources();
            tracing::debug!(fault = told, %site, "a visitor broke off a request");
            return;
        }
        if let Some(unsaid) = counts.may_log_fault(self.clock.now().mono) {
            let told = fault.with_sources();
            tracing::warn!(fault = told, %site, unsaid, "{what}");
        }
    }
}
