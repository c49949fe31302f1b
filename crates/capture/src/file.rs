//! One capture, read from its beginning to its end, or to where it is damaged.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use crate::{
    Batch, Damage, OpenError, Problem, ReadError,
    batch::Record,
    feed::{Feed, Raw, read_head},
    ledger::{Interface, Ledger, Place},
    pcap::{HEADER_BYTES, Magic, Pcap},
    pcapng::{Beside, Pcapng},
    sniff::{Compression, HEAD_BYTES, Kind, sniff},
    wire::Stop,
};

/// Read at once of a file, to see what it is.
const HEAD_ROOM_BYTES: usize = 4096;

/// A capture that is being read.
pub(crate) struct CaptureFile {
    place: Place,
    feed: Feed,
    /// Whether to fill the whole buffer; a pipe's packets must not wait for others.
    pub(crate) patient: bool,
    /// Bytes on disk, where that is known.
    pub(crate) size: Option<u64>,
    format: Format,
    /// Room to read into at once.
    pub(crate) chunk_bytes: usize,
    /// Read, but not handed out: the beginning of a record.
    tail: Vec<u8>,
    /// Where in the (decompressed) file the tail begins.
    offset: u64,
    skip_bytes: u64,
    state: State,
    /// Whether the variants of pcap have been told apart: once, by the first records; not in a
    /// pipe, where they may not be there yet.
    probed: bool,
    failure: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Reading,
    /// No more bytes come; what is there may hold records.
    Ended,
    /// Nothing is left to do.
    Over,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
    /// It was cut inside its header.
    Cut,
}

/// How an input is opened.
pub(crate) struct Opening {
    pub(crate) place: Place,
    pub(crate) raw: Raw,
    pub(crate) patient: bool,
    pub(crate) size: Option<u64>,
    pub(crate) chunk_bytes: usize,
}

// === impl CaptureFile ===

impl CaptureFile {
    /// Finds out what it is and reads its header.
    pub(crate) fn open(opening: Opening, ledger: &mut Ledger) -> Result<Self, OpenError> {
        let Opening { place, mut raw, patient, size, chunk_bytes } = opening;
        let head = read_head(&mut raw, HEAD_BYTES, HEAD_ROOM_BYTES)
            .map_err(|source| OpenError::Io { path: PathBuf::from(&place.name), source })?;
        if head.is_empty() {
            return Err(OpenError::Empty(place.name));
        }
        let (feed, mut head) = match sniff(&head) {
            Kind::Compressed(compression) => decompress(compression, head, raw, &place)?,
            _ => (Feed::Plain(raw), head),
        };
        let Begun { format, header_bytes, skip_bytes } = begin(&head, &feed, &place, ledger)?;
        Ok(Self {
            place,
            feed,
            patient,
            size,
            format,
            chunk_bytes,
            tail: head.split_off(header_bytes),
            offset: header_bytes as u64,
            skip_bytes,
            state: State::Reading,
            probed: !patient,
            failure: None,
        })
    }

    /// Fills `batch` with the next packets; false at the end.
    pub(crate) fn next(
        &mut self,
        batch: &mut Batch,
        ledger: &mut Ledger,
    ) -> Result<bool, ReadError> {
        batch.clear(self.chunk_bytes);
        if self.state == State::Over {
            return Ok(false);
        }
        let (bytes, records) = batch.parts();
        let mut filled = self.tail.len();
        let mut room = self.chunk_bytes.max(filled);
        grow(bytes, room);
        bytes[..filled].copy_from_slice(&self.tail);
        self.tail.clear();
        if self.patient {
            filled += self.fill(&mut bytes[filled..room]);
        }
        loop {
            let (used, needed) = self.walk(&bytes[..filled], records, ledger);
            self.offset += used as u64;
            if self.state == State::Over {
                return Ok(!records.is_empty());
            }
            if !records.is_empty() {
                self.tail.extend_from_slice(&bytes[used..filled]);
                return Ok(true);
            }
            bytes.copy_within(used..filled, 0);
            filled -= used;
            if self.state == State::Ended {
                return self.finish(filled, needed, ledger);
            }
            if filled == room {
                room = needed.min(room.saturating_mul(2));
                grow(bytes, room);
            }
            filled += self.fill(&mut bytes[filled..room]);
        }
    }

