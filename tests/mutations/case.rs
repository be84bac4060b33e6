//! One mutation on one connection: how it is sent, what came back, and whether that is right.

use std::net::SocketAddr;

use super::grammar::Mutation;
use super::names::{is_inside, kind, numbered, replaced};
use crate::fuzzed::reference::{End, Reading, Request, read};
use crate::kit::tls::Client;
use crate::kit::wire::{Asked, position};
use crate::kit::{Answer, Wire};

/// Where connections are made to.
#[derive(Clone)]
pub enum Doorway {
    /// In the clear.
    Plain(SocketAddr),
    /// Over TLS.
    Tls(SocketAddr, Client),
}

impl Doorway {
    async fn wire(&self) -> Wire {
        match self {
            Self::Plain(address) => Wire::to(*address).await,
            Self::Tls(address, client) => client.wire(*address, "shop.example").await.unwrap(),
        }
    }
}

/// Whether the request goes into the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beside it: what is clear is served.
    Beside,
    /// Into it, without an admission: nothing may reach the site.
    Inside,
}

/// How a connection goes on behind the mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The marker follows at once.
    Pipelined,
    /// The marker follows the answer, if the connection is still there.
    Waits,
    /// Nothing follows.
    Closed,
}

/// One mutation, numbered and ready to be sent.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its number, which every path of it carries.
    pub number: usize,
    /// What kind of oddity it has.
    pub family: &'static str,
    place: Place,
    ending: Ending,
    bytes: Vec<u8>,
    marker: Vec<u8>,
    strictly: Reading,
}

/// What came back on its connection.
#[derive(Debug)]
pub struct Seen {
    /// The answers but those that only say to go on.
    pub answers: Vec<Answer>,
    /// What stood behind the last one.
    rest: Vec<u8>,
}

/// What became of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The site answered it.
    Served,
    /// It was put into the line, or told to.
    Queued,
    /// It was refused.
    Refused,
    /// The connection ended without a word, as the request had no end.
    Unanswered,
}

impl Case {
    /// Numbers a mutation.
    pub fn new(number: usize, mutation: &Mutation, place: Place, ending: Ending) -> Self {
        let bytes = numbered(&mutation.bytes, number);
        let bytes = match place {
            Place::Beside => bytes,
            Place::Inside => replaced(&bytes, b"/aux/", b"/buy/"),
        };
        let marker = format!("GET /end/e{number:05} HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        let marker = match ending {
            Ending::Pipelined | Ending::Waits => marker.into_bytes(),
            Ending::Closed => Vec::new(),
        };
        let strictly = read(&[bytes.as_slice(), &marker].concat());
        Self {
            number,
            family: mutation.family,
            place,
            ending,
            bytes,
            marker,
            strictly,
        }
    }

    /// Sends it and reads everything that comes back.
    pub async fn run(&self, doorway: &Doorway) -> Seen {
        let mut wire = doorway.wire().await;
        let mut seen = Seen {
            answers: Vec::new(),
            rest: Vec::new(),
        };
        let alone = read(&self.bytes);
        let waits = self.ending == Ending::Waits && alone.end != End::Unfinished;
        let first = if waits {
            self.bytes.clone()
        } else {
            [self.bytes.as_slice(), &self.marker].concat()
        };
        // A gateway that refuses may close before it has read all.
        let _ = wire.send(first).await;
        if waits {
            let expected = alone.requests.len() + usize::from(alone.end != End::Clean);
            if !self.hears(&mut wire, &mut seen, expected).await {
                return seen;
            }
            let _ = wire.send(&self.marker).await;
        }
        wire.ends_sending().await;
        self.hears(&mut wire, &mut seen, usize::MAX).await;
        seen
    }

    /// Reads answers up to so many; `false` when the connection ended.
    async fn hears(&self, wire: &mut Wire, seen: &mut Seen, most: usize) -> bool {
        while seen.answers.len() < most {
            let asked = self.asked(seen.answers.len());
            let Some(answer) = wire.answer(asked).await else {
                return false;
            };
            if answer.status < 200 {
                continue;
            }
            let closes = self.closes(seen.answers.len(), &answer);
            seen.answers.push(answer);
            if closes {
                wire.ends_sending().await;
                seen.rest = wire.all().await;
                return false;
            }
        }
        true
    }

