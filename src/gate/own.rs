//! The gateway's own URLs, matched exactly. Nothing under the prefix is ever forwarded.

use http::Method;
use http::header::ORIGIN;

use super::identify::{self, Manner, Token};
use super::queue::{Coming, May, Outcome};
use super::room::Room;
use super::{Gate, Own, Refusal, Request, Trace};

/// One of our own URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET rooms/{room}/status`
    Status(String),
    /// `POST rooms/{room}/join`
    Join(String),
    /// `POST rooms/{room}/claim`
    Claim(String),
    /// `POST rooms/{room}/leave`
    Leave(String),
    /// `GET rooms/{room}/draw`
    Draw(String),
    /// `GET rooms/{room}/receipt`
    Receipt(String),
    /// `GET jwks.json`
    Jwks,
    /// `GET assets/{name}`
    Asset(String),
}

/// Whether a path (in comparing form) lies under the prefix.
#[must_use]
pub fn is_under(prefix: &str, key: &str) -> bool {
    key.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Endpoint {
    /// Reads the canonical path below the prefix; `None` when there is no such URL.
    #[must_use]
    pub fn parse(prefix: &str, path: &str) -> Option<Self> {
        let rest = path.strip_prefix(prefix)?.strip_prefix('/')?;
        let mut parts = rest.split('/');
        let found = match (parts.next()?, parts.next(), parts.next()) {
            ("jwks.json", None, None) => Self::Jwks,
            ("assets", Some(name), None) => Self::Asset(name.to_owned()),
            ("rooms", Some(room), Some("status")) => Self::Status(room.to_owned()),
            ("rooms", Some(room), Some("join")) => Self::Join(room.to_owned()),
            ("rooms", Some(room), Some("claim")) => Self::Claim(room.to_owned()),
            ("rooms", Some(room), Some("leave")) => Self::Leave(room.to_owned()),
            ("rooms", Some(room), Some("draw")) => Self::Draw(room.to_owned()),
            ("rooms", Some(room), Some("receipt")) => Self::Receipt(room.to_owned()),
            _ => return None,
        };
        parts.next().is_none().then_some(found)
    }

    /// Whether it answers this method.
    #[must_use]
    pub fn answers(&self, method: &Method) -> bool {
        match self {
            Self::Status(_) | Self::Draw(_) | Self::Receipt(_) | Self::Jwks | Self::Asset(_) => {
                *method == Method::GET || *method == Method::HEAD
            }
            Self::Join(_) | Self::Claim(_) | Self::Leave(_) => *method == Method::POST,
        }
    }
}

impl Gate {
    /// Answers one of our own URLs.
    pub(super) async fn own(
        &self,
        request: &Request<'_>,
        trace: &mut Trace,
    ) -> Result<Own, Refusal> {
        let path = request.canonical.target.path();
        let endpoint = Endpoint::parse(&self.prefix, path).ok_or(Refusal::NotFound)?;
        if !endpoint.answers(&request.ask.head.method) {
            return Err(Refusal::MethodNotAllowed);
        }
        let (name, deed) = match endpoint {
            Endpoint::Jwks => return Ok(Own::Jwks),
            Endpoint::Asset(name) => return Ok(Own::Asset(name)),
            Endpoint::Status(name) => (name, Deed::Status),
            Endpoint::Join(name) => (name, Deed::Join),
            Endpoint::Claim(name) => (name, Deed::Claim),
            Endpoint::Leave(name) => (name, Deed::Leave),
            Endpoint::Draw(name) => (name, Deed::Draw),
            Endpoint::Receipt(name) => (name, Deed::Receipt),
        };
        let (at, room) = self
            .rooms
            .iter()
            .enumerate()
            .find(|(_, room)| room.settings.name.as_str() == name)
            .ok_or(Refusal::NotFound)?;
        trace.room = Some(at);
        match deed {
            Deed::Draw => {
                let query = request.canonical.target.query();
                Ok(Own::Draw(Self::published(room, query)?))
            }
            Deed::Receipt => self.receipt(room, request, trace).map(Own::Draw),
            Deed::Status | Deed::Join | Deed::Claim | Deed::Leave => {
                self.stand_at(room, request, deed, trace).await
            }
        }
    }

    /// Whether a request proves that our own page made it: its query names the visitor's reference
    /// code, which no other site can read. Our page sends no referrer, and so its form without
    /// script sends `Origin: null`; on plain HTTP browsers send no `Sec-Fetch-Site` beside it.
    fn knows_the_reference(&self, room: &Room, request: &Request<'_>) -> bool {
        let headers = &request.ask.head.headers;
        let null = headers.get(ORIGIN).is_some_and(|origin| origin == "null");
        if !null || headers.contains_key("sec-fetch-site") {
            return false;
        }
        let name = &room.settings.name;
        let told = request.canonical.target.query();
        room.cookies
            .brought(headers, Token::Queue, request.https)
            .and_then(|text| {
                self.keys
                    .verify_queue(name, text, request.ask.now.wall)
                    .ok()
            })
            .map(|token| format!("reference={}", token.visitor.reference(name)))
            .is_some_and(|wanted| told == Some(wanted.as_str()))
    }

    async fn stand_at(
        &self,
        room: &Room,
        request: &Request<'_>,
        deed: Deed,
        trace: &mut Trace,
    ) -> Result<Own, Refusal> {
        let head = request.ask.head;
        let changes = !matches!(deed, Deed::Status | Deed::Draw | Deed::Receipt);
        let host = &request.canonical.host_text;
        let ours = identify::is_same_origin(&head.headers, host, request.https)
            || (deed == Deed::Leave && self.knows_the_reference(room, request));
        if changes && !ours {
            return Err(Refusal::CrossSite);
        }
        let visit = Manner::of(&head.method, &head.headers) == Manner::Visit;
        let may = match deed {
            Deed::Status if !visit || head.method == Method::HEAD => May::Look,
            Deed::Draw | Deed::Receipt => May::Look,
            Deed::Status | Deed::Join | Deed::Leave => May::Join,
            Deed::Claim => May::Claim,
        };
        let admitted = self.admit(room, request, trace);
        let token = self.queue_token(room, request, trace)?;
        let token = token.filter(|token| room.counts(token));
        let snapshot = room.snapshot.load_full();
        let line = self.line(room, &snapshot, request.ask.now);
        let by_header =
            identify::keeps_no_cookies(&head.headers) && (token.is_some() || admitted.is_some());
        let tells = by_header || (changes && !head.headers.contains_key("sec-fetch-site"));
        if deed == Deed::Leave {
            if let Some(admitted) = admitted {
                line.end(admitted.session);
            }
            return Ok(Own::Left(Box::new(line.leave(token.as_ref()).await)));
        }
        if let Some(admitted) = admitted {
            let mut notice = line.is_inside(admitted.renewed);
            notice.tells_tokens = tells;
            return Ok(Own::Status(Box::new(notice)));
        }
        let returned = false;
        let brought = token.is_some();
        let outcome = line
            .serve(Coming {
                token,
                may,
                returned,
            })
            .await?;
        let (mut notice, claimed) = match outcome {
            Outcome::Told(notice) => (notice, false),
            Outcome::Claimed { notice, .. } => (notice, true),
        };
        notice.tells_tokens = tells;
        Ok(match deed {
            Deed::Join if !brought => Own::ComeBack(notice),
            Deed::Claim if !claimed => Own::NotReleased(notice),
            Deed::Status | Deed::Join | Deed::Claim | Deed::Leave | Deed::Draw | Deed::Receipt => {
                Own::Status(notice)
            }
        })
    }
}

/// What is asked of a room's own URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Status,
    Join,
    Claim,
    Leave,
    Draw,
    Receipt,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a13_only_exact_urls_are_ours_and_none_below_the_prefix_is_the_sites() {
        let parse = |path: &str| Endpoint::parse("/_anteroom", path);
        assert_eq!(
            parse("/_anteroom/rooms/derby/status"),
            Some(Endpoint::Status("derby".into()))
        );
        assert_eq!(parse("/_anteroom/jwks.json"), Some(Endpoint::Jwks));
        for other in [
            "/_anteroom",
            "/_anteroom/",
            "/_anteroom/rooms/derby/status/",
            "/_anteroom/rooms/derby/status/x",
            "/_anteroom/rooms/derby",
            "/_anteroom/jwks.json/x",
            "/_Anteroom/jwks.json",
            "/_anteroomx",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
        for under in ["/_anteroom", "/_anteroom/x"] {
            assert!(is_under("/_anteroom", under));
        }
        assert!(!is_under("/_anteroom", "/_anteroomx"));
    }
}
