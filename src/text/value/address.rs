//! Addresses in which a password may stand.

use std::fmt::Display;
use std::str::FromStr;

use toml::de::DeValue;

use super::{Placed, Value};

impl Value<'_> {
    /// A string that `T`, an address, can be read from. A fault neither repeats it nor shows its
    /// line where a password may stand in the line.
    #[must_use]
    pub fn address<T: FromStr<Err: Display>>(self) -> Option<Placed<T>> {
        let line = self.reader.lines_of(self.span);
        if matches!(&self.value, DeValue::String(text) if may_hold_password(text))
            || may_hold_password(line)
        {
            return self.secret();
        }
        self.placed()
    }
}

/// Whether one of the addresses in these lines may hold a password: before an `@`, or behind a
/// colon where a port would be, if somebody forgot the `@`.
fn may_hold_password(lines: &str) -> bool {
    let authority_may = |address: &str| {
        let authority = address.split(['/', '"', '\'', ' ', ',']).next();
        let place = authority.unwrap_or_default();
        let ports = place
            .rsplit(']')
            .next()
            .unwrap_or_default()
            .split(':')
            .skip(1);
        ports
            .into_iter()
            .any(|port| port.bytes().any(|byte| !byte.is_ascii_digit()))
    };
    lines.contains('@') || lines.split("://").skip(1).any(authority_may)
}
