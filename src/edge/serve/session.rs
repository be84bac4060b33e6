//! A session on the way back from the origin: what the answer says of it, and what the visitor
//! keeps of it.

use std::sync::Arc;

use http::HeaderMap;

use super::Door;
use crate::edge::body::{Care, is_event_stream};
use crate::edge::cookies::{set_admission, take_admission, tell_admission};
use crate::edge::respond::Answer;
use crate::gate::Trace;
use crate::gate::admit::{AdmissionToken, Known};
use crate::gate::identify::keeps_no_cookies;
use crate::gate::room::Room;
use crate::gate::stay::Stay;
use crate::gate::steer::Steered;

/// Whose request it was, for when its answer is there.
pub(super) struct Went<'a> {
    pub(super) room: Option<&'a Room>,
    /// The session whose admission it brought.
    pub(super) holder: Option<&'a Arc<Known>>,
    pub(super) https: bool,
    /// Whether the visitor keeps no cookies and takes tokens from headers.
    pub(super) by_header: bool,
}

impl Door {
    /// Whose request it is, before it goes.
    pub(super) fn going<'a>(&'a self, trace: &'a Trace, headers: &HeaderMap) -> Went<'a> {
        Went {
            room: trace.room.and_then(|at| self.gate.rooms.get(at)),
            holder: trace.holder.as_ref(),
            https: trace.https,
            by_header: keeps_no_cookies(headers),
        }
    }

    /// Does to a session what the origin's answer says of it, and gives the visitor what admits
    /// the next request.
    pub(super) async fn let_in(
        &self,
        mut answer: Answer,
        token: Option<AdmissionToken>,
        went: Went<'_>,
    ) -> Answer {
        let held = went.room.zip(went.holder);
        let heard = self.hear(&mut answer, held.map(|(room, _)| room));
        let steered = match (held, heard) {
            (Some((room, holder)), Some(steer)) => {
                let said = (steer, self.clock.now());
                Box::pin(self.gate.steer(room, holder, said)).await
            }
            _ => Steered::AsBefore,
        };
        if let Some(held) = held {
            answer = self.attend(answer, held);
        }
        let Some(room) = went.room else { return answer };
        let token = match steered {
            Steered::Ended => {
                take_admission(&mut answer, &room.cookies, went.https);
                None
            }
            Steered::Kept(kept) => Some(kept),
            Steered::AsBefore => token,
        };
        if let Some(token) = token {
            set_admission(&mut answer, &token, &room.cookies, went.https);
            if went.by_header {
                tell_admission(&mut answer, &token);
            }
        }
        answer
    }

    /// Ends an event stream of the site with its visitor's session, as a socket does. Anything
    /// else that has begun is finished.
    fn attend(&self, answer: Answer, (room, holder): (&Room, &Arc<Known>)) -> Answer {
        if !is_event_stream(answer.headers()) {
            return answer;
        }
        let care = Care {
            stay: Stay::of(room, Arc::clone(holder)),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
        };
        answer.map(|body| body.attended(care))
    }
}
