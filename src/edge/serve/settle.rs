//! What is left of a request's body when its answer does not wait for it.

use super::super::body::SentBody;
use super::super::respond::{Answer, close};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use std::pin::pin;
use std::time::Duration;

/// The most of an unwanted body that is read so that its connection can go on.
const DRAIN: u64 = 64 * 1024;

/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Reads what is left of an unwanted body so that the next request is found where it begins; a
/// body that is too long or too slow ends the connection instead. A visitor who asked whether to
/// send it at all is not invited to.
pub(super) async fn settle(mut answer: Answer, body: SentBody, headers: &HeaderMap) -> Answer {
    if body.is_end_stream() {
        return answer;
    }
    if headers.contains_key(header::EXPECT) {
        close(&mut answer);
        return answer;
    }
    let drained = Box::pin(tokio::time::timeout(DRAIN_TIME, drain(body))).await;
    if drained != Ok(true) {
        close(&mut answer);
    }
    answer
}

/// Whether a body ended within [`DRAIN`] bytes.
async fn drain(body: SentBody) -> bool {
    let mut body = pin!(body);
    let mut read = 0_u64;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, bytes::Bytes::len);
        read = read.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if read > DRAIN {
            return false;
        }
    }
    true
}
