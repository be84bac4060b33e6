//! Writes requests in HTTP/2 that a gateway could carry on as another one, and their honest
//! neighbours. Paths are those of the grammar for HTTP/1.

mod bodies;
mod fields;
mod heads;
mod wires;

use crate::kit::frames::{END_HEADERS, END_STREAM, field, frame, kinds};

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
        heads::pseudo(),
        heads::lines(),
        heads::hosts(),
        fields::connections(),
        fields::names(),
        fields::values(),
        bodies::lengths(),
        fields::crumbs(),
        bodies::trailers(),
        fields::crowds(),
        wires::packing(),
        wires::frames(),
        wires::steering(),
    ]
    .concat()
}
