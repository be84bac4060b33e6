//! As much of WebSocket's frames as is needed to know where one ends (RFC 6455, section 5.2), and
//! the Close frames we send. What frames carry is none of our business.

/// Follows the frames of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    head: [u8; 14],
    /// Bytes of the present head that are here.
    known: usize,
    /// Bytes of the present frame still to come.
    left: u64,
    closed: bool,
}

/// Why we end a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// 1001: nothing moves on it, or the gateway stops. The visitor may come again.
    GoingAway,
    /// 1008: the visitor may not have it any longer.
    Policy,
}

/// The opcode of a Close frame.
const CLOSE: u8 = 0x8;

impl Frames {
    /// Follows bytes that pass.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let rest = usize::try_from(self.left).unwrap_or(usize::MAX);
            let (carried, behind) = bytes.split_at(rest.min(bytes.len()));
            self.left -= carried.len() as u64;
            let Some((byte, behind)) = behind.split_first() else {
                return;
            };
            self.extend_head(*byte);
            bytes = behind;
        }
    }

    /// Whether a frame of ours may stand here: between two frames, and before the last.
    pub(super) const fn is_between(&self) -> bool {
        self.known == 0 && self.left == 0 && !self.closed
    }

    fn extend_head(&mut self, byte: u8) {
        if let Some(slot) = self.head.get_mut(self.known) {
            *slot = byte;
            self.known += 1;
        }
        let head = self.head.get(..self.known).unwrap_or_default();
        if let Some(length) = carried(head) {
            self.closed |= head.first().is_some_and(|first| first & 0xF == CLOSE);
            self.known = 0;
            self.left = length;
        }
    }
}

/// How many bytes a frame with this head carries; `None` while the head is not whole.
fn carried(head: &[u8]) -> Option<u64> {
    let [_, second, rest @ ..] = head else {
        return None;
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let short = second & 0x7F;
    let wide = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if rest.len() < wide + mask {
        return None;
    }
    let wide = rest.get(..wide)?;
    if wide.is_empty() {
        return Some(u64::from(short));
    }
    let digits = wide.iter().map(|byte| u64::from(*byte));
    Some(digits.fold(0, |length, digit| length << 8 | digit))
}

impl Why {
    const fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::Policy => 1008,
        }
    }

    /// The frame for the visitor.
    pub(super) const fn to_visitor(self) -> [u8; 4] {
        let [high, low] = self.code().to_be_bytes();
        [0x80 | CLOSE, 2, high, low]
    }

    /// The frame for the site, masked as a client's has to be; a mask of zeros changes nothing.
    pub(super) const fn to_site(self) -> [u8; 8] {
        let [high, low] = self.code().to_be_bytes();
        [0x80 | CLOSE, 0x82, 0, 0, 0, 0, high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of text that carries so many bytes.
    fn text(length: usize, masked: bool) -> Vec<u8> {
        let mask: u8 = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x81];
        match length {
            0..126 => frame.push(mask | u8::try_from(length).unwrap()),
            126..65_536 => {
                frame.push(mask | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(if masked { &[1, 2, 3, 4][..] } else { &[] });
        frame.resize(frame.len() + length, 0x88);
        frame
    }

    #[test]
    fn a_frame_of_ours_stands_only_between_two_frames() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            for masked in [false, true] {
                let frame = text(length, masked);
                let whole = frame.len();
                for cut in [1, 2, 3, whole / 2, whole - 1].map(|cut| cut.min(whole - 1)) {
                    let mut frames = Frames::default();
                    frames.follow(&frame[..cut]);
                    assert!(!frames.is_between() || cut == 0, "{length} {masked} {cut}");
                    frames.follow(&frame[cut..]);
                    assert!(frames.is_between(), "{length} {masked} {cut}");
                }
            }
        }
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let bytes = [
            text(3, true),
            text(0, false),
            text(300, true),
            text(7, false),
        ]
        .concat();
        for size in [1, 2, 5, 64, bytes.len()] {
            let mut frames = Frames::default();
            bytes.chunks(size).for_each(|piece| frames.follow(piece));
            assert!(frames.is_between(), "{size} bytes at a time");
        }
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        for why in [Why::GoingAway, Why::Policy] {
            for frame in [&why.to_visitor()[..], &why.to_site()] {
                let mut frames = Frames::default();
                frames.follow(&text(5, false));
                frames.follow(frame);
                assert!(!frames.is_between(), "{why:?}");
            }
        }
    }
}
