//! What is written down of a message: its verb, what stands behind it, its headers.
//!
//! ```text
//!  0     1     2..4      4
//! ┌─────┬─────┬─────────┬──────────┬─────────┐
//! │verb │link │ line len│ line     │ headers │
//! └─────┴─────┴─────────┴──────────┴─────────┘
//! ```
//!
//! The JSON of `INFO` and `CONNECT` is the message's body, secrets hidden.

use model::Message;

use super::{
    line::{Line, Link, Words},
    verb::Verb,
};

/// Bytes before the line.
const HEAD: usize = 4;

/// A record, read again.
#[derive(Clone, Copy, Debug)]
pub struct View<'m> {
    /// The verb.
    pub verb: Verb,
    /// The line behind the verb.
    pub rest: &'m [u8],
    /// The headers as sent, their first line included.
    pub headers: &'m [u8],
    link: Link,
}

/// The head of a record.
pub fn head(line: &Line<'_>, link: Link, keeps_line: bool) -> [u8; HEAD] {
    let len = if keeps_line { u16::try_from(line.rest.len()).unwrap_or(0) } else { 0 };
    let [a, b] = len.to_le_bytes();
    let depends = matches!(line.verb, Verb::Hmsg | Verb::LeafMsg);
    let link = match link {
        Link::Route if depends => 1,
        Link::Leaf if depends => 2,
        _ => 0,
    };
    [line.verb.number(), link, a, b]
}

// === impl View ===

impl<'m> View<'m> {
    /// The record of `message`.
    pub fn of(message: &'m Message) -> Option<Self> {
        let ([verb, link, a, b], rest) = message.record.split_first_chunk::<HEAD>()?;
        let len = usize::from(u16::from_le_bytes([*a, *b]));
        let (rest, headers) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let link = match link {
            1 => Link::Route,
            2 => Link::Leaf,
            _ => Link::Client,
        };
        Some(Self { verb: Verb::numbered(*verb)?, rest, headers, link })
    }

    /// What the words of its line mean.
    pub fn words(&self) -> Words<'m> {
        Words::of(self.verb, self.rest, self.link)
    }
}
