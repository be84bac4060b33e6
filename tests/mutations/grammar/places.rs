//! One odd byte at every joint of the lines that matter, and lines that are folded.

use super::{HELLO, HOST, ODD, parts};

/// Where a byte may stand in a field line.
const JOINTS: [&str; 7] = [
    "@NAME: VALUE",
    "NA@ME: VALUE",
    "NAME@: VALUE",
    "NAME:@VALUE",
    "NAME: @VALUE",
    "NAME: VAL@UE",
    "NAME: VALUE@",
];

/// The fields: name, value, each in the halves that a byte is put between, and the body they say.
const FIELDS: [[&str; 5]; 4] = [
    ["Content", "-Length", "1", "5", "hello, says she"],
    ["Transfer", "-Encoding", "chu", "nked", HELLO],
    ["Ho", "st", "shop", ".example", ""],
    ["X-Any", "thing", "a", "b", ""],
];

/// Where a byte may stand in a request line.
const LINES: &str = "@POST /aux/a00000 HTTP/1.1|PO@ST /aux/a00000 HTTP/1.1|POST@/aux/a00000 HTTP/1.1\
    |POST @/aux/a00000 HTTP/1.1|POST /aux/@/a00000 HTTP/1.1|POST /aux/@a00000 HTTP/1.1|POST /aux/a00000@ HTTP/1.1\
    |POST /aux/a00000@HTTP/1.1|POST /aux/a00000 @HTTP/1.1|POST /aux/a00000 HT@TP/1.1|POST /aux/a00000 HTTP/@1.1\
    |POST /aux/a00000 HTTP/1@.1|POST /aux/a00000 HTTP/1.1@|POST /aux/a00000?x=@ HTTP/1.1";

/// Each odd byte at each joint of each line.
pub fn odd_bytes() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for odd in ODD {
        for joint in JOINTS {
            for [name, rest, value, tail, body] in FIELDS {
                let line = joint
                    .replace("NA@ME", &format!("{name}@{rest}"))
                    .replace("NAME", &format!("{name}{rest}"))
                    .replace("VAL@UE", &format!("{value}@{tail}"))
                    .replace("VALUE", &format!("{value}{tail}"));
                let host = if name == "Ho" { "X-First: 1" } else { HOST };
                let head = format!("POST /aux/a00000 HTTP/1.1\r\n{host}\r\n{line}\r\n\r\n{body}");
                all.push(with(&head, odd));
            }
        }
        for line in parts(LINES) {
            all.push(with(
                &format!("{line}\r\n{HOST}\r\nContent-Length: 5\r\n\r\nhello"),
                odd,
            ));
        }
    }
    all
}

/// The text with the byte where it says so.
fn with(text: &str, odd: &[u8]) -> Vec<u8> {
    let mut parts = text.split('@');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.extend_from_slice(odd);
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Fields that go on in the next line, or begin with a blank.
pub fn folds() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for blank in [" ", "\t", "  ", " \t", "\u{b}", "\u{c}", "\u{a0}"] {
        for [name, rest, value, tail, body] in FIELDS {
            let host = if name == "Ho" { "X-First: 1" } else { HOST };
            for field in [
                format!("{blank}{name}{rest}: {value}{tail}"),
                format!("{name}{rest}:\r\n{blank}{value}{tail}"),
                format!("{name}{rest}: {value}\r\n{blank}{tail}"),
                format!("{name}{rest}: {value}{tail}\r\n{blank}"),
                format!("{name}{rest}: {value}{tail}\r\n{blank}X: 1"),
                format!("{name}{rest}\r\n{blank}: {value}{tail}"),
                format!("X-Before: 1\r\n{blank}{name}{rest}: {value}{tail}"),
            ] {
                let line = "POST /aux/a00000 HTTP/1.1";
                all.push(format!("{line}\r\n{host}\r\n{field}\r\n\r\n{body}").into_bytes());
                all.push(format!("{line}\r\n{field}\r\n{host}\r\n\r\n{body}").into_bytes());
            }
        }
    }
    all
}
