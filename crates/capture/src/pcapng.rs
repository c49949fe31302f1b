//! pcapng files (draft-ietf-opsawg-pcapng): sections, the interfaces in them, packets of those.

use model::Timestamp;
use packet::LinkType;

use crate::{
    Damage, Problem,
    batch::Record,
    block::{
        BLOCK_BYTES_MIN, BLOCK_HEAD_BYTES, BLOCK_TAIL_BYTES, Block, INTERFACE, NAMES, OLD_PACKET,
        Options, PACKET, SECRETS, SECTION, SIMPLE_PACKET, STATISTICS, Seen, check_length,
        held_whole,
    },
    clock::Clock,
    ledger::{Interface, Ledger, Place},
    sniff::section_order,
    wire::{Order, Stop},
};

/// A section header: byte-order magic (4), version (2 + 2), length (8).
const SECTION_BYTES_MIN: u32 = 28;

/// Blocks that Wireshark gives a frame number though they are no packets: systemd's journal, events
/// of sysdig in all their versions, custom blocks (to be copied and not).
const NUMBERED: [u32; 9] = [9, 0x204, 0x208, 0x216, 0x217, 0x221, 0x222, 0x0000_0bad, 0x4000_0bad];

const OPTION_IF_NAME: u16 = 2;
const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_IF_TSOFFSET: u16 = 14;

/// Interface names beyond this are cut.
const NAME_BYTES_MAX: usize = 256;

/// Unknown block types that are counted one by one.
const UNKNOWN_KINDS_MAX: usize = 16;

/// Walks over the blocks of one pcapng file.
#[derive(Debug, Default)]
pub(crate) struct Pcapng {
    order: Option<Order>,
    interfaces: Vec<Described>,
    frame: u64,
    /// For simple packets, which have no time of their own.
    last: Timestamp,
    unknown: Vec<Unknown>,
}

/// Where a walk writes what is no packet.
pub(crate) struct Beside<'r> {
    pub(crate) ledger: &'r mut Ledger,
    pub(crate) place: &'r Place,
    /// Where in the file the walked bytes begin.
    pub(crate) base: u64,
}

/// An interface as its section describes it.
#[derive(Clone, Copy, Debug)]
struct Described {
    source: u32,
    link: LinkType,
    snaplen: u32,
    clock: Clock,
}

#[derive(Debug)]
struct Unknown {
    kind: u32,
    count: u64,
    offset: u64,
}

// === impl Pcapng ===

impl Pcapng {
    /// The versions that are read, for the error that says so.
    pub(crate) const VERSIONS: &'static str = "1.x";

    /// Writes down the packets of the whole blocks of `bytes` from `position` on; says where it
    /// stopped, and why.
    pub(crate) fn walk(
        &mut self,
        bytes: &[u8],
        mut position: usize,
        records: &mut Vec<Record>,
        beside: &mut Beside<'_>,
    ) -> (usize, Stop) {
        loop {
            match self.step(bytes, position, records, beside) {
                Ok(block_bytes) => position += block_bytes,
                Err(stop) => return (position, stop),
            }
        }
    }

    /// Tells of the unknown blocks, when the file is at its end.
    pub(crate) fn finish(&mut self, ledger: &mut Ledger, place: &Place) {
        for Unknown { kind, count, offset } in self.unknown.drain(..) {
            ledger.warn(place, offset, Problem::UnknownBlocks { kind, count });
        }
    }

    /// Reads the block at `position`; its length.
    #[inline]
    fn step(
        &mut self,
        bytes: &[u8],
        position: usize,
        records: &mut Vec<Record>,
        beside: &mut Beside<'_>,
    ) -> Result<usize, Stop> {
        let rest = bytes.get(position..).unwrap_or_default();
        let Some(head) = rest.first_chunk::<{ BLOCK_BYTES_MIN as usize }>() else {
            return Err(Stop::Need(BLOCK_BYTES_MIN as usize));
        };
        let (kind, order) = self.kind_and_order(head)?;
        let [_, length, _] = order.words::<12, 3>(head);
        check_length(kind, length)?;
        // Some writers leave the padding out of the length; it is there nevertheless.
        let whole = (length as usize).next_multiple_of(4);
        if !held_whole(kind, length) && whole > rest.len() {
            self.pass(kind, position, beside);
            return Err(Stop::Skip(whole as u64));
        }
        if whole > rest.len() {
            return Err(Stop::Need(whole));
        }
        let (block, tail) = rest[..whole].split_at(whole - BLOCK_TAIL_BYTES);
        let second = tail.first_chunk().map_or(length, |tail| order.u32(*tail));
        if second != length {
            return Err(Stop::Damaged(Damage::LengthsDiffer { first: length, second }));
        }
        let body = &block[BLOCK_HEAD_BYTES..];
        self.read(&Block { kind, order, body, at: position + BLOCK_HEAD_BYTES }, records, beside)
            .map_err(Stop::Damaged)?;
        Ok(whole)
    }

    /// The byte order may change with a section header, which says so behind its length.
    #[inline]
    fn kind_and_order(&self, head: &[u8; 12]) -> Result<(u32, Order), Stop> {
        let [a, b, c, d, _, _, _, _, magic @ ..] = *head;
        match self.order {
            Some(order) if order.u32([a, b, c, d]) != SECTION => {
                Ok((order.u32([a, b, c, d]), order))
            }
            _ => section_order(magic)
                .map(|order| (SECTION, order))
                .ok_or(Stop::Damaged(Damage::ByteOrder { magic: u32::from_be_bytes(magic) })),
        }
    }

