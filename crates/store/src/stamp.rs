//! Moments as text and back: RFC 3339 in UTC with nine digits of a second.

use model::Date;

const SECOND_NS: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Nanoseconds since 1970 of `2026-01-29T11:08:21.123456789Z`; moments after 2262 have none.
pub(crate) fn read(text: &str) -> Option<i64> {
    let bytes: &[u8; 30] = text.as_bytes().try_into().ok()?;
    for (at, mark) in
        [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (29, b'Z')]
    {
        if bytes[at] != mark {
            return None;
        }
    }
    let number = |from: usize, to: usize| digits(&bytes[from..to]);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = Date { year, month: month as u8, day: day as u8 }.days();
    let seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    seconds.checked_mul(SECOND_NS)?.checked_add(number(20, 29)?)
}

/// A moment, nanoseconds since 1970, as a call's line writes it.
#[must_use]
pub fn write(ns: i64) -> String {
    let (seconds, fraction) = (ns.div_euclid(SECOND_NS), ns.rem_euclid(SECOND_NS));
    let date = Date::of_day(seconds.div_euclid(DAY_SECONDS));
    let second = seconds.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z")
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399_000_000_001, "2000-02-28T23:59:59.000000001Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (1_769_684_901_123_456_789, "2026-01-29T11:08:21.123456789Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(read(text), Some(ns), "{text}");
            assert_eq!(write(ns), text);
        }
    }

    #[test]
    fn every_day_is_read_as_it_is_written() {
        for day in 0..106_000 {
            let ns = day * DAY_SECONDS * SECOND_NS + day;
            assert_eq!(read(&write(ns)), Some(ns));
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in ["", "2026-01-29T11:08:21Z", "2026-01-29 11:08:21.123456789Z"] {
            assert_eq!(read(text), None);
        }
        assert_eq!(read("2300-01-29T11:08:21.123456789Z"), None);
        assert_eq!(read("2026-01-29T24:08:21.123456789Z"), None);
    }
}
