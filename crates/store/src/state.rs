//! What a store knows at a moment: calls in memory, files, and what was counted.

use std::{collections::VecDeque, fs, io, path::Path, sync::Arc};

use model::Timestamp;

use crate::{
    Facts, Options, Row, facts::Counters, folder::Folder, log::Log, memory::Generation,
    outbox::Waiting, segment::Segment, tail::Chunk,
};

/// Everything behind the store's lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Takes calls.
    pub(crate) current: Generation,
    /// Take no more calls, and are to be sealed; oldest first.
    pub(crate) frozen: VecDeque<Arc<Generation>>,
    /// Sealed files, in the order in which they were written.
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) segment_bytes: u64,
    /// Bytes of the file that is being written.
    pub(crate) passing_bytes: u64,
    /// Calls taken since the store was opened.
    pub(crate) appended: u64,
    pub(crate) counters: Counters,
    /// When logs were last brought to disk.
    pub(crate) synced: Timestamp,
    /// Calls that wait to be sent elsewhere.
    pub(crate) outboxes: Vec<Waiting>,
    /// Files in the folder that are not ours.
    pub(crate) foreign: u64,
}

/// What a query looks through.
pub(crate) struct Snapshot {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) chunks: Vec<Arc<Chunk>>,
}

/// How many eighths of the limit logs may take: the rest is room for a file to be written.
const LOG_EIGHTHS: u64 = 5;

// === impl Snapshot ===

impl Snapshot {
    /// When its first and its last call began.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let files = self.segments.iter().map(|file| (file.from_ns, file.to_ns));
        let rows = self.chunks.iter().flat_map(|chunk| &chunk.rows);
        let rows = rows.map(|row| (row.time_ns(), row.time_ns()));
        files.chain(rows).reduce(|(a, b), (from, to)| (a.min(from), b.max(to)))
    }
}

// === impl State ===

impl State {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let generations = self.frozen.iter().map(AsRef::as_ref).chain([&self.current]);
        let chunks = generations.flat_map(|generation| generation.chunks.iter().cloned());
        Snapshot { segments: self.segments.clone(), chunks: chunks.collect() }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let frozen: usize = self.frozen.iter().map(|generation| generation.memory_bytes).sum();
        frozen + self.current.memory_bytes
    }

    pub(crate) fn log_bytes(&self) -> u64 {
        let frozen: u64 = self.frozen.iter().map(|generation| generation.log_bytes()).sum();
        frozen + self.current.log_bytes()
    }

    fn used_bytes(&self) -> u64 {
        self.segment_bytes + self.log_bytes() + self.passing_bytes
    }

    pub(crate) fn add_segment(&mut self, segment: Segment) {
        self.segment_bytes += segment.bytes;
        self.segments.push(Arc::new(segment));
    }

    /// Forgets a file that is no longer there or can't be read.
    pub(crate) fn forget(&mut self, number: u64) {
        self.segments.retain(|segment| segment.number != number);
        self.segment_bytes = self.segments.iter().map(|segment| segment.bytes).sum();
    }

    /// Removes the oldest files until there is room for so many bytes; whether there is.
    pub(crate) fn make_room(&mut self, bytes: u64, bytes_max: u64) -> bool {
        while self.used_bytes().saturating_add(bytes) > bytes_max {
            let oldest = self.segments.iter().min_by_key(|segment| segment.to_ns).cloned();
            let Some(oldest) = oldest else { return false };
            if !self.retire(&oldest) {
                return false;
            }
        }
        true
    }

    /// Removes files all of whose calls began before this moment.
    pub(crate) fn retire_before(&mut self, ns: i64) {
        let old: Vec<_> =
            self.segments.iter().filter(|segment| segment.to_ns < ns).cloned().collect();
        for segment in old {
            self.retire(&segment);
        }
    }

    fn retire(&mut self, segment: &Segment) -> bool {
        match fs::remove_file(&segment.path) {
            Ok(()) => {
                self.counters.files_retired += 1;
                self.counters.calls_retired += segment.calls;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.counters.files_vanished += 1;
            }
            Err(_) => return false,
        }
        self.give_up(segment.number, segment.calls);
        self.forget(segment.number);
        true
    }

    /// Writes calls to the current log if that can be.
    pub(crate) fn write_log(&mut self, rows: &[Row], folder: &Folder, bytes_max: u64) {
        if self.try_log(rows, folder, bytes_max).is_err() {
            self.counters.calls_unlogged += rows.len() as u64;
        }
    }

    fn try_log(&mut self, rows: &[Row], folder: &Folder, bytes_max: u64) -> io::Result<()> {
        let bytes = Log::bytes_of(rows) + 8;
        let is_room = self.log_bytes() + bytes <= bytes_max / 8 * LOG_EIGHTHS;
        if !is_room || !self.make_room(bytes, bytes_max) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let log = match &mut self.current.log {
            Some(log) => log,
            log => log.insert(Log::create(&folder.log(self.current.number))?),
        };
        log.append(rows)
    }

    /// Ends the current generation, and begins the next one.
    pub(crate) fn freeze(&mut self) {
        if self.current.chunks.is_empty() {
            return;
        }
        let next = Generation::new(self.current.number + 1);
        let full = std::mem::replace(&mut self.current, next);
        self.frozen.push_back(Arc::new(full));
    }

    /// Gives up the oldest calls that are not in a file.
    pub(crate) fn drop_oldest(&mut self, folder: &Folder) {
        let Some(lost) = self.frozen.pop_front() else { return };
        self.counters.calls_lost_full += lost.calls;
        self.give_up_memory(lost.number, lost.calls);
        remove(&folder.log(lost.number));
    }

    pub(crate) fn facts(&self, options: &Options) -> Facts {
        let chunks = self.frozen.iter().map(AsRef::as_ref).chain([&self.current]);
        let rows = || chunks.clone().flat_map(Generation::rows).map(Row::time_ns);
        let files = || self.segments.iter();
        let oldest = files().map(|file| file.from_ns).chain(rows()).min();
        let newest = files().map(|file| file.to_ns).chain(rows()).max();
        let in_memory =
            self.frozen.iter().map(|generation| generation.calls).sum::<u64>() + self.current.calls;
        let mut counters = self.counters;
        counters.files_foreign = self.foreign;
        let moment = |ns: i64| Timestamp(u64::try_from(ns).unwrap_or_default());
        Facts {
            calls: in_memory + files().map(|file| file.calls).sum::<u64>(),
            calls_in_memory: in_memory,
            memory_bytes: self.memory_bytes() as u64,
            files: self.segments.len() as u64,
            file_bytes: self.segment_bytes,
            log_bytes: self.log_bytes() + self.passing_bytes,
            bytes_max: options.bytes_max,
            oldest: oldest.map(moment),
            newest: newest.map(moment),
            counts: counters.told(),
        }
    }
}

/// Removes a file that is no longer needed; it is only in the way if that fails.
pub(crate) fn remove(path: &Path) {
    drop(fs::remove_file(path));
}
