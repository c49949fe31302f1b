//! The store as its users see it.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use filter::{Columns, Condition};
use model::Timestamp;

use crate::{
    Aggregate, Facts, Key, Order, Page, Row, Scan, Searched, Select, StoreError, Table, Tail,
    plain,
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
    /// Bytes of memory for one query.
    pub query_bytes_max: usize,
}

/// A folder of calls.
#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    tails: Tails,
    columns: Arc<Columns>,
}

#[derive(Debug, Default)]
struct State {
    chunks: Vec<Arc<Chunk>>,
    appended: u64,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            bytes_max: 10 << 30,
            age_max: None,
            memory_bytes_max: 256 << 20,
            seal_after: Duration::from_secs(900),
            query_bytes_max: 512 << 20,
        }
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
        _folder: &Path,
        columns: Arc<Columns>,
        _options: Options,
        _now: Timestamp,
    ) -> Result<Self, StoreError> {
        Ok(Self { state: Mutex::default(), tails: Tails::new(), columns })
    }

    /// Appends calls. They are found from now on.
    ///
    /// # Errors
    /// When the store was opened for reading. A disk that is full is no error: calls stay in memory as
    /// long as they can, and what is lost is counted.
    pub fn append(&self, rows: Vec<Row>, _now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        let chunk = Arc::new(Chunk::new(state.appended, rows));
        state.appended += chunk.rows.len() as u64;
        state.chunks.push(chunk.clone());
        self.tails.send(&chunk);
        Ok(())
    }

    /// What has to be done now and then: logs to disk, calls to files, old files away. To be called
    /// about once a second, from any thread.
    ///
    /// # Errors
    /// When the folder can't be used any more.
    pub fn maintain(&self, _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    /// Seals all calls now: before the store is closed, or after an import.
    ///
    /// # Errors
    /// When they can't be written; they stay in memory.
    pub fn seal(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Calls that fulfil a condition, in the order of time. Blocks.
    ///
    /// # Errors
    /// When the query can't be run. Being stopped is no error: the page says so.
    pub fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        let mut rows = self.chosen(scan.condition.as_deref(), scan.from, scan.to);
        rows.sort_by_key(|row| (row.time_ns(), row.id().into_owned()));
        if scan.order == Order::NewestFirst {
            rows.reverse();
        }
        if let Some(after) = &scan.after {
            let at =
                rows.iter().position(|row| row.key() == *after).map_or(rows.len(), |at| at + 1);
            rows.drain(..at);
        }
        let more = rows.len() > scan.limit;
        rows.truncate(scan.limit);
        let next = rows.last().filter(|_| more).map(Row::key);
        let rows = rows.into_iter().map(|row| selected(row, scan.select)).collect();
        Ok(Page { rows, next, searched: Searched { complete: true, ..Searched::default() } })
    }

    fn chosen(
        &self,
        condition: Option<&Condition>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Vec<Row> {
        let chunks = self.state().chunks.clone();
        let rows = chunks.iter().flat_map(|chunk| &chunk.rows);
        rows.filter(|row| from.is_none_or(|from| row.time() >= from))
            .filter(|row| to.is_none_or(|to| row.time() < to))
            .filter(|row| condition.is_none_or(|c| c.holds(&row.record(&self.columns))))
            .cloned()
            .collect()
    }

    /// One call, whole.
    ///
    /// # Errors
    /// When the query can't be run.
    pub fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let chunks = self.state().chunks.clone();
        let mut rows = chunks.iter().flat_map(|chunk| &chunk.rows);
        Ok(rows.find(|row| row.key() == *key).cloned())
    }

    /// The newest call with this id. Ids are only unique in one capture: better ask by key.
    ///
    /// # Errors
    /// When the query can't be run.
    pub fn find(&self, id: &str) -> Result<Option<Row>, StoreError> {
        let chunks = self.state().chunks.clone();
        let mut rows = chunks.iter().rev().flat_map(|chunk| chunk.rows.iter().rev());
        Ok(rows.find(|row| row.id() == id).cloned())
    }

    /// Figures over calls. Blocks.
    ///
    /// # Errors
    /// When the query can't be run, needs too much memory, or was stopped.
    pub fn aggregate(&self, question: &Aggregate) -> Result<Table, StoreError> {
        let rows = self.chosen(question.condition.as_deref(), question.from, question.to);
        Ok(plain::table(&rows, question, &self.columns))
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
        let chunks = self.state().chunks.clone();
        let times = || chunks.iter().flat_map(|chunk| &chunk.rows).map(Row::time);
        let (oldest, newest) = (times().min(), times().max());
        Facts { calls: self.state().appended, oldest, newest, ..Facts::default() }
    }

    /// A panic elsewhere is that thread's own report; the data behind the lock is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn selected(row: Row, select: Select) -> Row {
    let line = match select {
        Select::Whole => return row,
        Select::WithoutBodies => row.without_bodies(),
        Select::Summary => row.summary(),
    };
    Row::of_line(&line).unwrap_or(row)
}
