//! Messages on the wire: the header, and what stands in front of the documents of each opcode
//! (MongoDB manual, "MongoDB Wire Protocol"). All numbers are little-endian.
//!
//! ```text
//!   0             4             8             12         16
//!   ├─────────────┼─────────────┼─────────────┼──────────┼────────────────────────
//!   │messageLength│  requestID  │ responseTo  │  opCode  │ what the opcode says …
//!
//!   OP_MSG        │ flagBits │ (00 document │ 01 size name… 00 document…)… │ checksum? │
//!   OP_COMPRESSED │ originalOpcode │ uncompressedSize │ compressorId │ what that opcode says … │
//!   OP_QUERY      │ flags │ collection… 00 │ skip │ return │ document… │
//!   OP_REPLY      │ flags │ cursorID (8) │ startingFrom │ numberReturned │ document… │
//! ```

use super::bson::{Document, Halt};

/// Bytes of a header.
pub const HEADER: usize = 16;
/// Bytes between the header of a compressed message and what is compressed.
pub const COMPRESSED_FRONT: usize = 9;
/// Servers take messages of 48,000,000 bytes and a little more.
pub const LENGTH_MAX: u32 = 64 << 20;
/// Bytes of a namespace; servers take 255.
const NAMESPACE_MAX: usize = 512;
/// Cursors in one message at most.
const CURSORS_MAX: usize = 1 << 16;

/// What a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Op(pub u32);

/// Bits of `flagBits` in OP_MSG.
pub const CHECKSUM_PRESENT: u32 = 1;
pub const MORE_TO_COME: u32 = 1 << 1;
pub const EXHAUST_ALLOWED: u32 = 1 << 16;
/// The flag of OP_QUERY: the answers keep coming.
pub const QUERY_EXHAUST: u32 = 1 << 6;
/// Flags of OP_REPLY.
pub const CURSOR_NOT_FOUND: u32 = 1;
pub const QUERY_FAILURE: u32 = 1 << 1;

/// The first sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub length: u32,
    pub request_id: u32,
    pub response_to: u32,
    pub op: Op,
}

/// What stands in front of the documents.
#[derive(Clone, Copy, Debug, Default)]
pub struct Front<'b> {
    pub flags: u32,
    /// `database.collection`, or the database of OP_COMMAND.
    pub namespace: &'b [u8],
    /// The command of OP_COMMAND.
    pub command: &'b [u8],
    pub cursor_id: Option<i64>,
    /// Documents that an OP_REPLY says to have.
    pub returned: Option<i32>,
    /// Bytes of all this.
    pub size: usize,
}

/// What OP_MSG is made of.
#[derive(Clone, Copy, Debug)]
pub enum Section<'b> {
    /// Kind 0.
    Body(Document<'b>),
    /// Kind 1: an argument of the command, as documents one behind the other.
    Sequence { name: &'b [u8], documents: &'b [u8] },
}

/// Walks over the sections of OP_MSG, as far as they are there.
#[derive(Clone, Debug)]
pub struct Sections<'b>(&'b [u8]);

/// Walks over documents that stand one behind the other.
#[derive(Clone, Debug)]
pub struct Documents<'b>(pub &'b [u8]);

// === impl Op ===

impl Op {
    pub const REPLY: Self = Self(1);
    pub const OLD_MSG: Self = Self(1_000);
    pub const UPDATE: Self = Self(2_001);
    pub const INSERT: Self = Self(2_002);
    pub const QUERY: Self = Self(2_004);
    pub const GET_MORE: Self = Self(2_005);
    pub const DELETE: Self = Self(2_006);
    pub const KILL_CURSORS: Self = Self(2_007);
    pub const COMMAND: Self = Self(2_010);
    pub const COMMAND_REPLY: Self = Self(2_011);
    pub const COMPRESSED: Self = Self(2_012);
    pub const MSG: Self = Self(2_013);

