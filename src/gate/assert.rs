//! What a request that may pass takes along: its permit, and where the site asks for it our signed
//! word that it passed.

use http::HeaderValue;

use super::Request;
use super::permit::{Grounds, Passage, Permit};
use crate::token::assertion::Asserted;

impl Request<'_> {
    /// The proof, here and for the site, that this request passed.
    pub(super) fn permit(&self, grounds: Grounds) -> Permit {
        let passage = Passage {
            site: self.site,
            target: self.canonical.target.clone(),
            host: self.canonical.host_text.clone(),
            client: self.client,
            https: self.https,
            assertion: self.assertion(grounds),
        };
        Permit::new(grounds, passage)
    }

    /// What could not be signed is left out: the site then refuses the request.
    fn assertion(&self, grounds: Grounds) -> Option<HeaderValue> {
        let session = match grounds {
            Grounds::Admitted(session) => Some(session),
            Grounds::Outside | Grounds::Exempt | Grounds::Passthrough | Grounds::Crew => None,
        };
        let asserted = Asserted {
            method: self.ask.head.method.as_str(),
            host: &self.canonical.host_text,
            path: self.canonical.target.path(),
            grounds: grounds.word(),
            session,
        };
        let text = self.assertor?.sign(asserted, self.ask.now.wall).ok()?;
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
