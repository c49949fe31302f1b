//! Writes captures in all variants, for the tests of reading.

#![allow(dead_code, missing_docs)]

use std::io::{self, Read};

use capture::{Batch, Options, Problem, Reader, Warning};

/// A packet as it should come out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub ns: u64,
    pub link: u32,
    pub frame: u64,
    pub source: u32,
    pub bytes: Vec<u8>,
    pub wire_len: u32,
}

/// Numbers in one byte order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Order {
    pub big: bool,
}

pub const LITTLE: Order = Order { big: false };
pub const BIG: Order = Order { big: true };

/// The variants of pcap.
#[derive(Clone, Copy, Debug)]
pub struct Pcap {
    pub order: Order,
    pub magic: u32,
    pub version: (u16, u16),
    pub record_extra: usize,
    pub header_extra: usize,
}

pub const USUAL: Pcap =
    Pcap { order: LITTLE, magic: 0xa1b2_c3d4, version: (2, 4), record_extra: 0, header_extra: 0 };

impl Order {
    pub fn u16(self, n: u16) -> Vec<u8> {
        if self.big { n.to_be_bytes().to_vec() } else { n.to_le_bytes().to_vec() }
    }

    pub fn u32(self, n: u32) -> Vec<u8> {
        if self.big { n.to_be_bytes().to_vec() } else { n.to_le_bytes().to_vec() }
    }

    pub fn u32s(self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| self.u32(*n)).collect()
    }

    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = padded as u32 + 12;
        let mut block = self.u32s(&[kind, length]);
        block.extend(body);
        block.resize(8 + padded, 0);
        block.extend(self.u32(length));
        block
    }

    pub fn section(self) -> Vec<u8> {
        let body = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), vec![0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link), self.u16(0), self.u32(snaplen)].concat();
        for (code, value) in options {
            body.extend([self.u16(*code), self.u16(value.len() as u16), value.to_vec()].concat());
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend(self.u32(0));
        }
        self.block(1, &body)
    }

    pub fn packet(self, interface: u32, ticks: u64, bytes: &[u8], wire_len: u32) -> Vec<u8> {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let head = self.u32s(&[interface, high, low, bytes.len() as u32, wire_len]);
        self.block(6, &[&head, bytes].concat())
    }

    pub fn commented(self, interface: u32, ticks: u64, bytes: &[u8], comment: &str) -> Vec<u8> {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let len = bytes.len() as u32;
        let mut body = [&self.u32s(&[interface, high, low, len, len]), bytes].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend([self.u16(1), self.u16(comment.len() as u16), comment.into()].concat());
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.u32(0));
        self.block(6, &body)
    }

    pub fn simple_packet(self, bytes: &[u8], wire_len: u32) -> Vec<u8> {
        self.block(3, &[&self.u32(wire_len), bytes].concat())
    }

    pub fn old_packet(self, interface: u16, ticks: u64, bytes: &[u8], wire_len: u32) -> Vec<u8> {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let head = [
            self.u16(interface),
            self.u16(7),
            self.u32s(&[high, low, bytes.len() as u32, wire_len]),
        ];
        self.block(2, &[&head.concat(), bytes].concat())
    }
}

impl Pcap {
    /// One source, link type as told; `frame` and `source` of the packets are not looked at.
    pub fn write(&self, link: u32, packets: &[Seen]) -> Vec<u8> {
        let order = self.order;
        let (major, minor) = self.version;
        let mut file = [
            order.u32(self.magic),
            order.u16(major),
            order.u16(minor),
            order.u32s(&[0, 0, 65_535, link]),
            vec![0xee; self.header_extra],
        ]
        .concat();
        let fraction_ns = if self.is_nano() { 1 } else { 1_000 };
        for packet in packets {
            let (seconds, ns) = (packet.ns / 1_000_000_000, packet.ns % 1_000_000_000);
            let lengths = [packet.bytes.len() as u32, packet.wire_len];
            let swapped = self.version.0 == 543 || self.version.1 < 3;
            let [first, second] = if swapped { [lengths[1], lengths[0]] } else { lengths };
            file.extend(order.u32s(&[seconds as u32, (ns / fraction_ns) as u32, first, second]));
            file.extend(vec![0xdd; self.record_extra]);
            file.extend(&packet.bytes);
        }
        file
    }

    pub fn is_nano(&self) -> bool {
        !matches!(self.magic, 0xa1b2_c3d4 | 0xa1b2_cd34)
    }
}

/// Gives what it has in pieces of the given sizes, over and over.
pub struct Pieces {
    pub bytes: Vec<u8>,
    pub at: usize,
    pub sizes: Vec<usize>,
    pub turn: usize,
}

impl Pieces {
    pub fn new(bytes: &[u8], sizes: &[usize]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0, sizes: sizes.to_vec(), turn: 0 }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.turn % self.sizes.len()].max(1);
        self.turn += 1;
        let count = size.min(buffer.len()).min(self.bytes.len() - self.at);
        buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// All packets and warnings.
pub fn drain(mut reader: Reader) -> (Vec<Seen>, Vec<Warning>) {
    let mut batch = Batch::new();
    let mut seen = Vec::new();
    while reader.next(&mut batch).expect("a read that works") {
        assert!(!batch.is_empty(), "a batch is never empty");
        assert_eq!(batch.packets().len(), batch.len());
        seen.extend(batch.packets().map(|packet| Seen {
            ns: packet.at.0,
            link: packet.link.0,
            frame: packet.frame,
            source: packet.source,
            bytes: packet.bytes.to_vec(),
            wire_len: packet.wire_len,
        }));
    }
    assert!(!reader.next(&mut batch).expect("still at the end"));
    (seen, reader.warnings().to_vec())
}

/// Reads `bytes` in pieces, with a small batch so that records straddle.
pub fn read(bytes: &[u8], sizes: &[usize]) -> (Vec<Seen>, Vec<Warning>) {
    let options = Options { batch_bytes: 256 };
    let reader = Reader::from_read("test", Pieces::new(bytes, sizes), options).expect("a capture");
    drain(reader)
}

pub fn problems(warnings: &[Warning]) -> Vec<&Problem> {
    warnings.iter().map(|warning| &warning.problem).collect()
}

/// Some packets of all sizes, a microsecond apart.
pub fn packets(count: u64, link: u32) -> Vec<Seen> {
    let packet = |i: u64| {
        let len = (i * 37 % 101) as usize;
        Seen {
            ns: 1_700_000_000_000_000_000 + i * 1_000,
            link,
            frame: i + 1,
            source: 0,
            bytes: (0..len).map(|j| (i as usize * 7 + j) as u8).collect(),
            wire_len: len as u32 + (i % 3) as u32 * 10,
        }
    };
    (0..count).map(packet).collect()
}
