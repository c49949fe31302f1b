//! The count: what is, and what it was taken for.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    names::{Named, WIRE},
    truth::Speaks,
};

/// The row of streams that callscope has no dissector for.
pub const OTHER: &str = "other";
/// The column of streams that were given no name.
pub const UNKNOWN: &str = "unknown";

/// How a recording was read.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mode {
    /// As it is.
    AsIs,
    /// Every port rewritten.
    Moved,
    /// And the start of every connection cut off.
    Late,
}

/// Everything that was counted.
#[derive(Default)]
pub struct Matrix {
    /// Streams by mode, what they are and what they were taken for.
    pub counts: BTreeMap<Mode, BTreeMap<(&'static str, &'static str), u64>>,
    /// The same for streams whose start no recording holds.
    pub headless: BTreeMap<Mode, BTreeMap<(&'static str, &'static str), u64>>,
    /// Taken for what they are not.
    pub misnamed: BTreeSet<(Mode, String)>,
    /// Known on their real ports or by others, but not here.
    pub unknown: BTreeSet<(Mode, String)>,
    /// Named, and nobody else says what they are.
    pub own_word: BTreeSet<String>,
    /// Recordings looked at.
    pub recordings: u64,
    /// Recordings that could not be looked at, and why.
    pub failed: Vec<String>,
}

// === impl Matrix ===

impl Matrix {
    /// Counts one stream.
    pub fn add(
        &mut self,
        mode: Mode,
        from_start: bool,
        truth: &Speaks,
        named: Option<&Named>,
        place: &dyn Fn() -> String,
    ) {
        let none = BTreeSet::new();
        let named = named.map_or(&none, |named| &named.names);
        let (row, allowed) = match truth {
            Speaks::Ours(names) | Speaks::OwnWord(names) => {
                (WIRE.into_iter().rfind(|name| names.contains(name)).unwrap_or(OTHER), names)
            }
            Speaks::Other => (OTHER, &none),
        };
        let wrong = named.iter().find(|name| !allowed.contains(*name));
        // Of several names that it may have, the row stands for all.
        let column = match wrong {
            Some(wrong) => *wrong,
            None if named.is_empty() => UNKNOWN,
            None => row,
        };
        let counts = if from_start { &mut self.counts } else { &mut self.headless };
        *counts.entry(mode).or_default().entry((row, column)).or_default() += 1;
        match (wrong, truth) {
            (Some(wrong), _) => {
                self.misnamed.insert((mode, format!("{row} as {wrong}: {}", place())));
            }
            (None, Speaks::OwnWord(_)) if mode == Mode::AsIs => {
                self.own_word.insert(format!("{row}: {}", place()));
            }
            (None, Speaks::Ours(_) | Speaks::OwnWord(_)) if named.is_empty() => {
                let start = if from_start { "" } else { " (no start)" };
                self.unknown.insert((mode, format!("{row}: {}{start}", place())));
            }
            _ => {}
        }
    }
}

// === impl Mode ===

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AsIs, Self::Moved, Self::Late];

    /// As a heading.
    pub fn words(self) -> &'static str {
        match self {
            Self::AsIs => "On their real ports",
            Self::Moved => "Every port rewritten to 40000 + n",
            Self::Late => "Ports rewritten, the first 20 packets of every connection cut off",
        }
    }
}
