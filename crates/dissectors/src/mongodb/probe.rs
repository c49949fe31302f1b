//! Whether bytes are MongoDB, and whether a message starts with them.
//!
//! There is no magic number, but a length, an opcode and the length, type and name of the first
//! element, which must all fit each other. Nothing else looks like this on any port.

use dissect::{Found, Hello, Verdict};
use model::{Side, Transport};

use super::{
    bson::{DOCUMENT_MIN, Halt, is_type},
    packed::Packer,
    wire::{
        CHECKSUM_PRESENT, COMPRESSED_FRONT, EXHAUST_ALLOWED, Front, HEADER, Header, MORE_TO_COME,
        Op,
    },
};

/// Bytes of a name in a message that is known by it, at most.
const NAME_MAX: usize = 128;
/// A message that is larger is not waited for to be whole.
const LARGE: usize = 16 << 10;

/// Looks at the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    if hello.transport != Transport::Tcp {
        return Verdict::No;
    }
    match look(hello.bytes) {
        Ok(side) if hello.from.is_some_and(|known| known != side) => Verdict::No,
        Ok(side) => Verdict::Is(side),
        Err(Halt::Cut) if hello.more => Verdict::Maybe,
        Err(_) => Verdict::No,
    }
}

/// Where the next message of `from` starts. A document may hold bytes that look like a message, so a
/// start counts only if the whole message is there and ends where the bytes do, or where another
/// starts; or if it is large and begins where a packet does.
pub fn resync(from: Side, input: &[u8]) -> Found {
    for (at, _) in input.iter().enumerate() {
        let rest = input.get(at..).unwrap_or_default();
        match start(from, rest) {
            Ok(()) => return Found::At(at),
            Err(Halt::Cut) => return Found::Maybe(at),
            Err(Halt::Bad) if at == 0 && is_large(from, rest) => return Found::At(0),
            Err(Halt::Bad) => {}
        }
    }
    Found::Nowhere
}

fn start(from: Side, bytes: &[u8]) -> Result<(), Halt> {
    if look(bytes)? != from {
        return Err(Halt::Bad);
    }
    let length = Header::of(bytes)?.length as usize;
    if length > LARGE {
        return Err(Halt::Bad);
    }
    match bytes.get(length..) {
        None => Err(Halt::Cut),
        Some([]) => Ok(()),
        Some(next) => match look(next) {
            Ok(side) if side != from => Err(Halt::Bad),
            Err(Halt::Bad) => Err(Halt::Bad),
            // Perhaps: that it starts is enough after a whole message.
            _ => Ok(()),
        },
    }
}

fn is_large(from: Side, bytes: &[u8]) -> bool {
    look(bytes) == Ok(from) && Header::of(bytes).is_ok_and(|header| header.length as usize > LARGE)
}

/// Who sends a message that starts like this.
fn look(bytes: &[u8]) -> Result<Side, Halt> {
    let header = match Header::of(bytes) {
        Err(Halt::Cut) if can_be_length(bytes) => return Err(Halt::Cut),
        header => header.map_err(|_| Halt::Bad)?,
    };
    let end = bytes.len().min(header.length as usize);
    let payload = bytes.get(HEADER..end).unwrap_or_default();
    let fits = match header.op {
        Op::COMPRESSED => compressed(&header, payload),
        op => plain(op, payload, header.rest()).map(|()| op),
    };
    match fits {
        Ok(op) => side(op, &header),
        // All of it is there, and it is too short for what it says to be.
        Err(Halt::Cut) if payload.len() == header.rest() => Err(Halt::Bad),
        Err(halt) => Err(halt),
    }
}

/// The highest byte of a length is small, and the lowest are not all zero.
fn can_be_length(bytes: &[u8]) -> bool {
    match *bytes {
        [a, b, c, d, ..] => d < 4 && u32::from_le_bytes([a, b, c, d]) as usize > HEADER,
        _ => true,
    }
}

fn side(op: Op, header: &Header) -> Result<Side, Halt> {
    match (op, header.response_to) {
        (Op::REPLY | Op::COMMAND_REPLY, _) => Ok(Side::Server),
        // Some old clients say -1 where they answer nothing.
        (Op::MSG, 0 | u32::MAX) => Ok(Side::Client),
        (Op::MSG, _) => Ok(Side::Server),
        (_, 0 | u32::MAX) => Ok(Side::Client),
        _ => Err(Halt::Bad),
    }
}

