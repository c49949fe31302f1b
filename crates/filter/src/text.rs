//! What is looked for in a text.

use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use crate::{Value, context::Context, term::Term};

/// Bytes of a pattern at most, as written.
const PATTERN_BYTES_MAX: usize = 4 << 10;
/// Bytes of a pattern at most, compiled.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// What is looked for, and where in the text.
#[derive(Clone, Debug)]
pub(crate) enum Needle {
    Anywhere(Box<Finder<'static>>),
    First(Box<str>),
    Last(Box<str>),
    Pattern(Box<Regex>),
    /// A text that depends on the record.
    Computed(Place, Box<Term>),
}

/// Where in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Anywhere,
    First,
    Last,
}

// === impl Needle ===

impl Needle {
    pub(crate) fn new(place: Place, text: &str) -> Self {
        match place {
            Place::Anywhere => Self::Anywhere(Box::new(Finder::new(text).into_owned())),
            Place::First => Self::First(text.into()),
            Place::Last => Self::Last(text.into()),
        }
    }

    /// A regular expression in the syntax of RE2; says why it is none.
    pub(crate) fn pattern(pattern: &str) -> Result<Self, String> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes"));
        }
        let mut builder = RegexBuilder::new(pattern);
        builder.size_limit(COMPILED_BYTES_MAX).dfa_size_limit(COMPILED_BYTES_MAX).nest_limit(50);
        match builder.build() {
            Ok(regex) => Ok(Self::Pattern(Box::new(regex))),
            Err(regex::Error::CompiledTooBig(_)) => Err("the pattern is too large".into()),
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                Err(format!("no pattern: {}", last.trim_start_matches("error: ")))
            }
        }
    }

    /// Whether it is in this text; in what is missing there is nothing.
    pub(crate) fn is_in(&self, cx: Context<'_>, value: Value<'_>) -> bool {
        let Some(text) = value.into_text() else { return false };
        match self {
            Self::Anywhere(finder) => finder.find(text.as_bytes()).is_some(),
            Self::First(needle) => text.starts_with(&**needle),
            Self::Last(needle) => text.ends_with(&**needle),
            Self::Pattern(regex) => regex.is_match(&text),
            Self::Computed(place, term) => {
                let Some(needle) = term.value(cx).into_text() else { return false };
                match place {
                    Place::Anywhere => text.contains(&*needle),
                    Place::First => text.starts_with(&*needle),
                    Place::Last => text.ends_with(&*needle),
                }
            }
        }
    }
}
