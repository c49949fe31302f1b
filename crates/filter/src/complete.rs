//! What may be written next.

use std::ops::Range;

use crate::{Column, Columns, Fact, Type, functions};

/// Candidates at most.
const CANDIDATES_MAX: usize = 100;

/// What may stand in place of what is being written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Completion {
    /// The bytes that a candidate replaces.
    pub at: Range<usize>,
    /// The candidates, the likeliest first.
    pub candidates: Vec<Candidate>,
}

/// Something that may be written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// The text.
    pub text: String,
    /// `field`, `alias`, `protocol`, `function`, `value`.
    pub kind: &'static str,
    /// A line about it.
    pub about: String,
}

// === impl Columns ===

impl Columns {
    /// What may be written at byte `at` of `text`: names that go on with the letters before it; behind
    /// a comparison with some columns, their values.
    #[must_use]
    pub fn complete(&self, text: &str, at: usize) -> Completion {
        let before = text.get(..at).unwrap_or(text);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let (quote, start) = match open_text(before) {
            Some(quote) => (true, quote),
            None => {
                let letters = before.chars().rev().take_while(|c| is_name(*c)).count();
                (false, before.len() - letters)
            }
        };
        let word = before.get(start..).unwrap_or_default();
        let lead = before.get(..start).unwrap_or_default();
        let values = self.values(lead, quote);
        let mut candidates = match values {
            Some(values) => values,
            None if quote => Vec::new(),
            None => self.names_and_functions(word),
        };
        candidates.retain(|candidate| is_meant(&candidate.text, word));
        candidates.sort_by_key(|candidate| rank(&candidate.text, word));
        candidates.truncate(CANDIDATES_MAX);
        Completion { at: start..before.len(), candidates }
    }

    fn names_and_functions(&self, word: &str) -> Vec<Candidate> {
        let mut all = Vec::new();
        let protocols = self.protocols().iter();
        all.extend(protocols.map(|table| Candidate {
            text: table.name.to_owned(),
            kind: "protocol",
            about: table.about.to_owned(),
        }));
        all.extend(self.all().filter(|named| self.named(&named.name) == Some(named.column)).map(
            |named| Candidate {
                text: named.name.clone(),
                kind: "field",
                about: format!("{}: {}", named.ty.name(), named.about),
            },
        ));
        all.extend(self.aliases().iter().map(|alias| Candidate {
            text: alias.name.to_owned(),
            kind: "alias",
            about: alias.about.to_owned(),
        }));
        // A method is written behind a dot of what it is called on.
        let (on, tail) = word.rsplit_once('.').unwrap_or(("", word));
        let has_method = !on.is_empty() && self.knows(on);
        all.extend(functions().iter().filter(|f| !tail.is_empty() || !f.is_method()).filter_map(
            |function| {
                let text = match (function.is_method(), has_method) {
                    (false, _) => format!("{}(", function.name),
                    (true, true) => format!("{on}.{}(", function.name),
                    (true, false) => return None,
                };
                Some(Candidate { text, kind: "function", about: function.about.to_owned() })
            },
        ));
        all
    }

    fn knows(&self, name: &str) -> bool {
        self.named(name).is_some() || self.aliases().iter().any(|alias| alias.name == name)
    }

    /// Values that a column is compared with in front of what is written.
    fn values(&self, lead: &str, in_quotes: bool) -> Option<Vec<Candidate>> {
        let lead = lead.trim_end_matches(['"', '\'']).trim_end();
        let lead = lead.strip_suffix("==").or_else(|| lead.strip_suffix("!="))?.trim_end();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let letters = lead.chars().rev().take_while(|c| is_name(*c)).count();
        let column = self.named(lead.get(lead.len() - letters..)?)?;
        let words: Vec<(String, String)> = match column {
            Column::Call(Fact::Protocol) => {
                let tables = self.protocols().iter();
                tables.map(|table| (table.name.to_owned(), table.about.to_owned())).collect()
            }
            column => {
                let words = listed(column);
                if words.is_empty() && self.facts(column)?.ty != Type::Bool {
                    return None;
                }
                let words = if words.is_empty() { &["true", "false"] } else { words };
                words.iter().map(|word| ((*word).to_owned(), String::new())).collect()
            }
        };
        let bare = in_quotes || self.facts(column)?.ty == Type::Bool;
        let written = |text: String| if bare { text } else { format!("\"{text}\"") };
        let candidate = |(text, about)| Candidate { text: written(text), kind: "value", about };
        Some(words.into_iter().map(candidate).collect())
    }
}

/// Values of columns that have few.
fn listed(column: Column) -> &'static [&'static str] {
    match column {
        Column::Call(Fact::StatusResult) => &["ok", "error", "unknown"],
        Column::Call(Fact::Transport) => &["tcp", "udp", "icmp", "sctp"],
        Column::Call(Fact::Pairing) => &["matched", "unanswered", "orphan", "one-way"],
        Column::Call(Fact::PairedBy) => &["order", "id", "alternation"],
        Column::Call(Fact::State) => &["open"],
        Column::Call(Fact::SourceKind) => &["file", "stdin", "interface"],
        Column::Call(Fact::MissingWhy) => &[
            "gap",
            "capture-start",
            "capture-end",
            "snaplen",
            "budget",
            "reset",
            "closed",
            "timeout",
            "unreachable",
        ],
        _ => &[],
    }
}

/// Where a text begins that is not ended.
fn open_text(before: &str) -> Option<usize> {
    let mut open: Option<(char, usize)> = None;
    let mut escaped = false;
    for (at, c) in before.char_indices() {
        match open {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some((quote, _)) if c == quote => open = None,
            None if matches!(c, '"' | '\'') => open = Some((c, at + 1)),
            _ => {}
        }
    }
    open.map(|(_, at)| at)
}

/// Whether the candidate begins with the word, or a part of it behind a dot does.
fn is_meant(candidate: &str, word: &str) -> bool {
    rank(candidate, word).0 < 3
}

fn rank(candidate: &str, word: &str) -> (u8, usize, String) {
    let (text, word) = (candidate.to_ascii_lowercase(), word.to_ascii_lowercase());
    let class = if text.trim_start_matches('"').starts_with(&word) {
        0
    } else if text.contains(&format!(".{word}")) {
        1
    } else if word.len() > 2 && text.contains(&word) {
        2
    } else {
        3
    };
    (class, text.matches('.').count(), text)
}
