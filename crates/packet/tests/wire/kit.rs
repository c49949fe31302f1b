//! Builds packets by hand and says what the decoder made of them.

use std::net::IpAddr;

use model::Timestamp;
use packet::{Content, Counts, Decoder, DecoderLimits, LinkType, Packet};

pub const SRC: [u8; 4] = [10, 0, 0, 1];
pub const DST: [u8; 4] = [10, 0, 0, 2];
pub const ETHERNET: u32 = 1;
pub const RAW: u32 = 101;

/// A TCP segment or UDP datagram as the decoder told it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub src: (IpAddr, u16),
    pub dst: (IpAddr, u16),
    pub payload: Vec<u8>,
    pub cut: u32,
    pub hash: u64,
}

// === what goes in ===

pub fn packet(link: u32, at: u64, bytes: &[u8], wire_len: usize) -> Packet<'_> {
    Packet {
        at: Timestamp(at),
        link: LinkType(link),
        source: 0,
        frame: 1,
        scope: 0,
        bytes,
        wire_len: wire_len as u32,
    }
}

pub fn ether(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 6], &[4; 6], &kind.to_be_bytes()[..], payload].concat()
}

pub fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_part(protocol, 0, 0, payload)
}

/// With the word of flags and offset, and an identification.
pub fn ipv4_part(protocol: u8, id: u16, word: u16, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len() as u16).to_be_bytes();
    let ([i0, i1], [w0, w1]) = (id.to_be_bytes(), word.to_be_bytes());
    let head = [0x45, 0, total[0], total[1], i0, i1, w0, w1, 64, protocol, 0, 0];
    [&head[..], &SRC, &DST, payload].concat()
}

pub fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = (payload.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0, l0, l1, next, 64][..], &[1; 16], &[2; 16], payload].concat()
}

pub fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len() as u16).to_be_bytes();
    [&src.to_be_bytes()[..], &dst.to_be_bytes(), &length, &[0, 0], payload].concat()
}

/// From port 40000 to port 80.
pub fn tcp(payload: &[u8]) -> Vec<u8> {
    let head = [0x9c, 0x40, 0, 80, 0, 0, 0, 5, 0, 0, 0, 6, 0x50, 0x18, 1, 0, 0, 0, 0, 0];
    [&head[..], payload].concat()
}

/// The packet that most tests hide somewhere.
pub fn question() -> Vec<u8> {
    ipv4(17, &udp(4000, 53, b"question"))
}

// === what comes out ===

pub fn decoder() -> Decoder {
    Decoder::new(DecoderLimits::default())
}

pub fn seen(content: Content<'_>) -> Option<Seen> {
    let (key, dir, hash, payload, cut) = match content {
        Content::Tcp(s) => (s.key, s.dir, s.hash, s.payload, s.cut),
        Content::Udp(d) | Content::Icmp(d) => (d.key, d.dir, d.hash, d.payload, d.cut),
        Content::Sctp(b) => (b.key, b.dir, b.hash, b.chunks, b.cut),
        Content::Quote(_) | Content::Nothing => return None,
    };
    let (src, dst) = (key.src(dir), key.dst(dir));
    Some(Seen {
        src: (src.ip, src.port),
        dst: (dst.ip, dst.port),
        payload: payload.to_vec(),
        cut,
        hash,
    })
}

/// What a fresh decoder sees in a packet captured whole.
pub fn decode(link: u32, bytes: &[u8]) -> Option<Seen> {
    seen(decoder().decode(&packet(link, 0, bytes, bytes.len())))
}

/// Checks that the question was found.
#[track_caller]
pub fn finds_question(link: u32, bytes: &[u8]) {
    let mut decoder = decoder();
    let found = seen(decoder.decode(&packet(link, 0, bytes, bytes.len())));
    let found = found.unwrap_or_else(|| panic!("nothing found: {:?}", names(decoder.counts())));
    assert_eq!(found.payload, b"question");
    assert_eq!((found.src.1, found.dst.1, found.cut), (4000, 53, 0));
}

/// Checks that nothing was found, and what it was called.
#[track_caller]
pub fn is_counted(link: u32, bytes: &[u8], name: &str) {
    let mut decoder = decoder();
    assert_eq!(seen(decoder.decode(&packet(link, 0, bytes, bytes.len()))), None);
    assert_eq!(names(decoder.counts()), [name]);
}

pub fn names(counts: &Counts) -> Vec<String> {
    counts.iter().map(|count| count.name.into_owned()).collect()
}
