//! What is asked of the control API.

use serde_json::{Map, Value, json};

/// What is sent for a verb.
pub(super) struct Asked {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

pub(super) fn at(method: &'static str, name: &str, verb: &str, body: Option<Value>) -> Asked {
    Asked {
        method,
        path: format!("/v1/rooms/{}{verb}", segment(name)),
        body,
    }
}

/// The fields that were given.
pub(super) fn given<const N: usize>(fields: [(&str, &Option<String>); N]) -> Value {
    let given = fields
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), text.as_deref()?.into())));
    Value::Object(given.collect::<Map<_, _>>())
}

pub(super) fn pace(per_minute: u32, burst: Option<u32>) -> Value {
    match burst {
        Some(burst) => json!({"per_minute": per_minute, "burst": burst}),
        None => json!({"per_minute": per_minute}),
    }
}

/// A name as one segment of a path, whatever was typed; the gateway says which names there are.
fn segment(name: &str) -> String {
    let mut path = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    if path.is_empty() {
        "%20".to_owned()
    } else {
        path
    }
}
