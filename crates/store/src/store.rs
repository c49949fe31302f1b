//! The store as its users see it.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use filter::Columns;
use model::Timestamp;

use crate::{
    Facts, Row, StoreError, Tail,
    engine::{Engine, Unread},
    folder::{Folder, Listing},
    log,
    memory::{Generation, chunks_of},
    segment::{self, Segment},
    state::{State, remove},
    tail::{Chunk, Tails},
};

/// Limits of a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes that files, logs and unfinished files may take together; the oldest files go first.
    pub bytes_max: u64,
    /// How old calls may become, from their beginning; for ever if there is none.
    pub age_max: Option<Duration>,
    /// Bytes of memory for calls that are not in files yet.
    pub memory_bytes_max: usize,
    /// Calls are sealed at the latest so long after the first of them was appended.
    pub seal_after: Duration,
    /// Bytes of lines that are sealed together, at most: a file has about a tenth of it.
    pub seal_bytes_max: u64,
    /// Bytes of memory for one query.
    pub query_bytes_max: usize,
}

/// A folder of calls.
#[derive(Debug)]
pub struct Store {
    folder: Folder,
    columns: Arc<Columns>,
    options: Options,
    state: Mutex<State>,
    /// Held by whoever seals.
    sealing: Mutex<()>,
    tails: Tails,
    pub(crate) engine: Engine,
    is_read_only: bool,
}

/// Generations that wait to be sealed before whoever appends has to help.
const FROZEN_MAX: usize = 2;
/// A generation's part of the limits: one is filled, two wait, one is written.
const PARTS: u64 = 8;
/// How long a log may be ahead of the disk.
const SYNC_NS: u64 = 1_000_000_000;
/// Bytes of a file that are charged at once while it is written.
const CHARGE_BYTES: u64 = 1 << 20;
/// How often a folder is read again when files come and go.
const READ_TRIES: usize = 5;

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            bytes_max: 10 << 30,
            age_max: None,
            memory_bytes_max: 512 << 20,
            seal_after: Duration::from_secs(900),
            seal_bytes_max: 64 << 20,
            query_bytes_max: 512 << 20,
        }
    }
}

impl Options {
    /// Bytes of lines that are sealed together.
    fn seal_bytes(&self) -> u64 {
        let memory = self.memory_bytes_max as u64 / PARTS;
        self.seal_bytes_max.min(self.bytes_max / PARTS).min(memory)
    }
}

// === impl Store ===

impl Store {
    /// Opens the store in this folder, and makes it if it is not there. What a crash left behind is
    /// read back. `columns` say what the fields in conditions are called.
    ///
    /// # Errors
    /// When the folder can't be used, or another process uses it.
    pub fn open(
        folder: &Path,
        columns: Arc<Columns>,
        options: Options,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let folder = Folder::own(folder)?;
        let listing = folder.list()?;
        listing.passing.iter().for_each(|path| remove(path));
        let mut state = State { synced: now, ..State::default() };
        state.take(listing, true)?;
        let store = Self::new(folder, columns, options, state, false);
        // Memory for what a crash left behind is bounded as all other is.
        store.relieve();
        store.retain(now);
        Ok(store)
    }