    /// How the answer to the request at this place ends.
    fn asked(&self, at: usize) -> Asked {
        let is_head = match self.strictly.requests.get(at) {
            Some(request) => request.method == "HEAD",
            None => at == 0 && self.bytes.starts_with(b"HEAD "),
        };
        if is_head { Asked::Head } else { Asked::Any }
    }

    /// Whether the answer at this place is the last of its connection. HTTP/1.0 has to ask for
    /// more.
    fn closes(&self, at: usize, answer: &Answer) -> bool {
        match answer.header("connection") {
            Some(word) => word == "close",
            None => match self.strictly.requests.get(at) {
                Some(request) => request.is_old,
                None => position(&self.bytes, b" HTTP/1.0\r\n").is_some(),
            },
        }
    }

    /// What became of it.
    ///
    /// # Errors
    /// What is wrong with what came back or arrived.
    pub fn judge(&self, seen: &Seen, arrived: &[&Request]) -> Result<Fate, String> {
        self.nothing_else_arrived(arrived)?;
        let served: Vec<&str> = seen
            .answers
            .iter()
            .filter_map(|one| one.header("x-answers"))
            .collect();
        let asked: Vec<String> = arrived
            .iter()
            .map(|one| format!("{} {}", one.method, one.target))
            .collect();
        if served != asked {
            return Err(format!("{asked:?} arrived, but {served:?} was answered"));
        }
        self.answers_are_in_order(seen)?;
        if position(&seen.rest, b"x-answers").is_some() {
            return Err("an answer stands behind the last one".to_owned());
        }
        Ok(fate(seen))
    }

    fn nothing_else_arrived(&self, arrived: &[&Request]) -> Result<(), String> {
        let mut sent = self.strictly.requests.iter();
        for one in arrived {
            if is_inside(&one.target) {
                return Err(format!("{} arrived without an admission", one.target));
            }
            let same = |sent: &&Request| {
                kind(&sent.target) == kind(&one.target)
                    && sent.method == one.method
                    && sent.body == one.body
            };
            if kind(&one.target).is_none() || sent.find(same).is_none() {
                return Err(format!(
                    "{} {} arrived, and no clear request says so",
                    one.method, one.target
                ));
            }
        }
        Ok(())
    }

    fn answers_are_in_order(&self, seen: &Seen) -> Result<(), String> {
        for (at, answer) in seen.answers.iter().enumerate() {
            let status = answer.status;
            let is_refusal = (400..500).contains(&status) || status == 505;
            match (self.strictly.requests.get(at), answer.header("x-answers")) {
                (Some(sent), Some(answered)) if kind(answered) != kind(&sent.target) => {
                    return Err(format!("{answered} answers {}", sent.target));
                }
                (Some(_), Some(_)) => {}
                (None, Some(answered)) => return Err(format!("{answered} is no clear request")),
                (_, None) if !is_refusal && !is_queue(answer) => {
                    return Err(format!("{status} is no refusal"));
                }
                (Some(_), None) => {}
                (None, None) if self.closes(at, answer) || self.strictly.end == End::Unfinished => {
                }
                (None, None) => return Err(format!("{status} and the connection goes on")),
            }
        }
        let refused = matches!(self.strictly.end, End::Refused(_));
        let last = seen.answers.iter().enumerate().next_back();
        if refused && !last.is_some_and(|(at, answer)| self.closes(at, answer)) {
            return Err("not refused and closed".to_owned());
        }
        Ok(())
    }

    /// How it went over the wire and what came back, for a message.
    pub fn shown(&self, seen: &Seen) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let text: String = text.chars().take(600).collect();
        let answers: Vec<_> = seen
            .answers
            .iter()
            .map(|one| (one.status, &one.fields))
            .collect();
        let (place, ending) = (self.place, self.ending);
        format!(
            "{}, {place:?}, {ending:?}: {text:?}\n  {answers:?}",
            self.family
        )
    }
}

fn fate(seen: &Seen) -> Fate {
    match seen.answers.first() {
        None => Fate::Unanswered,
        Some(first) if first.header("x-answers").is_some() => Fate::Served,
        Some(first) if is_queue(first) => Fate::Queued,
        Some(_) => Fate::Refused,
    }
}

/// Whether this is a place in the line, for a script or as the page.
fn is_queue(answer: &Answer) -> bool {
    let is_our_page = answer.header("content-security-policy").is_some();
    answer.status == 429 || answer.status == 200 && is_our_page
}
