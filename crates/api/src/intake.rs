//! The one way of calls into the store: lines of the output contract become rows here, wherever they
//! come from. What must never be stored is taken out here.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use mask::Mask;
use store::{Row, Store, StoreError};

use crate::{Import, metrics::Metrics, text::now};

/// Takes calls in.
pub struct Intake {
    /// None where nothing is kept.
    store: Option<Arc<Store>>,
    metrics: Arc<Metrics>,
    mask: Option<Arc<Mask>>,
    refused: AtomicU64,
}

// === impl Intake ===

impl Intake {
    pub(crate) fn new(
        store: Option<Arc<Store>>,
        metrics: Arc<Metrics>,
        mask: Option<Arc<Mask>>,
    ) -> Self {
        Self { store, metrics, mask, refused: AtomicU64::new(0) }
    }

    /// Takes whole lines of calls that an import found. Their ids and streams, which are only their
    /// own in one capture, get the import's id in front: `12-1` becomes `3:12-1`.
    ///
    /// # Errors
    /// When the store takes no calls.
    pub fn take(&self, import: &Import, lines: &[u8]) -> Result<(), StoreError> {
        let store = self.store.as_ref().ok_or(StoreError::ReadOnly)?;
        let mut rows = Vec::new();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let row = str::from_utf8(line)
                .ok()
                .and_then(|line| self.masked(line))
                .and_then(|line| named(&line, &import.id))
                .and_then(|line| Row::of_line(&line).ok());
            match row {
                Some(row) => rows.push(row),
                None => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            }
        }
        for row in &rows {
            self.metrics.call(row);
        }
        import.calls.fetch_add(rows.len() as u64, Ordering::Relaxed);
        store.append(rows, now())
    }

    /// A line that can't be masked is not taken.
    fn masked<'l>(&self, line: &'l str) -> Option<Cow<'l, str>> {
        match &self.mask {
            Some(mask) => mask.line(line).ok(),
            None => Some(Cow::Borrowed(line)),
        }
    }

    /// Lines that were no calls.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// The line with the import's id in front of the call's id, which is its first member, and of its
/// stream, which is its last. Where the line says what the connection is called by all who see it, the
/// call's id has that in place of the stream: so it is the same wherever the call was seen.
fn named(line: &str, import: &str) -> Option<String> {
    const ID: &str = "{\"id\":\"";
    const STREAM: &str = "\"stream\":\"";
    let rest = line.strip_prefix(ID)?;
    let at = rest.rfind(STREAM)? + STREAM.len();
    let (middle, end) = rest.split_at_checked(at)?;
    let Some(connection) = connection(middle, STREAM) else {
        return Some(format!("{ID}{import}:{middle}{import}:{end}"));
    };
    let place = middle.find(|c: char| !c.is_ascii_digit())?;
    let middle = middle.get(place..)?;
    Some(format!("{ID}{connection}{middle}{import}:{end}"))
}

/// What stands before the stream: `"connection":"9f3a01c2b4d5e6f7",`.
fn connection<'l>(middle: &'l str, stream: &str) -> Option<&'l str> {
    const CONNECTION: &str = "\"connection\":\"";
    const DIGITS: usize = 16;
    let before = middle.strip_suffix(stream)?.strip_suffix("\",")?;
    let (before, digits) = before.split_at_checked(before.len().checked_sub(DIGITS)?)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_hex && before.ends_with(CONNECTION)).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_streams_are_those_of_their_import() {
        let line = r#"{"id":"5-1","endpoint":"\"stream\":\"7","stream":"5"}"#;
        let named = named(line, "3").unwrap();
        assert_eq!(named, r#"{"id":"3:5-1","endpoint":"\"stream\":\"7","stream":"3:5"}"#);
        assert_eq!(super::named("{}", "3"), None);
        let line = r#"{"id":"5.1-2","connection":"0123456789abcdef","stream":"5"}"#;
        let named = super::named(line, "3").unwrap();
        let same =
            r#"{"id":"0123456789abcdef.1-2","connection":"0123456789abcdef","stream":"3:5"}"#;
        assert_eq!(named, same);
    }
}
