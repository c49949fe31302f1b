//! Chunks of SCTP that say something of an association's messages (RFC 9260 §3.3, RFC 8260 §2, RFC 3758 §3).

use packet::Chunk;

/// Types of chunks.
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const INIT: u8 = 1;
    pub(crate) const INIT_ACK: u8 = 2;
    pub(crate) const SACK: u8 = 3;
    pub(crate) const ABORT: u8 = 6;
    pub(crate) const SHUTDOWN: u8 = 7;
    pub(crate) const SHUTDOWN_ACK: u8 = 8;
    pub(crate) const COOKIE_ECHO: u8 = 10;
    pub(crate) const COOKIE_ACK: u8 = 11;
    pub(crate) const SHUTDOWN_COMPLETE: u8 = 14;
    pub(crate) const I_DATA: u8 = 64;
    pub(crate) const FORWARD_TSN: u8 = 192;
    pub(crate) const I_FORWARD_TSN: u8 = 194;

    /// The flag of an ABORT or SHUTDOWN COMPLETE whose tag is its sender's own.
    pub(crate) const REFLECTED: u8 = 1;
}

const LAST: u8 = 1;
const FIRST: u8 = 2;
const UNORDERED: u8 = 4;

/// What a chunk says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'c> {
    Data(Data<'c>),
    Init(Init),
    InitAck(Init),
    Sack(Sack),
    /// Its sender gave up everything up to this number.
    Forward(u32),
    Cookie,
    Abort,
    Shutdown,
    ShutdownComplete,
}

/// A message, or a part of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data<'c> {
    /// The transmission sequence number.
    pub(crate) tsn: u32,
    /// Which message of which stream it is of.
    pub(crate) of: Of,
    /// It begins its message.
    pub(crate) first: bool,
    /// It ends its message.
    pub(crate) last: bool,
    /// Of a message's first part.
    pub(crate) protocol: u32,
    /// Of the parts behind the first, where they are numbered: its place among them.
    pub(crate) place: Option<u32>,
    pub(crate) bytes: &'c [u8],
    pub(crate) cut: u32,
}

/// Which message of which stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Of {
    stream: u16,
    number: u32,
    unordered: bool,
}

/// What an INIT and an INIT ACK begin with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Init {
    /// What its sender wants to see.
    pub(crate) tag: u32,
    /// The number of its sender's first chunk of data.
    pub(crate) tsn: u32,
}

/// What was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sack {
    /// Everything up to this number.
    pub(crate) cumulative: u32,
    /// Room left at the receiver.
    pub(crate) window: u32,
}

// === impl Kind ===

impl<'c> Kind<'c> {
    /// `None` if it says nothing of messages, or makes no sense.
    pub(crate) fn read(chunk: &Chunk<'c>) -> Option<Self> {
        Some(match chunk.kind {
            kind::DATA => Self::Data(Data::plain(chunk)?),
            kind::I_DATA => Self::Data(Data::interleaved(chunk)?),
            kind::INIT => Self::Init(Init::read(chunk.value)?),
            kind::INIT_ACK => Self::InitAck(Init::read(chunk.value)?),
            kind::SACK => Self::Sack(Sack::read(chunk.value)?),
            kind::FORWARD_TSN | kind::I_FORWARD_TSN => Self::Forward(word(chunk.value)?.0),
            kind::COOKIE_ECHO | kind::COOKIE_ACK => Self::Cookie,
            kind::ABORT => Self::Abort,
            kind::SHUTDOWN | kind::SHUTDOWN_ACK => Self::Shutdown,
            kind::SHUTDOWN_COMPLETE => Self::ShutdownComplete,
            _ => return None,
        })
    }
}

// === impl Data ===

impl<'c> Data<'c> {
    /// ```text
    /// | TSN 4 | stream 2, number 2 | payload protocol 4 | payload …
    /// ```
    fn plain(chunk: &Chunk<'c>) -> Option<Self> {
        let (tsn, rest) = word(chunk.value)?;
        let (of, rest) = word(rest)?;
        let (protocol, bytes) = word(rest)?;
        let number = of & 0xffff;
        Some(Self { protocol, place: None, ..Self::new(chunk, tsn, of, number, bytes) })
    }

    /// ```text
    /// | TSN 4 | stream 2, 0 2 | message 4 | payload protocol, or number of the part 4 | payload …
    /// ```
    fn interleaved(chunk: &Chunk<'c>) -> Option<Self> {
        let (tsn, rest) = word(chunk.value)?;
        let (of, rest) = word(rest)?;
        let (number, rest) = word(rest)?;
        let (either, bytes) = word(rest)?;
        let new = Self::new(chunk, tsn, of, number, bytes);
        let place = Some(if new.first { 0 } else { either });
        Some(Self { protocol: if new.first { either } else { 0 }, place, ..new })
    }

    /// The same of other bytes.
    pub(crate) fn with<'b>(&self, bytes: &'b [u8]) -> Data<'b> {
        let Self { tsn, of, first, last, protocol, place, cut, .. } = *self;
        Data { tsn, of, first, last, protocol, place, bytes, cut }
    }

    fn new(chunk: &Chunk<'c>, tsn: u32, of: u32, number: u32, bytes: &'c [u8]) -> Self {
        let flag = |bit: u8| chunk.flags & bit != 0;
        let stream = u16::try_from(of >> 16).unwrap_or_default();
        Self {
            tsn,
            of: Of { stream, number, unordered: flag(UNORDERED) },
            first: flag(FIRST),
            last: flag(LAST),
            protocol: 0,
            place: None,
            bytes,
            cut: chunk.cut,
        }
    }
}

// === impl Init ===

impl Init {
    /// ```text
    /// | tag 4 | window 4 | streams out 2, in 2 | initial TSN 4 | parameters …
    /// ```
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let (tag, rest) = word(value)?;
        let (_window, rest) = word(rest)?;
        let (_streams, rest) = word(rest)?;
        let (tsn, _) = word(rest)?;
        Some(Self { tag, tsn })
    }
}

// === impl Sack ===

impl Sack {
    fn read(value: &[u8]) -> Option<Self> {
        let (cumulative, rest) = word(value)?;
        let (window, _) = word(rest)?;
        Some(Self { cumulative, window })
    }
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*word), rest))
}
