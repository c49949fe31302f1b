//! Moments as text: RFC 3339 in UTC with nanoseconds.

use content::short::eight_digits;
use model::{Date, Timestamp};

/// Writes time stamps and remembers the last second it wrote, as most calls share it.
#[derive(Clone, Debug)]
pub(crate) struct Stamps {
    second: u64,
    text: [u8; TEXT_LEN],
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
        let date = Date::of_day((second / DAY_SECONDS).cast_signed());
        let in_day = (second % DAY_SECONDS) as u32;
        for (at, len, number) in [
            (0, 4, date.year as u32),
            (5, 2, date.month.into()),
            (8, 2, date.day.into()),
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
    fn the_second_before_does_not_stick() {
        let mut stamps = Stamps::new();
        let first = *stamps.text(Timestamp(1_769_684_901_123_456_789));
        stamps.text(Timestamp(5));
        assert_eq!(stamps.text(Timestamp(1_769_684_901_123_456_789)), &first);
    }
}
