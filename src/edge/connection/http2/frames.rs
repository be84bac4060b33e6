//! Where the frames of an HTTP/2 connection begin, and what their heads say. Payloads are passed
//! over.

/// What a client sends before its first frame: `PRI * HTTP/2.0` and so on.
const PREFACE: usize = 24;

/// The length of a frame's head.
const HEAD: usize = 9;

/// The kinds of frames, RFC 9113 section 6 and RFC 9218 section 7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// One that a server has no use for.
    Other,
}

/// The head of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// Bytes of the payload.
    pub length: u32,
    /// What it is.
    pub kind: Kind,
    /// Its flags, whose meaning depends on the kind.
    pub flags: u8,
    /// The stream it belongs to; 0 is the connection itself.
    pub stream: u32,
}

impl FrameHead {
    fn parse(bytes: [u8; HEAD]) -> Self {
        let [l2, l1, l0, kind, flags, s3, s2, s1, s0] = bytes;
        Self {
            length: u32::from_be_bytes([0, l2, l1, l0]),
            kind: match kind {
                0x0 => Kind::Data,
                0x1 => Kind::Headers,
                // The newer PRIORITY_UPDATE counts as PRIORITY.
                0x2 | 0x10 => Kind::Priority,
                0x3 => Kind::Reset,
                0x4 => Kind::Settings,
                0x6 => Kind::Ping,
                0x7 => Kind::GoAway,
                0x8 => Kind::WindowUpdate,
                0x9 => Kind::Continuation,
                _ => Kind::Other,
            },
            flags,
            stream: u32::from_be_bytes([s3 & 0x7F, s2, s1, s0]),
        }
    }

    /// Whether its sender says nothing more on the stream.
    pub(super) fn ends_stream(self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & 0x1 != 0
    }

    /// Whether it is part of a header block.
    pub(super) fn is_of_block(self) -> bool {
        matches!(self.kind, Kind::Headers | Kind::Continuation)
    }

    /// Whether it is the last part of a header block.
    pub(super) fn ends_block(self) -> bool {
        self.is_of_block() && self.flags & 0x4 != 0
    }
}

/// Follows one direction of a connection from its first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames {
    /// Bytes to pass over: of the preface, or of the present payload.
    skip: usize,
    head: [u8; HEAD],
    have: usize,
}

impl Frames {
    /// Of the direction that begins with a preface.
    pub(super) const fn of_client() -> Self {
        Self {
            skip: PREFACE,
            head: [0; HEAD],
            have: 0,
        }
    }

    /// Of the direction that begins with a frame.
    pub(super) const fn of_server() -> Self {
        Self {
            skip: 0,
            ..Self::of_client()
        }
    }

    /// Takes bytes off the front of `bytes` up to the end of the next frame head; `None` when
    /// they hold none.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<FrameHead> {
        let passed = self.skip.min(bytes.len());
        self.skip -= passed;
        *bytes = bytes.get(passed..).unwrap_or_default();
        while self.have < HEAD {
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            if let Some(slot) = self.head.get_mut(self.have) {
                *slot = *byte;
            }
            self.have += 1;
        }
        self.have = 0;
        let head = FrameHead::parse(self.head);
        self.skip = usize::try_from(head.length).unwrap_or(usize::MAX);
        Some(head)
    }

    /// Whether the last byte was the last one of a frame.
    pub(super) const fn is_between(&self) -> bool {
        self.skip == 0 && self.have == 0
    }

    /// Whether bytes of the present payload are still to come.
    pub(super) const fn is_inside(&self) -> bool {
        self.skip > 0
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A frame as it is on the wire.
    pub(in super::super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn heads(mut frames: Frames, pieces: &[&[u8]]) -> Vec<FrameHead> {
        let mut found = Vec::new();
        for piece in pieces {
            let mut left = *piece;
            while let Some(head) = frames.next(&mut left) {
                found.push(head);
            }
        }
        found
    }

    #[test]
    fn heads_are_found_behind_the_preface_and_behind_payloads() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, &[0; 6]));
        bytes.extend(frame(1, 5, 1, b"block"));
        bytes.extend(frame(6, 0, 0, &[0; 8]));

        let found = heads(Frames::of_client(), &[&bytes]);

        let kinds: Vec<Kind> = found.iter().map(|head| head.kind).collect();
        assert_eq!(kinds, [Kind::Settings, Kind::Headers, Kind::Ping]);
        assert!(found[1].ends_stream() && found[1].ends_block());
        assert_eq!((found[1].length, found[1].stream), (5, 1));
    }

    #[test]
    fn the_reserved_bit_is_no_part_of_a_stream_s_number() {
        let bytes = frame(0, 1, 0x8000_0003, b"");
        assert_eq!(heads(Frames::of_server(), &[&bytes])[0].stream, 3);
    }

    proptest::proptest! {
        #[test]
        fn where_bytes_are_cut_changes_nothing(
            frames in proptest::collection::vec((0_u8..18, 0_u8..255, 0_u32..9, 0_usize..40), 0..12),
            cut in 1_usize..30,
        ) {
            let mut bytes = Vec::new();
            for (kind, flags, stream, length) in &frames {
                bytes.extend(frame(*kind, *flags, *stream, &vec![7; *length]));
            }
            let whole = heads(Frames::of_server(), &[&bytes]);
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();

            proptest::prop_assert_eq!(heads(Frames::of_server(), &pieces), whole.clone());
            proptest::prop_assert_eq!(whole.len(), frames.len());
        }

        #[test]
        fn no_bytes_are_too_odd_to_follow(bytes in proptest::collection::vec(0_u8..=255, 0..200)) {
            heads(Frames::of_client(), &[&bytes]);
        }
    }
}
