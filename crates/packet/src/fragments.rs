//! Puts the fragments of IP packets together. Bounded in bytes, in number and in age.
//!
//! The parts of a packet are kept sorted and without overlap; a part that the snap length cut keeps
//! its place, so that the packet becomes whole with a cut where the first such part ends.
//!
//! ```text
//! parts  | 0..1480 | 1480..2960 |   missing   | 4440..4800 |      end = 4800
//! bytes    at 360    at 1840                    at 0              in the order they came
//! ```

use std::collections::{BTreeMap, HashMap};

use model::Timestamp;

use crate::{Counts, DecoderLimits, Unread, address::Addresses, view::View};

/// Parts of one packet; IPv4's smallest link (68 bytes, RFC 791 §3.2) makes 1366 of the largest.
const PARTS_MAX: usize = 2048;
/// What a packet costs beside its bytes and parts: entries in two maps.
const PACKET_COST: usize = 256;
/// A part that comes again within this time after its packet became whole is a copy that the capture
/// saw twice; later it may be of another packet with the same number.
const REPEAT_NS: u64 = 100_000_000;

/// A part of an IP packet.
pub(crate) struct Fragment<'a> {
    pub id: FragmentId,
    /// What the packet carries; only the first fragment says it.
    pub protocol: u8,
    /// Where in the packet its payload belongs.
    pub offset: usize,
    /// Whether it is not the last.
    pub more: bool,
    pub payload: View<'a>,
}

/// What the fragments of one packet have in common (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct FragmentId {
    addresses: Addresses,
    number: u32,
    /// IPv4 only.
    protocol: Option<u8>,
}

/// An IP packet put together.
pub(crate) struct Whole {
    pub addresses: Addresses,
    pub protocol: u8,
    /// Its payload up to the first byte that the snap length took.
    pub bytes: Vec<u8>,
    /// The size of its payload on the wire.
    pub wire: usize,
}

/// All packets of which parts are missing.
#[derive(Debug)]
pub(crate) struct Fragments {
    limits: DecoderLimits,
    pending: HashMap<(FragmentId, u16), Pending>,
    /// The same in the order in which they began.
    order: BTreeMap<u64, (FragmentId, u16)>,
    begun: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Pending {
    serial: u64,
    since: Timestamp,
    protocol: u8,
    /// Size of the whole, once the last fragment told it.
    end: Option<usize>,
    /// Bytes of the whole that parts account for.
    seen: usize,
    parts: Vec<Part>,
    bytes: Vec<u8>,
    /// When it became whole; nothing but this is kept then.
    done: Option<Timestamp>,
}

/// `begin..end` of the whole, of which the first `have` bytes are at `at` in the buffer.
#[derive(Clone, Copy, Debug)]
struct Part {
    begin: usize,
    end: usize,
    at: usize,
    have: usize,
}

/// What a fragment did to its packet.
enum Added {
    Part,
    /// Bytes that were there already: a copy.
    Repeated,
    /// Bytes that were there already, cut differently.
    Overlaps,
    /// It can't be of this packet.
    Contradicts,
    OverLimit,
}

// === impl FragmentId ===

impl FragmentId {
    pub fn v4(addresses: Addresses, number: u16, protocol: u8) -> Self {
        Self { addresses, number: number.into(), protocol: Some(protocol) }
    }

    pub fn v6(addresses: Addresses, number: u32) -> Self {
        Self { addresses, number, protocol: None }
    }

    /// RFC 5722: of overlapping IPv6 fragments nothing is to be believed.
    fn forbids_overlap(self) -> bool {
        self.protocol.is_none()
    }
}

// === impl Fragment ===

impl Fragment<'_> {
    fn end(&self) -> usize {
        self.offset.saturating_add(self.payload.wire)
    }

    /// All but the last are full words of eight bytes; none is empty.
    fn is_sane(&self) -> bool {
        self.payload.wire > 0 && (!self.more || self.payload.wire.is_multiple_of(8))
    }
}

