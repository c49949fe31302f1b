//! Packets inside compressed ones.
//!
//! ```text
//!  0       3     4           7
//! ┌───────┬─────┬───────────┬─────────────────┐
//! │ len   │ seq │ plain len │ payload (len) … │
//! └───────┴─────┴───────────┴─────────────────┘
//! ```
//!
//! The payload is zlib, zstd, or (with a plain length of 0) as it is. Packets lie across payloads
//! anyhow. A payload is taken in pieces whose size does not depend on how it came, and unpacked a
//! little at a time: what is unpacked is read at once, and no more of it is kept than one packet's
//! front. Sizes of messages are those on the wire.

use dissect::{Sink, Step};
use flate2::{Decompress, FlushDecompress, Status};
use model::Side;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::{MySql, wire::Cursor};

/// Bytes of the head of a compressed packet.
pub const HEAD: usize = 7;
/// Compressed bytes looked at in one go.
const PIECE: usize = 32 << 10;
/// Bytes unpacked in one go.
const WINDOW: usize = 16 << 10;
/// Unpacked bytes that wait for more, at most.
const WAITING_MAX: usize = 96 << 10;
/// Bytes that unpacking zlib takes: a window of 32 KiB and tables.
const ZLIB_SIZE: usize = 48 << 10;
/// Bytes that unpacking zstd takes beside its window.
const ZSTD_SIZE: usize = 256 << 10;
/// RFC 9659 §3: 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The first bytes of what zstd makes (RFC 8878 §3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The head of a compressed packet.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Bytes of its payload.
    pub len: usize,
    /// Its number.
    pub seq: u8,
    /// Bytes of the payload unpacked; 0 if it is not packed.
    pub plain: usize,
}

/// One side's payload while it is unpacked.
pub struct Packed {
    coder: Coder,
    /// Bytes of the payload that were not taken.
    left: usize,
    /// Bytes of the piece that were not taken.
    piece: usize,
    /// Bytes of those that were unpacked already.
    fed: usize,
    /// Bytes that may still come out.
    plain_left: usize,
    /// Unpacked and not read.
    plain: Vec<u8>,
    /// Bytes of a body still to come.
    body: u64,
    /// The message ends with them.
    ends: bool,
}

enum Coder {
    Stored,
    Zlib(Box<Decompress>),
    Zstd(DCtx<'static>),
}

/// What reading unpacked bytes came to.
enum Inner {
    /// A message ended.
    Finished,
    /// More is needed.
    Hungry,
    /// It is not what it should be.
    Lost,
}

/// The head at the front, if it can be one.
pub fn head(input: &[u8]) -> Option<Head> {
    let mut cursor = Cursor(input);
    let len = cursor.medium()? as usize;
    let seq = cursor.byte()?;
    let plain = cursor.medium()? as usize;
    Some(Head { len, seq, plain })
}

/// The first unpacked bytes of the compressed packet at the front, a few at most.
pub fn front(input: &[u8]) -> Option<(Head, Vec<u8>)> {
    let head = head(input)?;
    let payload = input.get(HEAD..)?;
    let payload = payload.get(..head.len).unwrap_or(payload);
    let mut packed = Packed::new(head, payload)?;
    packed.piece = payload.len();
    packed.unpack(payload).then_some(())?;
    Some((head, packed.plain))
}

// === impl Packed ===

impl Packed {
    /// Begins to unpack; nothing if the payload is in no known form.
    fn new(head: Head, payload: &[u8]) -> Option<Self> {
        let coder = match payload {
            _ if head.plain == 0 => Coder::Stored,
            payload if payload.starts_with(&ZSTD_MAGIC) => {
                let mut context = DCtx::create();
                context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).ok()?;
                Coder::Zstd(context)
            }
            // RFC 1950 §2.2: deflate, and the two bytes are a multiple of 31.
            [method, flags, ..]
                if method & 15 == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0 =>
            {
                Coder::Zlib(Box::new(Decompress::new(true)))
            }
            _ => return None,
        };
        let plain_left = if head.plain == 0 { head.len } else { head.plain };
        let (left, plain) = (head.len, Vec::new());
        Some(Self { coder, left, piece: 0, fed: 0, plain_left, plain, body: 0, ends: false })
    }

