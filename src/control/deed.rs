//! What changes something: understood, recorded, done, and recorded again.
//!
//! An intent is written to the audit log and safe on disk before anything is done; where that
//! fails nothing is done. What came of it is written before it is answered. Both stand in one
//! task of their own, so that neither a client that hangs up nor one that waits too long leaves a
//! deed without its outcome.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::api::{Api, find, json as shown, reading, tagged};
use super::audit::{Entry, Head, Intent};
use super::auth::Credential;
use super::carry::carry_out;
use super::ledger::LedgerFault;
use super::orders::ReadOrder;
use super::problem::Problem;
use super::recorded::{asked, difference, replaced};
use super::sessions::{self, Revoked};
use super::steer::{self, Steering};
use super::view::RoomView;
use super::{ControlRoom, body, codes, preview};
use crate::domain::invitation::Invite;
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::domain::window::{Order, Orders};
use crate::store::survey::Snapshot;

/// A kind of change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Order(ReadOrder),
    Revoke,
    Invite,
    Preview,
    Steer,
    Reload,
}

/// A change as it arrived.
pub(super) struct Arrived {
    pub(super) change: Change,
    /// Method and route.
    pub(super) action: String,
    pub(super) room: String,
    /// The session that the path names; empty where it names none.
    pub(super) session: String,
    pub(super) by: Credential,
    pub(super) from: IpAddr,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// A change that is understood and may be tried.
enum Deed {
    Order(ControlRoom, Order),
    End(ControlRoom, Jti),
    Steer(ControlRoom, Steering),
    Invite(ControlRoom, Invite),
    Preview(ControlRoom, Duration),
    Reload,
}

/// A change that was made, or was in force before.
struct Done {
    response: Response,
    /// What it changed, before and after.
    changed: Option<(Value, Value)>,
}

impl Api {
    pub(super) async fn change(self: &Arc<Self>, arrived: Arrived) -> Result<Response, Problem> {
        let Arrived {
            change,
            action,
            room,
            session,
            by,
            from,
            headers,
            body,
        } = arrived;
        let body = body::read(body).await?;
        let deed = self.understand(change, (&room, &session), &body)?;
        let intent = Intent {
            who: by.name,
            role: by.role.word(),
            from: from.to_canonical().to_string(),
            action,
            room: (!room.is_empty()).then_some(room),
            asked: asked(&body, &session)?,
        };
        let api = Arc::clone(self);
        let recorded = async move { api.recorded(intent, &deed, &headers).await };
        let done = self.deeds.spawn(recorded).await;
        done.unwrap_or_else(|_| Err(broke_off()))
    }

    fn understand(
        &self,
        change: Change,
        (room, session): (&str, &str),
        body: &[u8],
    ) -> Result<Deed, Problem> {
        match change {
            Change::Steer => {
                let room = self.known(room)?;
                steer::read(session, body).map(|steering| Deed::Steer(room, steering))
            }
            Change::Order(read) => Ok(Deed::Order(self.known(room)?, read(body)?)),
            Change::Reload => body::nothing(body).map(|()| Deed::Reload),
            Change::Invite => {
                let room = self.known(room)?;
                let invite = codes::read(body, &room.settings)?;
                Ok(Deed::Invite(room, invite))
            }
            Change::Preview => Ok(Deed::Preview(self.known(room)?, preview::read(body)?)),
            Change::Revoke => {
                let room = self.known(room)?;
                Ok(match sessions::read(body)? {
                    Revoked::One(session) => Deed::End(room, session),
                    Revoked::All => Deed::Order(room, Order::RevokeAll),
                })
            }
        }
    }

    fn known(&self, room: &str) -> Result<ControlRoom, Problem> {
        find(&self.control.in_force.load(), room).cloned()
    }

