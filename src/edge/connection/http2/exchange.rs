//! The answering side of one stream: what is said ahead of the answer, its head, its body piece by
//! piece as the visitor takes it, and its trailers.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{CONTENT_LENGTH, DATE, HeaderValue};
use http::{Response, response};
use http_body::{Body, Frame};

use super::streams::StreamBody;
use crate::domain::clock::Clock;
use crate::edge::body::BoxError;
use crate::edge::interim::Heads;

/// The visitor has reset the stream, or its connection is gone.
struct Gone;

/// Answers one stream. Dropping this before the end resets it.
pub(super) async fn answer<F>(
    mut reply: SendResponse<Bytes>,
    heads: Heads,
    (answering, clock): (F, Clock),
) where
    F: Future<Output = Response<StreamBody>>,
{
    let Ok(answer) = answered(&mut reply, &heads, answering).await else {
        return;
    };
    heads.end();
    let (mut head, body) = answer.into_parts();
    let ends = body.is_end_stream();
    complete(&mut head, &body, &clock);
    match reply.send_response(Response::from_parts(head, ()), ends) {
        Ok(_) if ends => {}
        Ok(sends) => {
            if give(body, sends).await.is_err() {
                tracing::debug!("a visitor took no more of an answer");
            }
        }
        Err(fault) => {
            tracing::debug!(%fault, "an answer could not be begun");
            reply.send_reset(Reason::INTERNAL_ERROR);
        }
    }
}

/// Waits for the answer, and sends meanwhile what is said ahead of it.
async fn answered<F>(
    reply: &mut SendResponse<Bytes>,
    heads: &Heads,
    answering: F,
) -> Result<Response<StreamBody>, Gone>
where
    F: Future<Output = Response<StreamBody>>,
{
    let mut answering = pin!(answering);
    poll_fn(|cx| {
        if reply.poll_reset(cx).is_ready() {
            return Poll::Ready(Err(Gone));
        }
        let answer = answering.as_mut().poll(cx);
        for head in heads.take(cx) {
            if let Err(fault) = reply.send_informational(head) {
                tracing::debug!(%fault, "an interim answer could not be sent");
            }
        }
        answer.map(Ok)
    })
    .await
}

/// Says when the answer was made and how long it is, where it does not say so itself.
fn complete(head: &mut response::Parts, body: &StreamBody, clock: &Clock) {
    if !head.headers.contains_key(DATE)
        && let Some(date) = date(clock)
    {
        head.headers.insert(DATE, date);
    }
    if !body.is_end_stream()
        && let Some(length) = body.size_hint().exact()
    {
        let length_said = head.headers.entry(CONTENT_LENGTH);
        length_said.or_insert(length.into());
    }
}

fn date(clock: &Clock) -> Option<HeaderValue> {
    HeaderValue::try_from(clock.now().wall.http_date()).ok()
}

async fn give(body: StreamBody, mut sends: SendStream<Bytes>) -> Result<(), Gone> {
    let mut body = pin!(body);
    loop {
        let frame = match next(body.as_mut(), &mut sends).await? {
            None => return sends.send_data(Bytes::new(), true).map_err(|_| Gone),
            Some(Err(fault)) => {
                tracing::debug!(%fault, "an answer broke off");
                sends.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            Some(Ok(frame)) => frame,
        };
        match frame.into_data() {
            Ok(piece) => {
                let ends = body.is_end_stream();
                give_piece(&mut sends, piece, ends).await?;
                if ends {
                    return Ok(());
                }
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                sends.reserve_capacity(0);
                return sends.send_trailers(trailers).map_err(|_| Gone);
            }
        }
    }
}

async fn next(
    mut body: Pin<&mut StreamBody>,
    sends: &mut SendStream<Bytes>,
) -> Result<Option<Result<Frame<Bytes>, BoxError>>, Gone> {
    poll_fn(|cx| {
        poll_gone(sends, cx)?;
        body.as_mut().poll_frame(cx).map(Ok)
    })
    .await
}

/// Hands a piece to the library as soon as the visitor has room for any of it.
async fn give_piece(sends: &mut SendStream<Bytes>, piece: Bytes, ends: bool) -> Result<(), Gone> {
    if !piece.is_empty() {
        sends.reserve_capacity(piece.len());
        poll_fn(|cx| poll_room(sends, cx)).await?;
    } else if !ends {
        return Ok(());
    }
    sends.send_data(piece, ends).map_err(|_| Gone)
}

fn poll_room(sends: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
    poll_gone(sends, cx)?;
    while sends.capacity() == 0 {
        let Some(Ok(_)) = ready!(sends.poll_capacity(cx)) else {
            return Poll::Ready(Err(Gone));
        };
    }
    Poll::Ready(Ok(()))
}

/// `Err` once the stream is reset; whoever polls is woken then.
fn poll_gone(sends: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Result<(), Gone> {
    match sends.poll_reset(cx) {
        Poll::Pending => Ok(()),
        Poll::Ready(_) => Err(Gone),
    }
}
