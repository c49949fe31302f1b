//! What may go wrong, as told beforehand.

/// What was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// A list, or its first page.
    List,
    /// A further page of a list.
    Page,
    /// A streaming list, and what changes then.
    Stream,
    /// Changes since a version.
    Watch,
}

/// Something that goes wrong with one answer. Lines are those of this answer, events and bookmarks
/// alike; a list is broken in its middle, wherever that is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It says no, and perhaps for how many seconds.
    Status(u16, Option<u32>),
    /// It does not answer.
    Mute,
    /// The connection breaks after so many lines.
    Drop(usize),
    /// The connection breaks within the line that follows so many.
    DropInLine(usize),
    /// Nothing more comes after so many lines.
    Stall(usize),
    /// The watch ends after so many lines, as watches do.
    End(usize),
    /// An event says that there was this error, after so many lines, and the watch ends.
    Error(usize, u16),
    /// Every change is told twice.
    Twice,
    /// Earlier states of an object are told once more after later ones.
    Late,
    /// This comes after so many lines, as it is.
    Insert(usize, Vec<u8>),
    /// This comes after so many lines, without an end.
    Endless(usize, Vec<u8>),
}

/// A fault, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) plural: String,
    pub(crate) verb: Option<Verb>,
    pub(crate) fault: Fault,
}

// === impl Planned ===

impl Planned {
    pub(crate) fn is_for(&self, plural: &str, verb: Verb) -> bool {
        (self.plural.is_empty() || self.plural == plural) && self.verb.is_none_or(|own| own == verb)
    }
}
