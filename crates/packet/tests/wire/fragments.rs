//! Fragments of IPv4 and IPv6 packets, friendly and hostile.

use packet::{Decoder, DecoderLimits, Unread};

use crate::kit::*;

const SECOND: u64 = 1_000_000_000;

/// Fragments of `payload` in pieces of `size` bytes.
pub fn split_v4(id: u16, protocol: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(size);
    let piece = |(n, bytes): (usize, &[u8])| {
        let more = if n + 1 < count { 0x2000 } else { 0 };
        ipv4_part(protocol, id, more | (n * size / 8) as u16, bytes)
    };
    payload.chunks(size).enumerate().map(piece).collect()
}

fn part_v6(id: u8, offset: u16, more: bool, bytes: &[u8]) -> Vec<u8> {
    let [o0, o1] = (offset | u16::from(more)).to_be_bytes();
    ipv6(44, &[&[17, 0, o0, o1, 0, 0, 0, id][..], bytes].concat())
}

fn give(decoder: &mut Decoder, at: u64, bytes: &[u8]) -> Option<Seen> {
    seen(decoder.decode(&packet(RAW, at, bytes, bytes.len())))
}

fn big() -> Vec<u8> {
    udp(4000, 53, &(0..4000_u32).map(|n| n as u8).collect::<Vec<_>>())
}

#[test]
fn fragments_become_a_datagram_with_the_last_of_them() {
    let mut decoder = decoder();
    let parts = split_v4(7, 17, &big(), 1480);
    assert_eq!(give(&mut decoder, 0, &parts[0]), None);
    assert_eq!(give(&mut decoder, 1, &parts[2]), None);
    let found = give(&mut decoder, 2, &parts[1]).expect("the datagram");
    assert_eq!((found.payload, found.cut), (big()[8..].to_vec(), 0));
    assert_eq!(decoder.counts().of(Unread::Fragment), 2);
    assert_eq!(decoder.counts().losses().count(), 0);
}

#[test]
fn ipv6_fragments_become_a_datagram() {
    let mut decoder = decoder();
    let big = big();
    assert_eq!(give(&mut decoder, 0, &part_v6(7, 2000, false, &big[2000..])), None);
    let found = give(&mut decoder, 0, &part_v6(7, 0, true, &big[..2000])).expect("the datagram");
    assert_eq!(found.payload, big[8..]);
}

#[test]
fn a_capture_that_saw_each_fragment_twice_gives_one_datagram() {
    let mut decoder = decoder();
    let mut found = 0;
    for part in split_v4(7, 17, &big(), 1480) {
        for _ in 0..2 {
            found += usize::from(give(&mut decoder, 0, &part).is_some());
        }
    }
    assert_eq!(found, 1);
    assert_eq!(decoder.counts().of(Unread::FragmentRepeated), 3);
}

#[test]
fn a_number_used_again_later_is_another_packet() {
    let mut decoder = decoder();
    for at in [0, SECOND] {
        let parts = split_v4(7, 17, &big(), 2000);
        assert!(parts.iter().filter_map(|part| give(&mut decoder, at, part)).count() == 1);
    }
}

#[test]
fn a_fragment_that_the_snap_length_cut_leaves_a_cut_datagram() {
    let mut decoder = decoder();
    let parts = split_v4(7, 17, &big(), 2000);
    let cut = &parts[0][..1020];
    assert_eq!(seen(decoder.decode(&packet(RAW, 0, cut, parts[0].len()))), None);
    let mut found = None;
    for part in &parts[1..] {
        found = give(&mut decoder, 0, part);
    }
    let found = found.expect("the datagram");
    assert_eq!((found.payload.len(), found.cut), (992, 3008));
}

#[test]
fn fragments_that_wait_for_too_long_expire() {
    let mut decoder = decoder();
    let parts = split_v4(7, 17, &big(), 1480);
    give(&mut decoder, 0, &parts[0]);
    give(&mut decoder, 0, &parts[1]);
    assert_eq!(give(&mut decoder, 31 * SECOND, &parts[2]), None);
    assert_eq!(decoder.counts().of(Unread::FragmentsExpired), 2);
}