    /// Opens the store in this folder for queries, beside a process that may write to it: sees what is
    /// there now.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn read(
        folder: &Path,
        columns: Arc<Columns>,
        options: Options,
    ) -> Result<Self, StoreError> {
        let folder = Folder::read(folder)?;
        let mut tries = 0;
        let state = loop {
            // A log that is sealed meanwhile is gone: its file is in the next listing.
            let mut state = State::default();
            match state.take(folder.list()?, false) {
                Ok(()) => break state,
                Err(_) if tries < READ_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        };
        Ok(Self::new(folder, columns, options, state, true))
    }

    fn new(
        folder: Folder,
        columns: Arc<Columns>,
        options: Options,
        state: State,
        is_read_only: bool,
    ) -> Self {
        Self {
            folder,
            columns,
            options,
            state: Mutex::new(state),
            sealing: Mutex::default(),
            tails: Tails::new(),
            engine: Engine::default(),
            is_read_only,
        }
    }

    /// Appends calls. They are found from now on.
    ///
    /// # Errors
    /// When the store was opened for reading. A disk that is full is no error: calls stay in memory as
    /// long as they can, and what is lost is counted.
    pub fn append(&self, rows: Vec<Row>, now: Timestamp) -> Result<(), StoreError> {
        if self.is_read_only {
            return Err(StoreError::ReadOnly);
        }
        for rows in chunks_of(rows) {
            self.append_chunk(rows, now);
            self.relieve();
        }
        if now.since(self.state().synced) >= SYNC_NS {
            self.sync(now);
        }
        Ok(())
    }

    fn append_chunk(&self, rows: Vec<Row>, now: Timestamp) {
        let mut state = self.state();
        state.write_log(&rows, &self.folder, self.options.bytes_max);
        let chunk = Arc::new(Chunk::new(state.appended, rows));
        state.appended += chunk.rows.len() as u64;
        state.counters.calls_appended = state.appended;
        state.current.push(chunk.clone(), now);
        if state.current.line_bytes >= self.options.seal_bytes() {
            state.freeze();
        }
        // Under the lock: listeners hear calls in their order.
        self.tails.send(&chunk);
    }

    /// What has to be done now and then: logs to disk, calls to files, old files away. To be called
    /// about once a second, from any thread.
    ///
    /// # Errors
    /// When calls can't be written to a file; they stay in memory and in the log.
    pub fn maintain(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.is_read_only {
            return Err(StoreError::ReadOnly);
        }
        self.sync(now);
        let after = u64::try_from(self.options.seal_after.as_nanos()).unwrap_or(u64::MAX);
        {
            let mut state = self.state();
            if state.current.begun.is_some_and(|begun| now.since(begun) >= after) {
                state.freeze();
            }
        }
        self.retain(now);
        while self.seal_next()? {}
        Ok(())
    }

    /// Seals all calls now: before the store is closed, or after an import.
    ///
    /// # Errors
    /// When they can't be written; they stay in memory and in the log.
    pub fn seal(&self) -> Result<(), StoreError> {
        if self.is_read_only {
            return Err(StoreError::ReadOnly);
        }
        self.state().freeze();
        while self.seal_next()? {}
        Ok(())
    }

    /// Calls from now on, as they are appended. Who reads too slowly misses some, is told how many, and
    /// slows nobody. Conditions are up to the listener: `condition.holds(&row.record(columns))`.
    #[must_use]
    pub fn tail(&self) -> Tail {
        let state = self.state();
        self.tails.listen(state.appended)
    }

    /// What it holds and what it lost.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.state().facts(&self.options)
    }

    /// What fields in conditions are called.
    #[must_use]
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// Its limits.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder.path
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// A panic elsewhere is that thread's own report; the data behind the lock is whole.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file can't be read: no query asks for it again while the store is open.
    pub(crate) fn forget(&self, file: &Segment, unread: &Unread) {
        let mut state = self.state();
        // Retention was quicker: all is well.
        if !state.segments.iter().any(|segment| segment.number == file.number) {
            return;
        }
        match unread {
            Unread::Vanished => state.counters.files_vanished += 1,
            Unread::Damaged => state.counters.files_damaged += 1,
        }
        state.give_up(file.number, file.calls);
        state.forget(file.number);
    }

    /// Brings logs to disk, without keeping others from appending.
    fn sync(&self, now: Timestamp) {
        let file = {
            let mut state = self.state();
            state.synced = now;
            let log = state.current.log.as_mut().filter(|log| !log.is_synced);
            log.map(|log| {
                log.is_synced = true;
                log.file()
            })
        };
        let Some(file) = file else { return };
        let synced = file.sync_data().and_then(|()| File::open(&self.folder.path)?.sync_all());
        if synced.is_err()
            && let Some(log) = &mut self.state().current.log
        {
            log.is_synced = false;
        }
    }

    /// Keeps to the limits on age and bytes.
    fn retain(&self, now: Timestamp) {
        let mut state = self.state();
        if let Some(age) = self.options.age_max {
            let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
            let oldest = i64::try_from(now.0.saturating_sub(age)).unwrap_or(i64::MAX);
            state.retire_before(oldest);
        }
        state.make_room(0, self.options.bytes_max);
    }

    /// Seals, or gives up, what there is too much of in memory.
    fn relieve(&self) {
        let is_full = || {
            let state = self.state();
            let memory = state.memory_bytes() > self.options.memory_bytes_max;
            (memory, state.frozen.len() > FROZEN_MAX)
        };
        loop {
            let (memory_is_full, too_many) = is_full();
            if !memory_is_full && !too_many {
                return;
            }
            match self.seal_next() {
                Ok(true) => {}
                Err(_) if memory_is_full => self.state().drop_oldest(&self.folder),
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Seals the oldest generation that waits; whether there was one.
    fn seal_next(&self) -> Result<bool, StoreError> {
        let _alone = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(generation) = self.state().frozen.front().cloned() else { return Ok(false) };
        let passing = self.folder.passing(generation.number);
        match self.write_file(&generation, &passing) {
            Ok(written) => {
                let mut state = self.state();
                state.passing_bytes = 0;
                state.counters.calls_sealed += written.calls;
                state.add_segment(written);
                // Queries see the calls in memory, or in the file: the lock is held.
                state.frozen.retain(|frozen| frozen.number != generation.number);
                remove(&self.folder.log(generation.number));
                Ok(true)
            }
            Err(error) => {
                remove(&passing);
                let mut state = self.state();
                state.passing_bytes = 0;
                state.counters.seals_failed += 1;
                Err(StoreError::Io { path: passing, error })
            }
        }
    }

    fn write_file(&self, generation: &Generation, passing: &Path) -> io::Result<Segment> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(passing)?;
        let out = Metered { file, store: self, written: 0, charged: 0 };
        let mut rows: Vec<&Row> = generation.rows().collect();
        segment::write(&mut rows, generation.number, &self.folder.path, passing, out)
            .map_err(io::Error::other)
    }
}

/// A file whose bytes count as soon as they are written.
struct Metered<'s> {
    file: File,
    store: &'s Store,
    written: u64,
    charged: u64,
}

