//! What is written down of a message: its head, and what is known of the statement it runs.
//!
//! ```text
//!  0       1      2      3       4..6    6..8
//! ┌───────┬──────┬──────┬───────┬───────┬───────┬─────┬───────┬─────┬───────┬┄
//! │version│flags │opcode│packing│ stream│ place │ len │ bytes │ len │ bytes │
//! └───────┴──────┴──────┴───────┴───────┴───────┴─────┴───────┴─────┴───────┴┄
//! ```
//!
//! `place` is that of a prepared statement, from 1; 0 for none. Pieces follow: of an `EXECUTE` the text
//! and what describes it, of a `BATCH` the texts, of a `RESULT` what describes its rows. The frame's
//! body is the message's body.

use std::borrow::Cow;

use dissect::Sink;
use model::Message;

use super::{
    content::{Packing, Prelude, unpacked},
    cursor::Cursor,
    frame::{Head, Opcode},
};

/// Bytes before the pieces.
const FACTS: usize = 8;

/// How a message's body is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// As it was sent, not compressed.
    Plain,
    /// As it was sent, compressed.
    Packed,
    /// Not at all: it is secret, or may hold a secret.
    Hidden,
}

/// A record, read again.
#[derive(Clone, Copy, Debug)]
pub struct View<'m> {
    /// The protocol's version.
    pub version: u8,
    /// Flags of the frame.
    pub flags: u8,
    /// What it is.
    pub opcode: Opcode,
    /// The stream.
    pub stream: i16,
    /// The place of the prepared statement.
    pub place: Option<u16>,
    kept: Kept,
    pieces: &'m [u8],
    body: &'m [u8],
}

/// Writes the front of a record.
pub fn write(head: &Head, kept: Kept, place: Option<u16>, sink: &mut Sink<'_, '_>) {
    let kept = match kept {
        Kept::Plain => 0,
        Kept::Packed => 1,
        Kept::Hidden => 2,
    };
    let [s0, s1] = head.stream.to_be_bytes();
    let [p0, p1] = place.map_or(0, |place| place.saturating_add(1)).to_be_bytes();
    sink.record(&[head.version, head.flags, head.opcode.0, kept, s0, s1, p0, p1]);
}

/// Writes one piece.
pub fn write_piece(piece: &[u8], sink: &mut Sink<'_, '_>) {
    let len = u16::try_from(piece.len()).unwrap_or(0);
    sink.record(&len.to_be_bytes());
    sink.record(piece.get(..usize::from(len)).unwrap_or_default());
}

// === impl View ===

impl<'m> View<'m> {
    /// The record of `message`.
    pub fn of(message: &'m Message) -> Option<Self> {
        let (facts, pieces) = message.record.split_first_chunk::<FACTS>()?;
        let [version, flags, opcode, kept, s0, s1, p0, p1] = *facts;
        Some(Self {
            version,
            flags,
            opcode: Opcode(opcode),
            stream: i16::from_be_bytes([s0, s1]),
            place: u16::from_be_bytes([p0, p1]).checked_sub(1),
            kept: match kept {
                0 => Kept::Plain,
                1 => Kept::Packed,
                _ => Kept::Hidden,
            },
            pieces,
            body: &message.body.kept,
        })
    }

    /// The pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &'m [u8]> {
        let mut cursor = Cursor(self.pieces);
        std::iter::from_fn(move || cursor.string())
    }

    /// The piece at `index`, if it says anything.
    pub fn piece(&self, index: usize) -> Option<&'m [u8]> {
        self.pieces().nth(index).filter(|piece| !piece.is_empty())
    }

    /// The body before it was compressed, as far as it was kept.
    pub fn body(&self) -> Option<Cow<'m, [u8]>> {
        match self.kept {
            Kept::Plain => Some(Cow::Borrowed(self.body)),
            Kept::Packed => unpacked(self.body).map(|(body, _)| Cow::Owned(body)),
            Kept::Hidden => None,
        }
    }

    /// What stands in front of `body`, and what follows it.
    pub fn split<'b>(&self, body: &'b [u8]) -> Option<(Prelude<'b>, &'b [u8])> {
        let mut cursor = Cursor(body);
        let is_answer = self.opcode.side() == Some(model::Side::Server);
        let prelude = Prelude::read(&mut cursor, self.flags, is_answer)?;
        Some((prelude, cursor.0))
    }

    /// How the body is compressed.
    pub fn packing(&self) -> Option<&'static str> {
        if self.kept != Kept::Packed {
            return None;
        }
        Some(match unpacked(self.body)?.1 {
            Packing::Lz4 => "lz4",
            Packing::Snappy => "snappy",
        })
    }
}