#[test]
fn overlapping_ipv4_fragments_keep_the_first_bytes_and_are_counted() {
    let mut decoder = decoder();
    let datagram = udp(4000, 53, &[1; 40]);
    give(&mut decoder, 0, &ipv4_part(17, 7, 0x2000, &datagram[..24]));
    let found = give(&mut decoder, 0, &ipv4_part(17, 7, 2, &[2; 32])).expect("the datagram");
    assert_eq!(found.payload, [&[1; 16][..], &[2; 24]].concat());
    assert_eq!(decoder.counts().of(Unread::FragmentsOverlapping), 1);
}

#[test]
fn overlapping_ipv6_fragments_are_dropped() {
    let mut decoder = decoder();
    let datagram = udp(4000, 53, &[1; 40]);
    give(&mut decoder, 0, &part_v6(7, 0, true, &datagram[..24]));
    assert_eq!(give(&mut decoder, 0, &part_v6(7, 16, false, &[2; 32])), None);
    assert_eq!(decoder.counts().of(Unread::FragmentsOverlapping), 2);
    assert_eq!(decoder.held_bytes(), 0);
}

#[test]
fn fragments_without_sense_are_bad() {
    is_counted(RAW, &ipv4_part(17, 7, 0x2000, &[0; 9]), "bad fragment header");
    is_counted(RAW, &ipv4_part(17, 7, 0x2000, &[]), "bad fragment header");
    is_counted(RAW, &ipv4_part(17, 7, 0x1fff, &[0; 999]), "fragments over the limit");
}

#[test]
fn two_different_ends_contradict_each_other() {
    let mut decoder = decoder();
    give(&mut decoder, 0, &ipv4_part(17, 7, 20, &[0; 8]));
    assert_eq!(give(&mut decoder, 0, &ipv4_part(17, 7, 10, &[0; 8])), None);
    assert_eq!(decoder.counts().of(Unread::FragmentsOverlapping), 2);
}

#[test]
fn a_flood_of_first_fragments_is_held_within_the_limit() {
    let limits = DecoderLimits { fragment_bytes_max: 100_000, ..DecoderLimits::default() };
    let mut decoder = Decoder::new(limits);
    for id in 0..20_000 {
        give(&mut decoder, 0, &ipv4_part(17, id, 0x2000, &[0; 8]));
        assert!(decoder.held_bytes() <= 100_000);
    }
    assert!(decoder.counts().of(Unread::FragmentsOverLimit) > 19_000);
}

#[test]
fn a_packet_in_a_thousand_pieces_backwards_is_put_together_at_once() {
    let mut decoder = decoder();
    let datagram = udp(4000, 53, &vec![5; 60_000]);
    let parts = split_v4(7, 17, &datagram, 48);
    let found = parts.iter().rev().filter_map(|part| give(&mut decoder, 0, part));
    assert_eq!(found.last().expect("the datagram").payload.len(), 60_000);
}

#[test]
fn a_fragmented_tunnel_with_a_fragmented_packet_is_read() {
    let mut decoder = decoder();
    let mut found = Vec::new();
    for (id, inner) in (0..).zip(split_v4(9, 17, &big(), 2000)) {
        for part in split_v4(id, 4, &inner, 800) {
            found.extend(give(&mut decoder, 0, &part));
        }
    }
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].payload, big()[8..]);
}

#[test]
fn fragments_of_fragments_of_fragments_are_given_up() {
    let mut decoder = decoder();
    assert_eq!(give_nested(&mut decoder, 5), 0);
    assert_eq!(decoder.counts().of(Unread::FragmentsNested), 1);
    assert_eq!(give_nested(&mut self::decoder(), 4), 1);
}

/// The first half of each packet travels alone, the second half inside the second half of the next;
/// how many datagrams came out.
fn give_nested(decoder: &mut Decoder, depth: u16) -> usize {
    let mut found = 0;
    let mut last = split_v4(0, 17, &udp(4000, 53, &[1; 400]), 208);
    for id in 1..=depth {
        found += usize::from(give(decoder, 0, &last[0]).is_some());
        let half = last[1].len().div_ceil(16) * 8;
        last = match id {
            _ if id == depth => vec![last[1].clone()],
            _ => split_v4(id, 4, &last[1], half),
        };
    }
    found + usize::from(give(decoder, 0, &last[0]).is_some())
}
