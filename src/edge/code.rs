//! The code in a request's body: read within limits, from a page's form or from JSON.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
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
    let whole = Limited::new(body, LONGEST).collect();
    let whole = tokio::time::timeout(PATIENCE, whole).await;
    let body = whole.map_err(|_| Broken)?.map_err(|_| Broken)?;
    Ok(text(&body.to_bytes()))
}

/// A body in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    code: String,
}

/// The code in a body: JSON `{"code": "…"}`, or a form's `code=…`.
fn text(body: &[u8]) -> Option<String> {
    let body = body.trim_ascii();
    if body.starts_with(b"{") {
        return serde_json::from_slice::<Body>(body)
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
    use super::*;

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
