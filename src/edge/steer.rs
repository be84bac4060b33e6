//! What the site says of a session or of its stock, taken from its answer and handed on.

use crate::domain::session::Steer;
use crate::gate::room::Room;
use crate::origin::Said;
use crate::telemetry::site::SiteWord;

use super::respond::Answer;
use super::serve::Door;

impl Door {
    /// Hears what the site said on an answer to a request of an admitted visitor of this room, and
    /// says what is to be done to the session. On an answer to anybody else it counts for nothing:
    /// such a request proves no session.
    pub(super) fn hear(&self, answer: &mut Answer, admitted_to: Option<&Room>) -> Option<Steer> {
        let said = answer.extensions_mut().remove::<Said>();
        let said = said.filter(|said| !said.is_nothing())?;
        if said.is_malformed {
            self.disregard(SiteWord::Malformed);
        }
        let Some(room) = admitted_to else {
            if said.session.is_some() || said.stock.is_some() {
                self.disregard(SiteWord::Unheeded);
            }
            return None;
        };
        if let Some(left) = said.stock {
            self.metrics.site.said(SiteWord::Stock);
            room.notes.stock(left);
        }
        let steer = said.session?;
        self.metrics.site.said(match steer {
            Steer::Complete => SiteWord::Complete,
            Steer::Revoke => SiteWord::Revoke,
            Steer::Hold(_) => SiteWord::Hold,
        });
        Some(steer)
    }

    fn disregard(&self, word: SiteWord) {
        self.metrics.site.said(word);
        if !self.metrics.site.may_log(self.clock.now().mono) {
            return;
        }
        let why = match word {
            SiteWord::Malformed => {
                "a site's `Anteroom-Session` or `Anteroom-Stock` cannot be understood and counts for nothing"
            }
            _ => {
                "a site steers on an answer to a request that belongs to no session: that counts for nothing"
            }
        };
        tracing::warn!("{why}; `anteroom_site_words_total` counts how often");
    }
}
