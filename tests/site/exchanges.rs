//! Every request that is made of the site.

use std::borrow::Cow;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::answers;
use super::pages::FILES;

/// Which part of the site answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// nginx.
    Pages,
    /// The program.
    Script,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What it is called in the recording.
    pub name: String,
    /// Who answers.
    pub part: Part,
    /// The method.
    pub method: String,
    /// The path behind the prefix, and the query.
    path: String,
    /// Header lines, each with its end.
    fields: String,
    /// The body without framing, and for a socket everything that is said.
    pub body: Vec<u8>,
    is_chunked: bool,
}

impl Exchange {
    fn new(part: Part, method: &str, path: &str) -> Self {
        let name = format!("{method} {path}");
        Self {
            name,
            part,
            method: method.into(),
            path: path.into(),
            fields: String::new(),
            body: Vec::new(),
            is_chunked: false,
        }
    }

    fn with(mut self, line: &str) -> Self {
        self.fields = format!("{}{line}\r\n", self.fields);
        self.name = format!(
            "{} [{}]",
            self.name,
            line.chars().take(90).collect::<String>()
        );
        self
    }

    fn sending(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let line = format!("Content-Length: {}", self.body.len());
        self.with(&line)
    }

    fn chunked(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.is_chunked = true;
        self.with("Transfer-Encoding: chunked")
    }

    /// What follows the head on HTTP/1.1.
    pub fn framed(&self) -> Cow<'_, [u8]> {
        if !self.is_chunked {
            return Cow::Borrowed(&self.body);
        }
        let mut framed = Vec::new();
        for chunk in self.body.chunks(50_000) {
            framed.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            framed.extend(chunk);
            framed.extend(b"\r\n");
        }
        framed.extend(b"0\r\n\r\n");
        Cow::Owned(framed)
    }

    /// The same over HTTP/2, where nothing is said of connections and framing.
    pub fn request(&self, prefix: &str, more: &str) -> Request<Full<Bytes>> {
        let uri = format!("https://shop.example{prefix}{}", self.path);
        let mut request = Request::builder().method(self.method.as_str()).uri(uri);
        let lines = more.split_terminator("\r\n");
        for line in lines.chain(self.fields.split_terminator("\r\n")) {
            let (name, value) = line.split_once(": ").unwrap();
            if name != "Transfer-Encoding" {
                request = request.header(name, value);
            }
        }
        request.body(Full::from(self.body.clone())).unwrap()
    }

    /// The head, below this prefix and with these lines too.
    pub fn head(&self, prefix: &str, more: &str) -> String {
        let Self {
            method,
            path,
            fields,
            ..
        } = self;
        let close = if self.is_socket() {
            ""
        } else {
            "Connection: close\r\n"
        };
        format!(
            "{method} {prefix}{path} HTTP/1.1\r\nHost: shop.example\r\n{close}{more}{fields}\r\n"
        )
    }

    /// Whether the body is sent only after the first answer.
    pub fn waits(&self) -> bool {
        self.expects() || self.is_socket()
    }

    /// Whether it asks if the body is wanted.
    pub fn expects(&self) -> bool {
        self.fields.contains("Expect")
    }

    /// Whether it is answered with the lines of cookies that arrived.
    pub fn tells_cookies(&self) -> bool {
        self.part == Part::Script && self.path.starts_with("/cookies")
    }

    /// Whether it asks for a WebSocket.
    pub fn is_socket(&self) -> bool {
        self.fields.contains("Upgrade")
    }
}

/// Every exchange.
pub fn all() -> Vec<Exchange> {
    [files(), places(), scripted(), moving()].concat()
}

/// Each file, asked for in every way that browsers ask.
fn files() -> Vec<Exchange> {
    let ways = [
        "Accept: */*",
        "Accept-Encoding: gzip, deflate, br",
        "If-Modified-Since: Thu, 09 Oct 2025 08:53:20 GMT",
        "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
        "If-None-Match: \"none\"",
        "Range: bytes=0-99",
        "Range: bytes=-50",
    ];
    let mut all = Vec::new();
    for (name, _) in FILES {
        let path = format!("/{name}")
            .replace(' ', "%20")
            .replace('ß', "%C3%9F");
        for way in ways {
            all.push(Exchange::new(Part::Pages, "GET", &path).with(way));
        }
        all.push(Exchange::new(Part::Pages, "HEAD", &path));
    }
    for range in [
        "0-0",
        "5-",
        "1-2,4-5",
        "0-1,100-200,-10",
        "9999999-",
        "abc",
        "0-99999999",
    ] {
        all.push(
            Exchange::new(Part::Pages, "GET", "/notes.txt").with(&format!("Range: bytes={range}")),
        );
    }
    let range = || Exchange::new(Part::Pages, "GET", "/notes.txt").with("Range: bytes=0-9");
    all.push(range().with("If-Range: Thu, 09 Oct 2025 08:53:20 GMT"));
    all.push(range().with("If-Range: \"other\""));
    all
}

