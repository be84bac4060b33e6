//! The connection to Redis.

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};

use super::script::Script;
use crate::store::StoreError;

/// A connection that many calls share.
pub struct Link {
    connection: MultiplexedConnection,
}

impl Link {
    /// Over a connection that is open.
    #[must_use]
    pub const fn new(connection: MultiplexedConnection) -> Self {
        Self { connection }
    }

    /// Runs a script, which Redis is sent where it does not know it.
    pub(super) async fn call(
        &self,
        script: &'static Script,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<Value, StoreError> {
        let known = self.run("EVALSHA", &script.sha, keys, args).await;
        let answer = match known {
            Err(fault) if fault.code() == Some("NOSCRIPT") => {
                self.run("EVAL", script.text, keys, args).await
            }
            answer => answer,
        };
        answer.map_err(|fault| match fault.code() {
            Some("WRONGTYPE") => StoreError::Unreadable {
                key: keys.first().cloned().unwrap_or_default(),
                source: fault.into(),
            },
            _ => StoreError::Unreachable(fault.into()),
        })
    }

    async fn run(
        &self,
        command: &str,
        script: &str,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<Value, RedisError> {
        let mut call = redis::cmd(command);
        call.arg(script).arg(keys.len()).arg(keys).arg(args);
        call.query_async(&mut self.connection.clone()).await
    }
}
