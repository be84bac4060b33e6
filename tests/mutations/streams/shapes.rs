//! Writes requests in HTTP/2 that a gateway could carry on as another one, and their honest
//! neighbours. Paths are those of the grammar for HTTP/1.

use crate::kit::frames::{END_HEADERS, END_STREAM, field, frame, kinds};

use super::super::grammar::lines::{HOSTS, METHODS, TARGETS};
use super::super::grammar::{HIDDEN, ODD, in_a_chunk, parts};
use super::super::names::{numbered, replaced};

/// A name and a value.
pub type Field = (Vec<u8>, Vec<u8>);

/// How a shape is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// As its fields and its body say.
    AsSaid,
    /// As nothing: its frames are none, or its fields cannot be unpacked.
    Nothing,
}

/// One way to write a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What kind of oddity it has.
    pub family: &'static str,
    /// Its fields.
    pub head: Vec<Field>,
    /// What its DATA frames hold.
    pub body: Vec<Vec<u8>>,
    /// Its trailers.
    pub trailers: Option<Vec<Field>>,
    /// Frames in place of all that.
    pub frames: Option<Vec<u8>>,
    /// How it is to be read.
    pub meaning: Meaning,
}

/// The stream of every shape.
pub const STREAM: u32 = 1;

/// The body of most shapes.
const HELLO: &str = "hello a00000";

impl Shape {
    fn of(family: &'static str, head: Vec<Field>, body: &str) -> Self {
        Self {
            family,
            head,
            body: if body.is_empty() {
                Vec::new()
            } else {
                vec![body.into()]
            },
            trailers: None,
            frames: None,
            meaning: Meaning::AsSaid,
        }
    }

    /// The usual request with further fields.
    fn with(family: &'static str, more: &[(&str, &str)], body: &str) -> Self {
        Self::of(family, [usual(), fields(more)].concat(), body)
    }

    fn trailing(mut self, trailers: Vec<Field>) -> Self {
        self.trailers = Some(trailers);
        self
    }

    fn raw(family: &'static str, frames: Vec<u8>, meaning: Meaning) -> Self {
        let mut shape = Self::of(family, usual(), "");
        shape.frames = Some(frames);
        shape.meaning = meaning;
        shape
    }

    /// The same with this number in every path, and in the room where that is wanted.
    pub fn placed(&self, number: usize, is_inside: bool) -> Self {
        let change = |bytes: &[u8]| {
            let bytes = numbered(bytes, number);
            if is_inside {
                replaced(&bytes, b"/aux/", b"/buy/")
            } else {
                bytes
            }
        };
        let all = |fields: &[Field]| -> Vec<Field> {
            fields
                .iter()
                .map(|(name, value)| (change(name), change(value)))
                .collect()
        };
        Self {
            family: self.family,
            head: all(&self.head),
            body: self.body.iter().map(|part| change(part)).collect(),
            trailers: self.trailers.as_deref().map(all),
            frames: self.frames.as_deref().map(change),
            meaning: self.meaning,
        }
    }

    /// How it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        if let Some(frames) = &self.frames {
            return frames.clone();
        }
        let last = |is_last: bool| if is_last { END_STREAM } else { 0 };
        let is_bare = self.body.is_empty() && self.trailers.is_none();
        let mut bytes = in_frames(&packed(&self.head), last(is_bare));
        for (at, part) in self.body.iter().enumerate() {
            let is_last = at + 1 == self.body.len() && self.trailers.is_none();
            bytes.extend(frame(kinds::DATA, last(is_last), STREAM, part));
        }
        if let Some(trailers) = &self.trailers {
            bytes.extend(in_frames(&packed(trailers), END_STREAM));
        }
        bytes
    }
}

fn packed(fields: &[Field]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect()
}

/// A block in as few frames as hold it.
fn in_frames(block: &[u8], flags: u8) -> Vec<u8> {
    let parts: Vec<&[u8]> = block.chunks(16_000).collect();
    let mut bytes = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let kind = if at == 0 {
            kinds::HEADERS
        } else {
            kinds::CONTINUATION
        };
        let first = if at == 0 { flags } else { 0 };
        let end = if at + 1 == parts.len() {
            END_HEADERS
        } else {
            0
        };
        bytes.extend(frame(kind, first | end, STREAM, part));
    }
    bytes
}

