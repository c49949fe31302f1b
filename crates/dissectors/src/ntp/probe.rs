//! Is this NTP? On its port by its shape; elsewhere only by times that fit each other, or a question
//! in which everything but its time is blank.

use dissect::{Hello, Verdict};
use model::Side;

use super::wire::{Kind, Packet, TIME, mode};
use crate::framed::{u32_at, u64_at};

/// Bytes of keys and extensions behind the times, at most.
const EXTRA_MAX: usize = 1_200;

/// What a datagram looks like.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let Some(packet) = Packet::read(hello.bytes) else { return Verdict::No };
    let is_ours = if hello.usual_port() {
        at_home(&packet, hello.bytes)
    } else {
        is_sure(&packet, hello.bytes)
    };
    let side = match packet.kind {
        Kind::Asks(_) => Side::Client,
        Kind::Answers(_) => Side::Server,
        Kind::Alone if packet.mode == mode::SERVER => Side::Server,
        Kind::Alone => Side::Client,
    };
    match is_ours {
        true if hello.from.is_none_or(|from| from == side) => Verdict::Is(side),
        _ => Verdict::No,
    }
}

fn at_home(packet: &Packet, bytes: &[u8]) -> bool {
    match packet.mode {
        mode::CONTROL | mode::PRIVATE => packet.version >= 2,
        _ => bytes.len() <= TIME + EXTRA_MAX && bytes.len().is_multiple_of(4),
    }
}

fn is_sure(packet: &Packet, bytes: &[u8]) -> bool {
    // A key's number and digest may follow (RFC 5905 §7.3).
    if packet.version < 3 || ![TIME, TIME + 4, TIME + 20, TIME + 24].contains(&bytes.len()) {
        return false;
    }
    match packet.mode {
        mode::CLIENT => is_blank_question(bytes),
        mode::SERVER => is_answer(bytes),
        _ => false,
    }
}

/// A client that has no state says nothing but the time (RFC 9109, RFC 4330).
fn is_blank_question(bytes: &[u8]) -> bool {
    let blank = |from: usize, to: usize| {
        bytes.get(from..to).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    };
    let poll = bytes.get(2).is_some_and(|poll| *poll <= 17);
    bytes.get(1) == Some(&0) && poll && blank(4, 40) && u64_at(bytes, 40).is_some_and(|at| at != 0)
}

/// A server received and sent within seconds, and was set before.
fn is_answer(bytes: &[u8]) -> bool {
    let stratum = bytes.get(1).copied().unwrap_or(0);
    let seconds = |at: usize| u32_at(bytes, at).unwrap_or(0);
    let (reference, received, sent) = (seconds(16), seconds(32), seconds(40));
    let near = sent.wrapping_sub(received) <= 2 && sent > 1 << 31;
    let set_before = sent.wrapping_sub(reference) < 1 << 24;
    (1..16).contains(&stratum)
        && near
        && set_before
        && seconds(4) < 16 << 16
        && u64_at(bytes, 24) != Some(0)
}
