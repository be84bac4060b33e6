//! A handshake that may pass: put to the site, answered, and the connection marked to become a
//! socket behind the answer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::gate::socket::Opening;
use crate::gate::{Decided, Refusal, Verdict};
use crate::origin::{Opened, OriginError, Switched};
use crate::telemetry::labels::SocketRefusal;

use super::body::AnswerBody;
use super::respond::{Answer, Asking};
use super::serve::{Came, Door, remembered};
use super::tunnel::Tunnel;

/// What a connection becomes after an answer: nothing else, or a socket.
#[derive(Default)]
pub struct Switch(Mutex<Option<Box<Tunnel>>>);

impl Switch {
    fn set(&self, tunnel: Tunnel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(tunnel));
    }

    /// Whether it is to become a socket.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let tunnel = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tunnel.is_some()
    }

    /// The socket it is to become.
    #[must_use]
    pub fn take(&self) -> Option<Box<Tunnel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Door {
    /// Counts a request that names WebSocket and is not let pass.
    pub(super) fn count_unopened(&self, decided: &Decided) {
        match &decided.verdict {
            Ok(Verdict::Socket(..)) => {}
            Err(Refusal::Handshake(_)) => self.metrics.sockets.refused(SocketRefusal::Handshake),
            Ok(_) | Err(_) => self.metrics.sockets.refused(SocketRefusal::Gate),
        }
    }

    /// Puts a handshake to the site. Only its checked 101 makes the connection a socket.
    pub(super) async fn open(&self, opening: Opening, came: Came<'_>, https: bool) -> Answer {
        let asked = remembered(&came.head);
        let asking = Asking {
            head: &asked,
            https,
        };
        let Ok(place) = Arc::clone(&self.sockets).try_acquire_owned() else {
            self.metrics.sockets.refused(SocketRefusal::Full);
            return self.responder.origin_fault(&OriginError::Busy, asking);
        };
        let site = opening.permit.passage().site;
        let outcome = self.origin.open(came.head, &opening).await;
        self.time(site, came.now);
        match outcome {
            Ok(Opened::Switched(Switched {
                answer,
                socket,
                idle,
            })) => {
                came.switch.set(Tunnel {
                    socket,
                    idle,
                    stay: opening.stay,
                    place,
                    clock: self.clock.clone(),
                    metrics: Arc::clone(&self.metrics),
                });
                answer.map(|()| AnswerBody::own(Bytes::new()))
            }
            Ok(Opened::Declined(answer)) => {
                self.metrics.sockets.refused(SocketRefusal::Declined);
                answer.map(AnswerBody::origin)
            }
            Err(fault) => {
                self.tell_fault((&fault, site), "the origin opened no socket");
                self.metrics.sockets.refused(SocketRefusal::Fault);
                self.responder.origin_fault(&fault, asking)
            }
        }
    }
}
