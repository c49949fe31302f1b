//! Where the next frame or segment starts after bytes were lost, or in a connection joined late.
//!
//! A frame is looked for at a packet's first byte only, and counts if what is there fits together: the
//! head, the front of the body, and what follows. A segment's head has a checksum of its own, so it is
//! looked for everywhere; one that does not hold whole frames is passed over, since it may be the
//! middle of one.

use dissect::Found;
use model::Side;

use super::{
    codes,
    content::lz4_block,
    cursor::Cursor,
    frame::{HEAD, Head, Opcode},
    segment::Segment,
};

/// Bytes of a body that must be there, if it has as many.
const FRONT: usize = 8;

/// How something looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// It is none.
    Bad,
    /// More is needed to tell.
    Short,
    /// It is one.
    Good,
}

/// Where the next of `from` starts, and whether that is a segment.
pub fn find(from: Side, input: &[u8]) -> (Found, bool) {
    match frame(from, input) {
        Look::Good => return (Found::At(0), false),
        Look::Short => return (Found::Maybe(0), false),
        Look::Bad => {}
    }
    for at in 0..input.len() {
        match segment(from, input.get(at..).unwrap_or_default()) {
            Look::Good => return (Found::At(at), true),
            Look::Short => return (Found::Maybe(at), false),
            Look::Bad => {}
        }
    }
    (Found::Nowhere, false)
}

/// How a segment that holds whole frames looks at the front.
fn segment(from: Side, input: &[u8]) -> Look {
    let segment = match Segment::read(input) {
        Ok(segment) if segment.whole => segment,
        Err(Some(_)) => return Look::Short,
        _ => return Look::Bad,
    };
    let rest = input.get(segment.head..).unwrap_or_default();
    let payload = rest.get(..segment.len).unwrap_or(rest);
    let is_head = |payload: &[u8]| {
        payload.first_chunk().is_some_and(|bytes| Head::read(from, bytes).is_some())
    };
    let is_good = match segment.unpacked {
        Some(_) if payload.len() < segment.len => return Look::Short,
        Some(len) => lz4_block(payload, len).is_some_and(|payload| is_head(&payload)),
        None if payload.len() < segment.len.min(HEAD) => return Look::Short,
        None => is_head(payload),
    };
    if is_good { Look::Good } else { Look::Bad }
}

/// How a frame at the front looks.
pub fn frame(from: Side, input: &[u8]) -> Look {
    let Some(bytes) = input.first_chunk() else {
        return if may_begin(from, input) { Look::Short } else { Look::Bad };
    };
    let Some(head) = Head::read(from, bytes) else { return Look::Bad };
    let rest = input.get(HEAD..).unwrap_or_default();
    let len = usize::try_from(head.len).unwrap_or(usize::MAX);
    let body = rest.get(..len).unwrap_or(rest);
    if body.len() < len.min(FRONT) {
        return Look::Short;
    }
    if !fits(&head, body) {
        return Look::Bad;
    }
    match rest.get(len..) {
        None | Some([]) => Look::Good,
        Some(next) => match next.first_chunk().map(|bytes| Head::read(from, bytes)) {
            Some(Some(next)) if next.version == head.version => Look::Good,
            None if may_begin(from, next) => Look::Good,
            _ => Look::Bad,
        },
    }
}

fn may_begin(from: Side, input: &[u8]) -> bool {
    let answer = if from == Side::Server { 0x80 } else { 0 };
    let version = input.first().is_some_and(|byte| (3..=5).contains(&(byte ^ answer)));
    version && input.get(1).is_none_or(|flags| *flags < 0x20)
}

/// Whether the front of a body is one of its kind.
pub fn fits(head: &Head, body: &[u8]) -> bool {
    if head.is_compressed() || head.flags & 0x0e != 0 {
        return true;
    }
    let mut cursor = Cursor(body);
    match head.opcode {
        Opcode::QUERY | Opcode::PREPARE => {
            cursor.int().is_some_and(|len| len > 0 && i64::from(len) <= i64::from(head.len) - 4)
        }
        Opcode::RESULT => cursor.int().is_some_and(|kind| (1..=5).contains(&kind)),
        Opcode::ERROR => cursor.int().is_some_and(|code| codes::error(code).is_some()),
        Opcode::EXECUTE => cursor.short().is_some_and(|len| (1..=64).contains(&len)),
        Opcode::BATCH => body.first().is_some_and(|kind| *kind <= 2),
        Opcode::STARTUP | Opcode::SUPPORTED | Opcode::REGISTER => {
            cursor.short().is_some_and(|count| (1..=64).contains(&count))
        }
        Opcode::AUTHENTICATE | Opcode::EVENT => {
            cursor.short().is_some_and(|len| u32::from(len) < head.len)
        }
        _ => true,
    }
}
