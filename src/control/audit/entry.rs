//! What a line of the audit log says.

use serde::Serialize;
use serde_json::Value;

/// What a line says.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Entry {
    /// The first line of a file.
    Begin {
        /// The chain's random id.
        chain: String,
        /// The hash of the last line of the file before, if this one goes on with its chain.
        continues: Option<String>,
    },
    /// Somebody is about to change something.
    Intent(Intent),
    /// What came of an intent.
    Outcome {
        /// The number of the intent's line.
        of: u64,
        /// The status of the answer.
        status: u16,
        /// Those of the room's orders that changed, before.
        before: Option<Value>,
        /// The same, after.
        after: Option<Value>,
    },
    /// The gateway changed something by itself, or because a signal told it to.
    Automatic {
        /// Why: `schedule`, `draw` or `signal`.
        by: &'static str,
        /// The room, where it was one.
        room: Option<String>,
        /// What changed, before.
        before: Value,
        /// The same, after.
        after: Value,
    },
}

/// Who is about to change what.
#[derive(Clone, Debug, Serialize)]
pub struct Intent {
    /// The name of the control token.
    pub who: String,
    /// Its role.
    pub role: &'static str,
    /// The address the request came from.
    pub from: String,
    /// The method and the route.
    pub action: String,
    /// The room, where the route has one.
    pub room: Option<String>,
    /// The request's body.
    pub asked: Value,
}