    /// Goes on with another packet.
    fn renew(&mut self, head: Head, payload: &[u8]) -> Option<()> {
        let new = Self::new(head, payload)?;
        let plain = std::mem::take(&mut self.plain);
        *self = Self { plain, body: self.body, ends: self.ends, ..new };
        Some(())
    }

    /// Bytes that it takes: what it unpacks with, and what is unpacked.
    pub fn size(&self) -> usize {
        let coder = match self.coder {
            Coder::Stored => 0,
            Coder::Zlib(_) => ZLIB_SIZE,
            Coder::Zstd(_) => ZSTD_SIZE + self.plain_left.min(1 << ZSTD_WINDOW_LOG_MAX),
        };
        coder + WINDOW
    }

    /// Unpacks a little of the piece; whether that changed anything.
    fn unpack(&mut self, piece: &[u8]) -> bool {
        let input = piece.get(self.fed..).unwrap_or_default();
        let had = self.plain.len();
        let room = WINDOW.min(self.plain_left);
        if room == 0 {
            // What is left is a checksum.
            self.fed += input.len();
            return !input.is_empty();
        }
        let read = match &mut self.coder {
            Coder::Stored => {
                let take = input.len().min(room);
                self.plain.extend_from_slice(input.get(..take).unwrap_or_default());
                take
            }
            Coder::Zlib(inflate) => {
                self.plain.resize(had + room, 0);
                let (read, wrote) = (inflate.total_in(), inflate.total_out());
                let out = self.plain.get_mut(had..).unwrap_or_default();
                let status = inflate.decompress(input, out, FlushDecompress::None);
                let wrote = usize::try_from(inflate.total_out() - wrote).unwrap_or(0);
                self.plain.truncate(had + wrote);
                let read = usize::try_from(inflate.total_in() - read).unwrap_or(0);
                match status {
                    Ok(Status::StreamEnd) => input.len(),
                    Ok(_) => read,
                    Err(_) => return false,
                }
            }
            Coder::Zstd(context) => {
                self.plain.resize(had + room, 0);
                let mut source = InBuffer::around(input);
                let out = self.plain.get_mut(had..).unwrap_or_default();
                let mut out = OutBuffer::around(out);
                let result = context.decompress_stream(&mut out, &mut source);
                let wrote = out.pos();
                self.plain.truncate(had + wrote);
                if result.is_err() {
                    return false;
                }
                source.pos
            }
        };
        let wrote = self.plain.len() - had;
        self.plain_left = self.plain_left.saturating_sub(wrote);
        self.fed += read;
        read > 0 || wrote > 0
    }
}

// === impl MySql: packed ===

impl MySql {
    /// Reads at most one message out of compressed packets.
    pub fn unpack(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let slot = &mut self.packed[from as usize];
        if slot.as_ref().is_none_or(|packed| packed.left == 0) {
            return self.begin_packed(from, input, sink);
        }
        let Some(mut packed) = slot.take() else { return Step::Lost };
        if packed.piece == 0 {
            packed.piece = packed.left.min(PIECE);
        }
        let step = match input.get(..packed.piece) {
            Some(piece) => self.read_piece(from, piece, &mut packed, sink),
            None => Step::Need(packed.piece),
        };
        let is_empty = packed.left == 0 && packed.plain.is_empty() && packed.body == 0;
        if !is_empty && !matches!(step, Step::Lost | Step::Leave) {
            self.packed[from as usize] = Some(packed);
        } else {
            let _ = self.hold(sink);
        }
        step
    }

    fn begin_packed(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(head) = head(input) else { return Step::Need(HEAD) };
        let Some(magic) = input.get(HEAD..HEAD + head.len.min(ZSTD_MAGIC.len())) else {
            return Step::Need(HEAD + head.len.min(ZSTD_MAGIC.len()));
        };
        if head.len == 0 {
            return Step::Lost;
        }
        let slot = &mut self.packed[from as usize];
        let begun = match slot {
            Some(packed) => packed.renew(head, magic).is_some(),
            None => {
                *slot = Packed::new(head, magic).map(Box::new);
                slot.is_some()
            }
        };
        if begun && self.hold(sink) {
            return Step::Took(HEAD);
        }
        self.packed[from as usize] = None;
        Step::Lost
    }

