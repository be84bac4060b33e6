//! What is sent for one verb.

use super::Script;

/// One script's call on one room.
pub(super) struct Call {
    pub(super) script: &'static Script,
    pub(super) keys: Vec<String>,
    pub(super) args: Vec<Vec<u8>>,
}

impl Call {
    /// The room's head, by which faults are named.
    pub(super) fn head(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }
}
