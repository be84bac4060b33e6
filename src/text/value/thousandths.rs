//! Numbers with a few digits after the point, read exactly.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::Value;
use crate::text::wording::shown;

impl Value<'_> {
    /// A number with at most three digits after the point, in thousandths within `range`.
    #[must_use]
    pub fn thousandths(self, range: RangeInclusive<u16>) -> Option<u16> {
        let (low, high) = (range.start(), range.end());
        let wanted = format!(
            "a number from {} to {} with at most three digits after the point",
            decimal(*low),
            decimal(*high)
        );
        let digits = match &self.value {
            DeValue::Integer(digits) if digits.radix() == 10 => digits.as_str(),
            DeValue::Float(digits) => digits.as_str(),
            _ => return self.is_not(&wanted),
        };
        let read = in_thousandths(digits).filter(|read| range.contains(read));
        if read.is_none() {
            let found = shown(digits);
            let message = format!("`{}` must be {wanted}, found {found}", self.key);
            self.reader.fault(self.span, message);
        }
        read
    }
}

/// Digits with or without a point, in thousandths; nothing where there are more than three behind
/// it.
fn in_thousandths(digits: &str) -> Option<u16> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() > 3 || !plain(whole) || !plain(part) {
        return None;
    }
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    let whole: u16 = whole.parse().ok()?;
    whole.checked_mul(1_000)?.checked_add(part)
}

/// Thousandths as they are written: 1,300 is `1.3`.
fn decimal(thousandths: u16) -> String {
    let (whole, part) = (thousandths / 1_000, thousandths % 1_000);
    let part = format!("{part:03}");
    let part = part.trim_end_matches('0');
    format!("{whole}.{}", if part.is_empty() { "0" } else { part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_thousandths_or_not_at_all() {
        for (digits, read) in [
            ("1", Some(1_000)),
            ("1.0", Some(1_000)),
            ("1.15", Some(1_150)),
            ("1.005", Some(1_005)),
            ("65.535", Some(65_535)),
            ("65.536", None),
            ("1.0005", None),
            ("1e1", None),
            ("-1.0", None),
            ("inf", None),
            ("", None),
        ] {
            assert_eq!(in_thousandths(digits), read, "{digits}");
        }
        assert_eq!([1_000, 1_300, 1_005].map(decimal), ["1.0", "1.3", "1.005"]);
    }
}
