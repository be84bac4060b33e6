//! Who somebody without a place is by the site's own word, where the room takes it.
//!
//! The provider's keys are a snapshot in memory that `app` reads anew in the background: no
//! request waits for them, and no token makes anybody fetch them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::HeaderName;

use crate::domain::identity::{IdentityTerms, Places, Without};
use crate::domain::lane::Lane;
use crate::domain::room::RoomName;
use crate::token::TokenRefused;
use crate::token::identity::{Claims, Demands, ProviderKeys};
use crate::token::queue::QueueToken;

use super::notice::{Notice, SignIn};
use super::queue::Line;
use super::room::Room;
use super::{Gate, Request, Trace, identify};

/// Keys that are read anew while the gate works with them.
pub type SharedKeys = Arc<ArcSwap<ProviderKeys>>;

/// An identity provider, as the gate knows it.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name, by which rooms take its word.
    pub name: RoomName,
    /// What its tokens must say.
    pub demands: Demands,
    /// The cookie that brings them.
    pub cookie: Option<String>,
    /// The header that brings them, bare or after `Bearer`.
    pub header: Option<HeaderName>,
    /// Where visitors sign in.
    pub sign_in: Option<String>,
    /// Its keys as they were last read.
    pub keys: SharedKeys,
}

/// What is known of somebody who has no place yet.
#[derive(Debug, Default)]
pub enum Known {
    /// Nothing, or nothing that matters: whoever brings no token of the site's, or an invalid one.
    #[default]
    Anybody,
    /// The provider knows somebody.
    Person {
        /// The lane that the claims lead into.
        lane: Lane,
        /// The issuer and subject, where the room keeps one place for each.
        by: Option<(String, String)>,
    },
    /// Nothing is known, and the room takes nobody unknown.
    SignIn(SignIn),
}

impl Provider {
    /// The token a request brings. Two different ones count as none.
    fn brought<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let named = |(key, _): &(&str, &str)| self.cookie.as_deref() == Some(*key);
        let cookies = identify::cookies(headers)
            .filter(named)
            .map(|(_, value)| value);
        let lines = self.header.iter().flat_map(|name| headers.get_all(name));
        let lines = lines.filter_map(|value| value.to_str().ok()).map(bare);
        let mut found = cookies.chain(lines).filter(|text| !text.is_empty());
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }
}

/// A header's value without the word `Bearer`.
fn bare(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        Some(_) | None => value.trim(),
    }
}

impl Gate {
    /// As [`Gate::known`] for who has no place yet; nobody else is asked who they are.
    pub(super) fn known_if_new(
        &self,
        room: &Room,
        request: &Request<'_>,
        (token, trace): (Option<&QueueToken>, &mut Trace),
    ) -> Known {
        match token {
            Some(token) if token.place.is_some() || token.lobby => Known::Anybody,
            Some(_) | None => self.known(room, request, trace),
        }
    }

    /// What the site's own word says of somebody without a place. Costs a signature where a token
    /// is brought, and nothing else.
    pub(super) fn known(&self, room: &Room, request: &Request<'_>, trace: &mut Trace) -> Known {
        let Some(terms) = &room.settings.identity else {
            return Known::Anybody;
        };
        let provider = self.providers.iter().find(|one| one.name == terms.provider);
        let said = provider.and_then(|provider| {
            let text = provider.brought(&request.ask.head.headers)?;
            let now = room.snapshot.load().skew.correct(request.ask.now).wall;
            let keys = provider.keys.load();
            Some(keys.verify(&provider.demands, text, now))
        });
        match said {
            Some(Ok(claims)) => person(room, terms, &claims),
            Some(Err(refused)) => {
                trace.token = Some(TokenRefused::reason(refused));
                unknown(terms, provider)
            }
            None => unknown(terms, provider),
        }
    }
}

fn person(room: &Room, terms: &IdentityTerms, claims: &Claims) -> Known {
    let mut rules = terms.lanes.iter();
    let lane = rules
        .find(|rule| claims.says(&rule.claim, &rule.is))
        .and_then(|rule| room.settings.lane_named(rule.lane.as_str()));
    let by = || (claims.issuer().to_owned(), claims.subject().to_owned());
    Known::Person {
        lane: lane.unwrap_or_default(),
        by: (terms.places == Places::One).then(by),
    }
}

fn unknown(terms: &IdentityTerms, provider: Option<&Provider>) -> Known {
    match terms.without {
        Without::General => Known::Anybody,
        Without::SignIn => Known::SignIn(SignIn {
            link: provider.and_then(|provider| provider.sign_in.clone()),
        }),
    }
}

impl Line<'_> {
    /// A token without a place, made to agree with who its holder is. A lane that was chosen by a
    /// code stays.
    pub(super) fn identified(&self, token: QueueToken, known: &Known) -> QueueToken {
        let Known::Person { lane, by } = known else {
            return token;
        };
        let person = by.as_ref().map(|(issuer, subject)| {
            self.keys
                .person(self.name(), token.window, (issuer, subject))
        });
        let chosen = token.lane != Lane::GENERAL.0;
        QueueToken {
            visitor: person.unwrap_or(token.visitor),
            lane: if chosen { token.lane } else { lane.0 },
            ..token
        }
    }

    /// Asks somebody to sign in first. What was brought stays as it is.
    pub(super) fn sign_in(&self, sign_in: SignIn) -> Notice {
        let mut notice = self.without_anybody();
        notice.sign_in = Some(sign_in);
        notice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn provider() -> Provider {
        Provider {
            name: "club".parse().unwrap(),
            demands: Demands {
                issuer: "https://id.club.example/".to_owned(),
                audience: "tickets".to_owned(),
                max_life: Duration::from_secs(60),
            },
            cookie: Some("club_token".to_owned()),
            header: Some(http::header::AUTHORIZATION),
            sign_in: None,
            keys: SharedKeys::default(),
        }
    }

    fn brought(fields: &[(&'static str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        provider().brought(&headers).map(str::to_owned)
    }

    #[test]
    fn t7_one_token_is_taken_and_two_different_ones_are_none() {
        let one = Some("a.b.c".to_owned());
        assert_eq!(brought(&[]), None);
        assert_eq!(brought(&[("cookie", "x=1; club_token=a.b.c; y=2")]), one);
        assert_eq!(brought(&[("authorization", "Bearer a.b.c")]), one);
        assert_eq!(brought(&[("authorization", "bearer  a.b.c ")]), one);
        assert_eq!(brought(&[("authorization", "a.b.c")]), one);
        let both = [
            ("cookie", "club_token=a.b.c"),
            ("authorization", "Bearer a.b.c"),
        ];
        assert_eq!(brought(&both), one, "the same token twice");
        for two in [
            [("cookie", "club_token=a.b.c; club_token=d.e.f"), ("x", "y")],
            [
                ("cookie", "club_token=a.b.c"),
                ("cookie", "club_token=d.e.f"),
            ],
            [
                ("cookie", "club_token=a.b.c"),
                ("authorization", "Bearer d.e.f"),
            ],
            [("cookie", "Club_Token=a.b.c"), ("cookie", "club_token=")],
        ] {
            assert_eq!(brought(&two), None, "{two:?}");
        }
    }
}
