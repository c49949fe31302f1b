//! What holds for any bytes, and what etherparse says of ordinary packets.

use etherparse::{PacketBuilder, SlicedPacket, TransportSlice, VlanId};
use packet::Content;
use proptest::prelude::*;

use crate::{fragments::split_v4, kit::*};

const LINKS: [u32; 17] =
    [0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 147, 228, 229, 239, 276];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..Default::default() })]

    #[test]
    fn any_bytes_give_content_or_a_count(
        link in prop::sample::select(&LINKS[..]),
        packets in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u8>(), 0..200), any::<u16>()), 1..20),
    ) {
        let mut decoder = decoder();
        for (at, bytes, wire) in &packets {
            check(&mut decoder, link, *at, bytes, usize::from(*wire))?;
        }
    }

    #[test]
    fn a_good_packet_gone_bad_gives_content_or_a_count(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<prop::sample::Index>(),
    ) {
        let good = samples();
        let (link, whole) = which.get(&good);
        let mut bytes = whole.clone();
        for (place, value) in &damage {
            *place.get_mut(&mut bytes) = *value;
        }
        let kept = &bytes[..=keep.index(bytes.len())];
        let mut decoder = decoder();
        for wire in [kept.len(), bytes.len()] {
            check(&mut decoder, *link, 0, kept, wire)?;
        }
    }

    #[test]
    fn etherparse_agrees_on_tcp(
        src in any::<[u8; 4]>(), dst in any::<[u8; 4]>(), ports in any::<[u16; 2]>(),
        seq in any::<u32>(), window in any::<u16>(), vlan in prop::option::of(0_u16..4095),
        payload in prop::collection::vec(any::<u8>(), 0..300), six in any::<bool>(),
    ) {
        let ethernet = PacketBuilder::ethernet2([1; 6], [2; 6]);
        let wide = |ip: [u8; 4]| { let mut wide = [0x20; 16]; wide[12..].copy_from_slice(&ip); wide };
        let ip = match (six, vlan.and_then(|n| VlanId::try_new(n).ok())) {
            (false, None) => ethernet.ipv4(src, dst, 64),
            (true, None) => ethernet.ipv6(wide(src), wide(dst), 64),
            (false, Some(id)) => ethernet.single_vlan(id).ipv4(src, dst, 64),
            (true, Some(id)) => ethernet.double_vlan(id, id).ipv6(wide(src), wide(dst), 64),
        };
        let mut bytes = Vec::new();
        ip.tcp(ports[0], ports[1], seq, window).ack(9).psh().write(&mut bytes, &payload).unwrap();
        let oracle = SlicedPacket::from_ethernet(&bytes).unwrap();
        let Some(TransportSlice::Tcp(oracle)) = oracle.transport else { panic!("no TCP") };

        let mut decoder = decoder();
        let Content::Tcp(segment) = decoder.decode(&packet(ETHERNET, 0, &bytes, bytes.len())) else {
            panic!("no segment")
        };
        let (from, to) = (segment.key.src(segment.dir), segment.key.dst(segment.dir));
        prop_assert_eq!((from.port, to.port), (oracle.source_port(), oracle.destination_port()));
        prop_assert_eq!(segment.seq, oracle.sequence_number());
        prop_assert_eq!(segment.ack, oracle.acknowledgment_number());
        prop_assert_eq!(segment.window, oracle.window_size());
        prop_assert_eq!(segment.flags.ack(), oracle.ack());
        prop_assert_eq!(segment.payload, oracle.payload());
        prop_assert_eq!(segment.payload, &payload);
        if six {
            prop_assert_eq!((from.ip, to.ip), (wide(src).into(), wide(dst).into()));
        } else {
            prop_assert_eq!((from.ip, to.ip), (src.into(), dst.into()));
        }
    }

    #[test]
    fn etherparse_agrees_on_udp(
        src in any::<[u8; 4]>(), dst in any::<[u8; 4]>(), ports in any::<[u16; 2]>(),
        payload in prop::collection::vec(any::<u8>(), 0..300), cooked in any::<bool>(),
    ) {
        let mut bytes = Vec::new();
        let ip = if cooked {
            PacketBuilder::linux_sll(etherparse::LinuxSllPacketType::OTHERHOST, 6, [1; 8]).ipv4(src, dst, 9)
        } else {
            PacketBuilder::ipv4(src, dst, 9)
        };
        ip.udp(ports[0], ports[1]).write(&mut bytes, &payload).unwrap();
        let found = decode(if cooked { 113 } else { RAW }, &bytes).expect("a datagram");
        prop_assert_eq!(found.src, (src.into(), ports[0]));
        prop_assert_eq!(found.dst, (dst.into(), ports[1]));
        prop_assert_eq!(found.payload, payload);
    }

    #[test]
    fn fragments_in_any_order_and_twice_are_the_datagram(
        payload in prop::collection::vec(any::<u8>(), 100..3000), words in 1_usize..13,
        (order, twice) in (any::<prop::sample::Index>(), any::<u64>()),
        keys in prop::collection::vec(any::<u32>(), 400),
    ) {
        let datagram = udp(4000, 53, &payload);
        let parts = split_v4(order.index(65_536) as u16, 17, &datagram, words * 8);
        let mut shuffled: Vec<_> = parts.iter().zip(&keys).map(|(part, key)| (key, part)).collect();
        let copies: Vec<_> = shuffled.iter().enumerate()
            .filter(|(n, _)| twice >> (n % 64) & 1 != 0)
            .map(|(n, (_, part))| (&keys[399 - n % 399], *part)).collect();
        shuffled.extend(copies);
        shuffled.sort_by_key(|(key, _)| *key);

        let mut decoder = decoder();
        let found: Vec<_> = shuffled.iter()
            .filter_map(|(_, part)| seen(decoder.decode(&packet(RAW, 0, part, part.len()))))
            .collect();
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].payload, &payload);
        prop_assert_eq!(decoder.counts().losses().count(), 0);
    }

    #[test]
    fn both_ways_have_one_hash(a in any::<[u8; 4]>(), b in any::<[u8; 4]>(), ports in any::<[u16; 2]>()) {
        let hash = |src, dst, from, to| {
            let mut bytes = Vec::new();
            PacketBuilder::ipv4(src, dst, 9).tcp(from, to, 1, 1).write(&mut bytes, &[]).unwrap();
            decode(RAW, &bytes).expect("a segment").hash
        };
        prop_assert_eq!(hash(a, b, ports[0], ports[1]), hash(b, a, ports[1], ports[0]));
    }
}

