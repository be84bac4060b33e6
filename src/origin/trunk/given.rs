//! The body of a request on its way into a shared connection, piece by piece as the origin takes
//! it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes as Data;
use h2::client::SendRequest;
use h2::{Reason, SendStream};
use http_body::{Body as _, Frame};
use tokio_util::task::AbortOnDropHandle;

use crate::origin::BoxError;
use crate::origin::upload::RequestBody;

/// The stream is over for whoever writes to it.
struct Gone;

/// Gives a body to its stream. What cannot be given at once is given by a task of its own, which
/// goes on while nobody reads the answer; dropping what comes back ends it.
///
/// `sender` is the one that began the stream.
pub(super) async fn give(
    body: RequestBody,
    (sends, sender): (SendStream<Data>, SendRequest<Data>),
) -> Option<AbortOnDropHandle<()>> {
    let mut giving = Box::pin(give_whole(body, sends, sender));
    let given = poll_fn(|cx| Poll::Ready(giving.as_mut().poll(cx))).await;
    given
        .is_pending()
        .then(|| AbortOnDropHandle::new(tokio::spawn(giving)))
}

async fn give_whole(
    mut body: RequestBody,
    mut sends: SendStream<Data>,
    mut sender: SendRequest<Data>,
) {
    // Where the origin has no room for the stream yet nothing of the body is touched. If there will
    // never be room, the stream itself says so.
    let _ = poll_fn(|cx| sender.poll_ready(cx)).await;
    drop(sender);
    if give_pieces(&mut body, &mut sends).await.is_err() {
        tracing::debug!("an origin took no more of a request");
    }
}

async fn give_pieces(body: &mut RequestBody, sends: &mut SendStream<Data>) -> Result<(), Gone> {
    loop {
        let frame = match next(body, sends).await? {
            None => return sends.send_data(Data::new(), true).map_err(|_| Gone),
            Some(Err(fault)) => {
                tracing::debug!(%fault, "a request broke off");
                sends.send_reset(Reason::CANCEL);
                return Ok(());
            }
            Some(Ok(frame)) => frame,
        };
        match frame.into_data() {
            Ok(piece) => {
                let ends = body.is_end_stream();
                // What comes last waits in the library, so that it is sent whatever becomes of the
                // answer.
                if !piece.is_empty() && !body.is_taken() {
                    // The library asks for room for all of it once it has it.
                    sends.reserve_capacity(1);
                    poll_fn(|cx| poll_room(sends, cx)).await?;
                }
                sends.send_data(piece, ends).map_err(|_| Gone)?;
                if ends {
                    return Ok(());
                }
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                return sends.send_trailers(trailers).map_err(|_| Gone);
            }
        }
    }
}

async fn next(
    body: &mut RequestBody,
    sends: &mut SendStream<Data>,
) -> Result<Option<Result<Frame<Data>, BoxError>>, Gone> {
    poll_fn(|cx| {
        poll_gone(sends, cx)?;
        Pin::new(&mut *body).poll_frame(cx).map(Ok)
    })
    .await
}

fn poll_room(sends: &mut SendStream<Data>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
    poll_gone(sends, cx)?;
    while sends.capacity() == 0 {
        let Some(Ok(_)) = ready!(sends.poll_capacity(cx)) else {
            return Poll::Ready(Err(Gone));
        };
    }
    Poll::Ready(Ok(()))
}

/// `Err` once the stream is reset; whoever polls is woken then.
fn poll_gone(sends: &mut SendStream<Data>, cx: &mut Context<'_>) -> Result<(), Gone> {
    match sends.poll_reset(cx) {
        Poll::Pending => Ok(()),
        Poll::Ready(_) => Err(Gone),
    }
}