    async fn recorded(
        &self,
        intent: Intent,
        deed: &Deed,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let (action, by) = (intent.action.clone(), intent.who.clone());
        let room = intent.room.clone();
        let begun = self.write(Entry::Intent(intent)).await;
        let begun = begun.map_err(|fault| not_recorded(&fault))?;
        let outcome = self.perform(deed, &by, headers).await;
        let status = match &outcome {
            Ok(done) => done.response.status(),
            Err(problem) => problem.status(),
        };
        let changed = outcome.as_ref().ok().and_then(|done| done.changed.clone());
        let (before, after) = changed.unzip();
        let entry = Entry::Outcome {
            of: begun.number,
            status: status.as_u16(),
            before,
            after,
        };
        match self.write(entry).await {
            Ok(Head { number, hash, .. }) => {
                tracing::info!(room, by, action, status = status.as_u16(), audit = number, head = %hash, "an operator's change was recorded");
            }
            Err(fault) => {
                tracing::error!(room, by, action, status = status.as_u16(), of = begun.number, %fault, "a change was made or tried, and what came of it could not be recorded");
            }
        }
        outcome.map(|done| done.response)
    }

    async fn write(&self, entry: Entry) -> Result<Head, LedgerFault> {
        let (audit, at) = (Arc::clone(&self.control.audit), self.control.clock.now());
        let written = tokio::task::spawn_blocking(move || audit.write(at.wall, &entry)).await;
        written.unwrap_or_else(|_| Err(gave_up()))
    }

    async fn perform(&self, deed: &Deed, by: &str, headers: &HeaderMap) -> Result<Done, Problem> {
        match deed {
            Deed::Reload => self.reload(by).await.map(|reloaded| Done {
                response: shown(&reloaded),
                changed: Some(replaced(&reloaded)),
            }),
            Deed::Order(room, order) => {
                let (before, after) = carry_out(&self.control, room, order, headers).await?;
                Ok(Done {
                    response: answer(room, &after),
                    changed: Some(difference(&before, &after)),
                })
            }
            Deed::Steer(room, steering) => {
                let (orders, view) =
                    steer::carry_out(&self.control, room, *steering, headers).await?;
                let answer = |room: RoomView| room.with_session(view);
                Ok(Done {
                    response: shown_under(room, &orders, answer),
                    changed: None,
                })
            }
            Deed::Invite(room, invite) => {
                let key = self.control.keys.load().codes();
                let by = (&self.control, &key);
                let (response, (before, after)) =
                    codes::hand_out(by, room, invite, headers).await?;
                Ok(Done {
                    response,
                    changed: Some(difference(&before, &after)),
                })
            }
            Deed::Preview(room, valid) => Ok(Done {
                response: preview::hand_out(&self.control, room, *valid, headers).await?,
                changed: None,
            }),
            Deed::End(room, session) => {
                let orders = sessions::orders(&self.control, room, headers).await?;
                let ending = (*session, EndedBy::Revoked);
                sessions::end(&self.control, room, ending).await?;
                Ok(Done {
                    response: answer(room, &orders),
                    changed: None,
                })
            }
        }
    }
}

/// The room under these orders.
fn answer(room: &ControlRoom, orders: &Orders) -> Response {
    shown_under(room, orders, |view| view)
}

/// The room under these orders, with something more to be said of it.
fn shown_under(
    room: &ControlRoom,
    orders: &Orders,
    more: impl FnOnce(RoomView) -> RoomView,
) -> Response {
    let mut snapshot = Snapshot::clone(&room.snapshot.load());
    snapshot.survey.orders.clone_from(orders);
    let view = RoomView::of(&reading(room, &snapshot));
    tagged(shown(&more(view)), orders.version)
}

fn not_recorded(fault: &LedgerFault) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("nothing was changed, because nothing is changed without a record. {fault}"),
    )
}

pub(super) fn gave_up() -> LedgerFault {
    LedgerFault {
        file: String::new(),
        why: "the write broke off: see the log".to_owned(),
    }
}

fn broke_off() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the change broke off: look at the room and at the audit log",
    )
}
