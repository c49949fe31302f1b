//! Is this NTP? On its port by its shape; elsewhere only by times that fit each other, a question in
//! which everything but its time is blank, or lengths that a message about the server itself repeats.

use dissect::{Hello, Verdict};
use model::Side;

use super::wire::{CONTROL, Kind, PRIVATE, Packet, TIME, mode};
use crate::framed::{u16_at, u32_at, u64_at};

/// Bytes of keys and extensions behind the times, at most.
const EXTRA_MAX: usize = 1_200;
/// Extensions looked at, at most.
const EXTENSIONS_MAX: usize = 16;
/// Bytes of a key's number and digest: none, a number alone, and with it MD5, SHA-1 and all of SHA-2.
const DIGESTS: [usize; 8] = [0, 4, 20, 24, 32, 36, 52, 68];

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
    match packet.mode {
        mode::CONTROL => return is_control(bytes),
        mode::PRIVATE => return is_private(packet, bytes),
        _ => {}
    }
    let Some(tail) = bytes.get(TIME..).filter(|tail| is_tail(tail)) else { return false };
    if packet.version < 3 {
        let is_timed = u32_at(bytes, 40).is_some_and(|sent| sent > 1 << 31);
        return packet.mode == mode::CLIENT
            && tail.is_empty()
            && is_timed
            && is_blank_question(bytes);
    }
    match packet.mode {
        mode::CLIENT => {
            is_blank_question(bytes) || is_unset(bytes) || is_peer(bytes) || is_first(bytes)
        }
        mode::SERVER => is_answer(bytes),
        mode::ACTIVE | mode::PASSIVE => is_unset(bytes) || is_peer(bytes) || is_first(bytes),
        mode::BROADCAST => is_first(bytes),
        _ => false,
    }
}

/// What may follow the times: extensions, then a key's number and digest (RFC 5905 §7.3, RFC 7822). A refusal
/// has the number alone.
fn is_tail(mut tail: &[u8]) -> bool {
    for _ in 0..EXTENSIONS_MAX {
        if DIGESTS.contains(&tail.len()) {
            return true;
        }
        let Some(len) = u16_at(tail, 2).map(usize::from) else { return false };
        if len < 16 || !len.is_multiple_of(4) {
            return false;
        }
        let Some(rest) = tail.get(len..) else { return false };
        tail = rest;
    }
    false
}

/// A control message says how many bytes of data it has, and fills them up to words; a digest may follow
/// (RFC 9327 §2). Questions have none: what is set in them are version, operation and a small number.
fn is_control(bytes: &[u8]) -> bool {
    let Some(&[_, flags, high, _, s0, s1, _, _, o0, o1, ..]) = bytes.get(..CONTROL) else {
        return false;
    };
    let (answers, operation) = (flags & 0x80 != 0, flags & 0x1f);
    let count = usize::from(u16_at(bytes, 10).unwrap_or(0));
    let known = matches!(operation, 1..=12 | 31);
    if !answers {
        let is_small = high < 0x10 && bytes.get(2..4) != Some(&[0, 0]);
        let is_blank = [s0, s1, o0, o1] == [0; 4] && flags & 0x60 == 0;
        return known && is_small && is_blank && count == 0 && bytes.len() == CONTROL;
    }
    let data = bytes.get(CONTROL..CONTROL + count).unwrap_or_default();
    let end = CONTROL + count.next_multiple_of(4);
    let fits = bytes.len() >= end && [0, 20, 24].contains(&(bytes.len() - end));
    let says = match operation {
        // Pairs of an association and its state.
        1 => count.is_multiple_of(4),
        _ => {
            data.contains(&b'=')
                && data.iter().all(|byte| matches!(byte, b' '..=b'~' | 9 | 10 | 13))
        }
    };
    known && fits && says && count >= 4
}

/// What ntpd tells of itself: an answer's items fill it to the byte, a question's bytes are blank.
fn is_private(packet: &Packet, bytes: &[u8]) -> bool {
    let Some((&[first, _, implementation, code, c0, c1, z0, z1], data)) =
        bytes.split_first_chunk::<PRIVATE>()
    else {
        return false;
    };
    let known = packet.version == 2 && matches!(implementation, 2 | 3) && code <= 45;
    let (count, size) = (u16::from_be_bytes([c0, c1]), u16::from_be_bytes([z0, z1]));
    let blank = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    known
        && match first & 0x80 {
            0 => (count, size) == (0, 0) && blank(data),
            // Neither an error nor anything in the bits that must be zero.
            _ => {
                (1..0x1000).contains(&count)
                    && (4..0x1000).contains(&size)
                    && usize::from(count) * usize::from(size) == data.len()
            }
        }
}