fn compressed(header: &Header, payload: &[u8]) -> Result<Op, Halt> {
    let front = payload.first_chunk::<COMPRESSED_FRONT>().ok_or(Halt::Cut)?;
    let [o0, o1, o2, o3, s0, s1, s2, s3, packer] = *front;
    let op = Op(u32::from_le_bytes([o0, o1, o2, o3]));
    let size = u32::from_le_bytes([s0, s1, s2, s3]);
    let packed = payload.get(COMPRESSED_FRONT..).unwrap_or_default();
    let good = op.name().is_some()
        && op != Op::COMPRESSED
        && (9..super::wire::LENGTH_MAX).contains(&size)
        && header.rest() > COMPRESSED_FRONT
        && Packer::of(packer).is_some_and(|packer| packer.fits(packed, size));
    if good { Ok(op) } else { Err(Halt::Bad) }
}

/// Whether what comes behind the header is of `op` and `size` bytes long.
fn plain(op: Op, payload: &[u8], size: usize) -> Result<(), Halt> {
    let front = Front::of(op, payload)?;
    let left = size.checked_sub(front.size).ok_or(Halt::Bad)?;
    let behind = payload.get(front.size..).unwrap_or_default();
    let has_dot = memchr::memchr(b'.', front.namespace).is_some() && is_text(front.namespace);
    match op {
        Op::MSG if front.flags & !(CHECKSUM_PRESENT | MORE_TO_COME | EXHAUST_ALLOWED) != 0 => {
            Err(Halt::Bad)
        }
        Op::MSG => section(behind, left),
        Op::REPLY if front.flags > 0xf || front.returned.is_none_or(|n| n < 0) => Err(Halt::Bad),
        Op::REPLY if front.returned == Some(0) => sized(left, 0),
        Op::REPLY => document(behind, left, false),
        Op::QUERY if front.flags < 1 << 8 && has_dot => document(behind, left, false),
        Op::INSERT | Op::UPDATE | Op::DELETE if front.flags < 4 && has_dot => {
            document(behind, left, false)
        }
        Op::GET_MORE if has_dot => sized(left, 0),
        Op::KILL_CURSORS if front.cursor_id.is_some() => {
            let word = payload.get(4..).and_then(|rest| rest.first_chunk()).ok_or(Halt::Cut)?;
            sized(left + 8, u32::from_le_bytes(*word) as usize * 8)
        }
        Op::COMMAND if is_text(front.namespace) && is_text(front.command) => {
            document(behind, left, false)
        }
        Op::COMMAND_REPLY => document(behind, left, false),
        _ => Err(Halt::Bad),
    }
}

fn sized(left: usize, wanted: usize) -> Result<(), Halt> {
    if left == wanted { Ok(()) } else { Err(Halt::Bad) }
}

/// A section of OP_MSG.
fn section(bytes: &[u8], left: usize) -> Result<(), Halt> {
    let (kind, rest) = bytes.split_first().ok_or(Halt::Cut)?;
    match kind {
        0 => document(rest, left.checked_sub(1).ok_or(Halt::Bad)?, true),
        1 => {
            let (size, rest) = rest.split_first_chunk::<4>().ok_or(Halt::Cut)?;
            let size = u32::from_le_bytes(*size) as usize;
            if size < 6 || size >= left {
                return Err(Halt::Bad);
            }
            text(rest)
        }
        _ => Err(Halt::Bad),
    }
}

/// A document of at most `left` bytes, by its length and its first element.
fn document(bytes: &[u8], left: usize, is_command: bool) -> Result<(), Halt> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Halt::Cut)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length < DOCUMENT_MIN || length > left {
        return Err(Halt::Bad);
    }
    if bytes.get(length - 1).is_some_and(|last| *last != 0) {
        return Err(Halt::Bad);
    }
    match rest.split_first().ok_or(Halt::Cut)? {
        (0, _) if length == DOCUMENT_MIN && !is_command => Ok(()),
        (kind, name) if is_type(*kind) => text(name),
        _ => Err(Halt::Bad),
    }
}

/// A name that ends with a zero.
fn text(bytes: &[u8]) -> Result<(), Halt> {
    let within = bytes.get(..NAME_MAX).unwrap_or(bytes);
    match memchr::memchr(0, within) {
        Some(end) if is_text(within.get(..end).unwrap_or_default()) => Ok(()),
        None if within.len() < NAME_MAX && within.iter().all(|b| is_text(&[*b])) => Err(Halt::Cut),
        _ => Err(Halt::Bad),
    }
}

fn is_text(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| !byte.is_ascii_control())
}