// === impl Fragments ===

impl Fragments {
    pub fn new(limits: DecoderLimits) -> Self {
        Self { limits, pending: HashMap::new(), order: BTreeMap::new(), begun: 0, bytes: 0 }
    }

    /// Bytes that it holds.
    pub fn held_bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a part that came at `at`; the whole when nothing is missing any more.
    pub fn add(
        &mut self,
        fragment: &Fragment<'_>,
        scope: u16,
        at: Timestamp,
        counts: &mut Counts,
    ) -> Result<Whole, Unread> {
        self.expire(at, counts);
        if !fragment.is_sane() {
            return Err(Unread::Bad(crate::Header::Fragment));
        }
        if fragment.end() > self.limits.packet_bytes_max {
            return Err(Unread::FragmentsOverLimit);
        }
        let key = (fragment.id, scope);
        let pending = self.begin(key, at);
        if pending.is_done_at(at) {
            return Err(Unread::FragmentRepeated);
        }
        let cost = pending.cost();
        let added = pending.add(fragment);
        let (grown, is_whole) = (pending.cost(), pending.is_whole());
        self.bytes = self.bytes + grown - cost;
        match added {
            Added::Repeated => return Err(Unread::FragmentRepeated),
            Added::OverLimit => return Err(self.give_up(key, Unread::FragmentsOverLimit, counts)),
            Added::Contradicts => {
                return Err(self.give_up(key, Unread::FragmentsOverlapping, counts));
            }
            Added::Overlaps => counts.add(Unread::FragmentsOverlapping, 1),
            Added::Part => {}
        }
        if is_whole {
            return self.finish(key, at).ok_or(Unread::Fragment);
        }
        self.shrink(counts);
        Err(Unread::Fragment)
    }

    /// The packet of `key`, new if there is none or if it is long done.
    fn begin(&mut self, key: (FragmentId, u16), at: Timestamp) -> &mut Pending {
        if self.pending.get(&key).is_some_and(|old| old.is_over_at(at)) {
            self.remove(key);
        }
        self.pending.entry(key).or_insert_with(|| {
            self.begun += 1;
            self.order.insert(self.begun, key);
            self.bytes += PACKET_COST;
            Pending::new(self.begun, at)
        })
    }

    /// Hands the whole out; what stays is that it is done.
    fn finish(&mut self, key: (FragmentId, u16), at: Timestamp) -> Option<Whole> {
        let pending = self.pending.get_mut(&key)?;
        let wire = pending.end?;
        let bytes = pending.whole();
        let protocol = pending.protocol;
        self.bytes -= pending.cost();
        *pending = Pending { done: Some(at), ..Pending::new(pending.serial, pending.since) };
        self.bytes += pending.cost();
        Some(Whole { addresses: key.0.addresses, protocol, bytes, wire })
    }

    /// Drops what came before the fragment at hand; the reason for that one is returned.
    fn give_up(&mut self, key: (FragmentId, u16), why: Unread, counts: &mut Counts) -> Unread {
        counts.add(why, self.remove(key));
        why
    }

    /// Forgets a packet; how many parts of it were there.
    fn remove(&mut self, key: (FragmentId, u16)) -> u64 {
        let Some(pending) = self.pending.remove(&key) else { return 0 };
        self.order.remove(&pending.serial);
        self.bytes -= pending.cost();
        pending.parts.len() as u64
    }

    /// Forgets what waits for too long.
    fn expire(&mut self, at: Timestamp, counts: &mut Counts) {
        while let Some((_, &key)) = self.order.first_key_value() {
            let young = |old: &Pending| at.since(old.since) <= self.limits.fragment_age_ns_max;
            if self.pending.get(&key).is_some_and(young) {
                return;
            }
            counts.add(Unread::FragmentsExpired, self.remove(key));
        }
    }

