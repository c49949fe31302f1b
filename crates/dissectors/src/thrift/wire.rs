//! What stands in front of a message: perhaps a frame's length, then version, kind, name and number.

use model::Side;

use crate::framed::{Halt, Read, u32_at};

/// Bytes of a frame's length.
const FRAME: usize = 4;
/// The largest frame.
const FRAME_MAX: u32 = 256 << 20;
/// Letters of a name at most.
const NAME_MAX: usize = 256;
/// Version 1 of the binary protocol.
const BINARY: [u8; 2] = [0x80, 0x01];
/// The compact protocol.
const COMPACT: u8 = 0x82;

/// What a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Call,
    Reply,
    Exception,
    OneWay,
}

/// What stands in front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    pub(super) compact: bool,
    pub(super) kind: Kind,
    pub(super) sequence: u32,
    /// Where the name is.
    pub(super) name: (usize, usize),
    /// Where the arguments begin.
    pub(super) head: usize,
    /// Bytes of all, where there is a frame.
    pub(super) frame: Option<u64>,
}

// === impl Kind ===

impl Kind {
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Exception,
            4 => Self::OneWay,
            _ => return None,
        })
    }

    /// Who says it.
    pub(super) fn side(self) -> Side {
        match self {
            Self::Call | Self::OneWay => Side::Client,
            Self::Reply | Self::Exception => Side::Server,
        }
    }
}

// === impl Front ===

impl Front {
    /// Reads it.
    pub(super) fn read(input: &[u8]) -> Read<Self> {
        match input.first() {
            None => return Err(Halt::Short(FRAME)),
            Some(&BINARY_FIRST) => return binary(input, 0),
            Some(&COMPACT) => return compact(input, 0),
            Some(_) => {}
        }
        let len = u32_at(input, 0).ok_or(Halt::Short(FRAME))?;
        if !(6..=FRAME_MAX).contains(&len) {
            return Err(Halt::Bad);
        }
        let mut front = match input.get(FRAME) {
            None => return Err(Halt::Short(FRAME + 1)),
            Some(&BINARY_FIRST) => binary(input, FRAME)?,
            Some(&COMPACT) => compact(input, FRAME)?,
            Some(_) => return Err(Halt::Bad),
        };
        let size = FRAME as u64 + u64::from(len);
        if front.head as u64 >= size {
            return Err(Halt::Bad);
        }
        front.frame = Some(size);
        Ok(front)
    }

    /// Whether a message may begin like this.
    pub(super) fn may_begin(bytes: &[u8]) -> bool {
        matches!(bytes.first(), Some(&BINARY_FIRST | &COMPACT))
            || bytes.len() < FRAME
            || matches!(bytes.get(FRAME), None | Some(&BINARY_FIRST | &COMPACT))
    }
}

const BINARY_FIRST: u8 = BINARY[0];

fn binary(input: &[u8], at: usize) -> Read<Front> {
    let need = Halt::Short(at + 8);
    let version = input.get(at..at + 2).ok_or(need)?;
    let kind = input.get(at + 2..at + 4).ok_or(need)?;
    let kind = match kind {
        [0, kind] if version == BINARY => Kind::of(*kind).ok_or(Halt::Bad)?,
        _ => return Err(Halt::Bad),
    };
    let len = u32_at(input, at + 4).ok_or(need)?;
    let len =
        usize::try_from(len).ok().filter(|len| (1..=NAME_MAX).contains(len)).ok_or(Halt::Bad)?;
    let name = (at + 8, at + 8 + len);
    check_name(input, name)?;
    let sequence = u32_at(input, name.1).ok_or(Halt::Short(name.1 + 4))?;
    Ok(Front { compact: false, kind, sequence, name, head: name.1 + 4, frame: None })
}

fn compact(input: &[u8], at: usize) -> Read<Front> {
    let second = *input.get(at + 1).ok_or(Halt::Short(at + 2))?;
    let kind = Kind::of(second >> 5).filter(|_| second & 0x1f == 1).ok_or(Halt::Bad)?;
    let (sequence, next) = varint(input, at + 2)?;
    let (len, next) = varint(input, next)?;
    let len =
        usize::try_from(len).ok().filter(|len| (1..=NAME_MAX).contains(len)).ok_or(Halt::Bad)?;
    let sequence = u32::try_from(sequence).map_err(|_| Halt::Bad)?;
    let name = (next, next + len);
    check_name(input, name)?;
    Ok(Front { compact: true, kind, sequence, name, head: name.1, frame: None })
}

/// A name has letters, digits, and what services are told apart by.
fn check_name(input: &[u8], (from, to): (usize, usize)) -> Read<()> {
    let there = input.get(from..to.min(input.len())).unwrap_or_default();
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:-/$".contains(byte);
    if !there.iter().all(fits) || there.first().is_some_and(u8::is_ascii_digit) {
        return Err(Halt::Bad);
    }
    if input.len() < to { Err(Halt::Short(to)) } else { Ok(()) }
}

/// A number of seven bits a byte, the lowest first, and where it ends.
pub(super) fn varint(input: &[u8], at: usize) -> Read<(u64, usize)> {
    let mut value = 0;
    for place in 0..10 {
        let byte = *input.get(at + place).ok_or(Halt::Short(at + place + 1))?;
        value |= u64::from(byte & 0x7f) << (7 * place).min(63);
        if byte & 0x80 == 0 {
            return Ok((value, at + place + 1));
        }
    }
    Err(Halt::Bad)
}
