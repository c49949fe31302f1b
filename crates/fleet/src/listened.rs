//! When a node listened: written down once a second, so that it is known after a crash, too.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use model::Timestamp;

/// Times of before that are remembered.
const SPANS_MAX: usize = 64;
/// The file's name in the store's folder.
const FILE: &str = "listened";

/// A time during which a node listened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// From this moment on.
    pub from: Timestamp,
    /// Until this moment; it goes on if there is none.
    pub until: Option<Timestamp>,
}

/// The times during which a node listened.
#[derive(Debug)]
pub struct Listened {
    path: PathBuf,
    before: Vec<Span>,
    from: Timestamp,
}

// === impl Listened ===

impl Listened {
    /// Begins to listen `now`. `newest` is when the newest call in the folder's store began: until then
    /// the node listened for sure, even if it could not write it down any more.
    ///
    /// # Errors
    /// When the folder can't be written to.
    pub fn begin(folder: &Path, newest: Option<Timestamp>, now: Timestamp) -> io::Result<Self> {
        let path = folder.join(FILE);
        let mut before = match fs::read_to_string(&path) {
            Ok(text) => text.lines().filter_map(span).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        if let (Some(Span { until: Some(until), .. }), Some(newest)) = (before.last_mut(), newest) {
            // What is told twice is worse than what is told once.
            *until = (*until).max(newest.after(1)).min(now);
        }
        let surplus = before.len().saturating_sub(SPANS_MAX);
        before.drain(..surplus);
        let listened = Self { path, before, from: now };
        listened.note(now)?;
        Ok(listened)
    }

    /// Writes down that it still listens.
    ///
    /// # Errors
    /// When the folder can't be written to.
    pub fn note(&self, now: Timestamp) -> io::Result<()> {
        let spans = self.before.iter().copied();
        let own = Span { from: self.from, until: Some(now.max(self.from)) };
        let lines = spans
            .chain([own])
            .map(|span| format!("{} {}\n", span.from.0, span.until.unwrap_or(span.from).0));
        let new = self.path.with_extension("new");
        File::create(&new)?.write_all(lines.collect::<String>().as_bytes())?;
        fs::rename(&new, &self.path)
    }

    /// The times, oldest first; the last goes on. What began before `oldest` is not kept any more, if
    /// there is such a moment.
    #[must_use]
    pub fn spans(&self, oldest: Option<Timestamp>) -> Vec<Span> {
        let own = Span { from: self.from, until: None };
        let all = self.before.iter().copied().chain([own]);
        let oldest = oldest.unwrap_or_default();
        all.filter(|span| span.until.is_none_or(|until| until > oldest))
            .map(|span| Span { from: span.from.max(oldest), ..span })
            .collect()
    }
}

fn span(line: &str) -> Option<Span> {
    let (from, until) = line.split_once(' ')?;
    let moment = |text: &str| text.parse().ok().map(Timestamp);
    Some(Span { from: moment(from)?, until: Some(moment(until)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_a_crash_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp;
        let first = Listened::begin(folder.path(), None, at(100)).unwrap();
        first.note(at(200)).unwrap();
        let second = Listened::begin(folder.path(), Some(at(230)), at(500)).unwrap();
        let before = Span { from: at(100), until: Some(at(231)) };
        let now = Span { from: at(500), until: None };
        assert_eq!(second.spans(None), [before, now]);
        let cut = Span { from: at(150), ..before };
        assert_eq!(second.spans(Some(at(150))), [cut, now]);
        assert_eq!(second.spans(Some(at(231))), [now]);
    }

    #[test]
    fn what_is_not_ours_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "x\n1 2\n\n3\n").unwrap();
        let listened = Listened::begin(folder.path(), None, Timestamp(9)).unwrap();
        assert_eq!(listened.spans(None).len(), 2);
    }
}
