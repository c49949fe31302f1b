//! Several captures as one, in the order of time, each read only as far as it is needed.

use std::{cmp::Reverse, collections::BinaryHeap, io::Read, mem};

use model::Timestamp;

use crate::{
    Batch, OpenError, Problem, Progress, ReadError,
    feed::Raw,
    file::{CaptureFile, Opening},
    ledger::{Ledger, Place},
    spot::Spot,
};

/// Up to so many files are all held open; of more, those whose time has not come are closed again.
/// Also the number up to which each open file has a full buffer.
const FILES_HELD: usize = 16;

/// So many files may be open at once.
const FILES_OPEN_MAX: usize = 512;

/// The buffer of a file that is only peeked at, or one of many.
const PEEK_BYTES: usize = 64 * 1024;

/// A k-way merge. A single capture goes straight through: nothing is copied, nothing is waited for.
pub(crate) struct Merge {
    lanes: Vec<Lane>,
    /// The time of each lane's next packet; lanes at their end are not in it.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// A lane whose packets are all handed out. It is read again when the next one is asked for, so
    /// that those need not wait.
    hungry: Option<usize>,
    /// Met while there were packets to hand out first.
    failure: Option<ReadError>,
    batch_bytes: usize,
    files: usize,
    open: usize,
}

/// One capture of a merge.
struct Lane {
    spot: Spot,
    /// None before its time, and after its end.
    file: Option<CaptureFile>,
    batch: Batch,
    next: usize,
    size: Option<u64>,
    done_bytes: u64,
}

// === impl Merge ===

impl Merge {
    /// A merge of nothing yet, of `files` in the end.
    pub(crate) fn new(batch_bytes: usize, files: usize) -> Self {
        let (lanes, heads) = (Vec::new(), BinaryHeap::new());
        Self { lanes, heads, hungry: None, failure: None, batch_bytes, files, open: 0 }
    }

    /// Adds a capture; where there will be others, looks when its first packet is.
    pub(crate) fn add(&mut self, spot: &Spot, ledger: &mut Ledger) -> Result<(), OpenError> {
        let file = spot.open(self.batch_bytes, ledger)?;
        self.push(spot.clone(), file);
        let lane = self.lanes.len() - 1;
        if self.files == 1 {
            self.hungry = Some(lane);
        } else {
            self.peek(lane, ledger);
        }
        Ok(())
    }

    /// A merge of one capture, which is read from `from`.
    pub(crate) fn of_one(
        name: &str,
        from: Box<dyn Read + Send>,
        batch_bytes: usize,
        ledger: &mut Ledger,
    ) -> Result<Self, OpenError> {
        let mut merge = Self::new(batch_bytes, 1);
        let mut spot = Spot::stdin(0);
        name.clone_into(&mut spot.place.name);
        if name != "-" {
            spot.place.kind = "file";
        }
        let place: Place = spot.place.clone();
        let (raw, chunk_bytes) = (Raw::new(from), batch_bytes);
        let opening = Opening { place, raw, patient: false, size: None, chunk_bytes };
        merge.push(spot, CaptureFile::open(opening, ledger)?);
        merge.hungry = Some(0);
        Ok(merge)
    }

    /// Whether there is no capture in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Fills `batch` with the next packets of all; false at the end.
    pub(crate) fn next(
        &mut self,
        batch: &mut Batch,
        ledger: &mut Ledger,
    ) -> Result<bool, ReadError> {
        batch.clear(self.batch_bytes);
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if let Some(lane) = self.hungry {
            if self.heads.is_empty() {
                return self.straight(lane, batch, ledger);
            }
            self.hungry = None;
            self.refill(lane, ledger)?;
        }
        while let Some(Reverse((_, lane))) = self.heads.pop() {
            if self.take(lane, batch, ledger) {
                break;
            }
        }
        match self.failure.take_if(|_| batch.is_empty()) {
            Some(failure) => Err(failure),
            None => Ok(!batch.is_empty()),
        }
    }

    /// Bytes on disk, of all captures together.
    pub(crate) fn progress(&self) -> Progress {
        let done =
            |lane: &Lane| lane.file.as_ref().map_or(lane.done_bytes, CaptureFile::done_bytes);
        Progress {
            bytes_done: self.lanes.iter().map(done).sum(),
            bytes_total: self.lanes.iter().map(|lane| lane.size).sum(),
        }
    }

    fn push(&mut self, spot: Spot, file: CaptureFile) {
        let size = file.size;
        let (batch, file) = (Batch::new(), Some(file));
        self.lanes.push(Lane { spot, file, batch, next: 0, size, done_bytes: 0 });
        self.open += 1;
    }

