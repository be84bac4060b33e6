//! Looks after the connection: makes it, asks whether Redis lives and is fit, makes it again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisConnectionInfo, RedisError};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::address::Address;
use super::fitness;
use super::link::{MOST_IN_FLIGHT, State, Wire};
use super::refusal::Refusal;

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// The longest wait for an answer on a connection that is being looked at. A Redis that says
/// nothing for so long is given up: its machine may have gone, or the way back.
const SILENCE: Duration = Duration::from_secs(2);

/// How often Redis is asked whether it is there.
const BEAT: Duration = Duration::from_secs(1);

/// How many beats lie between two looks at its fitness: ten seconds.
const BEATS_A_LOOK: u32 = 10;

/// How soon a Redis that is not fit is looked at again.
const NOT_FIT: Duration = Duration::from_millis(500);

/// The pause after a first failure to connect. Each further one is twice as long.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// For so long the other side's system may leave what was sent unconfirmed, and an idle
/// connection unprobed.
const UNCONFIRMED: Duration = Duration::from_secs(5);

/// Keeps `state` true for as long as it is polled.
pub(super) async fn keep(address: Address, state: Arc<ArcSwap<State>>) {
    let mut watch = Watch {
        address,
        state,
        told: None,
        pause: SHORTEST_PAUSE,
    };
    loop {
        let end = watch.one_connection().await;
        watch.may_not_be_asked(&end);
        tokio::time::sleep(watch.pause).await;
        watch.pause = (watch.pause * 2).min(LONGEST_PAUSE);
    }
}

/// What was said last in the log; said again only when it changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Answers,
    Away,
    Unfit,
}

/// Why Redis may not be asked.
enum Trouble {
    /// It cannot be reached.
    Away(String),
    /// It answers, but must not be used as it is.
    Unfit(String),
}

impl Trouble {
    fn of(fault: &RedisError) -> Self {
        if fault.is_io_error() {
            Self::Away(fault.to_string())
        } else {
            Self::Unfit(Refusal::of(fault).sentence)
        }
    }

    fn silent(waited: Duration) -> Self {
        Self::Away(format!("no answer within {waited:?}"))
    }
}

impl From<io::Error> for Trouble {
    fn from(fault: io::Error) -> Self {
        Self::Away(fault.to_string())
    }
}

struct Watch {
    address: Address,
    state: Arc<ArcSwap<State>>,
    told: Option<Told>,
    pause: Duration,
}

impl Watch {
    /// Makes a connection and keeps it as long as it is good; says what ended it.
    async fn one_connection(&mut self) -> Trouble {
        let greeting = self.address.greeting();
        let (connection, driver) = match connect(&self.address, &greeting).await {
            Ok(made) => made,
            Err(trouble) => return trouble,
        };
        let wire = Wire::new(connection.clone());
        let doubt = Arc::clone(&wire.doubt);
        // Whichever ends first ends the connection: without its driver every call fails.
        tokio::select! {
            biased;
            () = driver => Trouble::Away("the connection was closed".to_owned()),
            () = doubt.notified() => Trouble::Away("it takes no writes any more".to_owned()),
            trouble = self.look_after(connection, &wire) => trouble,
        }
    }

    /// Asks again and again whether Redis lives and is fit; ends when it gives no answer.
    async fn look_after(&mut self, mut connection: MultiplexedConnection, wire: &Wire) -> Trouble {
        let info = redis::cmd("INFO");
        loop {
            let fit = match answer::<String>(&mut connection, &info).await {
                Ok(text) => fitness::judge(&text).map_err(Trouble::Unfit),
                Err(trouble) => Err(trouble),
            };
            match fit {
                Ok(()) => self.may_be_asked(wire),
                Err(away @ Trouble::Away(_)) => return away,
                Err(unfit) => {
                    self.may_not_be_asked(&unfit);
                    tokio::time::sleep(NOT_FIT).await;
                    continue;
                }
            }
            if let Err(silent) = self.beats(&mut connection).await {
                return silent;
            }
            if let Ok(mut told) = wire.told.lock() {
                told.clear();
            }
        }
    }

    /// Lets the time until the next look go by; ends early where an answer is odd.
    async fn beats(&mut self, connection: &mut MultiplexedConnection) -> Result<(), Trouble> {
        let ping = redis::cmd("PING");
        for _ in 0..BEATS_A_LOOK {
            tokio::time::sleep(BEAT).await;
            match answer::<()>(connection, &ping).await {
                Ok(()) => self.pause = SHORTEST_PAUSE,
                Err(Trouble::Unfit(_)) => break,
                Err(away) => return Err(away),
            }
        }
        Ok(())
    }

    fn may_be_asked(&mut self, wire: &Wire) {
        self.state.store(Arc::new(Ok(wire.clone())));
        if self.told.replace(Told::Answers) != Some(Told::Answers) {
            tracing::info!(store = %self.address, "Redis answers and is fit to hold the queues");
        }
    }

    fn may_not_be_asked(&mut self, trouble: &Trouble) {
        let (told, reason) = match trouble {
            Trouble::Away(reason) => (Told::Away, format!("Redis cannot be reached: {reason}")),
            Trouble::Unfit(reason) => (Told::Unfit, format!("Redis cannot be used: {reason}")),
        };
        if self.told.replace(told) != Some(told) {
            tracing::warn!(store = %self.address, "{reason}");
        }
        self.state.store(Arc::new(Err(reason)));
    }
}

/// One question about Redis itself.
async fn answer<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> Result<T, Trouble> {
    let answer = tokio::time::timeout(SILENCE, command.query_async(connection)).await;
    match answer {
        Ok(answer) => answer.map_err(|fault| Trouble::of(&fault)),
        Err(_) => Err(Trouble::silent(SILENCE)),
    }
}

/// A new connection, and what must be polled for it to work.
async fn connect<'a>(
    address: &Address,
    greeting: &'a RedisConnectionInfo,
) -> Result<
    (
        MultiplexedConnection,
        impl Future<Output = ()> + Send + use<'a>,
    ),
    Trouble,
> {
    let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address.server())).await;
    let stream = stream.map_err(|_| Trouble::silent(CONNECT))??;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_user_timeout(Some(UNCONFIRMED))?;
    let probes = TcpKeepalive::new()
        .with_time(UNCONFIRMED)
        .with_interval(BEAT);
    socket.set_tcp_keepalive(&probes.with_retries(3))?;

    // Calls have deadlines of their own, and a limit of their own.
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_pipeline_buffer_size(2 * MOST_IN_FLIGHT);
    let greeted = MultiplexedConnection::new_with_config(greeting, stream, config);
    match tokio::time::timeout(SILENCE, greeted).await {
        Ok(made) => made.map_err(|fault| Trouble::of(&fault)),
        Err(_) => Err(Trouble::silent(SILENCE)),
    }
}
