//! Spans of time as people write and read them.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::Time;

/// The longest span that may be given.
pub const LONGEST: Duration = Duration::from_hours(30 * 24);

/// Reads `90`, `90s`, `15m`, `1h 30m`: seconds where no unit is given.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn parse(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse::<f64>().ok();
    let span = match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|span| Duration::try_from(span).ok()),
    };
    span.filter(|span| *span <= LONGEST)
        .ok_or_else(|| "a span is written as 90s, 15m or 1h30m, and is at most 720h".to_owned())
}

/// A span in words: `1 h 23 min`, `4 min 10 s`, `7 s`. Above an hour it is rounded to minutes.
#[must_use]
pub fn words(span: Duration) -> String {
    let seconds = span.as_secs_f64().round() as u64;
    let minutes = (seconds + 30) / 60;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// The time of day so long after `opens`, to the minute, and how many days later if not the same.
#[must_use]
pub fn time_of_day(opens: Time, after: Duration) -> String {
    let opened = opens
        .duration_since(Time::midnight())
        .unsigned_abs()
        .as_secs();
    let minutes = (opened + after.as_secs_f64().round() as u64 + 30) / 60;
    let (days, minute) = (minutes / 1_440, minutes % 1_440);
    let time = format!("{:02}:{:02}", minute / 60, minute % 60);
    match days {
        0 => time,
        1 => format!("{time} the next day"),
        _ => format!("{time} {days} days later"),
    }
}

/// So many fans.
#[must_use]
pub fn fans(count: u64) -> String {
    let fans = if count == 1 { "fan" } else { "fans" };
    format!("{} {fans}", grouped(count))
}

/// A number with a comma at every thousand.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90", 90.0),
            ("0", 0.0),
            ("2.5", 2.5),
            ("90s", 90.0),
            ("15m", 900.0),
            ("1h30m", 5_400.0),
            ("1h 30m", 5_400.0),
            ("2 hours", 7_200.0),
        ] {
            assert_eq!(
                parse(text).map(|span| span.as_secs_f64()),
                Ok(seconds),
                "{text}"
            );
        }
        for bad in [
            "",
            "soon",
            "-5",
            "-5m",
            "1e300",
            "NaN",
            "inf",
            "31d",
            "800h",
            "5 parsecs",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_and_numbers_are_said_shortly() {
        for (seconds, said) in [
            (0.4, "0 s"),
            (59.4, "59 s"),
            (60.0, "1 min"),
            (250.0, "4 min 10 s"),
            (3_599.0, "59 min 59 s"),
            (3_600.0, "1 h"),
            (5_001.0, "1 h 23 min"),
            (7_195.0, "2 h"),
        ] {
            assert_eq!(words(Duration::from_secs_f64(seconds)), said);
        }
        assert_eq!(
            (fans(1), fans(2_000)),
            ("1 fan".into(), "2,000 fans".into())
        );
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn a_time_of_day_goes_on_into_the_next_days() {
        let opens = Time::constant(23, 30, 0, 0);
        for (seconds, said) in [
            (0, "23:30"),
            (29 * 60 + 29, "23:59"),
            (29 * 60 + 30, "00:00 the next day"),
            (2_730, "00:16 the next day"),
            (40 * 3_600, "15:30 2 days later"),
        ] {
            assert_eq!(time_of_day(opens, Duration::from_secs(seconds)), said);
        }
    }
}