fn fields(some: &[(&str, &str)]) -> Vec<Field> {
    some.iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect()
}

fn usual() -> Vec<Field> {
    fields(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "shop.example"),
        (":path", "/aux/a00000"),
    ])
}

/// The usual fields with another value under one name.
fn but(name: &str, value: impl Into<Vec<u8>>) -> Vec<Field> {
    let (mut all, value) = (usual(), value.into());
    for field in &mut all {
        if field.0 == name.as_bytes() {
            field.1.clone_from(&value);
        }
    }
    all
}

/// Every shape.
pub fn all() -> Vec<Shape> {
    [
        pseudo(),
        lines(),
        hosts(),
        connections(),
        names(),
        values(),
        lengths(),
        crumbs(),
        trailers(),
        crowds(),
        packing(),
        frames(),
    ]
    .concat()
}

/// Pseudo-header fields left out, doubled, moved, misspelt, unknown.
fn pseudo() -> Vec<Shape> {
    let mut all = Vec::new();
    let mut add = |head: Vec<Field>| {
        all.push(Shape::of("pseudo-headers", head.clone(), HELLO));
        all.push(Shape::of("pseudo-headers", head, ""));
    };
    for at in 0..4 {
        let mut left_out = usual();
        let one = left_out.remove(at);
        add(left_out.clone());
        add([usual(), vec![one.clone()]].concat());
        add([vec![(one.0.clone(), b"/pwn/p00000".to_vec())], usual()].concat());
        add([usual(), vec![(one.0.clone(), b"GET".to_vec())]].concat());
        add([
            left_out.clone(),
            fields(&[("x-first", "1")]),
            vec![one.clone()],
        ]
        .concat());
        let named = |name: Vec<u8>| [left_out.clone(), vec![(name, one.1.clone())]].concat();
        add(named(one.0.to_ascii_uppercase()));
        add(named([&one.0[..], b" "].concat()));
        add(named([b":", &one.0[..]].concat()));
        add(named(one.0[1..].to_vec()));
        add(but(std::str::from_utf8(&one.0).unwrap(), ""));
        left_out.insert(0, one);
        add(left_out);
    }
    for (name, value) in [
        (":status", "200"),
        (":protocol", "websocket"),
        (":host", "shop.example"),
        (":", "x"),
        (":x", "1"),
        (":path_", "/pwn/p00000"),
        (":content-length", "0"),
    ] {
        add([usual(), fields(&[(name, value)])].concat());
    }
    all
}

/// Methods, paths and schemes.
fn lines() -> Vec<Shape> {
    let mut all = Vec::new();
    const WHOLE: &str =
        "GET /aux/a00000 HTTP/1.1\r\nHost: shop.example\r\n\r\nGET /pwn/p00000 HTTP/1.1\r\nX:";
    for method in parts(METHODS).chain(["", "GET /pwn/p00000 HTTP/1.1\r\nX:", "GET\r\n", WHOLE]) {
        all.push(Shape::of("methods", but(":method", method), HELLO));
    }
    let split = "/aux/a00000 HTTP/1.1\r\nHost: shop.example\r\n\r\nGET /pwn/p00000";
    let odd = [
        "",
        " ",
        "/aux/a00000 HTTP/1.1",
        "/aux/a00000 ",
        " /aux/a00000",
        "/aux/a00000\t",
        "/aux/a00000\0",
        "/aux/a00000\r\nX: 1",
        "/aux/a00000\nX: 1",
        "/aux/a00000 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX:",
        split,
        "/\\pwn/p00000",
        "//pwn/p00000",
        "/aux/a00000?\r\n",
        ":path",
        "@/aux/a00000",
    ];
    // A fragment alone is cut off, and with it the number that tells whose request it is.
    for target in parts(TARGETS)
        .chain(odd)
        .filter(|target| !target.starts_with('#'))
    {
        all.push(Shape::of("paths", but(":path", target), HELLO));
        let mut asks = but(":path", target);
        asks[0].1 = b"OPTIONS".to_vec();
        all.push(Shape::of("paths", asks, ""));
    }
    for scheme in [
        "http",
        "HTTPS",
        "ftp",
        "",
        "https:",
        "https://",
        "https://shop.example/pwn/p00000?",
        "http\r\nX: 1",
        "h ttp",
        "https\0",
        "/",
        "file",
        "ws",
        "+",
        "1",
    ] {
        all.push(Shape::of("schemes", but(":scheme", scheme), HELLO));
    }
    all
}

