//! The one connection to Redis that every verb is asked over.
//!
//! The library's own `ConnectionManager` never sends a call twice either, but it lets calls wait
//! for a reconnection (longer than any deadline), notices a dead connection only when it is used,
//! and stays at a server that has become a replica. Here a call without a connection fails at
//! once, and `watch.rs` looks after the connection.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use super::address::Address;
use super::refusal::Refusal;
use super::script::Script;
use super::watch;
use crate::store::StoreError;

/// Calls that Redis may have before it at one time. What it has answered makes room, not what
/// its caller has given up, so that a Redis which stands still is not heaped with work.
pub(super) const MOST_IN_FLIGHT: usize = 128;

/// The longest that a call waits, for room and for its answer together.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);

/// A way to a Redis that may be asked now, or why there is none.
pub(super) type State = Result<Wire, String>;

/// A connection to a Redis that is fit.
#[derive(Clone)]
pub(super) struct Wire {
    connection: MultiplexedConnection,
    /// Rung when an answer says that this server should be looked at again.
    pub doubt: Arc<Notify>,
    /// The refusals that were logged lately.
    pub told: Arc<Mutex<BTreeSet<String>>>,
}

/// The link to one Redis. It connects in the background, and again whenever the connection is
/// lost; dropping it closes the connection.
pub struct Link {
    state: Arc<ArcSwap<State>>,
    room: Arc<Semaphore>,
    _watch: AbortOnDropHandle<()>,
}

impl Link {
    /// A link that begins to connect now. Neither waits nor fails: until Redis answers and is fit,
    /// calls say that it is away. Needs a tokio runtime.
    #[must_use]
    pub fn open(address: Address) -> Self {
        let unknown = Err("Redis has not answered yet".to_owned());
        let state = Arc::new(ArcSwap::from_pointee(unknown));
        let watch = watch::keep(address, Arc::clone(&state));
        Self {
            state,
            room: Arc::new(Semaphore::new(MOST_IN_FLIGHT)),
            _watch: AbortOnDropHandle::new(tokio::spawn(watch)),
        }
    }

    /// A link over a connection that is open and that nobody watches. Needs a tokio runtime.
    #[cfg(test)]
    pub(crate) fn new(connection: MultiplexedConnection) -> Self {
        let nobody = tokio::spawn(std::future::pending());
        Self {
            state: Arc::new(ArcSwap::from_pointee(Ok(Wire::new(connection)))),
            room: Arc::new(Semaphore::new(MOST_IN_FLIGHT)),
            _watch: AbortOnDropHandle::new(nobody),
        }
    }

    /// Runs a script once. It is sent a second time only where Redis answered that it does not
    /// know the script, and so has done nothing.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] without a connection or when Redis refuses,
    /// [`StoreError::Timeout`] where no answer came in time: the call may still take effect.
    pub(super) async fn call(
        &self,
        script: &'static Script,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<Value, StoreError> {
        // Nobody waits for room at a Redis that is away; after the wait it may have gone.
        self.wire()?;
        let work = async {
            let room = Arc::clone(&self.room).acquire_owned().await;
            let room = room.map_err(|closed| StoreError::Unreachable(closed.into()))?;
            let wire = self.wire()?;
            let mut connection = wire.connection.clone();
            let known = known(script, keys, args);
            // A task of its own holds the room until Redis has answered, whoever still listens.
            // It ends with the connection.
            let asked = tokio::spawn(async move {
                let answer = ask(&mut connection, script, &known).await;
                drop(room);
                answer
            });
            match asked.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(fault)) => Err(wire.refused(&fault, script, keys)),
                Err(ended) => Err(StoreError::Unreachable(ended.into())),
            }
        };
        let waited = DEADLINE;
        let answer = tokio::time::timeout(waited, work).await;
        answer.unwrap_or(Err(StoreError::Timeout { waited }))
    }

    fn wire(&self) -> Result<Wire, StoreError> {
        let state = self.state.load();
        match state.as_ref() {
            Ok(wire) => Ok(wire.clone()),
            Err(sentence) => Err(StoreError::Unreachable(sentence.clone().into())),
        }
    }
}

impl Wire {
    /// One that has refused nothing yet.
    pub fn new(connection: MultiplexedConnection) -> Self {
        Self {
            connection,
            doubt: Arc::default(),
            told: Arc::default(),
        }
    }

    /// What a call's fault means to its caller; tells the log and the watch what they must know.
    fn refused(&self, fault: &RedisError, script: &Script, keys: &[String]) -> StoreError {
        if fault.is_io_error() {
            return StoreError::Unreachable("the connection to Redis was lost".into());
        }
        let refusal = Refusal::of(fault);
        if refusal.doubtful {
            self.doubt.notify_one();
        }
        let news = self
            .told
            .lock()
            .map(|mut told| told.insert(refusal.code.clone()));
        if news.is_ok_and(|new| new) {
            let reason = refusal.sentence.as_str();
            tracing::warn!(script = script.name, reason, "Redis refused a call");
        }
        refusal.into_fault(keys.first())
    }
}

/// The call of a script that Redis has seen before.
fn known(script: &Script, keys: &[String], args: &[Vec<u8>]) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(&script.sha).arg(keys.len()).arg(keys).arg(args);
    command
}

/// The same call with the whole text.
fn unknown(script: &Script, known: &Cmd) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(script.text);
    for arg in known.args_iter().skip(2) {
        if let redis::Arg::Simple(bytes) = arg {
            command.arg(bytes);
        }
    }
    command
}

async fn ask(
    connection: &mut MultiplexedConnection,
    script: &Script,
    known: &Cmd,
) -> Result<Value, RedisError> {
    match known.query_async(connection).await {
        Err(fault) if fault.code() == Some("NOSCRIPT") => {
            unknown(script, known).query_async(connection).await
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests;
