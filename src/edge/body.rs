//! The bodies we answer with, and what must be let go of when one has ended.

mod attended;
mod sent;
mod upload;

use std::fmt::Debug;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::origin::OriginBody;

use super::events::EventBody;
use super::guard::InFlight;
use attended::Attended;

pub use attended::{Care, is_event_stream};
pub use sent::SentBody;
pub use upload::Upload;

/// A fault while an answer is sent; the connection is cut, so nothing looks complete.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Read at once of what is sent piece by piece: some tens of microseconds' work.
const PIECE: u64 = 32 * 1024;

/// The body of an answer: our own bytes, or the site's as they come.
#[derive(Debug)]
pub struct AnswerBody {
    source: Source,
    /// The connection counts as answering until this is dropped.
    _in_flight: Option<InFlight>,
}

#[derive(Debug)]
enum Source {
    Own(Option<Bytes>),
    Origin(Box<OriginBody>),
    Attended(Box<Attended>),
    Events(EventBody),
    Pieces(Pieces),
}

impl AnswerBody {
    /// Our own bytes.
    #[must_use]
    pub const fn own(bytes: Bytes) -> Self {
        Self {
            source: Source::Own(Some(bytes)),
            _in_flight: None,
        }
    }

    /// The site's answer.
    #[must_use]
    pub fn origin(body: OriginBody) -> Self {
        Self {
            source: Source::Origin(Box::new(body)),
            _in_flight: None,
        }
    }

    /// The site's answer for as long as a session goes on; what is no answer of the site's, or has
    /// no body, stays as it is.
    #[must_use]
    pub fn attended(self, care: Care) -> Self {
        let source = match self.source {
            Source::Origin(body) if !body.is_end_stream() => {
                Source::Attended(Box::new(Attended::new(*body, care)))
            }
            source => source,
        };
        Self { source, ..self }
    }

    /// Events as they happen.
    #[must_use]
    pub const fn events(body: EventBody) -> Self {
        Self {
            source: Source::Events(body),
            _in_flight: None,
        }
    }

    /// Our own bytes, read piece by piece as they are sent; `length` of them in all.
    #[must_use]
    pub fn pieces(from: impl Read + Send + Sync + Debug + 'static, length: u64) -> Self {
        let from = Box::new(from);
        let left = length;
        Self {
            source: Source::Pieces(Pieces { from, left }),
            _in_flight: None,
        }
    }

    /// Keeps the connection counted as answering until this body has ended.
    #[must_use]
    pub fn holding(self, in_flight: InFlight) -> Self {
        Self {
            _in_flight: Some(in_flight),
            ..self
        }
    }
}

/// Something to read that can wait with an answer.
trait Pieced: Read + Send + Sync + Debug {}

impl<R: Read + Send + Sync + Debug> Pieced for R {}

/// What is read while it is sent, never from a network or a disk.
#[derive(Debug)]
struct Pieces {
    from: Box<dyn Pieced>,
    left: u64,
}

impl Pieces {
    fn next(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let most = self.left.min(PIECE);
        if most == 0 {
            return None;
        }
        let mut piece = vec![0; usize::try_from(most).unwrap_or_default()];
        if let Err(fault) = self.from.read_exact(&mut piece) {
            self.left = 0;
            return Some(Err(fault.into()));
        }
        self.left -= most;
        Some(Ok(Frame::data(piece.into())))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().source {
            Source::Own(bytes) => Poll::Ready(
                bytes
                    .take()
                    .filter(|bytes| !bytes.is_empty())
                    .map(|bytes| Ok(Frame::data(bytes))),
            ),
            Source::Pieces(pieces) => Poll::Ready(pieces.next()),
            Source::Origin(body) => Pin::new(body.as_mut())
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            Source::Attended(body) => Pin::new(body.as_mut()).poll_frame(cx),
            Source::Events(body) => body
                .poll_next(cx)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Source::Pieces(pieces) => pieces.left == 0,
            Source::Origin(body) => body.is_end_stream(),
            Source::Attended(body) => body.is_end_stream(),
            Source::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => SizeHint::with_exact(
                bytes
                    .as_ref()
                    .map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            ),
            Source::Pieces(pieces) => SizeHint::with_exact(pieces.left),
            Source::Origin(body) => body.size_hint(),
            Source::Attended(body) => body.size_hint(),
            Source::Events(_) => SizeHint::default(),
        }
    }
}
