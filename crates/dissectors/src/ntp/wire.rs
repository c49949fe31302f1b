//! A packet: its mode, and what its answer has in common with it.

use crate::framed::{u16_at, u64_at};

/// Bytes of a packet about time (RFC 5905 §7.3).
pub(super) const TIME: usize = 48;
/// Bytes of the head of a control message (RFC 9327 §2).
pub(super) const CONTROL: usize = 12;
/// Bytes of the head of a private message of ntpd.
pub(super) const PRIVATE: usize = 8;

/// Modes (RFC 5905 §3).
pub(super) mod mode {
    pub(crate) const ACTIVE: u8 = 1;
    pub(crate) const PASSIVE: u8 = 2;
    pub(crate) const CLIENT: u8 = 3;
    pub(crate) const SERVER: u8 = 4;
    pub(crate) const BROADCAST: u8 = 5;
    pub(crate) const CONTROL: u8 = 6;
    pub(crate) const PRIVATE: u8 = 7;
}

/// Who a packet is in a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Asks(u64),
    Answers(u64),
    Alone,
}

/// A packet's first byte, and its place in a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) version: u8,
    pub(super) mode: u8,
    pub(super) kind: Kind,
}

// === impl Packet ===

impl Packet {
    /// Reads one.
    pub(super) fn read(input: &[u8]) -> Option<Self> {
        let first = *input.first()?;
        let (version, mode) = (first >> 3 & 7, first & 7);
        if !(1..=4).contains(&version) {
            return None;
        }
        let kind = match mode {
            mode::CONTROL => control(input)?,
            mode::PRIVATE => private(input)?,
            mode::ACTIVE..=mode::BROADCAST if input.len() >= TIME => time(mode, input)?,
            _ => return None,
        };
        Some(Self { version, mode, kind })
    }
}

fn time(mode: u8, input: &[u8]) -> Option<Kind> {
    let (origin, transmit) = (u64_at(input, 24)?, u64_at(input, 40)?);
    Some(match mode {
        mode::CLIENT if transmit != 0 => Kind::Asks(transmit),
        mode::SERVER if origin != 0 => Kind::Answers(origin),
        // Peers send whenever they like, and repeat what they heard last.
        mode::PASSIVE if origin != 0 => Kind::Answers(origin),
        mode::ACTIVE if transmit != 0 => Kind::Asks(transmit),
        _ => Kind::Alone,
    })
}

/// A control message is told by operation and number; answers may come in pieces.
fn control(input: &[u8]) -> Option<Kind> {
    if input.len() < CONTROL {
        return None;
    }
    let flags = *input.get(1)?;
    let (sequence, offset) = (u16_at(input, 2)?, u16_at(input, 8)?);
    let number = u64::from(flags & 0x1f) << 16 | u64::from(sequence);
    let number = number | 6 << 56;
    Some(match (flags & 0x80 != 0, offset) {
        (false, _) => Kind::Asks(number),
        (true, 0) => Kind::Answers(number),
        (true, _) => Kind::Alone,
    })
}

fn private(input: &[u8]) -> Option<Kind> {
    if input.len() < PRIVATE {
        return None;
    }
    let &[first, sequence, implementation, code, ..] = input else { return None };
    let number = u64::from(implementation) << 8 | u64::from(code);
    let number = number | 7 << 56;
    Some(match (first & 0x80 != 0, sequence & 0x7f) {
        (false, _) => Kind::Asks(number),
        (true, 0) => Kind::Answers(number),
        (true, _) => Kind::Alone,
    })
}