    /// Its name in the manual; none for what is no opcode.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::REPLY => "OP_REPLY",
            Self::OLD_MSG => "dbMsg",
            Self::UPDATE => "OP_UPDATE",
            Self::INSERT => "OP_INSERT",
            Self::QUERY => "OP_QUERY",
            Self::GET_MORE => "OP_GET_MORE",
            Self::DELETE => "OP_DELETE",
            Self::KILL_CURSORS => "OP_KILL_CURSORS",
            Self::COMMAND => "OP_COMMAND",
            Self::COMMAND_REPLY => "OP_COMMANDREPLY",
            Self::COMPRESSED => "OP_COMPRESSED",
            Self::MSG => "OP_MSG",
            _ => return None,
        })
    }

    /// Whether only servers send it.
    pub fn is_reply(self) -> bool {
        matches!(self, Self::REPLY | Self::COMMAND_REPLY)
    }

    /// Whether both sides send it.
    pub fn is_either(self) -> bool {
        matches!(self, Self::MSG | Self::COMPRESSED)
    }

    /// Whether nobody answers it, whatever its flags say.
    pub fn is_silent(self) -> bool {
        matches!(self, Self::UPDATE | Self::INSERT | Self::DELETE | Self::KILL_CURSORS)
    }
}

// === impl Header ===

impl Header {
    /// The header at the front of `bytes`.
    #[inline]
    pub fn of(bytes: &[u8]) -> Result<Self, Halt> {
        let header = bytes.first_chunk::<HEADER>().ok_or(Halt::Cut)?;
        let (words, _) = header.as_chunks::<4>();
        let [length, request_id, response_to, op] = words else { return Err(Halt::Bad) };
        let [length, request_id, response_to, op] =
            [length, request_id, response_to, op].map(|word| u32::from_le_bytes(*word));
        let op = Op(op);
        if length > LENGTH_MAX || (length as usize) < HEADER || op.name().is_none() {
            return Err(Halt::Bad);
        }
        Ok(Self { length, request_id, response_to, op })
    }

    /// Bytes of the message behind the header.
    pub fn rest(&self) -> usize {
        self.length as usize - HEADER
    }
}

// === impl Front ===

impl<'b> Front<'b> {
    /// Reads what stands in front of the documents in a message of `op`.
    pub fn of(op: Op, payload: &'b [u8]) -> Result<Self, Halt> {
        let mut at = payload;
        let mut front = Self::default();
        match op {
            Op::MSG => front.flags = word(&mut at)?,
            Op::REPLY => front.reply(&mut at)?,
            Op::QUERY => {
                front.flags = word(&mut at)?;
                front.namespace = name(&mut at)?;
                word(&mut at)?;
                word(&mut at)?;
            }
            Op::GET_MORE => {
                word(&mut at)?;
                front.namespace = name(&mut at)?;
                word(&mut at)?;
                front.cursor_id = Some(long(&mut at)?);
            }
            Op::INSERT => {
                front.flags = word(&mut at)?;
                front.namespace = name(&mut at)?;
            }
            Op::UPDATE | Op::DELETE => {
                word(&mut at)?;
                front.namespace = name(&mut at)?;
                front.flags = word(&mut at)?;
            }
            Op::KILL_CURSORS => front.cursors(&mut at)?,
            Op::COMMAND => {
                front.namespace = name(&mut at)?;
                front.command = name(&mut at)?;
            }
            _ => {}
        }
        front.size = payload.len() - at.len();
        Ok(front)
    }

    fn reply(&mut self, at: &mut &'b [u8]) -> Result<(), Halt> {
        self.flags = word(at)?;
        self.cursor_id = Some(long(at)?);
        word(at)?;
        self.returned = Some(word(at)?.cast_signed());
        Ok(())
    }

    /// The first of the cursors is told, the others are counted only.
    fn cursors(&mut self, at: &mut &'b [u8]) -> Result<(), Halt> {
        word(at)?;
        let count = usize::try_from(word(at)?).map_err(|_| Halt::Bad)?;
        if count > CURSORS_MAX {
            return Err(Halt::Bad);
        }
        if count > 0 {
            self.cursor_id = Some(long(at)?);
        }
        Ok(())
    }
}

fn word(at: &mut &[u8]) -> Result<u32, Halt> {
    let (word, rest) = at.split_first_chunk().ok_or(Halt::Cut)?;
    *at = rest;
    Ok(u32::from_le_bytes(*word))
}

fn long(at: &mut &[u8]) -> Result<i64, Halt> {
    let (long, rest) = at.split_first_chunk().ok_or(Halt::Cut)?;
    *at = rest;
    Ok(i64::from_le_bytes(*long))
}

