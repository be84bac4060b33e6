//! What can be wrong with the bytes of a request, and what kind of wrong each is.

use std::error::Error;
use std::io;

/// Why the guard refuses a connection's bytes. Nothing after a fault is ever read as a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// The first line is not a method, a target and a version with one space between each.
    #[error("the request line is malformed")]
    RequestLine,
    /// The method is longer than any method needs to be.
    #[error("the request's method is too long")]
    MethodTooLong,
    /// The target holds bytes that no address may hold.
    #[error("the request's target is malformed")]
    Target,
    /// The target is longer than `Limits::target`.
    #[error("the request's target is too long")]
    TargetTooLong,
    /// A version of HTTP that is neither 1.0 nor 1.1.
    #[error("this version of HTTP is not spoken here")]
    Version,
    /// A line that does not end in CR LF.
    #[error("a line does not end in CR LF")]
    LineEnd,
    /// A control byte inside a field's value.
    #[error("a header field holds a control byte")]
    ControlByte,
    /// A value that is neither UTF-8 nor letters of Latin-1.
    #[error("a header field is neither UTF-8 nor Latin-1")]
    NotText,
    /// A field continued on the next line, or a space before the first field.
    #[error("a header line begins with white space")]
    Folded,
    /// A field without a colon.
    #[error("a header line has no colon")]
    NoColon,
    /// An empty name, a space before the colon, or bytes no name may hold.
    #[error("a header field's name is malformed")]
    FieldName,
    /// A name that some servers read as Content-Length or Transfer-Encoding.
    #[error("a header field's name could be taken for another one")]
    Lookalike,
    /// HTTP/1.1 without Host.
    #[error("the Host field is missing")]
    HostMissing,
    /// More than one Host.
    #[error("there is more than one Host field")]
    HostTwice,
    /// A Host that is no host and port.
    #[error("the Host field is malformed")]
    HostInvalid,
    /// A Content-Length that is no plain number, or beyond 2^63.
    #[error("the Content-Length field is malformed")]
    LengthInvalid,
    /// More than one Content-Length, even if they agree.
    #[error("there is more than one Content-Length field")]
    LengthTwice,
    /// A Transfer-Encoding that is not the single token `chunked`.
    #[error("the Transfer-Encoding field is not `chunked` alone")]
    EncodingUnknown,
    /// More than one Transfer-Encoding.
    #[error("there is more than one Transfer-Encoding field")]
    EncodingTwice,
    /// A Transfer-Encoding on HTTP/1.0, which has none.
    #[error("HTTP/1.0 has no Transfer-Encoding")]
    EncodingOnHttp10,
    /// Content-Length and Transfer-Encoding in one head.
    #[error("Content-Length and Transfer-Encoding exclude each other")]
    LengthAndEncoding,
    /// One field line beyond `Limits::field`.
    #[error("a header field is too large")]
    FieldTooLarge,
    /// More fields than `Limits::fields`.
    #[error("there are too many header fields")]
    TooManyFields,
    /// The head as a whole beyond `Limits::head`.
    #[error("the request's head is too large")]
    HeadTooLarge,
    /// A chunk size that is not one to sixteen hexadecimal digits, or beyond 2^63.
    #[error("a chunk's size is malformed")]
    ChunkSize,
    /// Chunk extensions that are too long or hold bytes they may not.
    #[error("a chunk's extension is malformed or too long")]
    ChunkExtension,
    /// A chunk longer or shorter than it said.
    #[error("a chunk does not end where it said")]
    ChunkEnd,
    /// More trailers than `Limits::trailers` and `Limits::trailer_fields` allow.
    #[error("the trailers are too large")]
    TrailersTooLarge,
    /// The head did not arrive in time.
    #[error("the request's head took too long to arrive")]
    HeadSlow,
    /// The body stood still or trickled.
    #[error("the request's body took too long to arrive")]
    BodySlow,
}

/// What kind of wrong a [`Fault`] is; each kind has one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The bytes are not one clear request.
    BadRequest,
    /// The address is longer than we read.
    UriTooLong,
    /// The fields are more or longer than we read.
    FieldsTooLarge,
    /// A version of HTTP that we do not speak.
    VersionNotSupported,
    /// The bytes came too slowly.
    Timeout,
}

impl Fault {
    /// Whether an error comes of a visitor who kept us waiting, however it was passed on.
    #[must_use]
    pub fn is_slowness(error: &(dyn Error + 'static)) -> bool {
        Self::behind(error).is_some_and(|fault| fault.kind() == FaultKind::Timeout)
    }

    fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            // An `io::Error` names as its source what its inner error names.
            let inner = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            let fault = match inner {
                Some(inner) => inner.downcast_ref(),
                None => error.downcast_ref(),
            };
            if let Some(fault) = fault {
                return Some(*fault);
            }
            next = error.source();
        }
        None
    }

    /// The kind of answer this fault gets.
    #[must_use]
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::RequestLine
            | Self::MethodTooLong
            | Self::Target
            | Self::LineEnd
            | Self::ControlByte
            | Self::NotText
            | Self::Folded
            | Self::NoColon
            | Self::FieldName
            | Self::Lookalike
            | Self::HostMissing
            | Self::HostTwice
            | Self::HostInvalid
            | Self::LengthInvalid
            | Self::LengthTwice
            | Self::EncodingUnknown
            | Self::EncodingTwice
            | Self::EncodingOnHttp10
            | Self::LengthAndEncoding
            | Self::ChunkSize
            | Self::ChunkExtension
            | Self::ChunkEnd => FaultKind::BadRequest,
            Self::TargetTooLong => FaultKind::UriTooLong,
            Self::FieldTooLarge
            | Self::TooManyFields
            | Self::HeadTooLarge
            | Self::TrailersTooLarge => FaultKind::FieldsTooLarge,
            Self::Version => FaultKind::VersionNotSupported,
            Self::HeadSlow | Self::BodySlow => FaultKind::Timeout,
        }
    }
}