/// The payload is no more than was captured, and nothing goes uncounted.
fn check(
    decoder: &mut packet::Decoder,
    link: u32,
    at: u64,
    bytes: &[u8],
    wire: usize,
) -> Result<(), TestCaseError> {
    let before = decoder.counts().total();
    match seen(decoder.decode(&packet(link, at, bytes, wire))) {
        Some(found) => {
            let most = bytes.len().max(wire);
            prop_assert!(found.payload.len() + found.cut as usize <= most);
        }
        None => prop_assert!(decoder.counts().total() > before),
    }
    Ok(())
}

/// One of each kind.
fn samples() -> Vec<(u32, Vec<u8>)> {
    let frame = ether(0x0800, &question());
    let tunnel = |port, head: &[u8]| ipv4(17, &udp(50_000, port, &[head, &frame].concat()));
    let six =
        ipv6(0, &[&[60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0][..], &tcp(b"x")].concat());
    vec![
        (ETHERNET, frame.clone()),
        (ETHERNET, ether(0x8100, &[&[0, 1, 8, 0][..], &question()].concat())),
        (ETHERNET, ether(0x8847, &[&[0, 1, 1, 1, 0, 0, 0, 0][..], &frame].concat())),
        (ETHERNET, ether(0x86dd, &six)),
        (RAW, tunnel(4789, &[8, 0, 0, 0, 0, 0, 1, 0])),
        (RAW, tunnel(6081, &[1, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 1, 1, 1])),
        (RAW, tunnel(2152, &[0x34, 0xff, 0, 90, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0])),
        (
            RAW,
            ipv4(
                47,
                &[&[0x30, 0, 0x22, 0xeb, 0, 0, 0, 1, 0, 0, 0, 1][..], &[0; 12], &frame].concat(),
            ),
        ),
        (RAW, ipv4_part(17, 1, 0x2000, &[1; 64])),
        (RAW, ipv6(44, &[&[17, 0, 0, 1, 0, 0, 0, 1][..], &[1; 64]].concat())),
        (239, [&[2, 0, 0, 0, 5, 0, 10, 0, b'x', 0, 0, 0, 40, 0, 9, 0][..], &question()].concat()),
    ]
}
