//! Places in a text, and what comes there instead.

use std::{borrow::Cow, ops::Range};

use crate::mark::Mark;

/// Places of secrets in a text, in any order.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    all: Vec<Hit>,
}

#[derive(Debug)]
struct Hit {
    at: Range<usize>,
    form: Form,
}

/// How a secret is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// As it is.
    Plain,
    /// Percent-encoded, as in a form.
    Percent,
    /// With backslashes before quotes.
    Escaped,
    /// A number where only what is quoted may be a text; with so many backslashes before each quote.
    Number(usize),
}

// === impl Hits ===

impl Hits {
    pub(crate) fn add(&mut self, at: Range<usize>, form: Form) {
        if !at.is_empty() {
            self.all.push(Hit { at, form });
        }
    }

    /// The text with marks in these places.
    pub(crate) fn replace<'t>(mut self, text: &'t str, mark: &Mark) -> Cow<'t, str> {
        if self.all.is_empty() {
            return Cow::Borrowed(text);
        }
        // Of those that begin together the longest comes first, and hides the others.
        self.all.sort_by_key(|hit| (hit.at.start, std::cmp::Reverse(hit.at.end)));
        let (mut masked, mut done) = (String::with_capacity(text.len()), 0);
        for hit in &self.all {
            // What begins within another one and goes on behind it is masked to its own end.
            let (start, end) = (hit.at.start.max(done), hit.at.end);
            if start >= end {
                continue;
            }
            let secret = text.get(start..end).unwrap_or_default();
            if crate::mark::is_marked(secret) {
                continue;
            }
            masked.push_str(text.get(done..start).unwrap_or_default());
            let quote = match hit.form {
                Form::Number(backslashes) => format!("{}\"", "\\".repeat(backslashes)),
                _ => String::new(),
            };
            masked += &quote;
            masked += &mark.of(&plain(secret, hit.form));
            masked += &quote;
            done = end;
        }
        masked.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(masked)
    }
}

/// The secret itself: equal ones have equal marks however they are written.
fn plain(secret: &str, form: Form) -> Cow<'_, [u8]> {
    match form {
        Form::Plain | Form::Number(_) => Cow::Borrowed(secret.as_bytes()),
        Form::Percent => {
            let spaced = secret.replace('+', " ");
            Cow::Owned(content::form::percent_decode(spaced.as_bytes()).into_owned())
        }
        Form::Escaped => {
            let mut text = Cow::Borrowed(secret);
            // Quoted in a text that is quoted itself, a few times at most.
            for _ in 0..4 {
                if !text.contains('\\') {
                    break;
                }
                match serde_json::from_str::<String>(&format!("\"{text}\"")) {
                    Ok(inner) => text = Cow::Owned(inner),
                    Err(_) => break,
                }
            }
            Cow::Owned(text.into_owned().into_bytes())
        }
    }
}