// === impl Metered ===

impl Write for Metered<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.written + bytes.len() as u64;
        if end > self.charged {
            let more =
                (end - self.charged).max(CHARGE_BYTES.min(self.store.options.bytes_max / 64));
            let mut state = self.store.state();
            if !state.make_room(more, self.store.options.bytes_max) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.passing_bytes += more;
            self.charged += more;
        }
        let len = self.file.write(bytes)?;
        self.written += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

// === impl State ===

impl State {
    /// Takes what is in a folder: files as they are, logs into memory. Logs whose calls are in a file
    /// are of no more use.
    fn take(&mut self, listing: Listing, is_ours: bool) -> Result<(), StoreError> {
        self.foreign = listing.foreign;
        self.counters.files_damaged = listing.damaged;
        let sealed: HashSet<u64> = listing.segments.iter().map(|segment| segment.number).collect();
        let logs = listing.logs.iter().map(|(number, _)| *number);
        // No number comes twice, also where all files of one are gone: it may have been sent.
        let numbers = sealed.iter().copied().chain(logs).chain(listing.marks);
        self.current.number = numbers.max().map_or(1, |number| number.saturating_add(1));
        for (number, path) in listing.logs {
            if !sealed.contains(&number) {
                let recovered = log::recover(&path).map_err(StoreError::io(&path))?;
                self.take_log(number, recovered, &path, is_ours);
            } else if is_ours {
                remove(&path);
            }
        }
        listing.segments.into_iter().for_each(|segment| self.add_segment(segment));
        Ok(())
    }

    fn take_log(&mut self, number: u64, log: log::Recovered, path: &Path, is_ours: bool) {
        self.counters.calls_recovered += log.rows.len() as u64;
        self.counters.calls_lost_torn += log.calls_torn;
        self.counters.log_bytes_torn += log.bytes_torn;
        self.counters.lines_refused += log.lines_refused;
        let mut generation = Generation::new(number);
        generation.found_log_bytes = log.bytes;
        for rows in chunks_of(log.rows) {
            generation.push(Arc::new(Chunk::new(0, rows)), self.synced);
        }
        if generation.chunks.is_empty() {
            if is_ours {
                remove(path);
            }
            return;
        }
        self.frozen.push_back(Arc::new(generation));
    }
}
