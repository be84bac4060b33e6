//! An open event stream, read event by event.

use serde_json::Value;

use super::Wire;

/// A stream whose head has been read.
pub struct Events {
    wire: Wire,
    unread: String,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its data.
    pub status: Value,
}

impl Events {
    /// What comes on this connection.
    pub fn on(wire: Wire) -> Self {
        Self {
            wire,
            unread: String::new(),
        }
    }

    /// The next event; comments and the retry are passed over. `None` when the stream ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.unread.find("\n\n") {
                let rest = self.unread.split_off(end + 2);
                let block = std::mem::replace(&mut self.unread, rest);
                let line = |name: &str| {
                    let mut lines = block.lines();
                    lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
                };
                let (Some(name), Some(data)) = (line("event: "), line("data: ")) else {
                    continue;
                };
                let status = serde_json::from_str(&data).unwrap();
                return Some(Event { name, status });
            }
            // The last chunk, where the connection stays open behind it.
            if self.unread.ends_with("0\r\n\r\n") {
                return None;
            }
            let bytes = self.wire.some().await;
            if bytes.is_empty() {
                return None;
            }
            self.unread.push_str(&String::from_utf8(bytes).unwrap());
        }
    }

    /// The next event of this name.
    pub async fn until(&mut self, name: &str) -> Value {
        loop {
            let event = self.next().await;
            let event = event.unwrap_or_else(|| panic!("it ended before `{name}`"));
            if event.name == name {
                return event.status;
            }
        }
    }

    /// Demands that the stream comes to its end.
    pub async fn ends(&mut self) {
        while self.next().await.is_some() {}
    }
}
