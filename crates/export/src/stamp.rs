//! Moments as text: RFC 3339 in UTC with nanoseconds.

use content::short::eight_digits;
use model::Timestamp;

/// Writes time stamps and remembers the last second it wrote, as most calls share it.
#[derive(Clone, Debug)]
pub(crate) struct Stamps {
    second: u64,
    text: [u8; TEXT_LEN],
}

/// A day in the Gregorian calendar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Date {
    pub(crate) year: u32,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

const TEXT_LEN: usize = "2026-01-29T11:08:21.123456789Z".len();
const FRACTION_AT: usize = "2026-01-29T11:08:21.".len();
const SECOND_NS: u64 = 1_000_000_000;
const DAY_SECONDS: u64 = 86_400;

/// The moment as text: RFC 3339 in UTC with nanoseconds.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    String::from_utf8_lossy(Stamps::new().text(at)).into_owned()
}

// === impl Stamps ===

impl Stamps {
    pub(crate) fn new() -> Self {
        let mut new = Self { second: 0, text: *b"1970-01-01T00:00:00.000000000Z" };
        new.set_second(0);
        new
    }

    /// Without quotes.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, at: Timestamp) {
        out.extend_from_slice(self.text(at));
    }

    /// The moment as 30 ASCII bytes.
    pub(crate) fn text(&mut self, at: Timestamp) -> &[u8; TEXT_LEN] {
        let second = at.0 / SECOND_NS;
        if second != self.second {
            self.set_second(second);
        }
        let fraction = (at.0 % SECOND_NS) as u32;
        self.text[FRACTION_AT..FRACTION_AT + 8].copy_from_slice(&eight_digits(fraction / 10));
        self.text[FRACTION_AT + 8] = b'0' + (fraction % 10) as u8;
        &self.text
    }

    fn set_second(&mut self, second: u64) {
        self.second = second;
        let date = Date::of_day(second / DAY_SECONDS);
        let in_day = (second % DAY_SECONDS) as u32;
        for (at, len, number) in [
            (0, 4, date.year),
            (5, 2, date.month),
            (8, 2, date.day),
            (11, 2, in_day / 3600),
            (14, 2, in_day / 60 % 60),
            (17, 2, in_day % 60),
        ] {
            put_digits(&mut self.text[at..at + len], number);
        }
    }
}

fn put_digits(to: &mut [u8], mut number: u32) {
    for digit in to.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

// === impl Date ===

impl Date {
    /// The day so many days after 1970-01-01. Years are counted from March, so that the leap day is
    /// the last one; 400 years have 146,097 days.
    pub(crate) fn of_day(days: u64) -> Self {
        const FROM_YEAR_0: u64 = 719_468;
        let days = days + FROM_YEAR_0;
        let (era, in_era) = (days / 146_097, days % 146_097);
        let year_in_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
        let month_from_march = (5 * in_year + 2) / 153;
        let day = in_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_in_era + u64::from(month <= 2);
        Self { year: year as u32, month: month as u32, day: day as u32 }
    }
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
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ] {
            assert_eq!(Stamps::new().text(Timestamp(ns)), text.as_bytes());
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = Date::of_day(0);
        for day in 1..213_503 {
            let date = Date::of_day(day);
            let next_day = Date { day: before.day + 1, ..before };
            let next_month = Date { month: before.month + 1, day: 1, ..before };
            let next_year = Date { year: before.year + 1, month: 1, day: 1 };
            assert!([next_day, next_month, next_year].contains(&date), "{before:?} {date:?}");
            before = date;
        }
    }

    #[test]
    fn the_second_before_does_not_stick() {
        let mut stamps = Stamps::new();
        let first = *stamps.text(Timestamp(1_769_684_901_123_456_789));
        stamps.text(Timestamp(5));
        assert_eq!(stamps.text(Timestamp(1_769_684_901_123_456_789)), &first);
    }
}
