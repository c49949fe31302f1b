//! Times and spans of time: how they are written, and their parts.

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::Value;

const SECOND: i64 = 1_000_000_000;

/// Units of a span, as Go writes them, and days.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
];

/// Nanoseconds since 1970 of a time in RFC 3339, or of the start of a day (UTC).
pub(crate) fn time(text: &str) -> Option<i64> {
    let at: Option<Timestamp> = text.parse().ok();
    let at = at.or_else(|| format!("{text}T00:00:00Z").parse().ok())?;
    i64::try_from(at.as_nanosecond()).ok()
}

/// Nanoseconds of `1h30m`, `1.5s`, `-2ms`.
#[expect(clippy::cast_possible_truncation, reason = "the range is looked at")]
pub(crate) fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut ns = 0.0;
    while !rest.is_empty() {
        let len = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..len].parse().ok()?;
        rest = &rest[len..];
        let len = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[..len])?;
        ns += number * unit;
        rest = &rest[len..];
    }
    (!text.is_empty() && ns < 9.2e18).then_some((sign * ns) as i64)
}

pub(crate) fn show_time(at: i64) -> String {
    Timestamp::from_nanosecond(i128::from(at)).map_or_else(|_| String::new(), |at| at.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn show_duration(ns: i64) -> String {
    format!("{}s", ns as f64 / 1e9)
}

/// A part of a time (in UTC), or how often a unit fits into a span.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

// === impl Part ===

impl Part {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "getFullYear" => Self::FullYear,
            "getMonth" => Self::Month,
            "getDate" => Self::Date,
            "getDayOfMonth" => Self::DayOfMonth,
            "getDayOfWeek" => Self::DayOfWeek,
            "getDayOfYear" => Self::DayOfYear,
            "getHours" => Self::Hours,
            "getMinutes" => Self::Minutes,
            "getSeconds" => Self::Seconds,
            "getMilliseconds" => Self::Milliseconds,
            "getMicroseconds" => Self::Microseconds,
            "getNanoseconds" => Self::Nanoseconds,
            _ => return None,
        })
    }

    /// Nanoseconds of the unit, if it is one.
    pub(crate) fn unit(self) -> Option<i64> {
        Some(match self {
            Self::Hours => 3600 * SECOND,
            Self::Minutes => 60 * SECOND,
            Self::Seconds => SECOND,
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
            _ => return None,
        })
    }

    pub(crate) fn of(self, value: &Value<'_>) -> Value<'static> {
        match value {
            Value::Duration(ns) => self.unit().map_or(Value::Missing, |unit| Value::Int(ns / unit)),
            Value::Time(at) => match Timestamp::from_nanosecond(i128::from(*at)) {
                Ok(at) => Value::Int(self.of_time(&at.to_zoned(TimeZone::UTC))),
                Err(_) => Value::Missing,
            },
            _ => Value::Missing,
        }
    }

    /// CEL counts months, days of the month and days of the year from 0.
    fn of_time(self, at: &Zoned) -> i64 {
        match self {
            Self::FullYear => i64::from(at.year()),
            Self::Month => i64::from(at.month()) - 1,
            Self::Date => i64::from(at.day()),
            Self::DayOfMonth => i64::from(at.day()) - 1,
            Self::DayOfWeek => i64::from(at.weekday().to_sunday_zero_offset()),
            Self::DayOfYear => i64::from(at.day_of_year()) - 1,
            Self::Hours => i64::from(at.hour()),
            Self::Minutes => i64::from(at.minute()),
            Self::Seconds => i64::from(at.second()),
            Self::Milliseconds => i64::from(at.millisecond()),
            Self::Microseconds => i64::from(at.microsecond()),
            Self::Nanoseconds => i64::from(at.nanosecond()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_go_writes_them() {
        assert_eq!(duration("5m"), Some(300 * SECOND));
        assert_eq!(duration("1h30m"), Some(5400 * SECOND));
        assert_eq!(duration("-1.5s"), Some(-SECOND * 3 / 2));
        assert_eq!(duration("250µs"), Some(250_000));
        assert_eq!(duration("2d"), Some(172_800 * SECOND));
        assert_eq!(duration("0"), Some(0));
        for text in ["", "5", "m", "5 m", "1x", "--1s", "1e3s", "99999999999999999h", "."] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_written_in_rfc_3339() {
        assert_eq!(time("1970-01-01T00:00:01.5Z"), Some(SECOND * 3 / 2));
        assert_eq!(time("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(time("1970-01-02"), Some(86_400 * SECOND));
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn parts_of_times_are_counted_as_cel_does() {
        let at = Value::Time(time("2026-03-14T22:05:09.25Z").unwrap());
        let of = |name: &str| Part::named(name).unwrap().of(&at);
        assert_eq!(of("getMonth"), Value::Int(2));
        assert_eq!(of("getDate"), Value::Int(14));
        assert_eq!(of("getDayOfMonth"), Value::Int(13));
        assert_eq!(of("getDayOfWeek"), Value::Int(6));
        assert_eq!(of("getMilliseconds"), Value::Int(250));
        assert_eq!(Part::Minutes.of(&Value::Duration(90 * 60 * SECOND)), Value::Int(90));
    }
}