    #[inline]
    fn read(
        &mut self,
        block: &Block<'_>,
        records: &mut Vec<Record>,
        beside: &mut Beside<'_>,
    ) -> Result<(), Damage> {
        match block.kind {
            PACKET => self.packet(block, block.enhanced()?, records),
            SIMPLE_PACKET => self.packet(block, self.simple(block)?, records),
            OLD_PACKET => self.packet(block, block.old()?, records),
            SECTION => self.section(block),
            INTERFACE => self.interface(block, beside),
            SECRETS => keep_secret(block, beside),
            kind => {
                self.pass(kind, block.at - BLOCK_HEAD_BYTES, beside);
                Ok(())
            }
        }
    }

    /// Goes past a block that holds nothing for us.
    fn pass(&mut self, kind: u32, position: usize, beside: &mut Beside<'_>) {
        let offset = beside.base + position as u64;
        match kind {
            NAMES | STATISTICS => {}
            SECRETS => beside.ledger.secret_dropped(beside.place, offset),
            kind if NUMBERED.contains(&kind) => self.frame += 1,
            kind => self.count_unknown(kind, offset),
        }
    }

    fn count_unknown(&mut self, kind: u32, offset: u64) {
        if let Some(unknown) = self.unknown.iter_mut().find(|unknown| unknown.kind == kind) {
            unknown.count += 1;
        } else if self.unknown.len() < UNKNOWN_KINDS_MAX {
            self.unknown.push(Unknown { kind, count: 1, offset });
        }
    }

    fn section(&mut self, block: &Block<'_>) -> Result<(), Damage> {
        let version = block.body.get(4..8).and_then(<[u8]>::first_chunk);
        let Some(&[a, b, c, d]) = version else { return Err(block.too_short(SECTION_BYTES_MIN)) };
        let (major, minor) = (block.order.u16([a, b]), block.order.u16([c, d]));
        if major != 1 {
            return Err(Damage::Version { major, minor });
        }
        self.order = Some(block.order);
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, block: &Block<'_>, beside: &mut Beside<'_>) -> Result<(), Damage> {
        let Some((fixed, options)) = block.body.split_first_chunk::<8>() else {
            return Err(block.too_short(20));
        };
        let link = LinkType(u32::from(block.order.u16([fixed[0], fixed[1]])));
        let [_, snaplen] = block.order.words(fixed);
        let (mut name, mut resolution, mut offset_s) = (None, None, 0);
        for (code, value) in Options::new(block.order, options) {
            match (code, value) {
                (OPTION_IF_NAME, value) => name = Some(name_of(value)),
                (OPTION_IF_TSRESOL, &[r, ..]) => resolution = Some(r),
                (OPTION_IF_TSOFFSET, &[a, b, c, d, e, f, g, h, ..]) => {
                    offset_s = block.order.i64([a, b, c, d, e, f, g, h]);
                }
                _ => {}
            }
        }
        let number = self.interfaces.len() as u32;
        let source = beside.ledger.source(beside.place, Interface { number, link, name })?;
        let clock = Clock::new(resolution, offset_s);
        self.interfaces.push(Described { source, link, snaplen, clock });
        Ok(())
    }

    /// §4.4: no time, the first interface, and as much as its snap length and the block leave.
    fn simple(&self, block: &Block<'_>) -> Result<Seen, Damage> {
        let Some((wire_len, room)) = block.body.split_first_chunk::<4>() else {
            return Err(block.too_short(16));
        };
        let wire_len = block.order.u32(*wire_len);
        let limit = self.interfaces.first().map(|interface| interface.snaplen);
        let snaplen = limit.filter(|snaplen| *snaplen > 0).unwrap_or(u32::MAX);
        let caplen = wire_len.min(snaplen).min(room.len() as u32);
        Ok(Seen { interface: 0, ticks: None, caplen, wire_len, head_bytes: 4 })
    }

    #[inline]
    fn packet(
        &mut self,
        block: &Block<'_>,
        seen: Seen,
        records: &mut Vec<Record>,
    ) -> Result<(), Damage> {
        let Some(interface) = self.interfaces.get(seen.interface as usize) else {
            let described = self.interfaces.len();
            return Err(Damage::UnknownInterface { interface: seen.interface, described });
        };
        let room = block.body.len() - seen.head_bytes;
        if seen.caplen as usize > room {
            return Err(Damage::PacketBeyondBlock { bytes: seen.caplen, room });
        }
        self.frame += 1;
        self.last = seen.ticks.map_or(self.last, |ticks| interface.clock.at(ticks));
        records.push(Record {
            at: self.last,
            frame: self.frame,
            offset: (block.at + seen.head_bytes) as u32,
            len: seen.caplen,
            wire_len: seen.wire_len.max(seen.caplen),
            source: interface.source,
            link: interface.link,
            scope: 0,
        });
        Ok(())
    }
}

/// A name as text, not longer than a path; some writers end it with a NUL.
fn name_of(value: &[u8]) -> String {
    let value = &value[..value.len().min(NAME_BYTES_MAX)];
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

/// §4.7: type (4), length (4), secrets.
fn keep_secret(block: &Block<'_>, beside: &mut Beside<'_>) -> Result<(), Damage> {
    let Some((fixed, rest)) = block.body.split_first_chunk::<8>() else {
        return Err(block.too_short(20));
    };
    let [kind, len] = block.order.words(fixed);
    let secret = &rest[..rest.len().min(len as usize)];
    let offset = beside.base + (block.at - BLOCK_HEAD_BYTES) as u64;
    beside.ledger.secret(beside.place, offset, kind, secret);
    Ok(())
}
