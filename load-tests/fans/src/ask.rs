//! What fans ask for, written as a browser writes it.

use std::fmt::Write as _;

use serde::Serialize;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// The first visit to the guarded page.
    Arrive,
    /// The return with the token of the first visit: this takes a place.
    Join,
    /// The page's question where the fan stands.
    Poll,
    /// Another look at the whole page while waiting.
    Reload,
    /// The page takes the turn.
    Claim,
    /// The page is loaded to go in.
    Enter,
    /// A further page of the shop.
    Shop,
    /// Goodbye.
    Leave,
}

impl Deed {
    /// All of them, in the order of a fan's way.
    pub const ALL: [Self; 8] = [
        Self::Arrive,
        Self::Join,
        Self::Poll,
        Self::Reload,
        Self::Claim,
        Self::Enter,
        Self::Shop,
        Self::Leave,
    ];

    /// What it is called in the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Arrive => "arrive",
            Self::Join => "join",
            Self::Poll => "poll",
            Self::Reload => "reload",
            Self::Claim => "claim",
            Self::Enter => "enter",
            Self::Shop => "shop",
            Self::Leave => "leave",
        }
    }

    /// Whether it asks for a page of the shop, and not for one of the gateway's own addresses.
    #[must_use]
    pub const fn is_page(self) -> bool {
        matches!(self, Self::Arrive | Self::Reload | Self::Enter | Self::Shop)
    }
}

/// The addresses of one sale.
#[derive(Clone, Debug)]
pub struct Addresses {
    host: String,
    rooms: String,
}

/// The guarded page that every fan wants.
const WANTED: &str = "/buy/tickets";

/// A current browser. It takes no compressed answers, so that nothing has to be unpacked here.
const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 \
                       Firefox/140.0\r\nAccept-Language: en-GB,en;q=0.7\r\n";
const NAVIGATES: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n\
                         Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n\
                         Sec-Fetch-Dest: document\r\n";
const SCRIPT: &str = "Accept: application/json\r\nSec-Fetch-Site: same-origin\r\n\
                      Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n";

impl Addresses {
    /// The addresses of `room` on the site `host`.
    #[must_use]
    pub fn new(host: &str, room: &str) -> Self {
        Self {
            host: host.to_owned(),
            rooms: format!("/_anteroom/rooms/{room}"),
        }
    }

    /// The request for `deed`; `cookies` is the whole line, or nothing.
    #[must_use]
    pub fn request(&self, deed: Deed, cookies: &str) -> String {
        let (host, rooms) = (&self.host, &self.rooms);
        let mut text = String::with_capacity(768);
        let _ = match deed {
            Deed::Arrive | Deed::Reload | Deed::Enter | Deed::Shop => {
                write!(text, "GET {WANTED} HTTP/1.1\r\nHost: {host}\r\n{NAVIGATES}")
            }
            Deed::Join | Deed::Poll => {
                write!(
                    text,
                    "GET {rooms}/status HTTP/1.1\r\nHost: {host}\r\n{SCRIPT}"
                )
            }
            Deed::Claim | Deed::Leave => {
                let verb = deed.word();
                write!(
                    text,
                    "POST {rooms}/{verb} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n\
                     Content-Length: 0\r\n{SCRIPT}"
                )
            }
        };
        text.push_str(BROWSER);
        text.push_str(cookies);
        text.push_str("\r\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_one_that_a_parser_takes() {
        let addresses = Addresses::new("shop.example", "sale");
        for deed in Deed::ALL {
            let text = addresses.request(deed, "Cookie: a=1\r\n");
            let mut lines = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut lines);
            let parsed = request.parse(text.as_bytes()).unwrap();
            assert_eq!(parsed, httparse::Status::Complete(text.len()));
            let post = matches!(deed, Deed::Claim | Deed::Leave);
            assert_eq!(request.method == Some("POST"), post, "{text}");
            assert_eq!(request.path == Some("/buy/tickets"), deed.is_page());
            assert!(text.contains("\r\nHost: shop.example\r\n"));
            assert_eq!(text.contains("Origin: http://shop.example\r\n"), post);
            assert!(text.ends_with("Cookie: a=1\r\n\r\n"));
        }
    }
}