fn name<'b>(at: &mut &'b [u8]) -> Result<&'b [u8], Halt> {
    let within = at.get(..NAMESPACE_MAX).unwrap_or(at);
    let Some(end) = memchr::memchr(0, within) else {
        return Err(if within.len() < NAMESPACE_MAX { Halt::Cut } else { Halt::Bad });
    };
    let name = at.get(..end).unwrap_or_default();
    *at = at.get(end + 1..).unwrap_or_default();
    Ok(name)
}

// === impl Sections ===

impl<'b> Sections<'b> {
    /// Those of an OP_MSG without its flags.
    pub fn of(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left but perhaps a checksum, and nothing was wrong.
    pub fn is_at_end(&self) -> bool {
        matches!(self.0.len(), 0 | 4)
    }

    fn section(&mut self) -> Result<Section<'b>, Halt> {
        let (kind, rest) = self.0.split_first().ok_or(Halt::Cut)?;
        if *kind == 0 {
            let (document, rest) = Document::split(rest)?;
            self.0 = rest;
            return Ok(Section::Body(document));
        }
        let (size, inside) = rest.split_first_chunk::<4>().ok_or(Halt::Cut)?;
        let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| Halt::Bad)?;
        let size = size.checked_sub(4).ok_or(Halt::Bad)?;
        let (mut inside, rest) = inside.split_at_checked(size).unwrap_or((inside, &[]));
        self.0 = rest;
        let name = name(&mut inside)?;
        if *kind != 1 {
            return Err(Halt::Bad);
        }
        Ok(Section::Sequence { name, documents: inside })
    }
}

impl<'b> Iterator for Sections<'b> {
    type Item = Section<'b>;

    fn next(&mut self) -> Option<Section<'b>> {
        // Four bytes are a checksum: no section is as short.
        if self.0.len() <= 4 {
            return None;
        }
        let section = self.section();
        if section.is_err() {
            // One byte is neither a section nor a checksum.
            self.0 = self.0.get(..1).unwrap_or_default();
        }
        section.ok()
    }
}

impl<'b> Iterator for Documents<'b> {
    type Item = Document<'b>;

    fn next(&mut self) -> Option<Document<'b>> {
        let (document, rest) = Document::split(self.0).ok()?;
        self.0 = rest;
        Some(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fronts_end_where_the_documents_begin() {
        let fronts: [(Op, &[u8], usize); 8] = [
            (Op::MSG, b"\0\0\0\0\0\x05\0\0\0\0", 4),
            (Op::REPLY, &[0; 25], 20),
            (Op::QUERY, b"\0\0\0\0db.c\0\0\0\0\0\x01\0\0\0\x05\0\0\0\0", 17),
            (Op::GET_MORE, b"\0\0\0\0db.c\0\0\0\0\0\x01\0\0\0\0\0\0\0", 21),
            (Op::INSERT, b"\0\0\0\0db.c\0\x05\0\0\0\0", 9),
            (Op::UPDATE, b"\0\0\0\0db.c\0\x01\0\0\0\x05\0\0\0\0", 13),
            (Op::KILL_CURSORS, b"\0\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0", 16),
            (Op::COMMAND, b"db\0ping\0\x05\0\0\0\0\x05\0\0\0\0", 8),
        ];
        for (op, payload, size) in fronts {
            assert_eq!(Front::of(op, payload).unwrap().size, size, "{op:?}");
            for cut in 0..size {
                assert_eq!(Front::of(op, &payload[..cut]).err(), Some(Halt::Cut), "{op:?} {cut}");
            }
        }
    }

    #[test]
    fn sections_come_in_any_order_and_a_checksum_is_none() {
        let sequence = b"\x01\x0e\0\0\0docs\0\x05\0\0\0\0";
        let body = b"\0\x05\0\0\0\0";
        let bytes = [&sequence[..], body, b"\xaa\xbb\xcc\xdd"].concat();
        let mut sections = Sections::of(&bytes);
        let Some(Section::Sequence { name: b"docs", documents }) = sections.next() else {
            panic!()
        };
        assert_eq!(Documents(documents).count(), 1);
        assert!(matches!(sections.next(), Some(Section::Body(document)) if document.whole));
        assert!(sections.next().is_none() && sections.is_at_end());
    }
}
