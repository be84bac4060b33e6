//! The code in a request's body: read within limits, from a page's form or from JSON.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use serde::Deserialize;

use super::body::SentBody;
use super::respond::{Answer, Asking, close};
use super::serve::{Came, Door, label};
use crate::gate::Own;
use crate::gate::redeem::Bringing;
use crate::gate::room::Room;

/// The longest body with a code that is read.
const LONGEST: usize = 1_024;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// A body that is too long, too slow, or broke off: nothing more can be read from its connection.
struct Broken;

impl Door {
    /// Reads the code that a request brings, and says what became of it.
    pub(super) async fn redeem(
        &self,
        bringing: Bringing,
        came: Came<'_>,
        (room, https): (Option<&Room>, bool),
    ) -> Answer {
        let asking = Asking {
            head: &came.head,
            https,
        };
        let (typed, broken) = match read(came.body).await {
            Ok(typed) => (typed, false),
            Err(Broken) => (None, true),
        };
        let mut answer = match self.gate.redeem(bringing, typed.as_deref()).await {
            Ok(own) => {
                if let (Own::Redeemed(_, redeemed), Some(room)) = (&own, room) {
                    let name = &room.settings.name;
                    self.counts.code_tried(name, redeemed.word());
                }
                self.responder
                    .own(&own, room.map(|room| &room.cookies), asking)
            }
            Err(refusal) => {
                self.metrics.refusal(label(refusal));
                self.responder.refusal(refusal, asking)
            }
        };
        if broken {
            close(&mut answer);
        }
        answer
    }
}

/// Reads a whole body; the code in it, if there is one.
async fn read(body: SentBody) -> Result<Option<String>, Broken> {
    let whole = tokio::time::timeout(PATIENCE, whole(body)).await;
    Ok(text(&whole.map_err(|_| Broken)??))
}

/// The bytes of a body, copied out of the buffers that they came in: each of these may be a hundred
/// times as long as what came in it.
async fn whole(body: impl Body<Data = Bytes>) -> Result<Vec<u8>, Broken> {
    let mut body = pin!(body);
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Broken)?;
        whole.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if whole.len() > LONGEST {
            return Err(Broken);
        }
    }
    Ok(whole)
}

/// A body in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    code: String,
}

/// The code in a body: JSON `{"code": "…"}`, or a form's `code=…`.
fn text(body: &[u8]) -> Option<String> {
    let body = body.trim_ascii();
    if body.starts_with(b"{") {
        return serde_json::from_slice::<Json>(body)
            .ok()
            .map(|body| body.code);
    }
    let mut fields = body.split(|byte| *byte == b'&');
    let value = fields.find_map(|field| field.strip_prefix(b"code="))?;
    unescaped(value)
}

/// A form's value as it was typed.
fn unescaped(value: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            plain => *plain,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;

    /// A byte in a buffer of 8 KiB, counted until nobody has it.
    struct Buffer(Vec<u8>, Arc<AtomicUsize>);

    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Drop for Buffer {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Single bytes, each in a buffer of its own. It says how many of these are held at its end.
    struct ByteByByte(VecDeque<Bytes>, Arc<AtomicUsize>);

    impl Body for ByteByByte {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let next = self.0.pop_front();
            if next.is_none() {
                assert_eq!(self.1.load(Ordering::Relaxed), 0, "buffers are kept");
            }
            Poll::Ready(next.map(|byte| Ok(Frame::data(byte))))
        }
    }

    #[tokio::test]
    async fn r1_a_code_that_comes_byte_by_byte_keeps_no_buffer_it_came_in() {
        for (length, fits) in [(LONGEST, true), (LONGEST + 1, false)] {
            let held = Arc::new(AtomicUsize::new(length));
            let buffer = || Buffer(vec![b'x'; 8_192], Arc::clone(&held));
            let bytes = (0..length).map(|_| Bytes::from_owner(buffer()).split_to(1));
            let body = ByteByByte(bytes.collect(), Arc::clone(&held));

            let read = whole(body).await.ok();

            assert_eq!(read.map(|read| read.len()), fits.then_some(length));
        }
    }

    #[test]
    fn a_code_is_read_from_json_and_from_a_form() {
        for (body, expected) in [
            (r#"{"code":"7KQ2-M9X4"}"#, Some("7KQ2-M9X4")),
            (" {\"code\": \"a b\"}\r\n", Some("a b")),
            ("code=7KQ2-M9X4", Some("7KQ2-M9X4")),
            ("x=1&code=a+b%2Dc&y=2", Some("a b-c")),
            ("code=%E2%80%93", Some("\u{2013}")),
            ("code=", Some("")),
            ("code=%2", None),
            ("code=%zz", None),
            ("code=%ff", None),
            ("kode=1", None),
            ("", None),
            ("{}", None),
            (r#"{"code":7}"#, None),
            (r#"{"code":"a","code":"b"}"#, None),
            (r#"{"code":"a","more":1}"#, None),
            ("\u{0}\u{0}", None),
        ] {
            assert_eq!(text(body.as_bytes()).as_deref(), expected, "{body:?}");
        }
    }
}
