//! pcap files (draft-ietf-opsawg-pcap), and the variants of it that were written over the years.

use model::Timestamp;
use packet::LinkType;

use crate::{
    Damage,
    batch::Record,
    wire::{Order, PACKET_BYTES_MAX, PACKET_BYTES_USUAL_MAX, Stop},
};

/// ```text
///  0        4      6      8         12        16       20
/// | magic  | major| minor| reserved| reserved| snaplen| FCS, reserved, link type |
/// ```
pub(crate) const HEADER_BYTES: usize = 24;

/// Microseconds.
const MAGIC_MICRO: u32 = 0xa1b2_c3d4;
/// Nanoseconds.
const MAGIC_NANO: u32 = 0xa1b2_3c4d;
/// "Modified": Kuznetzov's patches for Linux, with interface, protocol and packet type per record.
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;
/// Ixia's hardware and software; nanoseconds, and a size behind the header.
const MAGIC_IXIA: [u32; 2] = [0x1c00_01ac, 0x1c00_01ab];
const IXIA_EXTRA_BYTES: u64 = 4;

/// ```text
///  0         4              8        12            16
/// | seconds | µs or ns     | caplen | length      | (variants: more) | bytes …
/// ```
const RECORD_BYTES: usize = 16;
/// A record of MAGIC_MODIFIED: + interface (4), protocol (2), packet type (1), padding (1).
const RECORD_BYTES_MODIFIED: usize = 24;
/// Nokia's: + 4 bytes that nobody explains; by the header it can't be told from the usual one.
const RECORD_BYTES_NOKIA: usize = 20;
/// The patches ss990915 (Red Hat 6.1): as MODIFIED, + processor numbers.
const RECORD_BYTES_SS990915: usize = 28;

/// The registry has 16 bits; above are reserved bits and the length of the FCS.
const LINK_TYPE_MASK: u32 = 0xffff;

/// How many records are looked at to find out which variant wrote them.
const PROBE_RECORDS: usize = 8;

/// Neighbours in one capture are not further apart than a year.
const PROBE_SECONDS_APART: u32 = 366 * 86_400;

/// What the magic number says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Magic {
    order: Order,
    fraction_ns: u64,
    record_bytes: usize,
    /// Bytes between the file header and the first record.
    pub(crate) extra_bytes: u64,
}

/// Walks over the records of one pcap file.
#[derive(Debug)]
pub(crate) struct Pcap {
    magic: Magic,
    lengths: Lengths,
    packet_bytes_max: u32,
    /// Its link type.
    pub(crate) link: LinkType,
    /// The number of its only source.
    pub(crate) source: u32,
    frame: u64,
}

/// Which of the two lengths comes first; old versions wrote them the other way round.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lengths {
    /// Captured, then wire: since 2.3.
    Usual,
    /// Wire, then captured: before 2.3, and DG/UX (543.0).
    Swapped,
    /// 2.3 had both: the smaller one is the captured length.
    Either,
}

// === impl Magic ===

impl Magic {
    /// Reads the first four bytes of a file.
    pub(crate) fn of(first: [u8; 4]) -> Option<Self> {
        [Order::Little, Order::Big].into_iter().find_map(|order| Self::in_order(order, first))
    }

    fn in_order(order: Order, first: [u8; 4]) -> Option<Self> {
        let usual = Self { order, fraction_ns: 1_000, record_bytes: RECORD_BYTES, extra_bytes: 0 };
        match order.u32(first) {
            MAGIC_MICRO => Some(usual),
            MAGIC_NANO => Some(Self { fraction_ns: 1, ..usual }),
            MAGIC_MODIFIED => Some(Self { record_bytes: RECORD_BYTES_MODIFIED, ..usual }),
            magic if MAGIC_IXIA.contains(&magic) => {
                Some(Self { fraction_ns: 1, extra_bytes: IXIA_EXTRA_BYTES, ..usual })
            }
            _ => None,
        }
    }

    /// The record lengths that files with this magic may have, the likeliest first.
    fn record_bytes_possible(self) -> &'static [usize] {
        match self.record_bytes {
            RECORD_BYTES if self.fraction_ns == 1_000 => {
                &[RECORD_BYTES, RECORD_BYTES_MODIFIED, RECORD_BYTES_NOKIA]
            }
            RECORD_BYTES_MODIFIED => &[RECORD_BYTES_MODIFIED, RECORD_BYTES_SS990915],
            _ => &[],
        }
    }
}

// === impl Lengths ===

impl Lengths {
    fn of(version: (u16, u16)) -> Option<Self> {
        match version {
            (2, 0..=2) | (543, 0) => Some(Self::Swapped),
            (2, 3) => Some(Self::Either),
            (2, _) => Some(Self::Usual),
            _ => None,
        }
    }