    /// Forgets the oldest until the limits hold.
    fn shrink(&mut self, counts: &mut Counts) {
        while self.bytes > self.limits.fragment_bytes_max
            || self.pending.len() > self.limits.fragmented_packets_max
        {
            let Some((_, &key)) = self.order.first_key_value() else { return };
            counts.add(Unread::FragmentsOverLimit, self.remove(key));
        }
    }
}

// === impl Pending ===

impl Pending {
    fn new(serial: u64, since: Timestamp) -> Self {
        Self {
            serial,
            since,
            protocol: 0,
            end: None,
            seen: 0,
            parts: Vec::new(),
            bytes: Vec::new(),
            done: None,
        }
    }

    fn cost(&self) -> usize {
        PACKET_COST + self.bytes.capacity() + self.parts.capacity() * size_of::<Part>()
    }

    fn is_done_at(&self, at: Timestamp) -> bool {
        self.done.is_some_and(|done| at.since(done) <= REPEAT_NS)
    }

    fn is_over_at(&self, at: Timestamp) -> bool {
        self.done.is_some_and(|done| at.since(done) > REPEAT_NS)
    }

    fn is_whole(&self) -> bool {
        self.end == Some(self.seen)
    }

    fn add(&mut self, fragment: &Fragment<'_>) -> Added {
        let (begin, end) = (fragment.offset, fragment.end());
        let furthest = self.parts.last().map_or(0, |part| part.end);
        let known_end = if fragment.more { self.end } else { Some(self.end.unwrap_or(end)) };
        if known_end.is_some_and(|last| last < end.max(furthest) || !fragment.more && last != end) {
            return Added::Contradicts;
        }
        let first = self.parts.partition_point(|part| part.end <= begin);
        let behind = self.parts.partition_point(|part| part.begin < end);
        if let [only] = self.parts.get(first..behind).unwrap_or_default()
            && (only.begin, only.end) == (begin, end)
        {
            return Added::Repeated;
        }
        if first < behind && fragment.id.forbids_overlap() {
            return Added::Contradicts;
        }
        self.end = known_end;
        if begin == 0 {
            self.protocol = fragment.protocol;
        }
        self.fill(fragment, first, behind)
    }

    /// Takes what of the fragment lies between the parts `first..behind`, which it touches.
    fn fill(&mut self, fragment: &Fragment<'_>, first: usize, behind: usize) -> Added {
        let touched: Vec<Part> = self.parts.get(first..behind).unwrap_or_default().to_vec();
        if self.parts.len() + touched.len() >= PARTS_MAX {
            return Added::OverLimit;
        }
        let mut filled = Vec::with_capacity(touched.len() * 2 + 1);
        let mut begin = fragment.offset;
        for part in &touched {
            filled.extend(self.take(fragment, begin, part.begin));
            filled.push(*part);
            begin = part.end;
        }
        filled.extend(self.take(fragment, begin, fragment.end()));
        self.parts.splice(first..behind, filled);
        if touched.is_empty() { Added::Part } else { Added::Overlaps }
    }

    /// Copies `begin..end` of the whole from the fragment; nothing if that is empty.
    fn take(&mut self, fragment: &Fragment<'_>, begin: usize, end: usize) -> Option<Part> {
        let size = end.checked_sub(begin).filter(|&size| size > 0)?;
        let captured = begin
            .checked_sub(fragment.offset)
            .and_then(|skipped| fragment.payload.bytes.get(skipped..))
            .unwrap_or_default();
        let captured = captured.get(..size).unwrap_or(captured);
        let at = self.bytes.len();
        self.bytes.extend_from_slice(captured);
        self.seen += size;
        Some(Part { begin, end, at, have: captured.len() })
    }

    /// The bytes in order, up to the first that was not captured.
    fn whole(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.bytes.len());
        for part in &self.parts {
            let have = self.bytes.get(part.at..part.at + part.have).unwrap_or_default();
            whole.extend_from_slice(have);
            if part.have < part.end - part.begin {
                break;
            }
        }
        whole
    }
}
