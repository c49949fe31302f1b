//! Moments as text and back: RFC 3339 in UTC with nine digits of a second.

const SECOND_NS: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const FROM_YEAR_0: i64 = 719_468;

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
    let seconds = days(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    seconds.checked_mul(SECOND_NS)?.checked_add(number(20, 29)?)
}

/// The moment as text; the inverse of [`read`].
pub(crate) fn write(ns: i64) -> String {
    let (seconds, fraction) = (ns.div_euclid(SECOND_NS), ns.rem_euclid(SECOND_NS));
    let (year, month, day) = date(seconds.div_euclid(DAY_SECONDS));
    let second = seconds.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z")
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

/// Days from 1970-01-01. Years are counted from March, so that the leap day is the last one; 400
/// years have 146,097 days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, in_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let in_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - FROM_YEAR_0
}

/// Year, month and day so many days after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + FROM_YEAR_0;
    let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
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
