//! One line of a terminal, which never becomes wider than the terminal is.

use super::{Style, layout::Align, text};

/// A line being written; texts must be clean (see [`text`]).
pub(crate) struct Line<'o> {
    style: Style,
    out: &'o mut Vec<u8>,
    /// Columns that are left; as good as endless where there is no terminal.
    left: usize,
    /// Spaces that are only written when something follows.
    spaces: usize,
    /// Whether a column stands before.
    begun: bool,
}

/// The colour of a text, or its weight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

const RESET: &str = "\x1b[0m";

// === impl Paint ===

impl Paint {
    /// ECMA-48's SGR that sets it.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Red => "\x1b[31m",
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
            Self::Cyan => "\x1b[36m",
        }
    }
}

// === impl Line ===

impl<'o> Line<'o> {
    pub(crate) fn new(style: Style, out: &'o mut Vec<u8>) -> Self {
        let left = style.width.map_or(usize::MAX, usize::from);
        Self { style, out, left, spaces: 0, begun: false }
    }

    /// A text in a column: padded, and shortened where there is a width to keep to.
    pub(crate) fn cell(&mut self, text: &str, width: usize, align: Align, paint: Paint) {
        self.begun = true;
        let padding = width.saturating_sub(text::width_of(text));
        if align == Align::Right {
            self.spaces += padding;
        }
        self.clipped(text, width, paint);
        if align == Align::Left {
            self.spaces += padding;
        }
    }

    /// A text as it is, as far as there is room.
    pub(crate) fn text(&mut self, text: &str, paint: Paint) {
        self.clipped(text, usize::MAX, paint);
    }

    /// So many columns free.
    pub(crate) fn space(&mut self, columns: usize) {
        self.spaces += columns;
    }

    /// What stands between two columns.
    pub(crate) fn gap(&mut self, gap: &str) {
        if self.begun {
            self.spaces += gap.len();
        }
    }

    /// What stands between client and server.
    pub(crate) fn arrow(&mut self) {
        self.spaces += 1;
        self.text(if self.style.unicode { "→" } else { ">" }, Paint::Dim);
        self.spaces += 1;
    }

    /// Ends the line; spaces at its end are left out.
    pub(crate) fn end(self) {
        self.out.push(b'\n');
    }

    fn clipped(&mut self, text: &str, width: usize, paint: Paint) {
        if text.is_empty() || width == 0 || self.left <= self.spaces {
            return;
        }
        self.left -= self.spaces;
        self.out.resize(self.out.len() + self.spaces, b' ');
        self.spaces = 0;
        let width = if self.style.width.is_some() { width.min(self.left) } else { usize::MAX };
        let (kept, used) = text::clip(text, width);
        let is_cut = kept.len() < text.len();
        self.left -= used + usize::from(is_cut);
        let ellipsis = match (is_cut, self.style.unicode) {
            (false, _) => "",
            (true, true) => "…",
            (true, false) => "~",
        };
        let colour = if self.style.colour { paint.code() } else { "" };
        let reset = if colour.is_empty() { "" } else { RESET };
        for piece in [colour, kept, ellipsis, reset] {
            self.out.extend_from_slice(piece.as_bytes());
        }
    }
}
