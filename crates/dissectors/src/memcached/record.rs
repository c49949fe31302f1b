//! What is written down of a message, and how it is read again.
//!
//! ```text
//!   │ form │ notes │ id of the UDP frame (2) │ lines without their ends, or the packet's front
//! ```
//!
//! The lines are the command, or those of the answer that are not told one by one (`VALUE …`); values
//! are the body, one behind the other.

use model::Message;

use super::binary::Header;

/// Bytes in front.
pub const HEAD: usize = 4;
/// Bytes of lines kept.
pub const LINES_MAX: usize = 8 << 10;

/// The form of a message.
pub const TEXT: u8 = b't';
pub const BINARY: u8 = b'b';

/// It may not be answered.
pub const QUIET: u8 = 1 << 1;
/// Its value is a secret and is not kept.
pub const HIDDEN: u8 = 1 << 2;
/// It came in a datagram.
pub const UDP: u8 = 1 << 3;
/// A later datagram of an answer.
pub const CONTINUES: u8 = 1 << 4;
/// Lines are in the body.
pub const ITEMS: u8 = 1 << 5;

/// A message, read again.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'m> {
    pub notes: u8,
    pub frame_id: u16,
    pub content: Content<'m>,
}

/// Its lines, or its packet.
#[derive(Clone, Copy, Debug)]
pub enum Content<'m> {
    Text(&'m [u8]),
    Binary { header: Header, extras: &'m [u8], key: &'m [u8] },
}

/// The head of a record.
pub fn head(form: u8, notes: u8, frame_id: u16) -> [u8; HEAD] {
    let [f0, f1] = frame_id.to_le_bytes();
    [form, notes, f0, f1]
}

// === impl Letter ===

impl<'m> Letter<'m> {
    /// What was written down of `message`.
    pub fn of(message: &'m Message) -> Option<Self> {
        Self::read(&message.record)
    }

    fn read(record: &'m [u8]) -> Option<Self> {
        let (&[form, notes, f0, f1], rest) = record.split_first_chunk::<HEAD>()?;
        let content = match form {
            TEXT => Content::Text(rest),
            BINARY => {
                let header = Header::of(rest).ok()?;
                let behind = rest.get(super::binary::HEADER..).unwrap_or_default();
                let (extras, key) = behind.split_at_checked(header.extras).unwrap_or((behind, &[]));
                Content::Binary { header, extras, key }
            }
            _ => return None,
        };
        Some(Self { notes, frame_id: u16::from_le_bytes([f0, f1]), content })
    }

    pub fn has(&self, note: u8) -> bool {
        self.notes & note != 0
    }

    /// The first line, or nothing.
    pub fn line(&self) -> &'m [u8] {
        match self.content {
            Content::Text(lines) => lines.split(|byte| *byte == b'\n').next().unwrap_or_default(),
            Content::Binary { .. } => &[],
        }
    }
}