/// Redirects, refusals and what the site says of the request.
fn places() -> Vec<Exchange> {
    let mut all = Vec::new();
    for place in "moved found see-other temporary permanent gone teapot nothing unavailable broken timeout secret members \
        cookies missing sub sub/ query?a=1&b=%20&a=2 host agent".split_whitespace() {
        for method in ["GET", "HEAD", "POST"] {
            let exchange = Exchange::new(Part::Pages, method, &format!("/{place}"));
            all.push(if method == "POST" { exchange.sending("x=1") } else { exchange });
        }
    }
    let agent = || Exchange::new(Part::Pages, "GET", "/agent");
    all.push(
        agent()
            .with("User-Agent: Mozilla/5.0 (X11; Linux x86_64)")
            .with("Accept-Language: de-DE,de;q=0.9"),
    );
    all.push(agent().with("X-Own: a").with("X-Own: b"));
    all.push(
        Exchange::new(Part::Pages, "GET", "/lengthy")
            .with(&format!("X-Long: {}", "x".repeat(3_000))),
    );
    all.push(Exchange::new(Part::Pages, "POST", "/query").sending(vec![b'x'; 100_000]));
    all.push(Exchange::new(Part::Pages, "DELETE", "/notes.txt"));
    all.push(Exchange::new(Part::Pages, "OPTIONS", "/notes.txt"));
    all
}

/// Each answer of the program.
fn scripted() -> Vec<Exchange> {
    let names = answers::names();
    let both = |name: &String| {
        ["GET", "HEAD"].map(|method| Exchange::new(Part::Script, method, &format!("/{name}")))
    };
    names.iter().flat_map(both).collect()
}

/// What moves: uploads, streams, polls, sockets.
fn moving() -> Vec<Exchange> {
    let script = |method, path| Exchange::new(Part::Script, method, path);
    let large: Vec<u8> = (0..10_485_760_u32).map(|at| at.to_le_bytes()[1]).collect();
    let form = "--sep\r\nContent-Disposition: form-data; name=\"who\"\r\n\r\nAnn\r\n--sep\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\u{1}\u{2}\r\n--sep--\r\n";
    let multipart = "Content-Type: multipart/form-data; boundary=sep";
    let socket = |path| {
        script("GET", path)
            .with("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13")
            .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: seats")
    };
    let mut all = vec![
        script("POST", "/upload").sending(""),
        script("POST", "/upload")
            .sending("a=1&b=2")
            .with("Content-Type: application/x-www-form-urlencoded"),
        script("POST", "/upload").sending(form).with(multipart),
        script("POST", "/upload")
            .chunked(form.as_bytes())
            .with(multipart),
        script("POST", "/upload").sending(large.clone()),
        script("PUT", "/upload").chunked(&large),
        script("POST", "/upload")
            .sending("hello")
            .with("Expect: 100-continue"),
        script("POST", "/upload")
            .sending(large[..3_000_000].to_vec())
            .with("Expect: 100-continue"),
        script("PATCH", "/upload")
            .sending("{}")
            .with("Content-Type: application/merge-patch+json"),
        script("DELETE", "/upload").sending("why"),
        script("GET", "/upload").sending("a body on GET"),
        script("PROPFIND", "/upload")
            .sending("<x/>")
            .with("Depth: 1"),
        script("GET", "/poll"),
        script("GET", "/poll?since=7"),
        script("GET", "/events").with("Accept: text/event-stream"),
        script("GET", "/events").with("Last-Event-ID: 3"),
        script("GET", "/cookies").with("Cookie: a=1; b=\"x y\"; c="),
        script("GET", "/cookies").with("Cookie: a=1\r\nCookie: b=2"),
        socket("/socket?closed"),
    ];
    for said in ["\u{1}\u{3}bye", "\u{2}\u{10}0123456789abcbye"] {
        let mut exchange = socket("/socket");
        exchange.body = said.into();
        exchange.name = format!("{} {said:?}", exchange.name);
        all.push(exchange);
    }
    all
}
