//! Days as calendars name them.

use std::fmt;

/// A day in the Gregorian calendar, also before it was decreed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Date {
    /// 0 is the year before 1.
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const FROM_YEAR_0: i64 = 719_468;

// === impl Date ===

impl Date {
    /// The day so many days after 1970-01-01. Days that are further away than 2^60 are those.
    #[must_use]
    pub fn of_day(days: i64) -> Self {
        // Years are counted from March, so that the leap day is the last one.
        let days = days.clamp(-1 << 60, 1 << 60) + FROM_YEAR_0;
        let (era, in_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
        let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * in_year + 2) / 153;
        let day = in_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year + i64::from(month <= 2);
        Self { year, month: month as u8, day: day as u8 }
    }

    /// Days from 1970-01-01: the inverse, as far as there is such a day; a 31st of a month that has none
    /// is the first of the next. Years beyond a million are a million.
    #[must_use]
    pub fn days(self) -> i64 {
        let year = self.year.clamp(-1_000_000, 1_000_000) - i64::from(self.month <= 2);
        let from_march = (i64::from(self.month) + 9) % 12;
        let in_year = (153 * from_march + 2) / 5 + i64::from(self.day) - 1;
        let in_era = year.rem_euclid(400);
        year.div_euclid(400) * ERA + in_era * 365 + in_era / 4 - in_era / 100 + in_year
            - FROM_YEAR_0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (day, text) in [
            (0, "1970-01-01"),
            (11_016, "2000-02-29"),
            (47_541, "2100-03-01"),
            (-1, "1969-12-31"),
            (-719_468, "0000-03-01"),
            (-719_529, "-001-12-31"),
        ] {
            assert_eq!(Date::of_day(day).to_string(), text);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = Date::of_day(-400_000);
        for day in -399_999..400_000 {
            let date = Date::of_day(day);
            assert_eq!(date.days(), day);
            let next_day = Date { day: before.day + 1, ..before };
            let next_month = Date { month: before.month + 1, day: 1, ..before };
            let next_year = Date { year: before.year + 1, month: 1, day: 1 };
            assert!([next_day, next_month, next_year].contains(&date), "{before} {date}");
            before = date;
        }
    }

    #[test]
    fn no_number_is_too_large() {
        assert!(Date::of_day(i64::MAX) > Date::of_day(i64::MIN));
        let far = Date { year: i64::MIN, month: 255, day: 255 };
        assert!(far.days() < 0);
    }
}
