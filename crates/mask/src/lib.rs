//! Takes secrets out of calls before anybody keeps them, and leaves fingerprints in their places.
//!
//! A secret is known by the name that stands before it (`"password": "…"`, `token=…`, `X-Api-Key: …`),
//! by its place (`Authorization`, the values of cookies) or by its form (a JSON Web Token, a private
//! key). What takes its place is `***#1a2b3c4d`: the same secret has the same fingerprint under one
//! key, so that it can be followed from call to call. `docs/MASKING.md` says what is found and what is
//! not.

mod hits;
mod line;
mod mark;
mod names;
mod patterns;
mod text;
mod value;

use std::borrow::Cow;

pub use line::Malformed;
pub use mark::{KEY_BYTES, Mark};

use crate::{names::Names, patterns::Patterns};

/// What is masked beside what always is.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Further names of fields, parameters and headers, whatever their case, `-` and `_`.
    pub names: Vec<String>,
    /// Names that are left alone although they sound like secrets.
    pub keep: Vec<String>,
    /// Further forms of secrets, as regular expressions: the first group is masked, else all of it.
    pub patterns: Vec<String>,
}

/// A rule that can't be followed.
#[derive(Debug, thiserror::Error)]
#[error("{pattern:?} is no pattern: {error}")]
pub struct RuleError {
    /// As given.
    pub pattern: String,
    /// Why.
    pub error: regex::Error,
}

/// Finds secrets and puts fingerprints in their places.
#[derive(Debug)]
pub struct Mask {
    names: Names,
    patterns: Patterns,
    mark: Mark,
}

// === impl Mask ===

impl Mask {
    /// By these rules; fingerprints are made with `key`.
    ///
    /// # Errors
    /// When a pattern is none.
    pub fn new(rules: &Rules, key: &[u8; KEY_BYTES]) -> Result<Self, RuleError> {
        Ok(Self {
            names: Names::new(rules),
            patterns: Patterns::new(&rules.patterns)?,
            mark: Mark::new(key),
        })
    }

    /// A line of the output contract without its secrets.
    ///
    /// # Errors
    /// When it is no such line: nobody knows what is in it, and it must not be kept.
    pub fn line<'l>(&self, line: &'l str) -> Result<Cow<'l, str>, Malformed> {
        line::masked(self, line)
    }

    /// Any text without its secrets.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        text::masked(self, text, false)
    }

    /// What would stand in the place of this secret.
    #[must_use]
    pub fn fingerprint(&self, secret: &str) -> String {
        self.mark.of(secret.as_bytes())
    }
}
