//! What queries share: the threads that they run on, and what files say of themselves.

use std::{
    collections::HashMap,
    fs::File,
    io,
    sync::{Mutex, OnceLock, PoisonError},
};

use parquet::{
    arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    },
    errors::ParquetError,
    file::metadata::PageIndexPolicy,
};
use tokio::runtime::Runtime;

use crate::{StoreError, segment::Segment};

/// Shared by all queries of a store.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    runtime: OnceLock<Runtime>,
    known: Mutex<Known>,
}

/// What files said of themselves, by their number; and when each was last asked for.
#[derive(Debug, Default)]
struct Known {
    files: HashMap<u64, (u64, ArrowReaderMetadata)>,
    asked: u64,
}

/// Why a file can't be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// Somebody removed it.
    Vanished,
    /// It is not what it should be.
    Damaged,
}

/// Files whose metadata is kept: some hundred kilobytes each.
const KNOWN_MAX: usize = 256;
/// Threads for queries.
const THREADS_MAX: usize = 4;

// === impl Engine ===

impl Engine {
    /// Runs a future to its end, on threads that are made when the first query needs them.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> Result<T, StoreError> {
        let runtime = match self.runtime.get() {
            Some(runtime) => runtime,
            None => {
                let made = make_runtime().map_err(|error| StoreError::Query(error.to_string()))?;
                self.runtime.get_or_init(|| made)
            }
        };
        Ok(runtime.block_on(future))
    }

    /// Opens a file, with what it says of itself.
    pub(crate) fn open(
        &self,
        segment: &Segment,
    ) -> Result<ParquetRecordBatchReaderBuilder<File>, Unread> {
        let file = File::open(&segment.path).map_err(|error| Unread::of(&error))?;
        let known = self.known(segment.number);
        let metadata = match known {
            Some(metadata) => metadata,
            None => {
                let options =
                    ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
                let metadata = ArrowReaderMetadata::load(&file, options)?;
                self.learn(segment.number, metadata.clone());
                metadata
            }
        };
        Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata))
    }

    fn known(&self, number: u64) -> Option<ArrowReaderMetadata> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.asked += 1;
        let asked = known.asked;
        let (last, metadata) = known.files.get_mut(&number)?;
        *last = asked;
        Some(metadata.clone())
    }

    fn learn(&self, number: u64, metadata: ArrowReaderMetadata) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.files.len() >= KNOWN_MAX {
            let oldest = known.files.iter().min_by_key(|(_, (asked, _))| *asked);
            let oldest = oldest.map(|(number, _)| *number);
            oldest.and_then(|number| known.files.remove(&number));
        }
        let asked = known.asked;
        known.files.insert(number, (asked, metadata));
    }
}

impl Drop for Engine {
    /// Waiting for threads is forbidden where futures run, and a store may be dropped there.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn make_runtime() -> io::Result<Runtime> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("query")
        .enable_time()
        .build()
}

// === impl Unread ===

impl Unread {
    fn of(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Vanished } else { Self::Damaged }
    }
}

impl From<ParquetError> for Unread {
    fn from(_: ParquetError) -> Self {
        Self::Damaged
    }
}
