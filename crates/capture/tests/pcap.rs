//! pcap files in all variants are read as they were written, however they are cut.

mod writer;

use capture::{Damage, OpenError, Options, Problem, Reader};
use proptest::prelude::*;
use writer::{BIG, LITTLE, Pcap, Pieces, Seen, USUAL, packets, problems, read};

const VARIANTS: [Pcap; 7] = [
    USUAL,
    Pcap { magic: 0xa1b2_3c4d, ..USUAL },
    Pcap { magic: 0xa1b2_cd34, record_extra: 8, ..USUAL },
    Pcap { magic: 0x1c00_01ac, header_extra: 4, ..USUAL },
    Pcap { version: (2, 2), ..USUAL },
    Pcap { version: (2, 3), ..USUAL },
    Pcap { version: (543, 0), ..USUAL },
];

fn both_orders() -> impl Iterator<Item = Pcap> {
    VARIANTS.into_iter().flat_map(|v| [LITTLE, BIG].map(|order| Pcap { order, ..v }))
}

#[test]
fn every_variant_is_read_whatever_the_pieces() {
    let packets = packets(40, 1);
    for variant in both_orders() {
        let file = variant.write(1, &packets);
        for sizes in [&[1][..], &[2, 3, 7], &[16], &[255], &[1_000_000]] {
            let (seen, warnings) = read(&file, sizes);
            assert_eq!(seen, packets, "{variant:?} in {sizes:?}");
            assert!(warnings.is_empty(), "{warnings:?}");
        }
    }
}

#[test]
fn a_cut_at_any_byte_leaves_all_packets_before_and_a_warning() {
    let packets = packets(5, 1);
    let file = USUAL.write(1, &packets);
    let mut ends = vec![24];
    for packet in &packets {
        ends.push(ends[ends.len() - 1] + 16 + packet.bytes.len());
    }
    for cut in 4..=file.len() {
        let (seen, warnings) = read(&file[..cut], &[1000]);
        let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        assert_eq!(seen, packets[..whole], "cut at {cut}");
        assert_eq!(warnings.is_empty(), ends.contains(&cut), "cut at {cut}: {warnings:?}");
        if let [Problem::Truncated { left, needed }] = problems(&warnings)[..] {
            assert_eq!(warnings[0].offset + left, cut as u64);
            assert!(left < needed);
        }
    }
}

#[test]
fn reserved_bits_and_the_fcs_length_are_no_link_type() {
    let file = USUAL.write(0x2400_0000 | 0x03ff_0000 | 113, &packets(2, 113));
    assert_eq!(read(&file, &[100]).0, packets(2, 113));
}

#[test]
fn a_fraction_beyond_a_second_is_carried_over() {
    let mut file = Pcap { magic: 0xa1b2_3c4d, ..USUAL }.write(1, &packets(1, 1));
    file[28..32].copy_from_slice(&1_500_000_000_u32.to_le_bytes());
    assert_eq!(read(&file, &[100]).0[0].ns, 1_700_000_001_500_000_000);
}

#[test]
fn a_packet_too_long_ends_the_file_where_it_is() {
    let mut file = USUAL.write(1, &packets(3, 1));
    let offset = file.len() as u64;
    file.extend(LITTLE.u32s(&[1, 1, 300_000, 300_000]));
    file.extend([0; 400_000]);
    let (seen, warnings) = read(&file, &[1 << 20]);
    assert_eq!(seen, packets(3, 1));
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].offset, offset);
    let damage = Damage::PacketTooLong { bytes: 300_000, max: 262_144 };
    assert_eq!(warnings[0].problem, Problem::Damaged { damage, left: None });
}

#[test]
fn a_packet_may_be_as_long_as_the_snap_length() {
    let packet = Seen { bytes: vec![7; 300_000], wire_len: 300_000, ..packets(1, 1)[0].clone() };
    let mut file = USUAL.write(1, &[packet.clone(), packet.clone()]);
    file[16..20].copy_from_slice(&300_000_u32.to_le_bytes());
    let (seen, warnings) = read(&file, &[5000]);
    assert!(warnings.is_empty());
    assert_eq!(seen, [packet.clone(), Seen { frame: 2, ..packet }]);
}

#[test]
fn variants_with_the_usual_magic_are_known_by_their_records() {
    let dir = std::env::temp_dir().join(format!("callscope-variants-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let variants = [(0xa1b2_c3d4, 4), (0xa1b2_c3d4, 8), (0xa1b2_cd34, 12), (0xa1b2_c3d4, 0)];
    for (i, (magic, record_extra)) in variants.into_iter().enumerate() {
        for order in [LITTLE, BIG] {
            let path = dir.join(format!("{i}-{}.pcap", order.big));
            let packets = packets(20, 1);
            std::fs::write(&path, Pcap { magic, record_extra, order, ..USUAL }.write(1, &packets))
                .unwrap();
            let input = [capture::Input::Path(path)];
            let (seen, warnings) = writer::drain(Reader::open(&input, Options::default()).unwrap());
            assert_eq!(seen, packets, "+{record_extra}");
            assert!(warnings.is_empty());
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn another_version_is_an_error_that_names_it() {
    let file = Pcap { version: (3, 1), ..USUAL }.write(1, &[]);
    let error = Reader::from_read("x", Pieces::new(&file, &[9]), Options::default()).err();
    assert!(matches!(error, Some(OpenError::Version { major: 3, minor: 1, .. })), "{error:?}");
}

#[test]
fn packets_come_out_while_the_pipe_is_open() {
    let file = USUAL.write(1, &packets(3, 1));
    let (mut given, taken) = std::io::pipe().map(|(from, to)| (to, from)).unwrap();
    std::io::Write::write_all(&mut given, &file).unwrap();
    let mut reader = Reader::from_read("-", taken, Options::default()).unwrap();
    let mut batch = capture::Batch::new();
    assert!(reader.next(&mut batch).unwrap());
    assert_eq!(batch.len(), 3);
    drop(given);
    assert!(!reader.next(&mut batch).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_packets_in_any_pieces(
        lens in prop::collection::vec((0_usize..600, 0_u32..100, any::<u32>()), 0..40),
        sizes in prop::collection::vec(1_usize..400, 1..6),
        variant in 0..VARIANTS.len(),
        big: bool,
    ) {
        let variant = Pcap { order: if big { BIG } else { LITTLE }, ..VARIANTS[variant] };
        let packets: Vec<Seen> = lens.iter().zip(1..).map(|(&(len, more, seconds), frame)| Seen {
            ns: u64::from(seconds) * 1_000_000_000 + frame * 1_000,
            link: 101,
            frame,
            source: 0,
            bytes: vec![frame as u8; len],
            wire_len: len as u32 + more,
        }).collect();
        let (seen, warnings) = read(&variant.write(101, &packets), &sizes);
        prop_assert_eq!(seen, packets);
        prop_assert!(warnings.is_empty());
    }

    #[test]
    fn any_bytes_behind_a_header_do_no_harm(
        tail in prop::collection::vec(any::<u8>(), 0..2000),
        size in 1_usize..3000,
        big: bool,
    ) {
        let order = if big { BIG } else { LITTLE };
        let mut file = Pcap { order, ..USUAL }.write(1, &packets(2, 1));
        file.extend(&tail);
        let (seen, warnings) = read(&file, &[size]);
        prop_assert_eq!(&seen[..2], packets(2, 1));
        prop_assert!(warnings.len() <= 1);
    }
}
