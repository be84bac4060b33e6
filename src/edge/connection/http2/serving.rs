//! The library's side of one connection: its settings, the streams it brings, and whether the
//! visitor is still there.
//!
//! The library is spoken to directly: only so can something be said on a stream ahead of its
//! answer.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server::Builder;
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{Request, Response};
use hyper::rt::Executor as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::exchange;
use super::streams::{StreamBody, Streams};
use super::wire::{Seen, Wire};
use crate::domain::clock::Clock;
use crate::edge::guard::Cut;
use crate::edge::interim::Heads;

/// Streams that may be open at once.
const STREAMS: u32 = 100;
/// Bytes of one request's body that may be under way.
const STREAM_WINDOW: u32 = 64 << 10;
/// Bytes of all of them.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of one frame.
const FRAME: u32 = 16 << 10;
/// Bytes of a head's fields, each counted with 32 more, as HTTP/2 counts them. Twice what one line
/// may have, so that who has too many cookies is told so; beyond it the library refuses, and says
/// nothing.
const HEADER_LIST: u32 = 32 << 10;
/// Streams that the visitor reset before they were looked at.
const UNSEEN_RESETS: usize = 20;
/// Streams that had to be reset because the visitor broke the protocol.
const FORCED_RESETS: usize = 64;
/// Bytes of one answer that are held until the visitor takes them.
const SEND_BUFFER: usize = 64 << 10;
/// How long a visitor says nothing until it is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// How long it may take to say so, or anything else.
const PONG: Duration = Duration::from_secs(10);

/// What the streams of a connection are run with.
pub(super) struct Running<'a> {
    pub(super) streams: Streams,
    pub(super) clock: Clock,
    /// Once this is cancelled no new stream is taken, and the connection ends with the last one.
    pub(super) drain: &'a CancellationToken,
}

/// Answers the streams of a connection until either side ends it.
///
/// # Errors
/// What broke it off.
pub(super) async fn serve<S, A, F>(
    wire: Wire<S>,
    running: Running<'_>,
    answer: A,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Cut + Unpin,
    A: Fn(Request<RecvStream>, Heads) -> F,
    F: Future<Output = Response<StreamBody>> + Send + 'static,
{
    let seen = Arc::clone(&wire.seen);
    let mut connection = builder().handshake::<_, Bytes>(wire).await?;
    let mut silence = pin!(silence(connection.ping_pong(), &seen));
    let (mut draining, mut silent) = (false, false);
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = running.drain.cancelled(), if !draining => {
                draining = true;
                connection.graceful_shutdown();
                continue;
            }
            () = &mut silence, if !silent => {
                silent = true;
                connection.abrupt_shutdown(Reason::NO_ERROR);
                continue;
            }
        };
        let Some(stream) = accepted else {
            return Ok(());
        };
        let (request, reply) = stream?;
        let heads = Heads::default();
        let answering = answer(request, heads.clone());
        let stream = exchange::answer(reply, heads, (answering, running.clock.clone()));
        running.streams.execute(stream);
    }
}

/// Ready once the visitor has said nothing for too long, also when asked, and taken nothing either.
/// Who is in the midst of saying something is not asked, for the answer would come behind all that
/// is under way; and the question goes behind all that the visitor has still to take.
async fn silence(pongs: Option<PingPong>, seen: &Seen) {
    let Some(mut pongs) = pongs else {
        return std::future::pending().await;
    };
    loop {
        let before = (seen.heard(), seen.written());
        sleep(PING).await;
        if (seen.heard(), seen.written()) != before {
            continue;
        }
        // The answer to the last question makes room for the next. If it has not come that one
        // stands, and whatever comes now will do.
        let _ = poll_fn(|cx| Poll::Ready(pongs.poll_pong(cx))).await;
        let _ = pongs.send_ping(Ping::opaque());
        sleep(PONG).await;
        if (seen.heard(), seen.written()) == before {
            return;
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_header_list_size(HEADER_LIST)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(Some(FORCED_RESETS))
        .max_send_buffer_size(SEND_BUFFER);
    builder
}
