//! Who asks, and whether they may. Tokens are kept as SHA-256, and compared with every
//! credential in constant time.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::lockout::Lockout;
use super::problem::Problem;

/// What a token's holder may do; each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look.
    Viewer,
    /// Steer rooms.
    Operator,
    /// Change the gateway.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The word is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is `viewer`, `operator` or `admin`")]
pub struct BadRole;

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(word: &str) -> Result<Self, BadRole> {
        let mut roles = Self::ALL.into_iter();
        roles.find(|role| role.word() == word).ok_or(BadRole)
    }
}

/// One control token, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Whose it is; shown in logs.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// SHA-256 of the token's text.
    pub sha256: [u8; 32],
}

impl Credential {
    /// The credential of a token whose text is known.
    #[must_use]
    pub fn of(name: &str, role: Role, token: &str) -> Self {
        Self {
            name: name.to_owned(),
            role,
            sha256: digest(token),
        }
    }
}

/// SHA-256 of a token's text.
#[must_use]
pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: health.
    Nothing,
    /// A token of this role or a higher one.
    Role(Role),
}

/// The door of the control API.
#[derive(Debug, Default)]
pub struct Door {
    tokens: Vec<Credential>,
    lockout: Arc<Lockout>,
}

impl Door {
    /// A door that these tokens open.
    #[must_use]
    pub fn new(tokens: Vec<Credential>) -> Self {
        Self {
            tokens,
            lockout: Arc::default(),
        }
    }

    /// A door that other tokens open. Whoever is locked out stays so.
    #[must_use]
    pub fn renewed(&self, tokens: Vec<Credential>) -> Self {
        Self {
            tokens,
            lockout: Arc::clone(&self.lockout),
        }
    }

    /// The tokens that open it. None: only the health routes answer.
    #[must_use]
    pub fn tokens(&self) -> &[Credential] {
        &self.tokens
    }

    /// Who asks; `None` where the route does not want to know. `now` is monotonic.
    ///
    /// # Errors
    /// 401 without a right token, 403 for a role too low, 429 while the address is locked out:
    /// then even a right token is not looked at.
    pub fn admit(
        &self,
        needs: Needs,
        headers: &HeaderMap,
        from: IpAddr,
        now: Duration,
    ) -> Result<Option<&Credential>, Problem> {
        let Needs::Role(role) = needs else {
            return Ok(None);
        };
        if self.tokens.is_empty() {
            return Err(unauthorized(
                "no control token is configured: make one with `anteroom token new --role admin`, or set ANTEROOM_CONTROL_TOKEN where the gateway starts",
            ));
        }
        let Some(token) = bearer(headers) else {
            return Err(unauthorized(
                "send a control token as `Authorization: Bearer …`; the command line takes it from ANTEROOM_CONTROL_TOKEN",
            ));
        };
        if let Some(left) = self.lockout.left(from, now) {
            return Err(locked_out(left));
        }
        let Some(found) = self.holder(token) else {
            return Err(self.turn_away(from, now));
        };
        if found.role < role {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                format!(
                    "this needs the role `{role}`; the token `{}` has the role `{}`",
                    found.name, found.role
                ),
            ));
        }
        Ok(Some(found))
    }

    /// Compares with every credential, whether or not one was found before.
    fn holder(&self, token: &str) -> Option<&Credential> {
        let shown = digest(token);
        let mut found = None;
        for credential in &self.tokens {
            let same =
                aws_lc_rs::constant_time::verify_slices_are_equal(&credential.sha256, &shown);
            if same.is_ok() {
                found = Some(credential);
            }
        }
        found
    }

    fn turn_away(&self, from: IpAddr, now: Duration) -> Problem {
        if let Some(span) = self.lockout.failed(from, now) {
            tracing::warn!(
                lock_s = span.as_secs(),
                "an address sent too many wrong control tokens and is locked out"
            );
        }
        let wrong = HeaderValue::from_static("Bearer realm=\"anteroom\", error=\"invalid_token\"");
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "this control token is not one of those configured: check ANTEROOM_CONTROL_TOKEN",
        )
        .with(WWW_AUTHENTICATE, wrong)
    }
}

/// The token of exactly one well-formed `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = one.to_str().ok()?.split_once(' ')?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn unauthorized(detail: &str) -> Problem {
    let realm = HeaderValue::from_static("Bearer realm=\"anteroom\"");
    Problem::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, realm)
}

fn locked_out(left: Duration) -> Problem {
    let wait = left.as_secs().saturating_add(1);
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        format!("too many wrong control tokens came from this address: try again in {wait} s"),
    )
    .with(RETRY_AFTER, HeaderValue::from(wait))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::lockout::PATIENCE;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn door() -> Door {
        Door::new(
            Role::ALL
                .map(|role| Credential::of(role.word(), role, &token(role)))
                .into(),
        )
    }

    fn token(role: Role) -> String {
        format!("secret of the {role}")
    }

    fn with(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn status(door: &Door, needs: Role, values: &[&str]) -> u16 {
        match door.admit(Needs::Role(needs), &with(values), HERE, Duration::ZERO) {
            Ok(who) => {
                assert!(who.is_some());
                200
            }
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn a_role_may_do_what_lower_ones_may_and_no_more_c2() {
        let door = door();
        for held in Role::ALL {
            for needed in Role::ALL {
                let bearer = format!("Bearer {}", token(held));
                let expected = if held >= needed { 200 } else { 403 };
                assert_eq!(
                    status(&door, needed, &[&bearer]),
                    expected,
                    "{held} {needed}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_right_bearer_token_gets_401_c1() {
        let door = door();
        let right = format!("Bearer {}", token(Role::Admin));
        for wrong in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &["Bearer wrong"],
            &["Basic YWRtaW46"],
            &[right.as_str(), right.as_str()],
            &[right.trim_start_matches("Bearer ")],
        ] {
            assert_eq!(status(&door, Role::Viewer, wrong), 401, "{wrong:?}");
        }
        assert_eq!(
            status(&door, Role::Viewer, &[&right.replace("Bearer", "bearer")]),
            200
        );
    }

    #[test]
    fn without_tokens_only_health_is_open() {
        let door = Door::default();
        assert_eq!(status(&door, Role::Viewer, &["Bearer x"]), 401);
        let health = door.admit(Needs::Nothing, &HeaderMap::new(), HERE, Duration::ZERO);
        assert!(health.is_ok_and(|who| who.is_none()));
    }

    #[test]
    fn after_many_wrong_tokens_even_the_right_one_must_wait_c1() {
        let door = door();
        let right = format!("Bearer {}", token(Role::Admin));
        for _ in 0..PATIENCE {
            assert_eq!(status(&door, Role::Viewer, &["Bearer wrong"]), 401);
        }
        let door = door.renewed(door.tokens().to_vec());
        assert_eq!(status(&door, Role::Viewer, &[&right]), 429);
        assert_eq!(
            status(&door, Role::Viewer, &[]),
            401,
            "no token is no guess"
        );
        let later = Duration::from_secs(2);
        let again = door.admit(Needs::Role(Role::Admin), &with(&[&right]), HERE, later);
        assert!(again.is_ok());
    }
}
