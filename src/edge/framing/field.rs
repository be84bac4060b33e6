//! The rules for one line of a head: the request line, a field, and the values that frame.

use super::fault::Fault;
use super::head::Version;
use super::limits::Limits;

/// The names that decide where a request ends or whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// `Host`.
    Host,
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Upgrade`, after which the bytes may speak another protocol.
    Upgrade,
    /// Any other name.
    Other,
}

impl Name {
    /// Which name this is.
    ///
    /// # Errors
    /// [`Fault::Lookalike`] for names that become Content-Length or Transfer-Encoding once
    /// their punctuation is taken for `-`, as servers behind us may do.
    pub(super) fn of(name: &[u8]) -> Result<Self, Fault> {
        let (canonical, known): (&[u8], _) = match name.len() {
            4 => (b"host", Self::Host),
            7 => (b"upgrade", Self::Upgrade),
            14 => (b"content-length", Self::ContentLength),
            17 => (b"transfer-encoding", Self::TransferEncoding),
            _ => return Ok(Self::Other),
        };
        if name.eq_ignore_ascii_case(canonical) {
            return Ok(known);
        }
        let alike = name.iter().zip(canonical).all(|(byte, wanted)| {
            byte.eq_ignore_ascii_case(wanted) || (*wanted == b'-' && !byte.is_ascii_alphanumeric())
        });
        if alike {
            return Err(Fault::Lookalike);
        }
        Ok(Self::Other)
    }
}

/// A set of bytes, one entry each: a look-up costs less than comparing ranges.
struct ByteSet([bool; 256]);

/// Bytes that may stand in a token, RFC 9110 section 5.6.2.
static TOKEN: ByteSet = ByteSet::visible_but(b"\"(),/:;<=>?@[\\]{}");

/// Bytes we read in a target. A fragment, which hyper would cut off, and what an address has to
/// encode are not among them.
static TARGET: ByteSet = ByteSet::visible_but(b"\"#<>");

impl ByteSet {
    /// Every visible ASCII byte except these.
    const fn visible_but(except: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut entries: &mut [bool] = &mut set;
        let mut byte = 0;
        while let [entry, rest @ ..] = entries {
            *entry = is_visible(byte) && !contains(except, byte);
            byte = byte.wrapping_add(1);
            entries = rest;
        }
        Self(set)
    }

    fn holds(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }

    fn holds_all(&self, bytes: &[u8]) -> bool {
        bytes
            .iter()
            .fold(true, |held, byte| held & self.holds(*byte))
    }
}

const fn is_visible(byte: u8) -> bool {
    byte > b' ' && byte < 0x7F
}

const fn contains(mut bytes: &[u8], wanted: u8) -> bool {
    while let [byte, rest @ ..] = bytes {
        if *byte == wanted {
            return true;
        }
        bytes = rest;
    }
    false
}

/// Whether an `Upgrade` value names the one protocol that may follow HTTP on a connection.
pub(super) fn names_websocket(value: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|protocol| trim(protocol).eq_ignore_ascii_case(b"websocket"))
}

/// Whether a byte may stand in a token.
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN.holds(byte)
}

const fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7F
}

/// Whether these bytes hold a control byte other than a tab.
pub(super) fn has_control(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .fold(false, |found, byte| found | is_control(*byte))
}

/// Splits a field line into its name and its value without white space around it.
///
/// # Errors
/// The [`Fault`] that says which rule of RFC 9112 section 5 the line breaks.
pub(super) fn split(line: &[u8]) -> Result<(Name, &[u8]), Fault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Fault::Folded);
    }
    let end = line.iter().position(|byte| !is_token(*byte));
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let value = match rest {
        [b':', value @ ..] if !name.is_empty() => trim(value),
        rest if rest.contains(&b':') => return Err(Fault::FieldName),
        _ => return Err(Fault::NoColon),
    };
    self::value(value)?;
    Ok((Name::of(name)?, value))
}

/// Judges a field's value.
///
/// # Errors
/// [`Fault::ControlByte`] and [`Fault::NotText`].
pub(super) fn value(value: &[u8]) -> Result<(), Fault> {
    if has_control(value) {
        return Err(Fault::ControlByte);
    }
    // Sites set cookies in Latin-1, and browsers bring them back (RFC 9110, section 5.5: obs-text).
    // Its control bytes and its blank have no business there: some readers take them for white space.
    let is_strange = |byte: &u8| (0x80..=0xA0).contains(byte);
    if !value.is_ascii() && std::str::from_utf8(value).is_err() && value.iter().any(is_strange) {
        return Err(Fault::NotText);
    }
    Ok(())
}

/// Takes spaces and tabs off both ends, and no other white space.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Reads `METHOD TARGET VERSION`.
///
/// # Errors
/// The [`Fault`] that says which part is wrong.
pub(super) fn request_line(line: &[u8], limits: &Limits) -> Result<Version, Fault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::RequestLine);
    };
    if method.is_empty() || !TOKEN.holds_all(method) {
        return Err(Fault::RequestLine);
    }
    if method.len() > limits.method {
        return Err(Fault::MethodTooLong);
    }
    if target.len() > limits.target {
        return Err(Fault::TargetTooLong);
    }
    if !is_target(target) {
        return Err(Fault::Target);
    }
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Fault::Version),
        _ => Err(Fault::RequestLine),
    }
}

/// Whether hyper will read this target, and as what it says. What it means is the gate's to judge.
fn is_target(target: &[u8]) -> bool {
    if !TARGET.holds_all(target) {
        return false;
    }
    if target.first() != Some(&b'/') {
        return http::Uri::try_from(target).is_ok();
    }
    let mut path = target.split(|byte| *byte == b'?');
    path.next().is_some_and(|path| !path.contains(&b'`'))
}

/// Whether a Host value is a name, an IPv4 address or a bracketed IPv6 address, and perhaps a port.
pub(super) fn is_host(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    if let Some(rest) = value.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<std::net::Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (name, port) = value.split_once(':').unwrap_or((value, "0"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !name.is_empty() && name.len() <= 255 && name.bytes().all(allowed) && is_port(port)
}

/// None behind the colon is a port too, RFC 3986 section 3.2.3.
fn is_port(port: &str) -> bool {
    let is_number =
        || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    port.is_empty() || is_number()
}

/// Reads a Content-Length: digits alone, no leading zero, at most 2^63.
///
/// # Errors
/// [`Fault::LengthInvalid`].
pub(super) fn length(value: &[u8]) -> Result<u64, Fault> {
    let plain = match value {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let digits = std::str::from_utf8(value).ok().filter(|_| plain);
    digits
        .and_then(|digits| digits.parse().ok())
        .filter(|length| *length <= 1 << 63)
        .ok_or(Fault::LengthInvalid)
}
