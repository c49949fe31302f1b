//! What is written down of a packet, and how it is read again.
//!
//! ```text
//! first byte | version and CUT | len (2) | topic that an alias stands for | variable header …
//! ```
//!
//! Of a PUBLISH all but the payload, which is the body; of other packets all, without secrets.

use model::Message;

use super::{
    packet::Publish,
    version::Version,
    wire::{Cursor, Kind},
};

/// Not all of it was written down.
const CUT: u8 = 0x80;

/// A packet, read again.
#[derive(Clone, Copy, Debug)]
pub struct View<'m> {
    /// The type.
    pub kind: Kind,
    /// The low half of the first byte.
    pub flags: u8,
    /// The version that was spoken.
    pub version: Version,
    /// Not all of it was written down.
    pub is_cut: bool,
    /// What is behind the fixed header.
    pub bytes: &'m [u8],
    /// What an alias stands for; empty if there is none, or nobody knows.
    aliased: &'m [u8],
}

/// What goes before the bytes of a packet and the topic that its alias stands for.
#[inline]
pub fn mark(first: u8, version: Version, cut: bool, aliased: &[u8]) -> [u8; 4] {
    let [high, low] = u16::try_from(aliased.len()).unwrap_or(0).to_be_bytes();
    [first, version as u8 | if cut { CUT } else { 0 }, high, low]
}

// === impl View ===

impl<'m> View<'m> {
    /// What was written down of `message`.
    pub fn of(message: &'m Message) -> Option<Self> {
        let mut cursor = Cursor(&message.record);
        let (first, version) = (cursor.byte()?, cursor.byte()?);
        let aliased = cursor.sized()?;
        Some(Self {
            kind: Kind::of(first)?,
            flags: first & 0x0f,
            version: Version::of_level(version & !CUT),
            is_cut: version & CUT != 0,
            bytes: cursor.0,
            aliased,
        })
    }

    /// The front of a PUBLISH.
    pub fn publish(&self) -> Option<Publish<'m>> {
        let has_id = self.flags & 6 != 0;
        Publish::read(self.bytes, self.bytes.len(), has_id, self.version.is_5()).ok()
    }

    /// The topic of a PUBLISH; nothing if its alias was learned before anybody listened.
    pub fn topic(&self, publish: &Publish<'m>) -> Option<&'m [u8]> {
        let topic = if publish.topic.is_empty() { self.aliased } else { publish.topic };
        Some(topic).filter(|topic| !topic.is_empty())
    }
}
