//! Prints what decoding one packet of each common kind costs: `cargo run --release --example speed_packet`.

#![expect(clippy::disallowed_methods, reason = "it is a stopwatch")]

use std::{hint::black_box, time::Instant};

use etherparse::PacketBuilder;
use model::Timestamp;
use packet::{Content, Decoder, DecoderLimits, LinkType, Packet};

/// Packets that differ, so that no branch and no address is learnt by heart.
const PACKETS: usize = 512;
const ROUNDS: usize = 20_000;

fn main() {
    let payload = [0x5a; 200];
    measure("Ethernet/IPv4/TCP", |n| {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, n as u8, 1], [10, 0, (n * 7) as u8, 2], 64)
            .tcp(40_000 + n as u16, 80, n as u32, 1024)
            .write(&mut bytes, &payload)
            .expect("a buffer takes all");
        bytes
    });
    measure("Ethernet/IPv6/TCP", |n| {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv6([n as u8; 16], [(n * 7) as u8; 16], 64)
            .tcp(40_000 + n as u16, 80, n as u32, 1024)
            .write(&mut bytes, &payload)
            .expect("a buffer takes all");
        bytes
    });
    measure("Ethernet/IPv4/UDP", |n| udp(n, 53, &payload));
    measure("Ethernet/VLAN/IPv4/TCP", |n| {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .single_vlan(etherparse::VlanId::try_new(7).expect("a small number"))
            .ipv4([10, 0, n as u8, 1], [10, 0, (n * 7) as u8, 2], 64)
            .tcp(40_000 + n as u16, 80, n as u32, 1024)
            .write(&mut bytes, &payload)
            .expect("a buffer takes all");
        bytes
    });
    measure("VXLAN/Ethernet/IPv4/UDP", |n| {
        let mut inner = vec![0x08, 0, 0, 0, 0, 0, 7, 0];
        inner.extend(udp(n, 53, &payload));
        udp(n, 4789, &inner)
    });
}

fn udp(n: usize, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 0, n as u8, 1], [10, 0, (n * 7) as u8, 2], 64)
        .udp(40_000 + n as u16, port)
        .write(&mut bytes, payload)
        .expect("a buffer takes all");
    bytes
}

fn measure(name: &str, build: impl Fn(usize) -> Vec<u8>) {
    let packets: Vec<Vec<u8>> = (0..PACKETS).map(build).collect();
    let mut decoder = Decoder::new(DecoderLimits::default());
    let mut sum = 0_u64;
    let mut best = f64::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        for _ in 0..ROUNDS / 5 {
            for bytes in &packets {
                sum = sum.wrapping_add(decode(&mut decoder, bytes));
            }
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / (ROUNDS / 5 * PACKETS) as f64);
    }
    assert_eq!(decoder.counts().total(), 0, "nothing is left unread");
    println!("{name:<26} {best:6.1} ns/packet   (sum {:#x})", black_box(sum));
}

/// Looks at every field, so that none is optimized away.
#[inline(never)]
fn decode(decoder: &mut Decoder, bytes: &[u8]) -> u64 {
    let packet = Packet {
        at: Timestamp(0),
        link: LinkType::ETHERNET,
        source: 0,
        frame: 1,
        scope: 0,
        bytes,
        wire_len: bytes.len() as u32,
    };
    let content = decoder.decode(&packet);
    match black_box(&content) {
        Content::Tcp(segment) => segment.hash ^ u64::from(segment.seq),
        Content::Udp(datagram) => datagram.hash ^ datagram.payload.len() as u64,
        _ => 0,
    }
}
