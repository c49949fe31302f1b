//! Queries and moments as text.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp as Moment};
use model::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Fault;

/// Everything but what RFC 3986 §2.3 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One part of a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A path with a query.
pub(crate) fn query(path: &str, pairs: &[(&str, String)]) -> String {
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// A moment: RFC 3339, or a span before now (`-15m`).
pub(crate) fn moment(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    let flaw = || Fault {
        hint: Some("2026-01-29T11:08:21Z, or -15m".into()),
        ..Fault::bad(format!("{name}: {text:?} is no time"))
    };
    if let Some(span) = text.strip_prefix('-') {
        return Ok(Timestamp(now.0.saturating_sub(duration(span).ok_or_else(flaw)?)));
    }
    let moment = Moment::from_str(text).map_err(|_| flaw())?;
    // Before 1970 there were no captures, and after 2554 there is no number for it.
    Ok(Timestamp(u64::try_from(moment.as_nanosecond().max(0)).unwrap_or(u64::MAX)))
}

/// A span of time in nanoseconds: `500ms`, `10s`, `1m`, `1h30m`, `1d`.
pub(crate) fn duration(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    if let Some(days) = text.strip_suffix('d')
        && let Ok(days) = days.parse::<u64>()
    {
        return days.checked_mul(86_400 * 1_000_000_000);
    }
    let span = SignedDuration::from_str(text).ok()?;
    u64::try_from(span.as_nanos()).ok()
}

/// Now, by the machine's clock.
pub(crate) fn now() -> Timestamp {
    Timestamp(u64::try_from(Moment::now().as_nanosecond()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_nonsense_is_not() {
        let now = Timestamp(1_000_000_000_000);
        assert_eq!(moment("from", "1970-01-01T00:00:01.000000002Z", now).unwrap().0, 1_000_000_002);
        assert_eq!(moment("from", "1970-01-01T01:00:00+01:00", now).unwrap().0, 0);
        assert_eq!(moment("from", "-15m", now).unwrap().0, 100_000_000_000);
        assert_eq!(moment("from", "1960-01-01T00:00:00Z", now).unwrap().0, 0);
        for nonsense in ["", "-", "yesterday", "-99999999999999999999d", "2026-13-01T00:00:00Z"] {
            assert!(moment("from", nonsense, now).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn spans_have_units() {
        assert_eq!(duration("1m"), Some(60_000_000_000));
        assert_eq!(duration("1d"), Some(86_400_000_000_000));
        assert_eq!(duration("500ms"), Some(500_000_000));
        assert_eq!(duration("-5s"), None);
        assert_eq!(duration("many"), None);
    }
}
