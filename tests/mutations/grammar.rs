//! Writes requests that two servers could read in two ways, and their honest neighbours.
//!
//! `/aux/a00000` is the request itself, `/tail/t00000` a further one that is meant, and
//! `/pwn/p00000` one that only a server reads which was fooled. Digits and, for the guarded half,
//! `aux` are replaced by words of the same length, so that every length said stays true.

mod chunked;
mod lengths;
pub mod lines;
mod places;
mod tails;

use std::collections::BTreeSet;

use crate::fuzzed::reference::read;

/// The request line that most shapes have.
pub const LINE: &str = "POST /aux/a00000 HTTP/1.1";

/// The Host that is ours.
pub const HOST: &str = "Host: shop.example";

/// What nobody may ever read as a request.
pub const HIDDEN: &str = "GET /pwn/p00000 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/// A further request.
pub const TAIL: &str = "GET /tail/t00000 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/// `hello` in a chunk.
pub const HELLO: &str = "5\r\nhello\r\n0\r\n\r\n";

/// Bytes that servers have stumbled over, put everywhere below.
pub const ODD: [&[u8]; 24] = [
    b"\0",
    b"\x01",
    b"\x08",
    b"\t",
    b"\n",
    b"\x0b",
    b"\x0c",
    b"\r",
    b"\x1b",
    b"\x1f",
    b" ",
    b"\"",
    b"#",
    b",",
    b":",
    b";",
    b"\\",
    b"_",
    b"\x7f",
    b"\x85",
    b"\xa0",
    b"\xc2\xa0",
    b"\xe2\x80\x8b",
    b"\xff",
];

/// One way to write a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mutation {
    /// What kind of oddity it has.
    pub family: &'static str,
    /// How it goes over the wire.
    pub bytes: Vec<u8>,
}

/// Every mutation, each once.
pub fn all() -> Vec<Mutation> {
    let families: [(&'static str, Vec<Vec<u8>>); 10] = [
        ("lengths", lengths::alone()),
        ("lengths beside encodings", lengths::beside_encodings()),
        ("encodings", lengths::encodings()),
        ("odd bytes", places::odd_bytes()),
        ("folds", places::folds()),
        ("line ends", lines::ends()),
        ("request lines", lines::requests()),
        ("hosts", lines::hosts()),
        ("chunks", chunked::bodies()),
        ("tails", tails::all()),
    ];
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (family, shapes) in families {
        for bytes in shapes {
            if !hides_openly(&bytes) && seen.insert(bytes.clone()) {
                all.push(Mutation { family, bytes });
            }
        }
    }
    all
}

/// Whether the hidden request stands behind a whole one, so that it is not hidden at all.
fn hides_openly(bytes: &[u8]) -> bool {
    let strictly = read(bytes);
    let mut targets = strictly.requests.iter().map(|one| &one.target);
    targets.any(|target| target.starts_with("/pwn/"))
}

/// A request of these lines, ended properly, and a body.
pub fn request(lines: &[&str], body: &str) -> Vec<u8> {
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}

/// The parts of a list that is written with bars.
pub fn parts(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split('|')
}

/// A length line that is true for this text.
pub fn length_of(text: &str) -> String {
    format!("Content-Length: {}", text.len())
}

/// This text in one chunk and the last one.
pub fn in_a_chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len())
}
