//! What a SQL statement says at a glance: its verb, its main table, its shape.
//!
//! A tokenizer and a scan over its tokens, not a parser: it works on text that is cut off, on every
//! dialect, in one pass, without recursion, and has no way to fail. Called when somebody looks,
//! never while packets are read. A full parser (`sqlparser`) checks it in the tests.

mod name;
mod object;
mod scan;
pub mod secret;
mod shape;
#[cfg(test)]
mod tests;
mod token;

use std::borrow::Cow;

use self::{
    scan::{Mention, Scan},
    token::{Kind, Token, Tokens},
};

/// Bytes of a statement that are looked at.
pub const TEXT_MAX: usize = 16 << 10;
/// Bytes of a summary, at most; OpenTelemetry asks for no more than 255.
const SUMMARY_MAX: usize = 255;
/// Bytes of a verb, at most.
const VERB_MAX: usize = 24;
/// Names that `WITH` gives a meaning to, at most.
const COMMONS_MAX: usize = 8;
/// Mentions looked at in one statement, at most.
const MENTIONS_MAX: usize = 256;

/// How names, strings and comments are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// `"name"`, `'text'`, `$$text$$`, `$1`, comments inside comments.
    PostgreSql,
    /// `` `name` ``, `'text'`, `"text"`, `\'` in text, `#` comments.
    MySql,
    /// `[name]`, `"name"`, `@p1`.
    SqlServer,
    /// None of these.
    Standard,
}

/// What fits in one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts<'a> {
    /// `SELECT`, `INSERT`, `CREATE`, in upper case; of `WITH … INSERT` it is `INSERT`.
    pub verb: Cow<'a, [u8]>,
    /// What it is about.
    pub target: Option<Target<'a>>,
}

/// What a statement is about; without quotes, with its schema if that is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Target<'a> {
    /// A table or a view.
    Table(Cow<'a, [u8]>),
    /// A role, a database, a setting, a cursor, a procedure, …
    Other(Cow<'a, [u8]>),
}

/// The verb of the first statement in `text`, and what it is about; nothing if there is none.
#[must_use]
pub fn facts(text: &[u8], dialect: Dialect) -> Option<Facts<'_>> {
    let text = front(text);
    match object_or_scan(text, dialect)? {
        Ok(facts) => Some(facts),
        Err((first, scan)) => Some(Main::of(scan, &mut |_| false).facts(first)),
    }
}

/// The same with the summary ([`summary`]).
#[must_use]
pub fn facts_and_summary(text: &[u8], dialect: Dialect) -> Option<(Facts<'_>, Vec<u8>)> {
    let text = front(text);
    let (first, scan) = match object_or_scan(text, dialect)? {
        Ok(facts) => {
            let summary = short_summary(&facts);
            return Some((facts, summary));
        }
        Err(both) => both,
    };
    let mut summary = Vec::new();
    let is_front = first.at == 0;
    let facts =
        Main::of(scan, &mut |mention| is_front && mentioned(mention, &mut summary)).facts(first);
    if !is_front {
        let all = Scan::of(text, Tokens::of(text, dialect)).take(MENTIONS_MAX);
        // The rest is what there is no room for.
        let _ = all.take_while(|mention| mentioned(mention, &mut summary)).count();
    }
    if summary.is_empty() {
        summary = short_summary(&facts);
    }
    Some((facts, summary))
}

/// What a statement is that is about a single thing, or its first token and a scan of it.
type Begun<'a> = Result<Facts<'a>, (Token<'a>, Scan<'a>)>;

fn object_or_scan(text: &[u8], dialect: Dialect) -> Option<Begun<'_>> {
    let mut tokens = Tokens::of(text, dialect);
    let first = tokens.by_ref().find(|token| !matches!(token.kind, Kind::Mark(b'(' | b';')))?;
    if first.kind != Kind::Word {
        return None;
    }
    if let Some(target) = object::read(first, tokens, text) {
        return Some(Ok(Facts { verb: upper(first.text), target: Some(target) }));
    }
    let statement = text.get(first.at..).unwrap_or_default();
    Some(Err((first, Scan::of(statement, Tokens::of(statement, dialect)))))
}

/// How many statements are in `text`; see [`statements`].
#[must_use]
pub fn count(text: &[u8], dialect: Dialect) -> usize {
    let text = front(text);
    // Most texts are one statement, which shows at a glance.
    match memchr::memchr(b';', text) {
        None => usize::from(!text.is_empty()),
        Some(_) => statements(text, dialect).count(),
    }
}

/// The statements in `text`, without blanks around them; empty ones are left out.
///
/// A semicolon inside a body of SQL (`BEGIN ATOMIC … END`) is taken for an end.
pub fn statements(text: &[u8], dialect: Dialect) -> impl Iterator<Item = &[u8]> {
    let text = front(text);
    let mut tokens = Tokens::of(text, dialect);
    std::iter::from_fn(move || {
        let first = tokens.by_ref().find(|token| token.kind != Kind::Mark(b';'))?;
        let mut end = first.end();
        for token in tokens.by_ref().take_while(|token| token.kind != Kind::Mark(b';')) {
            end = token.end();
        }
        text.get(first.at..end)
    })
}