    /// Unpacks and reads a piece, up to the end of a message.
    fn read_piece(
        &mut self,
        from: Side,
        piece: &[u8],
        packed: &mut Packed,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        loop {
            match self.read_plain(from, packed, sink) {
                Inner::Lost => return Step::Lost,
                Inner::Finished => return packed.taken_behind_message(piece.len()),
                Inner::Hungry if packed.plain.len() > WAITING_MAX => return Step::Lost,
                Inner::Hungry if packed.unpack(piece) => {}
                Inner::Hungry if packed.fed < piece.len() => return Step::Lost,
                Inner::Hungry => return packed.taken_all(),
            }
        }
    }

    /// Reads what is unpacked, up to the end of a message.
    fn read_plain(&mut self, from: Side, packed: &mut Packed, sink: &mut Sink<'_, '_>) -> Inner {
        let plain = std::mem::take(&mut packed.plain);
        let mut rest = &plain[..];
        let inner = loop {
            if packed.body > 0 {
                let take = usize::try_from(packed.body).map_or(rest.len(), |n| n.min(rest.len()));
                let (body, behind) = rest.split_at(take);
                sink.body(body);
                packed.body -= take as u64;
                rest = behind;
            }
            if packed.body > 0 || rest.is_empty() && !packed.ends {
                break Inner::Hungry;
            }
            if packed.ends {
                packed.ends = false;
                sink.finish();
                break Inner::Finished;
            }
            self.finished = false;
            match self.packet(from, rest, sink) {
                Step::Took(n) => {
                    rest = rest.get(n..).unwrap_or_default();
                    if self.finished {
                        break Inner::Finished;
                    }
                }
                Step::Need(_) | Step::Wait => break Inner::Hungry,
                Step::Part { head, body } => {
                    (rest, packed.body) = (rest.get(head..).unwrap_or_default(), body);
                }
                Step::Body { head, body } => {
                    (rest, packed.body) = (rest.get(head..).unwrap_or_default(), body);
                    packed.ends = true;
                }
                Step::Lost | Step::Become { .. } | Step::Leave => break Inner::Lost,
            }
        };
        let read = plain.len() - rest.len();
        packed.plain = plain;
        packed.plain.drain(..read);
        inner
    }
}

impl Packed {
    /// The whole piece was read.
    fn taken_all(&mut self) -> Step {
        let took = self.piece;
        self.left -= took;
        (self.piece, self.fed) = (0, 0);
        Step::Took(took)
    }

    /// A message ended. What is left of the piece may hold more, and each call takes at least a byte.
    fn taken_behind_message(&mut self, piece: usize) -> Step {
        let is_behind = self.plain_left == 0 || self.fed == piece && self.left > piece;
        if self.plain.is_empty() && is_behind {
            return self.taken_all();
        }
        if self.fed == 0 || piece < 2 {
            return Step::Lost;
        }
        self.fed -= 1;
        self.piece -= 1;
        self.left -= 1;
        Step::Took(1)
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed").field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        let payload = encoder.finish().unwrap();
        packet(&payload, plain.len())
    }

    fn packet(payload: &[u8], plain: usize) -> Vec<u8> {
        let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
        let plain = u32::try_from(plain).unwrap().to_le_bytes();
        [&len[..3], &[0], &plain[..3], payload].concat()
    }

    #[test]
    fn the_front_is_unpacked_whatever_the_form() {
        let plain = b"\x09\0\0\0\x03SELECT 1";
        assert_eq!(front(&zlib(plain)).unwrap().1, plain);
        assert_eq!(front(&packet(plain, 0)).unwrap().1, plain);
        let mut out = [0; 100];
        let len = zstd_safe::compress(&mut out[..], plain, 1).unwrap();
        assert_eq!(front(&packet(&out[..len], plain.len())).unwrap().1, plain);
        assert!(front(&packet(b"neither", 20)).is_none());
    }

    #[test]
    fn no_more_comes_out_than_was_announced() {
        let mut bomb = zlib(&vec![0; 1 << 20]);
        bomb[4..7].copy_from_slice(&[100, 0, 0]);
        assert_eq!(front(&bomb).unwrap().1.len(), 100);
    }
}
