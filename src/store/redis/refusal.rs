//! What Redis says when it refuses, as an operator understands it.

use redis::{ErrorKind, RedisError};

use crate::store::StoreError;

/// A call that Redis did not carry out.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Redis's own word for it, as in `OOM`.
    pub code: String,
    /// What is wrong and what to do.
    pub sentence: String,
    /// Whether this server should no longer be asked before it was looked at again.
    pub doubtful: bool,
}

impl Refusal {
    /// Reads Redis's answer.
    pub fn of(fault: &RedisError) -> Self {
        let code = match (fault.kind(), fault.code()) {
            (ErrorKind::AuthenticationFailed, _) => "WRONGPASS",
            (_, Some(code)) => code,
            (_, None) => "",
        };
        Self {
            code: code.to_owned(),
            sentence: sentence(code).map_or_else(|| fault.to_string(), str::to_owned),
            doubtful: matches!(code, "READONLY" | "LOADING" | "MASTERDOWN"),
        }
    }

    /// The store's fault for a caller who used `key`.
    pub fn into_fault(self, key: Option<&String>) -> StoreError {
        match self.code.as_str() {
            "WRONGTYPE" => StoreError::Unreadable {
                key: key.cloned().unwrap_or_default(),
                source: self.sentence.into(),
            },
            _ => StoreError::Unreachable(self.sentence.into()),
        }
    }
}

/// What an operator can do about it; `None` where Redis's own words are all there is.
fn sentence(code: &str) -> Option<&'static str> {
    Some(match code {
        "OOM" => "Redis has no memory left to write with: raise its maxmemory",
        "MISCONF" => "Redis cannot save to its disk and takes no writes: make room there",
        "READONLY" => "Redis has become a read-only replica: let `[store] url` name the master",
        "MASTERDOWN" => "Redis is a replica that has lost its master",
        "LOADING" => "Redis is still loading its data",
        "NOREPLICAS" => "Redis takes no writes while too few of its replicas are in reach",
        "NOAUTH" => "Redis asks for a password: name its file in `[store] password_file`",
        "WRONGPASS" => "Redis refuses the user or the password",
        "NOPERM" => {
            "Redis does not let this user do what Anteroom needs: allow it INFO, PING, and \
             scripts over the keys `anteroom:*`"
        }
        "BUSY" => "a script has kept Redis busy for seconds: `redis-cli SCRIPT KILL` ends it",
        "MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN" => {
            "this is a node of a Redis Cluster, which is not available in this version"
        }
        "WRONGTYPE" => "the key holds another kind of value",
        _ => return None,
    })
}
