//! Revoking sessions: one by its name, or all of a room.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::body::{parse, wrong};
use super::carry::demand_version;
use super::problem::Problem;
use super::{Control, ControlRoom};
use crate::domain::session::{Jti, SessionTerms};
use crate::domain::standing::EndedBy;
use crate::domain::window::Orders;
use crate::store::Ending;

/// Which sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// This one.
    One(Jti),
    /// Every one of the room.
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    jti: Option<Value>,
    all: Option<Value>,
}

/// `{"jti"}` for one session; `{}` or `{"all": true}` for all of them.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 for both at once, for an `all` that is not true and for a
/// `jti` that is none.
pub fn read(body: &[u8]) -> Result<Revoked, Problem> {
    let body: RevokeBody = parse(body)?;
    match (body.jti, body.all) {
        (Some(_), Some(_)) => Err(Problem::unacceptable(
            "`jti` and `all` exclude each other: send one of them",
        )),
        (None, None | Some(Value::Bool(true))) => Ok(Revoked::All),
        (None, Some(other)) => Err(wrong("all", "true", Some(&other))),
        (Some(jti), None) => {
            let session = jti.as_str().and_then(Jti::parse);
            let expected = "32 lower-case hex digits, as in an admission token's `jti`";
            let session = session.ok_or_else(|| wrong("jti", expected, Some(&jti)))?;
            Ok(Revoked::One(session))
        }
    }
}

/// The room's orders as the store has them now.
///
/// # Errors
/// 412 when `If-Match` names another version, 503 when the store fails.
pub(super) async fn orders(
    control: &Control,
    room: &ControlRoom,
    headers: &HeaderMap,
) -> Result<Orders, Problem> {
    let (name, terms) = (&room.settings.name, &room.settings.terms);
    let seen = room.snapshot.load().survey.ends_seq;
    let orders = control.store.survey(name, terms, seen).await?.orders;
    demand_version(headers, orders.version)?;
    Ok(orders)
}

/// Ends one session, whether the store knows it or not: this gateway refuses its token from now
/// on, the others once they have surveyed the room.
///
/// # Errors
/// 503 when the store fails.
pub(super) async fn end(
    control: &Control,
    room: &ControlRoom,
    (session, why): (Jti, EndedBy),
) -> Result<(), Problem> {
    let life = longest_life(&room.settings.terms.session);
    let ending = Ending { session, why, life };
    control.store.end(&room.settings.name, &[ending]).await?;
    room.snapshot.rcu(|last| {
        let mut next = (**last).clone();
        Arc::make_mut(&mut next.ended).insert(session);
        next
    });
    Ok(())
}

/// How long a token of a session may be honoured from now: as long as any lives, and the idle limit
/// more while the store is away. The longest stay counts where it is longer, so that changed limits
/// bring nobody back.
fn longest_life(terms: &SessionTerms) -> Duration {
    (terms.longest_token() + terms.idle).max(terms.longest_stay())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_all_and_never_both() {
        let jti = "0123456789abcdef0123456789abcdef";
        let one = Revoked::One(Jti::parse(jti).unwrap());
        assert_eq!(
            read(format!(r#"{{"jti":"{jti}"}}"#).as_bytes()).unwrap(),
            one
        );
        for all in ["", "{}", r#"{"all":true}"#] {
            assert_eq!(read(all.as_bytes()).unwrap(), Revoked::All, "{all}");
        }
        for (bad, says) in [
            (
                format!(r#"{{"jti":"{jti}","all":true}}"#),
                "exclude each other",
            ),
            (
                format!(r#"{{"jti":"{}"}}"#, jti.to_uppercase()),
                "32 lower-case hex",
            ),
            (format!(r#"{{"jti":"{jti}0"}}"#), "32 lower-case hex"),
            (r#"{"jti":7}"#.to_owned(), "32 lower-case hex"),
            (r#"{"jti":""}"#.to_owned(), "32 lower-case hex"),
            (r#"{"all":false}"#.to_owned(), "`all` must be true"),
            (r#"{"all":"yes"}"#.to_owned(), "`all` must be true"),
            (r#"{"session":"x"}"#.to_owned(), "unknown field"),
        ] {
            let problem = read(bad.as_bytes()).unwrap_err();
            assert_eq!(problem.status(), 422, "{bad}");
            assert!(format!("{problem:?}").contains(says), "{bad}: {problem:?}");
        }
    }
}
