//! Reading one request head, complete and strict, before anyone acts on a byte of it.

use super::fault::Fault;
use super::field::{self, Name};
use super::limits::Limits;
use super::lines::{self, Lines};

/// The version a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: no chunked bodies, and closed after the answer unless asked otherwise.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How a request's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    Absent,
    /// That many bytes.
    Length(u64),
    /// Chunks up to an empty one.
    Chunked,
}

/// What the framing of a complete head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the head with its last empty line; the body follows.
    pub len: usize,
    /// The version it speaks.
    pub version: Version,
    /// How its body is delimited.
    pub body: Body,
    /// What follows the request.
    pub then: Then,
}

/// What may follow a request on its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Another request.
    #[default]
    Request,
    /// No other request: it asks to speak WebSocket from there on. Whatever the answer is, the
    /// bytes behind it are not read as HTTP.
    Socket,
}

/// Reads a head that arrives piece by piece; a new one is needed for the next head.
#[derive(Clone, Debug, Default)]
pub struct HeadScan {
    lines: Lines,
    version: Option<Version>,
    fields: usize,
    host: bool,
    length: Option<u64>,
    chunked: bool,
    then: Then,
}

impl HeadScan {
    /// Reads on in `run`, which starts with the head's first byte and grows from call to call;
    /// `None` until the head is complete. Cutting the run elsewhere never changes the outcome.
    ///
    /// # Errors
    /// The first [`Fault`] in the head. Do not ask again after one.
    pub fn scan(&mut self, run: &[u8], limits: &Limits) -> Result<Option<Head>, Fault> {
        if self.version.is_none() && run.first().is_some_and(|byte| !field::is_token(*byte)) {
            return Err(Fault::RequestLine);
        }
        while let Some(line) = self.line(run, limits)? {
            let text = lines::text(line)?;
            match self.version {
                None => self.version = Some(field::request_line(text, limits)?),
                Some(version) if text.is_empty() => return self.finish(version).map(Some),
                Some(version) => self.field(text, version, limits)?,
            }
        }
        Ok(None)
    }

    fn line<'a>(&mut self, run: &'a [u8], limits: &Limits) -> Result<Option<&'a [u8]>, Fault> {
        let (longest, fault) = match self.version {
            None => (request_line_limit(limits), too_long_line(run, limits)),
            Some(_) => (limits.field, Fault::FieldTooLarge),
        };
        let left = limits.head.saturating_sub(self.lines.start());
        let overrun = if longest <= left {
            fault
        } else {
            Fault::HeadTooLarge
        };
        self.lines
            .next(run, longest.min(left))
            .map_err(|lines::Overrun| overrun)
    }

    fn field(&mut self, text: &[u8], version: Version, limits: &Limits) -> Result<(), Fault> {
        self.fields += 1;
        if self.fields > limits.fields {
            return Err(Fault::TooManyFields);
        }
        let (name, value) = field::split(text)?;
        match name {
            Name::Host => self.host(value),
            Name::ContentLength => self.length(value),
            Name::TransferEncoding => self.encoding(value, version),
            Name::Upgrade => {
                if field::names_websocket(value) {
                    self.then = Then::Socket;
                }
                Ok(())
            }
            Name::Other => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.host {
            return Err(Fault::HostTwice);
        }
        self.host = true;
        field::is_host(value)
            .then_some(())
            .ok_or(Fault::HostInvalid)
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.chunked {
            return Err(Fault::LengthAndEncoding);
        }
        if self.length.is_some() {
            return Err(Fault::LengthTwice);
        }
        self.length = Some(field::length(value)?);
        Ok(())
    }

    fn encoding(&mut self, value: &[u8], version: Version) -> Result<(), Fault> {
        if version == Version::Http10 {
            return Err(Fault::EncodingOnHttp10);
        }
        if self.length.is_some() {
            return Err(Fault::LengthAndEncoding);
        }
        if self.chunked {
            return Err(Fault::EncodingTwice);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Fault::EncodingUnknown);
        }
        self.chunked = true;
        Ok(())
    }

    fn finish(&self, version: Version) -> Result<Head, Fault> {
        if version == Version::Http11 && !self.host {
            return Err(Fault::HostMissing);
        }
        let body = match (self.chunked, self.length) {
            (true, _) => Body::Chunked,
            (false, Some(length)) => Body::Length(length),
            (false, None) => Body::Absent,
        };
        Ok(Head {
            len: self.lines.start(),
            version,
            body,
            then: self.then,
        })
    }
}

/// The longest request line within the limits: two spaces, `HTTP/1.1`, CR LF.
fn request_line_limit(limits: &Limits) -> usize {
    limits.method + limits.target + " HTTP/1.1 \r\n".len()
}

/// What is too long about a request line beyond [`request_line_limit`].
fn too_long_line(run: &[u8], limits: &Limits) -> Fault {
    if run.iter().take(limits.method + 1).any(|byte| *byte == b' ') {
        Fault::TargetTooLong
    } else {
        Fault::MethodTooLong
    }
}
