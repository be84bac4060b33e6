//! The gateway's own URLs, matched exactly. Nothing under the prefix is ever forwarded.

use http::Method;
use http::header::ORIGIN;

use super::absence::Wish;
use super::deed::Deed;
use super::identify::{self, Manner, Token};
use super::redeem::Bringing;
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
    /// `rooms/{room}/redeem`: GET the page that takes a code, POST a code
    Redeem(String),
    /// `POST rooms/{room}/step-away`
    StepAway(String),
    /// `POST rooms/{room}/extend`
    Extend(String),
    /// `GET rooms/{room}/events`
    Events(String),
    /// `GET rooms/{room}/draw`
    Draw(String),
    /// `GET rooms/{room}/receipt`
    Receipt(String),
    /// `rooms/{room}/crew`: GET the crew's page, POST to begin or to stop
    Crew(String),
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
            ("rooms", Some(room), Some("redeem")) => Self::Redeem(room.to_owned()),
            ("rooms", Some(room), Some("step-away")) => Self::StepAway(room.to_owned()),
            ("rooms", Some(room), Some("extend")) => Self::Extend(room.to_owned()),
            ("rooms", Some(room), Some("events")) => Self::Events(room.to_owned()),
            ("rooms", Some(room), Some("draw")) => Self::Draw(room.to_owned()),
            ("rooms", Some(room), Some("receipt")) => Self::Receipt(room.to_owned()),
            ("rooms", Some(room), Some("crew")) => Self::Crew(room.to_owned()),
            _ => return None,
        };
        parts.next().is_none().then_some(found)
    }

    /// Whether it answers this method.
    #[must_use]
    pub fn answers(&self, method: &Method) -> bool {
        match self {
            Self::Status(_)
            | Self::Events(_)
            | Self::Draw(_)
            | Self::Receipt(_)
            | Self::Jwks
            | Self::Asset(_) => *method == Method::GET || *method == Method::HEAD,
            Self::Join(_)
            | Self::Claim(_)
            | Self::Leave(_)
            | Self::StepAway(_)
            | Self::Extend(_) => *method == Method::POST,
            Self::Redeem(_) | Self::Crew(_) => {
                [Method::GET, Method::HEAD, Method::POST].contains(method)
            }
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
            Endpoint::StepAway(name) => (name, Deed::Wish(Wish::StepAway)),
            Endpoint::Extend(name) => (name, Deed::Wish(Wish::MoreTime)),
            Endpoint::Events(name) => (name, Deed::Events),
            Endpoint::Redeem(name) => (name, Deed::CodePage),
            Endpoint::Draw(name) => {
                let (_, room) = self.named(&name, trace)?;
                let query = request.canonical.target.query();
                return Ok(Own::Draw(Self::published(room, query)?));
            }
            Endpoint::Crew(name) => {
                let (_, room) = self.named(&name, trace)?;
                return self.crew_page(room, request);
            }
            Endpoint::Receipt(name) => {
                let (_, room) = self.named(&name, trace)?;
                return self.receipt(room, request, trace).map(Own::Draw);
            }
        };
        let (at, room) = self.named(&name, trace)?;
        if self.is_hidden(room, request) {
            return Err(Refusal::NotFound);
        }
        if deed == Deed::CodePage && request.ask.head.method == Method::POST {
            return self.bringing((at, room), request, trace);
        }
        self.stand_at(room, request, deed, trace).await
    }

    /// The room of this name, which the trace then tells.
    fn named(&self, name: &str, trace: &mut Trace) -> Result<(usize, &Room), Refusal> {
        let mut rooms = self.rooms.iter().enumerate();
        let found = rooms.find(|(_, room)| room.settings.name.as_str() == name);
        let (at, room) = found.ok_or(Refusal::NotFound)?;
        trace.room = Some(at);
        Ok((at, room))
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
        let host = &request.canonical.host_text;
        let ours = identify::is_same_origin(&head.headers, host, request.https)
            || (deed.has_a_form() && self.knows_the_reference(room, request));
        if deed.changes() && !ours {
            return Err(Refusal::CrossSite);
        }
        let admitted = self.admit(room, request, trace);
        let token = self.queue_token(room, request, trace)?;
        let token = token.filter(|token| room.counts(token));
        let by_header =
            identify::keeps_no_cookies(&head.headers) && (token.is_some() || admitted.is_some());
        let an_app = deed.changes() && !head.headers.contains_key("sec-fetch-site");
        let snapshot = room.snapshot.load_full();
        let line = self.line(room, &snapshot, request.ask.now);
        let may = deed.may(&head.method, Manner::of(&head.method, &head.headers));
        let known = self.known_if_new(room, request, (token.as_ref(), trace));
        let mut own = line.does((deed, may), admitted, (token, known)).await?;
        if let Some(notice) = own.notice_mut() {
            notice.tells_tokens = by_header || an_app;
        }
        Ok(own)
    }

    /// A code is brought: everything but its body is looked at, by the same rules as for a join.
    fn bringing(
        &self,
        (at, room): (usize, &Room),
        request: &Request<'_>,
        trace: &mut Trace,
    ) -> Result<Own, Refusal> {
        let head = request.ask.head;
        let host = &request.canonical.host_text;
        let ours = identify::is_same_origin(&head.headers, host, request.https)
            || self.knows_the_reference(room, request);
        if !ours || Manner::of(&head.method, &head.headers) != Manner::Visit {
            return Err(Refusal::CrossSite);
        }
        let admitted = self.admit(room, request, trace);
        let token = self.queue_token(room, request, trace)?;
        let token = token.filter(|token| room.counts(token));
        let snapshot = room.snapshot.load_full();
        let line = self.line(room, &snapshot, request.ask.now);
        let by_header = identify::keeps_no_cookies(&head.headers) && token.is_some();
        Ok(Own::Code(Box::new(Bringing {
            room: at,
            known: self.known_if_new(room, request, (token.as_ref(), trace)),
            token,
            inside: admitted.map(|admitted| Box::new(line.is_inside(admitted.renewed))),
            client: request.client,
            now: request.ask.now,
            tells: by_header || !head.headers.contains_key("sec-fetch-site"),
        })))
    }
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