    /// The captured and the wire length.
    #[inline]
    fn put_right(self, first: u32, second: u32) -> (u32, u32) {
        match self {
            Self::Swapped => (second, first),
            Self::Either if first > second => (second, first),
            _ => (first, second),
        }
    }
}

// === impl Pcap ===

impl Pcap {
    /// The versions that are read, for the error that says so.
    pub(crate) const VERSIONS: &'static str = "2.x";

    /// Reads the file header; the error is the version, if we don't know it.
    pub(crate) fn new(magic: Magic, header: &[u8; HEADER_BYTES]) -> Result<Self, (u16, u16)> {
        let order = magic.order;
        let [_, _, _, _, snaplen, link] = order.words(header);
        let version = (order.u16([header[4], header[5]]), order.u16([header[6], header[7]]));
        let lengths = Lengths::of(version).ok_or(version)?;
        Ok(Self {
            magic,
            lengths,
            packet_bytes_max: snaplen.clamp(PACKET_BYTES_USUAL_MAX, PACKET_BYTES_MAX),
            link: LinkType(link & LINK_TYPE_MASK),
            source: 0,
            frame: 0,
        })
    }

    /// Finds out by the first records which variant wrote them; `bytes` begins with the first one.
    ///
    /// The variant that the magic says stays unless its records make no sense and those of another
    /// one do.
    pub(crate) fn probe(&mut self, bytes: &[u8]) {
        let possible = self.magic.record_bytes_possible();
        let fits = |record_bytes: usize, least: usize| {
            self.plausible_records(bytes, record_bytes).is_some_and(|count| count >= least)
        };
        let [usual, others @ ..] = possible else { return };
        if fits(*usual, 0) {
            return;
        }
        if let Some(variant) = others.iter().find(|variant| fits(**variant, 2)) {
            self.magic.record_bytes = *variant;
        }
    }

    /// How many whole records (at most [`PROBE_RECORDS`]) `bytes` begins with; none if one of them
    /// makes no sense.
    fn plausible_records(&self, bytes: &[u8], record_bytes: usize) -> Option<usize> {
        let mut rest = bytes;
        let mut before = None;
        for count in 0..PROBE_RECORDS {
            let Some(header) = rest.first_chunk() else { return Some(count) };
            let [seconds, fraction, first, second] =
                self.magic.order.words::<RECORD_BYTES, 4>(header);
            let (caplen, wire_len) = self.lengths.put_right(first, second);
            let sane_time = seconds.abs_diff(before.unwrap_or(seconds)) <= PROBE_SECONDS_APART
                && fraction < 1_000_000;
            let sane_length = caplen <= self.packet_bytes_max.min(wire_len);
            if !sane_time || !sane_length || wire_len > PACKET_BYTES_MAX {
                return None;
            }
            let Some(after) = rest.get(record_bytes + caplen as usize..) else {
                return Some(count);
            };
            (rest, before) = (after, Some(seconds));
        }
        Some(PROBE_RECORDS)
    }

    /// Writes down the whole records of `bytes` from `position` on; says where it stopped, and why.
    pub(crate) fn walk(
        &mut self,
        bytes: &[u8],
        mut position: usize,
        records: &mut Vec<Record>,
    ) -> (usize, Stop) {
        let (magic, lengths, packet_bytes_max) = (self.magic, self.lengths, self.packet_bytes_max);
        loop {
            let rest = bytes.get(position..).unwrap_or_default();
            let Some(header) = rest.first_chunk() else {
                return (position, Stop::Need(magic.record_bytes));
            };
            let [seconds, fraction, first, second] = magic.order.words::<RECORD_BYTES, 4>(header);
            let (caplen, wire_len) = lengths.put_right(first, second);
            if caplen > packet_bytes_max {
                let damage = Damage::PacketTooLong { bytes: caplen, max: packet_bytes_max };
                return (position, Stop::Damaged(damage));
            }
            let whole = magic.record_bytes + caplen as usize;
            if whole > rest.len() {
                return (position, Stop::Need(whole));
            }
            self.frame += 1;
            // A fraction of a second or more is carried over: 2^32 seconds fit in 62 bits of ns.
            let at = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * magic.fraction_ns;
            records.push(Record {
                at: Timestamp(at),
                frame: self.frame,
                offset: (position + magic.record_bytes) as u32,
                len: caplen,
                wire_len: wire_len.max(caplen),
                source: self.source,
                link: self.link,
                scope: 0,
            });
            position += whole;
        }
    }
}
