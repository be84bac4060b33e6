//! Reading the heads of HTTP/1.1 answers strictly, while their bytes come in.
//!
//! The library takes a bare line feed for the end of a line and passes over empty lines in front
//! of a head. An origin that lets a line feed into a header's value would then let whoever wrote
//! that value say headers of their own. Everything else that may be wrong with a head is left to
//! the library, which reads it once it has come whole.

use crate::text::feed::position_of_feed;

/// As much of a status line as says what answer it begins: `HTTP/1.1 200`.
const STATUS: usize = 12;

/// Follows what comes up to the end of an answer's head: interim heads, one after another, and
/// then its own. Looks at nothing behind it, and at nothing before it is told to begin.
#[derive(Debug, Default)]
pub(super) struct Heads {
    part: Part,
    /// The first bytes of the status line.
    status: [u8; STATUS],
    /// Bytes of the present line so far.
    length: usize,
    /// Whether the last of these is a carriage return.
    returned: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// Whatever comes is no part of a head.
    #[default]
    Beyond,
    Status,
    Fields(Then),
}

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Another head.
    Head,
    /// The body, or what another protocol says.
    Other,
}

impl Heads {
    /// The next byte is the first of an answer.
    pub(super) fn begin(&mut self) {
        *self = Self {
            part: Part::Status,
            ..Self::default()
        };
    }

    /// Follows these bytes. `false` if there is a line in a head among them that does not end in
    /// CR LF, or a first line of a head that is no status line.
    pub(super) fn take(&mut self, mut run: &[u8]) -> bool {
        while self.part != Part::Beyond {
            let feed = position_of_feed(run);
            let (piece, rest) = run.split_at(feed.unwrap_or(run.len()));
            self.go_on(piece);
            if feed.is_none() {
                return true;
            }
            if !self.end_line() {
                return false;
            }
            run = rest.get(1..).unwrap_or_default();
        }
        true
    }

    /// A piece of a line.
    fn go_on(&mut self, piece: &[u8]) {
        if self.part == Part::Status {
            let free = self.status.iter_mut().skip(self.length);
            for (place, byte) in free.zip(piece) {
                *place = *byte;
            }
        }
        self.length = self.length.saturating_add(piece.len());
        if let Some(last) = piece.last() {
            self.returned = *last == b'\r';
        }
    }

    fn end_line(&mut self) -> bool {
        if !self.returned {
            return false;
        }
        let is_empty = self.length == 1;
        let next = match self.part {
            Part::Status => then(self.status).map(Part::Fields),
            Part::Fields(Then::Head) if is_empty => Some(Part::Status),
            Part::Fields(Then::Other) if is_empty => Some(Part::Beyond),
            part @ (Part::Fields(_) | Part::Beyond) => Some(part),
        };
        let Some(part) = next else {
            return false;
        };
        *self = Self {
            part,
            ..Self::default()
        };
        true
    }
}

/// What follows the head that begins with this; `None` if no head does.
fn then(status: [u8; STATUS]) -> Option<Then> {
    let code = status.strip_prefix(b"HTTP/1.0 ");
    match code.or_else(|| status.strip_prefix(b"HTTP/1.1 "))? {
        b"101" => Some(Then::Other),
        [b'1', ..] => Some(Then::Head),
        _ => Some(Then::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> bool {
        let mut heads = Heads::default();
        heads.begin();
        pieces.all(|piece| heads.take(piece))
    }

    /// Whether these bytes pass, which must not depend on where they are cut.
    fn passes(bytes: &[u8]) -> bool {
        let whole = outcome([bytes].into_iter());
        for at in 0..=bytes.len() {
            let (one, two) = bytes.split_at(at);
            assert_eq!(outcome([one, two].into_iter()), whole, "cut at {at}");
        }
        assert_eq!(outcome(bytes.chunks(1)), whole, "byte by byte");
        whole
    }

    #[test]
    fn h14_lines_of_heads_end_in_cr_lf() {
        for bytes in [
            &b"HTTP/1.1 200 OK\nx: y\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nx: y\nz: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: y\r\n\n",
            b"HTTP/1.1 200 OK\n\n",
            b"HTTP/1.1 200 O\nK\r\n\r\n",
            b"HTTP/1.1 103 \r\nx: y\nz: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 103 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\nx: y\n\r\n",
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200\nOK\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"http/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 103 \r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"<html>\r\n",
        ] {
            assert!(!passes(bytes), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn h14_nothing_behind_a_head_is_looked_at() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n\r\nline\nline\n\n"[..],
            b"HTTP/1.0 404 \r\nx: y\r\n\r\n\n",
            b"HTTP/1.1 200\r\n\r\n",
            b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\n\r\n\x81\n",
            b"HTTP/1.1 103 \r\nx: y\r\n\r\nHTTP/1.1 204 \r\n\r\n\n",
        ] {
            assert!(passes(bytes), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn nothing_is_looked_at_that_is_not_awaited() {
        let mut heads = Heads::default();
        assert!(heads.take(b"\n\n"));

        heads.begin();
        assert!(heads.take(b"HTTP/1.1 200 OK\r\n\r\nbody\n"));
        assert!(heads.take(b"more of it\n"));

        heads.begin();
        assert!(!heads.take(b"HTTP/1.1 200 OK\n"));
    }
}
