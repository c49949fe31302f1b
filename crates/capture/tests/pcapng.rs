//! pcapng files: sections, interfaces, all packet blocks, clocks, and what is skipped.

mod writer;

use capture::{Batch, Damage, Options, Problem, Reader};
use proptest::prelude::*;
use writer::{BIG, LITTLE, Order, Pieces, Seen, packets, problems, read};

fn seen(ns: u64, link: u32, frame: u64, source: u32, bytes: &[u8]) -> Seen {
    Seen { ns, link, frame, source, bytes: bytes.to_vec(), wire_len: bytes.len() as u32 }
}

/// Everything there is, in one section.
fn rich(order: Order) -> (Vec<u8>, Vec<Seen>) {
    let nano = if order.big { &[9_u8][..] } else { &[9, 0, 0, 0] };
    let offset = if order.big { (-5_i64).to_be_bytes() } else { (-5_i64).to_le_bytes() };
    let file = [
        order.section(),
        order.block(10, &[order.u32s(&[0x544c_534b, 5]), b"CLIEN".to_vec()].concat()),
        order.interface(1, 0, &[]),
        order.interface(101, 0, &[(2, b"eth7"), (9, nano), (14, &offset)]),
        order.packet(0, 3_000_001, b"one", 3),
        order.block(4, &order.u32(0)),
        order.packet(1, 9_000_000_007, b"four", 4),
        order.block(5, &[0; 12]),
        order.block(0x0bad, &order.u32(32_473)),
        order.block(0x7777, b"what"),
        order.old_packet(0, 5, b"old", 3),
        order.commented(0, 6, b"said", "a comment"),
        order.simple_packet(b"simple", 6),
    ]
    .concat();
    let packets = vec![
        seen(3_000_001_000, 1, 1, 0, b"one"),
        seen(4_000_000_007, 101, 2, 1, b"four"),
        seen(5_000, 1, 4, 0, b"old"),
        seen(6_000, 1, 5, 0, b"said"),
        seen(6_000, 1, 6, 0, b"simple"),
    ];
    (file, packets)
}

#[test]
fn everything_is_read_in_both_orders_whatever_the_pieces() {
    for order in [LITTLE, BIG] {
        let (file, packets) = rich(order);
        for sizes in [&[1][..], &[5, 9], &[64], &[100_000]] {
            let (seen, warnings) = read(&file, sizes);
            assert_eq!(seen, packets, "{order:?} in {sizes:?}");
            let unknown = Problem::UnknownBlocks { kind: 0x7777, count: 1 };
            assert_eq!(problems(&warnings), [&unknown]);
        }
    }
}

#[test]
fn sources_have_names_and_secrets_are_kept() {
    let (file, _) = rich(LITTLE);
    let mut reader = Reader::from_read("f", Pieces::new(&file, &[50]), Options::default()).unwrap();
    while reader.next(&mut Batch::new()).unwrap() {}
    let names: Vec<_> = reader.sources().iter().map(|s| s.interface.as_deref()).collect();
    assert_eq!(names, [None, Some("eth7")]);
    assert_eq!(reader.secrets(), [(0x544c_534b, b"CLIEN".to_vec())]);
    assert_eq!(reader.progress().bytes_done, file.len() as u64);
}

#[test]
fn sections_of_either_order_follow_each_other() {
    let (one, packets) = rich(LITTLE);
    let (two, _) = rich(BIG);
    let (seen, _) = read(&[one, two].concat(), &[33]);
    let again = packets.iter().map(|p| Seen { frame: p.frame + 6, ..p.clone() });
    let all: Vec<Seen> = packets.iter().cloned().chain(again).collect();
    assert_eq!(seen, all, "the same interface is the same source");
}

#[test]
fn a_simple_packet_ends_at_the_snap_length() {
    let file = [LITTLE.section(), LITTLE.interface(1, 5, &[]), LITTLE.simple_packet(b"12345", 900)];
    let (seen, warnings) = read(&file.concat(), &[1000]);
    assert_eq!((seen[0].bytes.as_slice(), seen[0].wire_len), (&b"12345"[..], 900));
    assert!(warnings.is_empty());
}

