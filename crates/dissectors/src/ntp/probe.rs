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
        mode::CLIENT => is_blank_question(bytes) || is_unset(bytes) || is_peer(bytes),
        mode::SERVER => is_answer(bytes),
        mode::ACTIVE | mode::PASSIVE => is_unset(bytes) || is_peer(bytes),
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

/// Who was never set knows no time but its own, and says that it is not set (RFC 5905 §7.3, leap 3).
fn is_unset(bytes: &[u8]) -> bool {
    let blank = |from: usize, to: usize| {
        bytes.get(from..to).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    };
    let [first, stratum, poll, precision, ..] = bytes else { return false };
    first >> 6 == 3
        && matches!(stratum, 0 | 16)
        && *poll <= 17
        && matches!(precision, 0 | 0xe0..)
        && blank(4, 8)
        && u32_at(bytes, 8).is_some_and(|dispersion| dispersion < 16 << 16)
        && blank(16, 40)
        && u32_at(bytes, 40).is_some_and(|sent| sent > 1 << 31)
}

/// Peers, and clients that keep state, say when they heard last: four times within hours of each other.
fn is_peer(bytes: &[u8]) -> bool {
    let stratum = bytes.get(1).copied().unwrap_or(0);
    let seconds = |at: usize| u32_at(bytes, at).unwrap_or(0);
    let sent = seconds(40);
    let lately = |at: usize| sent.wrapping_sub(seconds(at)) < 1 << 13;
    (1..16).contains(&stratum)
        && sent > 1 << 31
        && [24, 32].into_iter().all(lately)
        && sent.wrapping_sub(seconds(16)) < 1 << 17
        && seconds(4) < 16 << 16
        && seconds(8) < 16 << 16
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

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

    fn is_ours(head: &[u8; 16], times: [u32; 4]) -> bool {
        let times = times.iter().flat_map(|seconds| [seconds.to_be_bytes(), [0, 0, 1, 2]]);
        let fraction = |time: [u8; 4]| if time == [0; 4] { [0; 4] } else { [0, 0, 1, 2] };
        let words: Vec<[u8; 4]> = times.collect();
        let mut bytes = head.to_vec();
        for pair in words.chunks_exact(2) {
            bytes.extend(pair[0]);
            bytes.extend(fraction(pair[0]));
        }
        let verdict = probe(&Hello {
            bytes: &bytes,
            from: None,
            transport: Transport::Udp,
            to_usual_port: false,
            from_usual_port: false,
            more: false,
        });
        verdict != Verdict::No
    }

    #[test]
    fn who_was_never_set_is_known_by_what_it_lacks() {
        let unset = b"\xd9\0\x0a\xfa\0\0\0\0\0\x01\x02\x90\0\0\0\0";
        assert!(is_ours(unset, [0, 0, 0, 0xc502_04ec]));
        assert!(!is_ours(unset, [0, 0, 7, 0xc502_04ec]));
        assert!(!is_ours(unset, [0, 0, 0, 7]));
        let set = b"\x19\0\x0a\xfa\0\0\0\0\0\x01\x02\x90\0\0\0\0";
        assert!(!is_ours(set, [0, 0, 0, 0xc502_04ec]));
    }

    #[test]
    fn peers_are_known_by_times_that_fit_each_other() {
        let peer = b"\x21\x02\x0a\xe9\0\0\x0a\0\0\0\x0b\0\x0a\x01\x80\x0e";
        let (now, before) = (0xe327_f990, 0xe327_f94d);
        assert!(is_ours(peer, [before, before, before, now]));
        assert!(!is_ours(peer, [before, 0xe327_0000, before, now]));
        assert!(!is_ours(peer, [before, before, now + 9, now]));
        let far = b"\x21\x10\x0a\xe9\0\0\x0a\0\0\0\x0b\0\x0a\x01\x80\x0e";
        assert!(!is_ours(far, [before, before, before, now]));
    }
}
