//! A run of packets in one buffer of their own, to be shared between threads and used again.

use model::Timestamp;
use packet::{LinkType, Packet};

/// A run of whole packets, in order: one buffer, and where in it they are.
///
/// It owns all its bytes, so that several workers can read it at once (`Arc<Batch>`). Give it back
/// to [`Reader::next`](crate::Reader::next) when nobody reads it any more, to use its buffers again.
#[derive(Debug, Default)]
pub struct Batch {
    /// Its length is the room there is; what is used of it is known to whoever fills it.
    bytes: Vec<u8>,
    used: usize,
    records: Vec<Record>,
    now: Option<Timestamp>,
}

/// Where a packet is, and what its record header said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    pub(crate) frame: u64,
    pub(crate) offset: u32,
    pub(crate) len: u32,
    pub(crate) wire_len: u32,
    pub(crate) source: u32,
    pub(crate) link: LinkType,
    pub(crate) scope: u16,
}

// === impl Batch ===

impl Batch {
    /// An empty batch without buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Its packets, in order.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = Packet<'_>> {
        self.records.iter().map(|record| self.view(record))
    }

    /// The packet at `index`, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Packet<'_>> {
        self.records.get(index).map(|record| self.view(record))
    }

    /// How many packets it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Captured bytes of all its packets.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.records.iter().map(|record| u64::from(record.len)).sum()
    }

    /// Up to when nothing more will come: live, time goes on without packets. None for files, where
    /// the packets are all the time there is.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// Says up to when nothing more will come.
    pub(crate) fn set_now(&mut self, now: Timestamp) {
        self.now = Some(now);
    }

    /// Copies a packet, which is in `pieces`, behind its own ones; says no if it would grow beyond
    /// `bytes_max` (but for a first packet). `record` says the rest.
    pub(crate) fn push(&mut self, record: Record, pieces: &[&[u8]], bytes_max: usize) -> bool {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        let end = self.used + len;
        let full = end > bytes_max || self.records.len() >= bytes_max / 16;
        let (Ok(offset), Ok(len)) = (u32::try_from(self.used), u32::try_from(len)) else {
            return false;
        };
        if full && !self.records.is_empty() {
            return false;
        }
        self.reserve(end.max(bytes_max));
        for piece in pieces {
            self.bytes[self.used..self.used + piece.len()].copy_from_slice(piece);
            self.used += piece.len();
        }
        self.records.push(Record { offset, len, ..record });
        true
    }

    /// Forgets its packets, and gives back a buffer that is far above `usual` bytes.
    pub(crate) fn clear(&mut self, usual: usize) {
        self.records.clear();
        self.used = 0;
        self.now = None;
        if self.bytes.len() > usual.saturating_mul(4) {
            self.bytes.truncate(usual);
            self.bytes.shrink_to_fit();
        }
    }

    /// Makes the buffer at least `room` bytes long.
    fn reserve(&mut self, room: usize) {
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
    }

    /// The whole buffer, and the records to point into it.
    pub(crate) fn parts(&mut self) -> (&mut Vec<u8>, &mut Vec<Record>) {
        (&mut self.bytes, &mut self.records)
    }

    /// The latest time stamp of its packets.
    pub(crate) fn latest(&self) -> Timestamp {
        self.records.iter().map(|record| record.at).max().unwrap_or_default()
    }

    /// When the packet at `index` was captured.
    pub(crate) fn at(&self, index: usize) -> Option<Timestamp> {
        self.records.get(index).map(|record| record.at)
    }

    /// Copies the packet at `index` of `other` behind its own; says no if it would grow beyond
    /// `bytes_max` (but for a first packet).
    pub(crate) fn append(&mut self, other: &Self, index: usize, bytes_max: usize) -> bool {
        let Some(record) = other.records.get(index) else { return false };
        let bytes = other.view(record).bytes;
        let end = self.used + bytes.len();
        let full = end > bytes_max || self.records.len() >= bytes_max / 16;
        if full && !self.records.is_empty() {
            return false;
        }
        self.reserve(end.max(bytes_max));
        self.bytes[self.used..end].copy_from_slice(bytes);
        self.records.push(Record { offset: self.used as u32, ..*record });
        self.used = end;
        true
    }

    fn view(&self, record: &Record) -> Packet<'_> {
        let begin = record.offset as usize;
        Packet {
            at: record.at,
            link: record.link,
            source: record.source,
            frame: record.frame,
            scope: record.scope,
            bytes: &self.bytes[begin..begin + record.len as usize],
            wire_len: record.wire_len,
        }
    }
}
