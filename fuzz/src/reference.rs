//! A second reader of HTTP/1: small, strict, and written without the guard's code, so that the
//! two can be compared. It knows where requests end and what their bodies are, and nothing of
//! limits. What it refuses, the guard must refuse; what it reads, the guard may refuse.

/// One whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method as sent.
    pub method: String,
    /// The target as sent.
    pub target: String,
    /// Whether it speaks HTTP/1.0.
    pub is_old: bool,
    /// Names in lower case and values without white space around them.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Where it ends in what was read.
    pub end: usize,
}

/// How what was read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Behind a whole request.
    Clean,
    /// Inside of a request that may still become whole.
    Unfinished,
    /// Before something that is no clear request.
    Refused(&'static str),
}

/// Everything that stands in some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The whole requests, in order.
    pub requests: Vec<Request>,
    /// What comes behind them.
    pub end: End,
}

/// Reads the bytes of one connection.
#[must_use]
pub fn read(bytes: &[u8]) -> Reading {
    let mut reader = Reader { bytes, at: 0 };
    let mut requests = Vec::new();
    loop {
        let start = reader.at;
        if reader.rest().starts_with(b"\r\n") {
            reader.at += 2;
        }
        if reader.rest().is_empty() || reader.rest() == b"\r" {
            let untouched = reader.at == start && reader.rest().is_empty();
            let end = if untouched {
                End::Clean
            } else {
                End::Unfinished
            };
            return Reading { requests, end };
        }
        match reader.request() {
            Ok(request) => requests.push(request),
            Err(end) => return Reading { requests, end },
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Digits that say the lengths we believe, all below 2^63.
const MOST: u64 = 1 << 63;

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next line without its end.
    fn line(&mut self) -> Result<&'a [u8], End> {
        let rest = self.rest();
        let feed = rest.iter().position(|byte| *byte == b'\n');
        let Some(feed) = feed else {
            return Err(End::Unfinished);
        };
        self.at += feed + 1;
        let line = rest.get(..feed).unwrap_or_default();
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(End::Refused("a line ends in a bare line feed"));
        };
        if line.iter().any(|byte| is_control(*byte)) {
            return Err(End::Refused("a line holds a control byte"));
        }
        Ok(line)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], End> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest().get(..length));
        let taken = taken.ok_or(End::Unfinished)?;
        self.at += taken.len();
        Ok(taken)
    }

    fn request(&mut self) -> Result<Request, End> {
        let line = self.line()?;
        let (method, target, is_old) = request_line(line)?;
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            fields.push(field(line)?);
        }
        let body = self.body(&fields, is_old)?;
        Ok(Request {
            method,
            target,
            is_old,
            fields,
            body,
            end: self.at,
        })
    }

    fn body(&mut self, fields: &[(String, Vec<u8>)], is_old: bool) -> Result<Vec<u8>, End> {
        let all = |name: &str| -> Vec<&[u8]> {
            let found = fields.iter().filter(|(key, _)| key == name);
            found.map(|(_, value)| value.as_slice()).collect()
        };
        match all("host").as_slice() {
            [] if is_old => {}
            [host] if is_host(host) => {}
            _ => return Err(End::Refused("there is not one host")),
        }
        match (
            all("content-length").as_slice(),
            all("transfer-encoding").as_slice(),
        ) {
            ([], []) => Ok(Vec::new()),
            ([length], []) => {
                let length = length_of(length)?;
                self.take(length).map(<[u8]>::to_vec)
            }
            ([], [coding]) if !is_old && coding.eq_ignore_ascii_case(b"chunked") => self.chunks(),
            _ => Err(End::Refused("the body's framing is not one clear word")),
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, End> {
        let mut body = Vec::new();
        loop {
            let size = chunk_size(self.line()?)?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(self.take(size)?);
            match self.rest() {
                [b'\r', b'\n', ..] => self.at += 2,
                [] | [b'\r'] => return Err(End::Unfinished),
                _ => return Err(End::Refused("a chunk does not end where it said")),
            }
        }
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(body);
            }
            field(line)?;
        }
    }
}

fn request_line(line: &[u8]) -> Result<(String, String, bool), End> {
    const FAULT: End = End::Refused("no request line");
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts.as_slice() else {
        return Err(FAULT);
    };
    let is_old = match *version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ => return Err(FAULT),
    };
    let is_target = !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
    if !is_name(method) || !is_target {
        return Err(FAULT);
    }
    Ok((text(method), text(target), is_old))
}

fn field(line: &[u8]) -> Result<(String, Vec<u8>), End> {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return Err(End::Refused("a field has no colon"));
    };
    let (name, value) = line.split_at(colon);
    if !is_name(name) {
        return Err(End::Refused("a field has no proper name"));
    }
    let name = text(name).to_ascii_lowercase();
    let plain = name.replace('_', "-");
    if plain != name && (plain == "content-length" || plain == "transfer-encoding") {
        return Err(End::Refused("a field's name resembles another"));
    }
    let mut value = value.get(1..).unwrap_or_default();
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    Ok((name, value.to_vec()))
}

fn length_of(value: &[u8]) -> Result<u64, End> {
    const FAULT: End = End::Refused("the length is no plain number");
    let is_plain =
        value == b"0" || (value.first() != Some(&b'0') && value.iter().all(u8::is_ascii_digit));
    let length: u64 = text(value).parse().map_err(|_| FAULT)?;
    (is_plain && length <= MOST).then_some(length).ok_or(FAULT)
}

fn chunk_size(line: &[u8]) -> Result<u64, End> {
    const FAULT: End = End::Refused("a chunk's size is no plain number");
    let mut parts = line.splitn(2, |byte| *byte == b';');
    let digits = parts.next().unwrap_or_default();
    let extension = parts.next().unwrap_or_default();
    let is_plain = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    if !is_plain || !extension.is_ascii() {
        return Err(FAULT);
    }
    let size = u64::from_str_radix(&text(digits), 16).map_err(|_| FAULT)?;
    (size <= MOST).then_some(size).ok_or(FAULT)
}

fn is_name(bytes: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_token)
}

fn is_host(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !b",/?#@".contains(byte))
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
