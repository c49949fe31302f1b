//! What calls are sorted by, and which of them come first.

use std::{cmp::Ordering, fmt, ops::Range};

use model::Timestamp;

use crate::{Amount, Key, Order, Row};

/// Where a call is in an order. As text `VALUE:ID@TIME`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// What is sorted by: nanoseconds since 1970 or of a duration, bytes.
    pub value: i64,
    /// The call; of equal values the time decides, then the id.
    pub key: Key,
}

// === impl Amount ===

impl Amount {
    /// The column of a file that says it.
    pub(crate) fn stored_name(self) -> &'static str {
        match self {
            Self::Duration => "duration_ns",
            Self::RequestSize => "request_size",
            Self::ResponseSize => "response_size",
        }
    }
}

// === impl Order ===

impl Order {
    /// Which of two calls comes first: by what is sorted by, then the time, then the id; the end of a call
    /// before the call that went on.
    #[must_use]
    pub fn compare(self, a: &Row, b: &Row) -> Ordering {
        let key = |row: &Row| (row.time_ns(), row.raw_id().to_owned());
        let by_key = match self {
            Self::OldestFirst => key(a).cmp(&key(b)),
            Self::NewestFirst | Self::Most(_) | Self::Least(_) => key(b).cmp(&key(a)),
        };
        let by_value = self.compare_values(self.value(a), self.value(b));
        by_value.then(by_key).then_with(|| a.is_open().cmp(&b.is_open()))
    }

    /// Which of two places comes first.
    #[must_use]
    pub fn compare_places(self, a: &Place, b: &Place) -> Ordering {
        let key = |place: &Place| (place.key.time_ns, place.key.id.clone());
        let by_key = match self {
            Self::OldestFirst => key(a).cmp(&key(b)),
            Self::NewestFirst | Self::Most(_) | Self::Least(_) => key(b).cmp(&key(a)),
        };
        self.compare_values(Some(a.value), Some(b.value)).then(by_key)
    }

    /// What a call is sorted by; nothing if it is left out.
    pub(crate) fn value(self, row: &Row) -> Option<i64> {
        let amount = match self {
            Self::NewestFirst | Self::OldestFirst => return Some(row.time_ns()),
            Self::Most(amount) | Self::Least(amount) => amount,
        };
        match amount {
            _ if row.is_open() => None,
            Amount::Duration => row.duration_ns(),
            Amount::RequestSize => row.request_size(),
            Amount::ResponseSize => row.response_size(),
        }
    }

    fn compare_values(self, a: Option<i64>, b: Option<i64>) -> Ordering {
        if self.is_falling() { b.cmp(&a) } else { a.cmp(&b) }
    }

    /// What is sorted by, if it is not the time.
    #[must_use]
    pub fn amount(self) -> Option<Amount> {
        match self {
            Self::NewestFirst | Self::OldestFirst => None,
            Self::Most(amount) | Self::Least(amount) => Some(amount),
        }
    }

    /// Whether greater values come first.
    pub(crate) fn is_falling(self) -> bool {
        matches!(self, Self::NewestFirst | Self::Most(_))
    }

    /// Whether a call with value `a` comes before all with value `b`.
    pub(crate) fn is_before(self, a: i64, b: i64) -> bool {
        if self.is_falling() { a > b } else { a < b }
    }

    /// The better one of the least and the greatest value.
    pub(crate) fn best(self, least: i64, greatest: i64) -> i64 {
        if self.is_falling() { greatest } else { least }
    }

    /// What is better than all values.
    pub(crate) fn top(self) -> i64 {
        if self.is_falling() { i64::MAX } else { i64::MIN }
    }

    /// Whether a call comes behind this place.
    #[must_use]
    pub fn is_behind(self, row: &Row, place: &Place) -> bool {
        let Some(value) = self.value(row) else { return false };
        if value != place.value {
            return self.is_before(place.value, value);
        }
        let (this, that) =
            ((row.time_ns(), row.raw_id()), (place.key.time_ns, place.key.id.as_str()));
        if self == Self::OldestFirst { this > that } else { this < that }
    }

    /// Takes the best so many of what is left of places that are in the order of time.
    pub(crate) fn take(self, left: &mut Range<usize>, len: usize) -> Range<usize> {
        let len = len.min(left.len());
        if self == Self::NewestFirst {
            left.end -= len;
            return left.end..left.end + len;
        }
        left.start += len;
        left.start - len..left.start
    }
}

// === impl Place ===

impl Place {
    /// Where this call is; nowhere if it is left out.
    #[must_use]
    pub fn of(row: &Row, order: Order) -> Option<Self> {
        let key = Key { time_ns: row.time_ns(), id: row.raw_id().to_owned() };
        Some(Self { value: order.value(row)?, key })
    }

    /// Reads `VALUE:ID@TIME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (value, key) = text.split_once(':')?;
        Some(Self { value: value.parse().ok()?, key: Key::parse(key)? })
    }

    /// The same as a moment.
    pub(crate) fn moment(ns: i64) -> Option<Timestamp> {
        u64::try_from(ns).ok().map(Timestamp)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.value, self.key)
    }
}
