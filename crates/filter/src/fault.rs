//! What is wrong with an expression, and where.

use std::{fmt, ops::Range};

/// Why an expression is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct Fault {
    /// Which bytes of the text are meant; empty at the end of the text.
    pub at: Range<usize>,
    /// What is wrong with them.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

// === impl Fault ===

impl Fault {
    pub(crate) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The line of `text` that is meant, marked below, and the message: for a terminal.
    #[must_use]
    pub fn show(&self, text: &str) -> String {
        let start = floor(text, self.at.start);
        let end = floor(text, self.at.end).max(start);
        let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let to = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let blank = text[from..start].chars().count();
        let marked = text[start..end.min(to).max(start)].chars().count().max(1);
        let (blank, marks) = (" ".repeat(blank), "^".repeat(marked));
        format!("{}\n{blank}{marks} {self}", &text[from..to])
    }
}

/// The last boundary of a character at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