/// One host, none, two, and two that differ.
fn hosts() -> Vec<Shape> {
    let mut all = Vec::new();
    let odd = [
        "",
        "shop.example\r\nX: 1",
        "shop.example ",
        "shop.example\0",
        "shop.example/pwn/p00000",
    ];
    for host in parts(HOSTS).chain(odd) {
        all.push(Shape::of("hosts", but(":authority", host), HELLO));
        let both = [usual(), fields(&[("host", host)])].concat();
        all.push(Shape::of("hosts", both.clone(), HELLO));
        let mut alone = both;
        alone.remove(2);
        all.push(Shape::of("hosts", alone, HELLO));
    }
    for more in [
        &[("host", "shop.example"), ("host", "shop.example")][..],
        &[("host", "shop.example"), ("host", "other.example")],
        &[("x-forwarded-host", "other.example")],
        &[
            ("x-original-url", "/pwn/p00000"),
            ("x-rewrite-url", "/pwn/p00000"),
        ],
        &[("x-http-method-override", "DELETE")],
    ] {
        all.push(Shape::with("hosts", more, HELLO));
    }
    all
}

/// Fields that belong to a connection of HTTP/1.1, in front of a body that is another request.
fn connections() -> Vec<Shape> {
    let mut all = Vec::new();
    for (name, value) in [
        ("connection", "close"),
        ("connection", "keep-alive"),
        ("connection", ""),
        ("connection", "content-length"),
        ("connection", "x-forwarded-for"),
        ("connection", "upgrade"),
        ("keep-alive", "timeout=600"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("transfer-encoding", ""),
        ("transfer-encoding", "gzip, chunked"),
        ("transfer_encoding", "chunked"),
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("te", "trailers"),
        ("te", "chunked"),
        ("te", "trailers, chunked"),
        ("te", "TRAILERS"),
        ("te", ""),
        ("trailer", "content-length"),
        ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
        ("expect", "100-continue"),
        ("expect", "x"),
        ("content-encoding", "chunked"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        let chunked = in_a_chunk(HIDDEN);
        let ends_early = format!("0\r\n\r\n{HIDDEN}");
        for body in ["", HELLO, HIDDEN, &chunked, &ends_early] {
            all.push(Shape::with("connections", &[(name, value)], body));
        }
    }
    all
}

/// Names with a byte that none may hold, or that some server takes for another.
fn names() -> Vec<Shape> {
    let mut all = Vec::new();
    let mut add = |name: &[u8], value: &str, body: &str| {
        let one = vec![(name.to_vec(), value.as_bytes().to_vec())];
        all.push(Shape::of("names", [usual(), one].concat(), body));
    };
    for odd in ODD {
        for name in [
            [b"x-odd", odd].concat(),
            [odd, b"x-odd"].concat(),
            [b"x-", odd, b"odd"].concat(),
        ] {
            add(&name, "1", HELLO);
        }
        add(&[b"content-length", odd].concat(), "0", HIDDEN);
        add(
            &[b"transfer-encoding", odd].concat(),
            "chunked",
            &in_a_chunk(HIDDEN),
        );
        add(&[odd, b"host"].concat(), "other.example", HELLO);
    }
    for name in [
        "",
        "X-Upper",
        "Content-Length",
        "TRANSFER-ENCODING",
        "Host",
        "x-a: 1\r\nx-b",
        "x-a:1",
        "x\r\n\r\nGET /pwn/p00000",
        "transfer-encoding: chunked\r\nx",
        "anteroom-admission",
        "anteroom_admission",
        "x_forwarded_for",
        "cookie ",
    ] {
        add(name.as_bytes(), "0", HIDDEN);
    }
    all
}

/// Values with a byte that ends a line somewhere.
fn values() -> Vec<Shape> {
    let mut all = Vec::new();
    let mut add = |name: &str, value: Vec<u8>, body: &str| {
        let one = vec![(name.as_bytes().to_vec(), value)];
        all.push(Shape::of("values", [usual(), one].concat(), body));
    };
    for odd in ODD {
        for name in ["x-odd", "cookie"] {
            add(name, [b"a=1", odd].concat(), HELLO);
            add(name, [odd, b"a=1"].concat(), HELLO);
            add(name, [b"a=", odd, b"1"].concat(), HELLO);
        }
        let length = HELLO.len().to_string();
        add("content-length", [length.as_bytes(), odd].concat(), HELLO);
        add("content-length", [odd, length.as_bytes()].concat(), HELLO);
        add(
            "x-odd",
            [b"1", odd, b"transfer-encoding: chunked"].concat(),
            &in_a_chunk(HIDDEN),
        );
    }
    for end in ["\r\n", "\n", "\r", "\r\n\r\n", "\u{2028}", "\u{85}"] {
        for rest in [
            "content-length: 0",
            "transfer-encoding: chunked",
            HIDDEN,
            " folded",
            "\r\n",
        ] {
            add("x-odd", format!("1{end}{rest}").into(), HIDDEN);
        }
    }
    all
}

/// Lengths beside what DATA holds.
fn lengths() -> Vec<Shape> {
    let mut all = Vec::new();
    let right = HELLO.len();
    let said = [
        right.to_string(),
        "0".into(),
        (right - 1).to_string(),
        (right + 1).to_string(),
        format!("0{right}"),
        format!("+{right}"),
        format!("-{right}"),
        format!("{right},{right}"),
        format!("{right}, {right}"),
        format!("{right};"),
        format!("0x{right:x}"),
        format!("{right}.0"),
        format!("{right}e0"),
        String::new(),
        " ".into(),
        "18446744073709551616".into(),
        "18446744073709551628".into(),
        "9223372036854775807".into(),
        "chunked".into(),
        "１２".into(),
    ];
    for length in &said {
        all.push(Shape::with("lengths", &[("content-length", length)], HELLO));
        all.push(Shape::with("lengths", &[("content-length", length)], ""));
        all.push(Shape::with(
            "lengths",
            &[("content-length", length)],
            HIDDEN,
        ));
        let twice = [
            ("content-length", length.as_str()),
            ("content-length", length),
        ];
        all.push(Shape::with("lengths", &twice, HELLO));
        let differ = [("content-length", length.as_str()), ("content-length", "0")];
        all.push(Shape::with("lengths", &differ, HELLO));
        let mut asks = Shape::with("lengths", &[("content-length", length)], HELLO);
        asks.head[0].1 = b"GET".to_vec();
        all.push(asks);
    }
    for parts in [
        &["hello ", "a00000"][..],
        &["", "hello a00000", ""],
        &["hello a00000", "X"],
        &["", ""],
    ] {
        let mut shape = Shape::with("lengths", &[("content-length", &right.to_string())], "");
        shape.body = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
        all.push(shape.clone());
        shape.head.pop();
        all.push(shape);
    }
    all
}

/// Cookies in crumbs, some with our names.
fn crumbs() -> Vec<Shape> {
    let mut all = Vec::new();
    for crumbs in [
        &["a=1", "b=2"][..],
        &["a=1; b=2", "c=3"],
        &["", "a=1"],
        &[";", "; ;", "a=1;"],
        &["a=1", "__Host-anteroom-a-derby=x", "b=2"],
        &["anteroom-a-derby", "=x"],
        &["=anteroom-a-derby=x"],
        &["__Host-anteroom-a-derby=x", "__Host-anteroom-a-derby=y"],
        &["a=1\r\nx: 1", "b=2"],
        &["a=\"1", "b=2\""],
        &["a=1,b=2", "c"],
    ] {
        let lines: Vec<(&str, &str)> = crumbs.iter().map(|crumb| ("cookie", *crumb)).collect();
        all.push(Shape::with("crumbs", &lines, HELLO));
    }
    for count in [50, 99, 150] {
        all.push(Shape::with(
            "crumbs",
            &vec![("cookie", "a=1"); count],
            HELLO,
        ));
    }
    all
}

/// Trailers that say what only a head may, or nothing at all.
fn trailers() -> Vec<Shape> {
    let mut all = Vec::new();
    for (name, value) in [
        ("x-sum", "7"),
        (":path", "/pwn/p00000"),
        (":method", "GET"),
        (":status", "200"),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("host", "other.example"),
        ("te", "gzip"),
        ("X-Upper", "1"),
        ("", "1"),
        ("x-odd", "1\r\nx-more: 2"),
        (
            "x-odd",
            "1\r\n\r\nGET /pwn/p00000 HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        ),
        ("x-odd\r\n", "1"),
        ("cookie", "anteroom-a-derby=x"),
        ("anteroom-admission", "x"),
        ("x-forwarded-for", "6.6.6.6"),
        ("authorization", "Bearer x"),
    ] {
        let length = HELLO.len().to_string();
        for head in [
            &[][..],
            &[("content-length", length.as_str())],
            &[("te", "trailers"), ("trailer", name)],
        ] {
            let is_named = head
                .iter()
                .all(|(_, value)| !value.is_empty() && !value.contains(['\r', '\n']));
            if is_named {
                let shape = Shape::with("trailers", head, HELLO);
                all.push(shape.trailing(fields(&[(name, value)])));
            }
        }
    }
    all.push(Shape::with("trailers", &[], "").trailing(fields(&[("x-sum", "7")])));
    all.push(Shape::with("trailers", &[], HELLO).trailing(Vec::new()));
    all
}

/// Many fields, and long ones.
fn crowds() -> Vec<Shape> {
    let long = "l".repeat(9_000);
    let longer = "l".repeat(70_000);
    let mut all = vec![
        Shape::with("crowds", &[("x-odd", "1"); 90], HELLO),
        Shape::with("crowds", &[("x-odd", "1"); 120], HELLO),
        Shape::with("crowds", &[("x-odd", "1"); 2_000], HELLO),
        Shape::with("crowds", &[("x-odd", long.as_str())], HELLO),
        Shape::with("crowds", &[("x-odd", longer.as_str())], HELLO),
        Shape::of("crowds", but(":path", format!("/aux/a00000?{long}")), HELLO),
        Shape::of(
            "crowds",
            but(":authority", format!("shop.example{long}")),
            HELLO,
        ),
        Shape::of("crowds", but(":method", long.clone()), HELLO),
    ];
    all.push(Shape::of(
        "crowds",
        [usual(), vec![(long.into_bytes(), b"1".to_vec())]].concat(),
        HELLO,
    ));
    all
}

/// Fields that cannot be unpacked, and some that can in odd ways.
fn packing() -> Vec<Shape> {
    let block = || packed(&usual());
    let odd: [(Vec<u8>, Meaning); 14] = [
        (vec![0x80], Meaning::Nothing),
        (vec![0xFF, 0x80, 0x01], Meaning::Nothing),
        (vec![0xBE], Meaning::Nothing),
        (
            vec![
                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            ],
            Meaning::Nothing,
        ),
        (vec![0x00, 0x05, b'x'], Meaning::Nothing),
        (vec![0x00, 0x01, b'x'], Meaning::Nothing),
        (
            vec![0x00, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, b'x'],
            Meaning::Nothing,
        ),
        (vec![0x3F, 0xE1, 0xFF, 0xFF, 0x7F], Meaning::Nothing),
        (vec![0x20], Meaning::Nothing),
        // Huffman: a padding of a whole byte, one of zeros, and the end of strings itself.
        (vec![0x00, 0x01, b'x', 0x82, 0x1F, 0xFF], Meaning::Nothing),
        (vec![0x00, 0x01, b'x', 0x81, 0x00], Meaning::Nothing),
        (
            vec![0x00, 0x01, b'x', 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            Meaning::Nothing,
        ),
        (vec![0x10, 0x01, b'x', 0x01, b'1'], Meaning::AsSaid),
        (
            vec![0x40, 0x01, b'x', 0x01, b'1', 0xBE, 0xBE],
            Meaning::AsSaid,
        ),
    ];
    let whole = |bytes: &[u8]| frame(kinds::HEADERS, END_HEADERS | END_STREAM, STREAM, bytes);
    let behind = odd.iter().map(|(odd, meaning)| {
        Shape::raw("packing", whole(&[block(), odd.clone()].concat()), *meaning)
    });
    let before = odd.iter().map(|(odd, _)| {
        // In front it is no field either, and a field that stands there has a pseudo-header behind it.
        Shape::raw(
            "packing",
            whole(&[odd.clone(), block()].concat()),
            Meaning::Nothing,
        )
    });
    let is_no_update = |shape: &Shape| {
        shape
            .frames
            .as_ref()
            .is_none_or(|bytes| bytes.get(9) != Some(&0x20))
    };
    behind.chain(before.filter(is_no_update)).collect()
}

/// Frames in an order, of a length or on a stream that cannot be.
fn frames() -> Vec<Shape> {
    let block = packed(&usual());
    let (half, rest) = block.split_at(block.len() / 2);
    let whole = END_HEADERS | END_STREAM;
    let head = |flags: u8| frame(kinds::HEADERS, flags, STREAM, &block);
    let data = |flags: u8, payload: &[u8]| frame(kinds::DATA, flags, STREAM, payload);
    let padded = |length: u8| {
        let payload = [&[length][..], &block, &[0; 8]].concat();
        frame(kinds::HEADERS, whole | 8, STREAM, &payload)
    };
    let behind = [0, 0, 0, 0, 9];
    let nothing = |frames: Vec<u8>| Shape::raw("frames", frames, Meaning::Nothing);
    let said = |frames: Vec<u8>| Shape::raw("frames", frames, Meaning::AsSaid);
    let of = |kind: u8, flags: u8, stream: u32, payload: &[u8]| frame(kind, flags, stream, payload);
    vec![
        nothing(frame(kinds::HEADERS, whole, 0, &block)),
        nothing(frame(kinds::HEADERS, whole, 2, &block)),
        nothing(padded(255)),
        said(padded(8)),
        nothing(of(kinds::CONTINUATION, END_HEADERS, STREAM, &block)),
        nothing(data(END_STREAM, HIDDEN.as_bytes())),
        nothing(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                of(kinds::CONTINUATION, END_HEADERS, 3, rest),
            ]
            .concat(),
        ),
        nothing(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                data(0, b"x"),
                of(kinds::CONTINUATION, END_HEADERS, STREAM, rest),
            ]
            .concat(),
        ),
        nothing(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                of(6, 0, 0, &[0; 8]),
            ]
            .concat(),
        ),
        said(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                of(kinds::CONTINUATION, END_HEADERS, STREAM, rest),
            ]
            .concat(),
        ),
        said(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                of(kinds::CONTINUATION, 0, STREAM, &[]),
                of(kinds::CONTINUATION, END_HEADERS, STREAM, rest),
            ]
            .concat(),
        ),
        said([head(whole), data(END_STREAM, HIDDEN.as_bytes())].concat()),
        said([head(whole), head(whole)].concat()),
        nothing([head(END_HEADERS), head(END_HEADERS)].concat()),
        nothing([head(END_HEADERS), data(8, &[200, b'x'])].concat()),
        nothing(of(
            5,
            END_HEADERS,
            STREAM,
            &[&[0, 0, 0, 2][..], &block].concat(),
        )),
        nothing(of(kinds::RST_STREAM, 0, STREAM, &[0, 0, 0, 8])),
        nothing(of(8, 0, 0, &[0, 0, 0, 0])),
        nothing(
            [
                head(END_HEADERS),
                of(8, 0, STREAM, &[0x7F, 0xFF, 0xFF, 0xFF]),
            ]
            .concat(),
        ),
        nothing(of(kinds::SETTINGS, 1, 0, &[0; 6])),
        nothing(of(kinds::SETTINGS, 0, STREAM, &[])),
        nothing(of(kinds::SETTINGS, 0, 0, &[0; 5])),
        nothing(of(6, 0, 0, &[0; 7])),
        nothing(of(kinds::DATA, END_STREAM, 0, b"x")),
        nothing(frame(
            kinds::HEADERS,
            whole | 0x20,
            STREAM,
            &[&[0, 0, 0, 1, 9][..], &block].concat(),
        )),
        said(frame(
            kinds::HEADERS,
            whole | 0x20,
            STREAM,
            &[&behind[..], &block].concat(),
        )),
        said([of(0xFA, 0xFF, STREAM, b"unknown"), head(whole)].concat()),
        nothing(
            [
                head(END_HEADERS),
                of(kinds::DATA, END_STREAM, STREAM, &vec![b'x'; 17_000]),
            ]
            .concat(),
        ),
        nothing(b"\0\0\x05\x01\x05\0\0\0\x01\x82\x87".to_vec()),
        nothing(b"GET /pwn/p00000 HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_vec()),
    ]
}