    /// Bytes read of it, as they are on disk.
    pub(crate) fn done_bytes(&self) -> u64 {
        self.feed.done_bytes()
    }

    /// Writes down the packets of `bytes`; how many bytes are done with, and how many the next
    /// record needs.
    fn walk(
        &mut self,
        bytes: &[u8],
        records: &mut Vec<Record>,
        ledger: &mut Ledger,
    ) -> (usize, usize) {
        let mut used = 0;
        loop {
            used += self.skip(bytes.len() - used);
            if self.skip_bytes > 0 {
                return (used, 0);
            }
            self.probe(&bytes[used..]);
            let (to, stop) = self.walk_records(bytes, used, records, ledger);
            used = to;
            match stop {
                Stop::Need(needed) => return (used, needed),
                Stop::Skip(skip_bytes) => self.skip_bytes = skip_bytes,
                Stop::Damaged(damage) => {
                    self.damaged(damage, self.offset + used as u64, ledger);
                    return (used, 0);
                }
            }
        }
    }

    fn walk_records(
        &mut self,
        bytes: &[u8],
        from: usize,
        records: &mut Vec<Record>,
        ledger: &mut Ledger,
    ) -> (usize, Stop) {
        let beside = &mut Beside { ledger, place: &self.place, base: self.offset };
        match &mut self.format {
            Format::Pcap(pcap) => pcap.walk(bytes, from, records),
            Format::Pcapng(pcapng) => pcapng.walk(bytes, from, records, beside),
            Format::Cut => (from, Stop::Need(HEADER_BYTES)),
        }
    }

    /// Takes off what is still to be skipped, as far as it is there.
    fn skip(&mut self, there: usize) -> usize {
        let skip = usize::try_from(self.skip_bytes).unwrap_or(usize::MAX).min(there);
        self.skip_bytes -= skip as u64;
        skip
    }

    fn probe(&mut self, bytes: &[u8]) {
        if let (Format::Pcap(pcap), false) = (&mut self.format, self.probed) {
            pcap.probe(bytes);
        }
        self.probed = true;
    }

    /// Reads into `room`: until it is full, or for a pipe once.
    fn fill(&mut self, room: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < room.len() && self.state != State::Ended {
            match self.feed.read(&mut room[filled..]) {
                Ok(0) => self.state = State::Ended,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.state = State::Ended;
                    self.failure = Some(error);
                }
            }
            if !self.patient {
                break;
            }
        }
        filled
    }

    /// Says what is left over at the end.
    fn finish(
        &mut self,
        left: usize,
        needed: usize,
        ledger: &mut Ledger,
    ) -> Result<bool, ReadError> {
        self.over(ledger);
        if let Some(failure) = self.failure.take() {
            return self.failed(failure, ledger);
        }
        if left > 0 || self.skip_bytes > 0 {
            let (left, needed) = (left as u64, needed as u64 + self.skip_bytes);
            ledger.warn(&self.place, self.offset, Problem::Truncated { left, needed });
        }
        Ok(false)
    }

    /// A decompressor that fails has met damage; anything else is the system's failure.
    fn failed(&mut self, failure: io::Error, ledger: &mut Ledger) -> Result<bool, ReadError> {
        let Some(compression) = self.feed.compression().filter(|_| is_data(&failure)) else {
            let file = self.place.name.clone();
            return Err(ReadError::Io { file, offset: self.offset, source: failure });
        };
        let damage =
            Damage::Compression { compression: compression.name(), why: failure.to_string() };
        ledger.warn(&self.place, self.offset, Problem::Damaged { damage, left: None });
        Ok(false)
    }

    fn damaged(&mut self, damage: Damage, offset: u64, ledger: &mut Ledger) {
        let size = self.size.filter(|_| self.feed.compression().is_none());
        let left = size.and_then(|size| size.checked_sub(offset));
        self.over(ledger);
        ledger.warn(&self.place, offset, Problem::Damaged { damage, left });
    }

    fn over(&mut self, ledger: &mut Ledger) {
        self.state = State::Over;
        if let Format::Pcapng(pcapng) = &mut self.format {
            pcapng.finish(ledger, &self.place);
        }
    }
}

