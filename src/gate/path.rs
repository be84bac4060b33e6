//! A request's path, decoded once: what is forwarded, and what rooms compare.

use std::borrow::Cow;

use crate::domain::pattern::match_key;

use super::Refusal;

/// A path in both of its forms.
pub struct Path<'a> {
    /// Percent-encoded, as forwarded.
    pub text: Cow<'a, str>,
    /// As compared with the rooms' patterns.
    pub key: String,
    /// Whether the key lost nothing but case and a last slash.
    pub plain: bool,
}

/// Reads a request target's path.
///
/// # Errors
/// [`Refusal::Ambiguous`] for a path that two servers could read in two ways.
pub fn parse(raw: &str) -> Result<Path<'_>, Refusal> {
    if !raw.starts_with('/') {
        return Err(Refusal::Ambiguous("a request target begins with `/`"));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/');
    if raw.bytes().all(plain) && !raw.contains("//") {
        return Ok(Path {
            text: Cow::Borrowed(raw),
            key: match_key(raw).into_owned(),
            plain: true,
        });
    }
    let mut segments: Vec<Segment> = Vec::new();
    let last = raw.split('/').count().saturating_sub(1);
    let mut open = false;
    for (at, part) in raw.split('/').enumerate().skip(1) {
        let segment = Segment::parse(part)?;
        open = at == last && segment.is_nothing();
        match segment.kind()? {
            Kind::Nothing => {}
            Kind::Up => drop(segments.pop()),
            Kind::Name => segments.push(segment),
        }
    }
    let mut text = String::with_capacity(raw.len());
    let mut decoded = String::with_capacity(raw.len());
    for segment in &segments {
        text.push('/');
        text.push_str(&segment.text);
        decoded.push('/');
        decoded.push_str(&segment.decoded);
    }
    if open || segments.is_empty() {
        text.push('/');
        decoded.push('/');
    }
    let key = match_key(&decoded).into_owned();
    let whole = decoded.strip_suffix('/').unwrap_or(&decoded).to_lowercase();
    Ok(Path {
        text: Cow::Owned(text),
        plain: key == whole || key == "/" && whole.is_empty(),
        key,
    })
}

/// One path segment.
struct Segment {
    /// Encoded: unreserved characters plain, the rest as it came, hex digits in capitals.
    text: String,
    /// Decoded once.
    decoded: String,
    /// Whether anything in it was percent-encoded.
    encoded: bool,
}

enum Kind {
    Nothing,
    Up,
    Name,
}

impl Segment {
    fn parse(part: &str) -> Result<Self, Refusal> {
        let mut text = String::with_capacity(part.len());
        let mut bytes = Vec::with_capacity(part.len());
        let mut encoded = false;
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let pair = (rest.next().and_then(hex), rest.next().and_then(hex));
                let (Some(high), Some(low)) = pair else {
                    return Err(Refusal::Ambiguous("`%` is followed by two hex digits"));
                };
                encoded = true;
                push_decoded(&mut text, high << 4 | low);
                bytes.push(high << 4 | low);
            } else {
                push_raw(&mut text, byte)?;
                bytes.push(byte);
            }
        }
        if bytes
            .iter()
            .any(|byte| byte.is_ascii_control() || matches!(byte, b'/' | b'\\'))
        {
            return Err(Refusal::Ambiguous(
                "the path holds an encoded separator or control character",
            ));
        }
        let decoded = String::from_utf8(bytes)
            .map_err(|_| Refusal::Ambiguous("the path is not valid UTF-8"))?;
        if looks_encoded(&decoded) {
            return Err(Refusal::Ambiguous("the path is encoded twice"));
        }
        if decoded.contains(LOOKALIKES) {
            return Err(Refusal::Ambiguous("the path holds a look-alike separator"));
        }
        Ok(Self {
            text,
            decoded,
            encoded,
        })
    }

    fn is_nothing(&self) -> bool {
        matches!(self.decoded.as_str(), "" | "." | "..")
    }

    fn kind(&self) -> Result<Kind, Refusal> {
        let bare = self.decoded.split(';').next().unwrap_or_default();
        let dots = matches!(bare, "." | "..");
        if dots && (self.encoded || bare.len() < self.decoded.len()) {
            return Err(Refusal::Ambiguous("the path hides a dot segment"));
        }
        Ok(match self.decoded.as_str() {
            "" | "." => Kind::Nothing,
            ".." => Kind::Up,
            _ => Kind::Name,
        })
    }
}

/// Full-width forms of `/`, `\` and `.`, which some servers fold to the plain ones.
const LOOKALIKES: [char; 3] = ['\u{ff0f}', '\u{ff3c}', '\u{ff0e}'];

fn push_decoded(text: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
        text.push(char::from(byte));
    } else {
        push_encoded(text, byte);
    }
}

fn push_encoded(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        text.push(DIGITS.get(usize::from(digit)).copied().unwrap_or('0'));
    }
}

fn push_raw(text: &mut String, byte: u8) -> Result<(), Refusal> {
    if byte == b'\\' || byte == b'#' || !(0x21..0x7f).contains(&byte) {
        return Err(Refusal::Ambiguous(
            "the path holds a character that must be encoded",
        ));
    }
    let unsafe_raw = matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}');
    if unsafe_raw {
        push_encoded(text, byte);
    } else {
        text.push(char::from(byte));
    }
    Ok(())
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Whether a second decoding would find something: an origin that decodes twice must not see
/// another path than the gate did.
fn looks_encoded(decoded: &str) -> bool {
    let bytes = decoded.as_bytes();
    bytes.windows(3).any(|three| {
        let &[percent, high, low] = three else {
            return false;
        };
        percent == b'%' && hex(high).is_some() && hex(low).is_some()
    })
}