/// A client that has no state says nothing but the time (RFC 9109, RFC 4330), or not even that.
fn is_blank_question(bytes: &[u8]) -> bool {
    let blank = |from: usize, to: usize| {
        bytes.get(from..to).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    };
    let [_, 0, poll, precision, ..] = bytes else { return false };
    let sent = u64_at(bytes, 40).unwrap_or(0);
    let fits = sent != 0 || bytes.len() == TIME && matches!(precision, 0 | 0xe0..);
    *poll <= 17 && blank(4, 40) && fits
}

/// Who keeps time and has not heard of the other: when it was set, when it sends, and nothing between.
fn is_first(bytes: &[u8]) -> bool {
    let [_, stratum, poll, ..] = bytes else { return false };
    let seconds = |at: usize| u32_at(bytes, at).unwrap_or(0);
    let (reference, sent) = (seconds(16), seconds(40));
    (1..16).contains(stratum)
        && *poll <= 17
        && bytes.get(24..40).is_some_and(|between| between.iter().all(|byte| *byte == 0))
        && sent > 1 << 31
        && sent.wrapping_sub(reference) < 1 << 17
        && seconds(4) < 16 << 16
        && seconds(8) <= 16 << 16
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
        && [4, 8].into_iter().all(|at| u32_at(bytes, at).is_some_and(|delay| delay < 16 << 16))
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
        && seconds(8) <= 16 << 16
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

    fn looks_like(bytes: &[u8]) -> bool {
        let verdict = probe(&Hello {
            bytes,
            from: None,
            transport: Transport::Udp,
            to_usual_port: false,
            from_usual_port: false,
            more: false,
        });
        verdict != Verdict::No
    }

    #[test]
    fn control_messages_are_known_by_what_they_count() {
        assert!(looks_like(b"\x16\x02\0\x44\0\0\0\0\0\0\0\0"));
        assert!(looks_like(b"\x16\x82\0\x44\x06\x18\0\0\0\0\0\x05a=1,\n\0\0\0"));
        // A refusal of DNS that is all head.
        assert!(!looks_like(b"\x16\x02\x80\x01\0\0\0\0\0\0\0\0"));
        assert!(!looks_like(b"\x16\x02\0\x44\0\0\0\0\0\0\0\x01"));
        assert!(!looks_like(b"\x16\x82\0\x44\x06\x18\0\0\0\0\0\x05a=1,\n\0\0"));
        assert!(!looks_like(b"\x16\x82\0\x44\x06\x18\0\0\0\0\0\x05a=1,\x01\0\0\0"));
    }

    #[test]
    fn private_messages_are_known_by_their_items() {
        assert!(looks_like(b"\x17\0\x03\x2a\0\0\0\0"));
        assert!(looks_like(b"\x97\0\x03\x08\0\x01\0\x04abcd"));
        assert!(!looks_like(b"\x97\0\x03\x08\0\x01\0\x04abcde"));
        assert!(!looks_like(b"\x97\0\x03\x08\0\0\0\0"));
        assert!(!looks_like(b"\x17\0\x03\x2a\0\0\0\x01"));
    }

    #[test]
    fn digests_and_extensions_may_follow_the_times() {
        let mut question = vec![0x23, 0, 6, 0x20];
        question.resize(TIME - 8, 0);
        question.extend(b"\xe8\xfe\x6f\x80\0\0\0\x07");
        for digest in DIGESTS {
            let all = [&question[..], &vec![7; digest]].concat();
            assert!(looks_like(&all), "{digest}");
        }
        let extended = |len: u8| [&question[..], &[1, 4, 0, len], &[9; 24]].concat();
        assert!(looks_like(&extended(28)));
        assert!(!looks_like(&extended(32)));
        assert!(!looks_like(&[&question[..], &[7; 40]].concat()));
    }

    #[test]
    fn who_keeps_time_and_has_not_heard_yet_says_when_it_was_set() {
        let peer = b"\x25\x03\x06\xec\0\0\x17\x6b\0\0\x0a\x77\x48\xa7\x36\xc9";
        assert!(is_ours(peer, [0xce7b_5fbe, 0, 0, 0xce7b_6042]));
        assert!(!is_ours(peer, [0xce7b_5fbe, 0, 7, 0xce7b_6042]));
        assert!(!is_ours(peer, [0xce7b_6fbe, 0, 0, 0xce7b_6042]));
    }

    #[test]
    fn questions_of_old_clients_are_blank_but_for_their_time() {
        let old = b"\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        assert!(is_ours(old, [0, 0, 0, 0xc029_430a]));
        assert!(!is_ours(old, [0, 0, 0, 0]));
        let blank = b"\x1b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        assert!(is_ours(blank, [0, 0, 0, 0]));
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
