//! What drives a shared connection: its bytes, how long it lives, and whether the origin is still
//! there.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes as Data;
use h2::client::Connection;
use h2::{Ping, PingPong};
use tokio::time::{sleep, timeout};

use super::Traffic;
use crate::origin::line::Rounds;
use crate::origin::wire::Wire;

/// A connection under way is asked for a sign of life when none has come for so long…
pub(super) const PING: Duration = Duration::from_secs(20);

/// …and closed if none comes within this. So long, too, it may take to take leave.
pub(super) const PONG: Duration = Duration::from_secs(10);

/// Looks at whether anything has come, in the time until a sign of life is asked for.
pub(super) const LOOKS: u32 = 4;

/// Keeps a connection until either side closes it, it has been without a stream for a whole round,
/// or the origin gives no sign of life. What goes wrong is told to whoever waits for an answer or
/// reads its body.
pub(super) async fn drive(
    connection: Connection<Wire, Data>,
    traffic: Arc<Traffic>,
    rounds: Rounds,
) {
    keep(connection, &traffic, rounds).await;
    traffic.places.close();
}

async fn keep(mut connection: Connection<Wire, Data>, traffic: &Traffic, rounds: Rounds) {
    let mut dead = pin!(dead(connection.ping_pong(), traffic));
    let mut passed = 0_u32;
    let mut was_idle = false;
    loop {
        let moving = poll_fn(|cx| {
            let moved = Pin::new(&mut connection).poll(cx);
            traffic.allow(connection.max_concurrent_send_streams());
            moved
        });
        tokio::select! {
            _ended = moving => return,
            () = &mut dead => return,
            () = sleep(rounds.span) => {}
        }
        passed = passed.saturating_add(1);
        if passed >= rounds.most {
            traffic.pulse.grow_old();
        }
        let is_idle = traffic.is_idle();
        if is_idle && was_idle && traffic.give_up() {
            let _ = timeout(PONG, connection).await;
            return;
        }
        was_idle = is_idle;
    }
}

/// Ready once an origin that something is awaited of has said nothing for too long, also when
/// asked.
pub(super) async fn dead(pongs: Option<PingPong>, traffic: &Traffic) {
    let Some(mut pongs) = pongs else {
        return std::future::pending().await;
    };
    let mut quiet = 0;
    let mut heard = traffic.pulse.reads();
    loop {
        sleep(PING / LOOKS).await;
        if traffic.is_idle() || traffic.pulse.reads() != heard {
            heard = traffic.pulse.reads();
            quiet = 0;
            continue;
        }
        quiet += 1;
        if quiet < LOOKS {
            continue;
        }
        // The answer to the last question makes room for the next. If it has not come that one
        // stands, and whatever comes now will do.
        let _ = poll_fn(|cx| Poll::Ready(pongs.poll_pong(cx))).await;
        let _ = pongs.send_ping(Ping::opaque());
        sleep(PONG).await;
        if traffic.pulse.reads() == heard {
            return;
        }
    }
}