#[test]
fn a_cut_at_any_byte_leaves_all_packets_before_and_a_warning() {
    let whole = packets(5, 1);
    let mut file = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
    let mut ends = vec![28, file.len()];
    for packet in &whole {
        file.extend(LITTLE.packet(0, packet.ns / 1_000, &packet.bytes, packet.wire_len));
        ends.push(file.len());
    }
    for cut in 4..=file.len() {
        let (seen, warnings) = read(&file[..cut], &[1000]);
        let count = ends.iter().filter(|end| **end <= cut).count().saturating_sub(2);
        assert_eq!(seen, whole[..count], "cut at {cut}");
        assert_eq!(warnings.is_empty(), ends.contains(&cut), "cut at {cut}: {warnings:?}");
    }
}

#[test]
fn a_long_unknown_block_is_skipped_without_being_held() {
    let file = [
        LITTLE.section(),
        LITTLE.block(0x7777, &vec![1; 3_000_000]),
        LITTLE.interface(1, 0, &[]),
        LITTLE.packet(0, 1, b"x", 1),
    ];
    let (seen, warnings) = read(&file.concat(), &[10_000]);
    assert_eq!(seen.len(), 1);
    assert_eq!(problems(&warnings), [&Problem::UnknownBlocks { kind: 0x7777, count: 1 }]);
}

#[test]
fn secrets_beyond_the_limit_are_dropped_with_a_warning() {
    let secret = LITTLE.block(10, &[LITTLE.u32s(&[1, 6_000_000]), vec![0; 6_000_000]].concat());
    let file = [LITTLE.section(), secret.clone(), secret.clone(), secret].concat();
    let mut reader =
        Reader::from_read("f", Pieces::new(&file, &[1 << 20]), Options::default()).unwrap();
    assert!(!reader.next(&mut Batch::new()).unwrap());
    assert_eq!(reader.secrets().len(), 2);
    assert_eq!(reader.warnings().len(), 1);
}

#[test]
fn damage_is_named_and_ends_the_file() {
    let begin = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, b"x", 1)];
    let mut bad_end = LITTLE.packet(0, 1, b"x", 1);
    let last = bad_end.len() - 1;
    bad_end[last] = 9;
    let beyond = LITTLE.block(6, &LITTLE.u32s(&[0, 0, 0, 9, 9, 0]));
    let cases = [
        (LITTLE.packet(3, 1, b"x", 1), Damage::UnknownInterface { interface: 3, described: 1 }),
        (bad_end, Damage::LengthsDiffer { first: 36, second: 0x0900_0024 }),
        (beyond, Damage::PacketBeyondBlock { bytes: 9, room: 4 }),
        (vec![9; 12], Damage::BlockTooShort { kind: 6, bytes: 8, min: 12 }),
        (LITTLE.block(6, &[0; 8]), Damage::BlockTooShort { kind: 6, bytes: 20, min: 32 }),
    ];
    for (mut bytes, expected) in cases {
        if bytes == [9; 12] {
            bytes = LITTLE.u32s(&[6, 8, 0]);
        }
        let after = LITTLE.packet(0, 1, b"y", 1);
        let (seen, warnings) =
            read(&[&begin.concat(), &bytes, &after].map(Vec::as_slice).concat(), &[99]);
        assert_eq!(seen.len(), 1);
        assert_eq!(problems(&warnings), [&Problem::Damaged { damage: expected, left: None }]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_behind_a_section_do_no_harm(
        tail in prop::collection::vec(any::<u8>(), 0..2000),
        size in 1_usize..3000,
        big: bool,
    ) {
        let (mut file, packets) = rich(if big { BIG } else { LITTLE });
        file.extend(&tail);
        let (seen, _) = read(&file, &[size]);
        prop_assert_eq!(&seen[..packets.len()], packets);
    }

    #[test]
    fn any_changed_byte_does_no_harm(at: prop::sample::Index, to: u8, size in 1_usize..200) {
        let (mut file, packets) = rich(LITTLE);
        let at = at.index(file.len() - 16) + 16;
        file[at] = to;
        let (seen, _) = read(&file, &[size]);
        prop_assert!(seen.len() <= packets.len() + 1);
    }

    #[test]
    fn any_bytes_at_all_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in 0..8_usize) {
        let magics: [&[u8]; 8] = [
            b"", b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x1f\x8b\x08\0",
            b"\x28\xb5\x2f\xfd", b"\x34\xcd\xb2\xa1", b"\xac\x01\x00\x1c",
        ];
        let file = [magics[magic], &bytes].concat();
        let options = Options { batch_bytes: 64 };
        if let Ok(reader) = Reader::from_read("x", Pieces::new(&file, &[7]), options) {
            writer::drain(reader);
        }
    }
}
