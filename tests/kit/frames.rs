//! Frames of HTTP/2, written by hand and read back.

/// What a client says first, with settings of its own to follow.
pub const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The kinds of frames.
pub mod kinds {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const CONTINUATION: u8 = 9;
}

/// The stream ends with this frame.
pub const END_STREAM: u8 = 1;
/// The fields end with this frame.
pub const END_HEADERS: u8 = 4;

/// One frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A field written out, without Huffman and without the table.
pub fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name.as_ref(), value.as_ref()] {
        bytes.extend(number(text.len()));
        bytes.extend(text);
    }
    bytes
}

/// A length in seven bits and as many bytes more as it needs.
fn number(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(mut rest) = length.checked_sub(127) else {
        bytes.push(u8::try_from(length).unwrap());
        return bytes;
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// One frame as it came.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// What it holds.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Takes the first frame off some bytes, if it is there whole.
    pub fn take(unread: &mut Vec<u8>) -> Option<Self> {
        let [a, b, c, kind, flags, e, f, g, h, ..] = unread[..] else {
            return None;
        };
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap();
        if unread.len() < 9 + length {
            return None;
        }
        let payload = unread.drain(..9 + length).skip(9).collect();
        Some(Self {
            kind,
            flags,
            stream: u32::from_be_bytes([e, f, g, h]),
            payload,
        })
    }

    /// The status code at the head of an answer, of a server that keeps no table for us.
    pub fn status(&self) -> u16 {
        let mut rest = &self.payload[..];
        while let [0x20..=0x3F, more @ ..] = rest {
            rest = more;
        }
        let known = [200, 204, 206, 304, 400, 404, 500];
        match rest {
            [indexed @ 0x88..=0x8E, ..] => known[usize::from(indexed - 0x88)],
            [0x08 | 0x18 | 0x48, length, text @ ..] => {
                let text = &text[..usize::from(length & 0x7F)];
                if length & 0x80 == 0 {
                    return std::str::from_utf8(text).unwrap().parse().unwrap();
                }
                digits(text)
            }
            other => panic!("no status: {other:?}"),
        }
    }
}

/// Three digits in Huffman's code: 0 to 2 are five bits long, the others six.
fn digits(text: &[u8]) -> u16 {
    let bits: String = text.iter().map(|byte| format!("{byte:08b}")).collect();
    let mut rest = &bits[..];
    let mut number = 0;
    for _ in 0..3 {
        let bits = |width: usize| u16::from_str_radix(&rest[..width], 2).unwrap();
        let (digit, width) = match bits(5) {
            digit @ 0..=2 => (digit, 5),
            _ => (bits(6) - 0b01_1001 + 3, 6),
        };
        number = number * 10 + digit;
        rest = &rest[width..];
    }
    number
}

#[test]
fn lengths_and_codes_are_those_of_rfc_7541() {
    assert_eq!(number(10), [10]);
    assert_eq!(number(1_337), [127, 0b1011_1010, 0b0000_1001]);
    // Appendix C.6.1 writes "302" so.
    assert_eq!(digits(&[0x64, 0x02]), 302);
    assert_eq!(digits(&[0x64, 0x0E, 0xFF]), 307);
}
