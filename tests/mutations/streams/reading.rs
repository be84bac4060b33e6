//! A second reading of a request in HTTP/2: which one request it clearly is, if any. Small, strict
//! about what another server could read in another way, and written without the gateway's code.

use super::shapes::{Field, Meaning, Shape};

/// A request that is clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// The method.
    pub method: String,
    /// The target.
    pub target: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Fields that speak of one connection of HTTP/1.1.
const OF_CONNECTIONS: [&[u8]; 5] = [
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
];

/// What a shape says, if it says one thing.
pub fn read(shape: &Shape) -> Option<Clear> {
    if shape.meaning == Meaning::Nothing {
        return None;
    }
    let (pseudo, fields) = head(&shape.head)?;
    let one = |name: &str| {
        pseudo
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    let (method, path) = (one(":method")?, without_fragment(one(":path")?));
    let is_scheme = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_alphanumeric());
    one(":scheme").filter(|scheme| !scheme.is_empty() && is_scheme(scheme))?;
    let is_target = path.starts_with(b"/") || (path == b"*" && method == b"OPTIONS");
    if !is_token(method) || method == b"CONNECT" || !is_target || !is_plain(path) {
        return None;
    }
    host(one(":authority"), &fields)?;
    let body: Vec<u8> = shape.body.concat();
    let length = length(&fields, body.len())?;
    // Whose length is known is whole before the trailers come. Pseudo-header fields among those are
    // thrown away by the library before anybody looks.
    let is_said = |(name, _): &&Field| !name.starts_with(b":");
    let ends_well = shape.trailers.as_ref().is_none_or(|lines| {
        let regular: Vec<Field> = lines.iter().filter(is_said).cloned().collect();
        head(&regular).is_some()
    });
    if !ends_well && !length {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(Clear {
        method: text(method)?,
        target: text(path)?,
        body,
    })
}

type Pseudo<'a> = Vec<(&'a str, &'a [u8])>;
type Regular<'a> = Vec<(&'a [u8], &'a [u8])>;

/// Pseudo-header fields, each at most once and in front, and the others, each properly named.
fn head(all: &[Field]) -> Option<(Pseudo<'_>, Regular<'_>)> {
    let known = [":method", ":scheme", ":authority", ":path"];
    let (mut pseudo, mut fields) = (Pseudo::new(), Regular::new());
    for (name, value) in all {
        if value
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            return None;
        }
        if name.starts_with(b":") {
            let name = known.into_iter().find(|known| known.as_bytes() == name)?;
            let is_new = pseudo.iter().all(|(seen, _)| *seen != name);
            if !is_new || !fields.is_empty() {
                return None;
            }
            pseudo.push((name, value));
            continue;
        }
        let is_small = !name.iter().any(u8::is_ascii_uppercase);
        let te = name == b"te" && value != b"trailers";
        if !is_token(name) || !is_small || te || OF_CONNECTIONS.contains(&name.as_slice()) {
            return None;
        }
        fields.push((name, value));
    }
    Some((pseudo, fields))
}

/// A path without its fragment, which the library cuts off before anybody looks.
fn without_fragment(path: &[u8]) -> &[u8] {
    let end = path.iter().position(|byte| *byte == b'#');
    &path[..end.unwrap_or(path.len())]
}

/// Whether a length is said, and it is true.
fn length(fields: &Regular<'_>, body: usize) -> Option<bool> {
    let said = fields.iter().filter(|(name, _)| {
        let plain: Vec<u8> = name
            .iter()
            .map(|byte| if *byte == b'_' { b'-' } else { *byte })
            .collect();
        plain == b"content-length" || plain == b"transfer-encoding"
    });
    let said: Vec<_> = said.collect();
    match said[..] {
        [] => Some(false),
        [(b"content-length", value)] => (*value == body.to_string().as_bytes()).then_some(true),
        _ => None,
    }
}

/// Demands one host, whether it is said once or twice.
fn host(authority: Option<&[u8]>, fields: &Regular<'_>) -> Option<()> {
    let lines: Vec<&[u8]> = fields
        .iter()
        .filter(|(name, _)| *name == b"host")
        .map(|(_, value)| *value)
        .collect();
    let is_host = |bytes: &[u8]| {
        !bytes.is_empty() && is_plain(bytes) && !bytes.iter().any(|byte| b",/?@".contains(byte))
    };
    let same = |one: &[u8], other: &[u8]| {
        let bare = |host: &[u8]| {
            let portless = host.strip_suffix(b":").unwrap_or(host);
            portless
                .strip_suffix(b".")
                .unwrap_or(portless)
                .to_ascii_lowercase()
        };
        bare(one) == bare(other)
    };
    match (authority, lines.as_slice()) {
        (Some(one), []) => is_host(one).then_some(()),
        (None, [one]) => is_host(one).then_some(()),
        (Some(one), [other]) => (is_host(one) && same(one, other)).then_some(()),
        _ => None,
    }
}

fn is_plain(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| byte.is_ascii_graphic() && *byte != b'#')
}

fn is_token(bytes: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_token)
}