    /// Looks when the first packet of a lane is, and closes the lane again if there are many.
    fn peek(&mut self, lane: usize, ledger: &mut Ledger) {
        let mark = ledger.mark();
        let Some(file) = &mut self.lanes[lane].file else { return };
        let close = self.files > FILES_HELD && file.size.is_some();
        if close {
            file.chunk_bytes = PEEK_BYTES.min(self.batch_bytes);
        }
        if let Err(failure) = self.refill(lane, ledger) {
            self.failure.get_or_insert(failure);
        }
        let waits = self.lanes[lane].file.is_some();
        if close && waits {
            self.lanes[lane].close(0);
            self.open -= 1;
            ledger.rewind(&mark);
        }
    }

    /// The only lane left: its batches are the reader's.
    fn straight(
        &mut self,
        lane: usize,
        batch: &mut Batch,
        ledger: &mut Ledger,
    ) -> Result<bool, ReadError> {
        let Some(file) = &mut self.lanes[lane].file else { return Ok(false) };
        let more = file.next(batch, ledger);
        if !matches!(more, Ok(true)) {
            self.end(lane);
        }
        more
    }

    /// Takes packets of the lane that has the earliest, up to the next lane's; says whether the
    /// batch should go out.
    fn take(&mut self, lane: usize, batch: &mut Batch, ledger: &mut Ledger) -> bool {
        if self.lanes[lane].file.is_none() {
            self.reopen(lane, ledger);
            return self.failure.is_some();
        }
        let limit = self.heads.peek().map(|Reverse(head)| *head);
        let before_limit = |at| limit.is_none_or(|limit| (at, lane) < limit);
        let whole_batch_bytes = self.batch_bytes;
        let Lane { batch: own, next, file, .. } = &mut self.lanes[lane];
        let full_size = file.as_ref().is_some_and(|file| file.chunk_bytes == whole_batch_bytes);
        if batch.is_empty() && *next == 0 && full_size && before_limit(own.latest()) {
            mem::swap(batch, own);
            self.hungry = Some(lane);
            return true;
        }
        while let Some(at) = own.at(*next).filter(|at| before_limit(*at)) {
            if !batch.append(own, *next, whole_batch_bytes) {
                self.heads.push(Reverse((at, lane)));
                return true;
            }
            *next += 1;
        }
        if let Some(at) = own.at(*next) {
            self.heads.push(Reverse((at, lane)));
            return false;
        }
        self.exhausted(lane, ledger)
    }

    /// A lane has handed out all it has read: a file is read on, a pipe must not keep what there is
    /// waiting.
    fn exhausted(&mut self, lane: usize, ledger: &mut Ledger) -> bool {
        if self.lanes[lane].file.as_ref().is_some_and(|file| !file.patient) {
            self.hungry = Some(lane);
            return true;
        }
        if let Err(failure) = self.refill(lane, ledger) {
            self.failure = Some(failure);
            return true;
        }
        false
    }

    /// Reads the next batch of a lane, and enters when it begins.
    fn refill(&mut self, lane: usize, ledger: &mut Ledger) -> Result<(), ReadError> {
        let Lane { file, batch, next, .. } = &mut self.lanes[lane];
        *next = 0;
        let Some(file) = file else { return Ok(()) };
        let more = file.next(batch, ledger);
        match batch.at(0) {
            Some(at) if matches!(more, Ok(true)) => self.heads.push(Reverse((at, lane))),
            _ => self.end(lane),
        }
        more.map(drop)
    }

    /// Opens a lane again whose time has come.
    fn reopen(&mut self, lane: usize, ledger: &mut Ledger) {
        let spot = &self.lanes[lane].spot;
        if self.open >= FILES_OPEN_MAX {
            let file = spot.place.name.clone();
            self.failure = Some(ReadError::TooManyOpen { file, max: FILES_OPEN_MAX });
            return;
        }
        let few = self.open < FILES_HELD;
        let chunk_bytes = if few { self.batch_bytes } else { PEEK_BYTES.min(self.batch_bytes) };
        match spot.open(chunk_bytes, ledger) {
            Ok(file) => {
                self.lanes[lane].file = Some(file);
                self.open += 1;
                if let Err(failure) = self.refill(lane, ledger) {
                    self.failure = Some(failure);
                }
            }
            Err(error) => {
                ledger.warn(&self.lanes[lane].spot.place, 0, Problem::Gone(error.to_string()));
            }
        }
    }

    fn end(&mut self, lane: usize) {
        let done_bytes = self.lanes[lane].file.as_ref().map_or(0, CaptureFile::done_bytes);
        self.lanes[lane].close(done_bytes);
        self.open -= 1;
        self.hungry.take_if(|hungry| *hungry == lane);
    }
}

// === impl Lane ===

impl Lane {
    /// Closes its file and gives its buffers back.
    fn close(&mut self, done_bytes: u64) {
        self.file = None;
        self.batch = Batch::new();
        self.next = 0;
        self.done_bytes = done_bytes;
    }
}