/// Makes a buffer at least `room` bytes long.
fn grow(bytes: &mut Vec<u8>, room: usize) {
    if bytes.len() < room {
        bytes.resize(room, 0);
    }
}

/// Whether it is the data that is wrong, and not the disk.
fn is_data(failure: &io::Error) -> bool {
    failure.raw_os_error().is_none()
}

fn decompress(
    compression: Compression,
    head: Vec<u8>,
    raw: Raw,
    place: &Place,
) -> Result<(Feed, Vec<u8>), OpenError> {
    let error = |error: io::Error| OpenError::Compression {
        name: place.name.clone(),
        compression: compression.name(),
        why: error.to_string(),
    };
    let mut feed = Feed::decompress(compression, head, raw).map_err(error)?;
    let head = read_head(&mut feed, HEAD_BYTES, HEAD_ROOM_BYTES).map_err(error)?;
    if head.is_empty() {
        return Err(OpenError::Empty(place.name.clone()));
    }
    Ok((feed, head))
}

/// A format that is known, and what of the file is not records.
struct Begun {
    format: Format,
    header_bytes: usize,
    skip_bytes: u64,
}

fn begin(head: &[u8], feed: &Feed, place: &Place, ledger: &mut Ledger) -> Result<Begun, OpenError> {
    let name = || place.name.clone();
    let packed = |what: String| match feed.compression() {
        Some(compression) => format!("{} of {what}", compression.name()),
        None => what,
    };
    match sniff(head) {
        Kind::Pcap(magic) => begin_pcap(magic, head, place, ledger),
        Kind::Pcapng(None | Some((1, _))) => {
            let format = Format::Pcapng(Pcapng::default());
            Ok(Begun { format, header_bytes: 0, skip_bytes: 0 })
        }
        Kind::Pcapng(Some((major, minor))) => {
            let (format, expected) = ("pcapng", Pcapng::VERSIONS);
            Err(OpenError::Version { name: name(), format, major, minor, expected })
        }
        Kind::Foreign(format) => {
            Err(OpenError::Unsupported { name: name(), format: packed(format.to_owned()) })
        }
        Kind::Compressed(inner) => {
            let looks_like = packed(inner.name().to_owned());
            Err(OpenError::NotACapture { name: name(), looks_like })
        }
        Kind::Other(other) => {
            Err(OpenError::NotACapture { name: name(), looks_like: packed(other) })
        }
    }
}

fn begin_pcap(
    magic: Magic,
    head: &[u8],
    place: &Place,
    ledger: &mut Ledger,
) -> Result<Begun, OpenError> {
    let Some(header) = head.first_chunk() else {
        return Ok(Begun { format: Format::Cut, header_bytes: 0, skip_bytes: 0 });
    };
    let mut pcap = Pcap::new(magic, header).map_err(|(major, minor)| OpenError::Version {
        name: place.name.clone(),
        format: "pcap",
        major,
        minor,
        expected: Pcap::VERSIONS,
    })?;
    let interface = Interface { number: 0, link: pcap.link, name: None };
    pcap.source = ledger.source(place, interface).unwrap_or_default();
    let skip_bytes = magic.extra_bytes;
    Ok(Begun { format: Format::Pcap(pcap), header_bytes: HEADER_BYTES, skip_bytes })
}
