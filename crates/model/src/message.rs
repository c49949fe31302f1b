//! One message of one side: what a dissector wrote down of it, and the start of its body.

use crate::{Lore, Side, Timestamp, Why};

/// A place in the capture: when, and in which packet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Mark {
    /// The packet's time stamp.
    pub at: Timestamp,
    /// The packet's number in its file, from 1; 0 where there is none.
    pub frame: u64,
}

/// A request or a response as it is kept until its call leaves.
///
/// `record` is in the protocol's own form: only [`Protocol::headline`](crate::Protocol) and
/// [`Protocol::tell`](crate::Protocol) of the same protocol read it, and only when somebody asks.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who sent it.
    pub from: Side,
    /// Where its first byte was.
    pub first: Mark,
    /// Where its last byte was.
    pub last: Mark,
    /// Bytes of the message on the stream, head and framing included, lost ones too.
    pub wire_bytes: u64,
    /// Bytes of the head: all that is not body.
    pub head_bytes: u64,
    /// Bytes of this message that the capture does not hold, or that were given up for a limit.
    pub missing_bytes: u64,
    /// Why bytes of it are missing or its end was not seen; the first cause. `None`: it is whole.
    pub missing: Option<Why>,
    /// How often the same message was sent again (a repeated DNS query); 0 for once.
    pub repeats: u32,
    /// What the dissector wrote down.
    pub record: Vec<u8>,
    /// Its payload.
    pub body: Body,
    /// What the conversation had learned before it, and what it takes to read it.
    pub lore: Lore,
}

/// The payload of a message: exact sizes, and as much of the start as the limit allows.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The first bytes, in order, without transfer framing (dechunked), still content-encoded. Ends
    /// at the limit or at the first lost byte, whichever comes first.
    pub kept: Vec<u8>,
    /// Bytes of the body, without transfer framing, lost ones included.
    pub size: u64,
    /// When its bytes came, where the protocol asked for it: rising, the first at offset 0. Bounded:
    /// the moments of what comes after the last one are not known.
    pub moments: Option<Box<Moments>>,
}

/// When the bytes of a body came.
#[derive(Clone, Debug, Default)]
pub struct Moments(pub Vec<Moment>);

/// From this byte of a body on, its bytes came at this time (until the next moment).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    /// Offset in the body.
    pub offset: u64,
    /// When that byte came.
    pub at: Timestamp,
}

/// What a protocol says of a body, so that it can be decoded and shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BodyFacts<'m> {
    /// The media type with its parameters as sent: `application/json; charset=utf-8`.
    pub media_type: Option<&'m str>,
    /// The content codings as sent, outermost last: `gzip`, `deflate, br`.
    pub encoding: Option<&'m str>,
}

/// What a body says, in the place of its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyText<'m> {
    /// The media type of the text: `application/json`.
    pub media_type: &'m str,
    /// The text; whole in itself, also where not all of the body is in it.
    pub text: &'m [u8],
    /// Whether all that the bytes say is in it.
    pub whole: bool,
}

// === impl Mark ===

impl Mark {
    /// The later of the two by time; `self` if they are equal.
    #[must_use]
    pub fn max_by_time(self, other: Self) -> Self {
        if other.at > self.at { other } else { self }
    }
}

// === impl Message ===

impl Message {
    /// An empty message of `from` that begins at `first`.
    #[must_use]
    pub fn new(from: Side, first: Mark) -> Self {
        Self {
            from,
            first,
            last: first,
            wire_bytes: 0,
            head_bytes: 0,
            missing_bytes: 0,
            missing: None,
            repeats: 0,
            record: Vec::new(),
            body: Body::default(),
            lore: Lore::default(),
        }
    }

    /// Makes it new again, keeping its buffers.
    pub fn reset(&mut self, from: Side, first: Mark) {
        let (mut record, mut kept) =
            (std::mem::take(&mut self.record), std::mem::take(&mut self.body.kept));
        record.clear();
        kept.clear();
        let body = Body { kept, ..Body::default() };
        *self = Self { record, body, ..Self::new(from, first) };
    }
}

// === impl Body ===

impl Body {
    /// Moments remembered of one body at most.
    pub const MOMENTS_MAX: usize = 2_048;

    /// When the byte at `offset` came, where that is known.
    #[must_use]
    pub fn moment(&self, offset: u64) -> Option<Timestamp> {
        let Moments(moments) = self.moments.as_deref()?;
        let after = moments.partition_point(|moment| moment.offset <= offset);
        let full = after == moments.len() && after >= Self::MOMENTS_MAX;
        moments.get(after.checked_sub(1)?).filter(|_| !full).map(|moment| moment.at)
    }

    /// Whether bytes of it are not kept.
    #[must_use]
    pub fn truncated(&self) -> bool {
        (self.kept.len() as u64) < self.size
    }
}