/// The statement with `?` in place of its values; at most [`TEXT_MAX`] bytes of it.
#[must_use]
pub fn normalised(text: &[u8], dialect: Dialect) -> Vec<u8> {
    shape::normalised(front(text), dialect)
}

/// Verbs and tables in the order in which they are written: `INSERT audit SELECT users orders`.
#[must_use]
pub fn summary(text: &[u8], dialect: Dialect) -> Vec<u8> {
    facts_and_summary(text, dialect).map(|(_, summary)| summary).unwrap_or_default()
}

/// Appends what is mentioned to a summary; false once there is no room.
fn mentioned(mention: &Mention<'_>, summary: &mut Vec<u8>) -> bool {
    let word: Cow<'_, [u8]> = match mention {
        Mention::Verb(_, verb) if !verb.eq_ignore_ascii_case(b"WITH") => upper(verb),
        Mention::Table(_, name) => Cow::Borrowed(name),
        Mention::Verb(..) | Mention::Common(..) => return true,
    };
    if summary.len() + 1 + word.len() > SUMMARY_MAX {
        return false;
    }
    if !summary.is_empty() {
        summary.push(b' ');
    }
    summary.extend_from_slice(&word);
    true
}

fn short_summary(facts: &Facts<'_>) -> Vec<u8> {
    let mut summary = facts.verb.to_vec();
    if let Some(Target::Table(name) | Target::Other(name)) = &facts.target
        && summary.len() + 1 + name.len() <= SUMMARY_MAX
    {
        summary.push(b' ');
        summary.extend_from_slice(name);
    }
    summary
}

fn front(text: &[u8]) -> &[u8] {
    text.get(..TEXT_MAX).unwrap_or(text)
}

fn upper(word: &[u8]) -> Cow<'_, [u8]> {
    let word = word.get(..VERB_MAX).unwrap_or(word);
    if word.iter().any(u8::is_ascii_lowercase) {
        Cow::Owned(word.to_ascii_uppercase())
    } else {
        Cow::Borrowed(word)
    }
}

/// A name that stands for a query, and the first table in it.
type Common<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

/// What a scan says of the statement as a whole.
#[derive(Default)]
struct Main<'a> {
    verb: Option<&'a [u8]>,
    /// Its level.
    level: u32,
    table: Option<Cow<'a, [u8]>>,
    table_level: u32,
    commons: Vec<Common<'a>>,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Its name, whatever it is.
    #[must_use]
    pub fn into_name(self) -> Cow<'a, [u8]> {
        match self {
            Self::Table(name) | Self::Other(name) => name,
        }
    }
}

// === impl Main ===

impl<'a> Main<'a> {
    /// Reads `scan` as far as it has to, or as `more` wants to know what is mentioned.
    fn of(scan: Scan<'a>, more: &mut dyn FnMut(&Mention<'a>) -> bool) -> Self {
        let mut main = Self::default();
        let (mut is_found, mut goes_on) = (false, true);
        for mention in scan.take(MENTIONS_MAX) {
            goes_on = goes_on && more(&mention);
            if !is_found {
                main.hear(mention);
                is_found = main.table.is_some() && main.table_level == main.level;
            }
            if is_found && !goes_on {
                break;
            }
        }
        main.look_behind_commons();
        main
    }

    /// What the statement with that first word is.
    fn facts(self, first: Token<'a>) -> Facts<'a> {
        let verb = self.verb.unwrap_or(first.text);
        Facts { verb: upper(verb), target: self.table.map(Target::Table) }
    }

    fn hear(&mut self, mention: Mention<'a>) {
        match mention {
            Mention::Verb(level, b"WITH") => self.level = level,
            Mention::Verb(level, word) if word.eq_ignore_ascii_case(b"WITH") => self.level = level,
            Mention::Verb(level, word) if self.verb.is_none() => {
                if self.commons.is_empty() || level == self.level {
                    (self.verb, self.level) = (Some(word), level);
                }
            }
            Mention::Verb(..) => {}
            Mention::Common(level, name) if self.verb.is_none() && level == self.level => {
                if self.commons.len() < COMMONS_MAX {
                    self.commons.push((name, None));
                }
            }
            Mention::Common(..) => {}
            Mention::Table(level, name) if self.verb.is_some() => {
                if self.table.is_none() || level == self.level {
                    (self.table, self.table_level) = (Some(name), level);
                }
            }
            Mention::Table(_, name) => {
                if let Some((_, table @ None)) = self.commons.last_mut() {
                    *table = Some(name);
                }
            }
        }
    }

    /// A name given by `WITH` is not a table: what it stands for is.
    fn look_behind_commons(&mut self) {
        for _ in 0..self.commons.len() {
            let Some(table) = &self.table else { return };
            let Some(at) = self.commons.iter().position(|(name, _)| name == table) else { return };
            let (name, behind) = self.commons.swap_remove(at);
            self.table = behind.filter(|behind| *behind != name);
        }
    }
}
