//! What queries share: what files say of themselves.

use std::{
    collections::HashMap,
    fs::File,
    io,
    sync::{Mutex, PoisonError},
};

use parquet::{
    arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    },
    errors::ParquetError,
    file::metadata::PageIndexPolicy,
};

use crate::{columns, segment::Segment};

/// Shared by all queries of a store.
#[derive(Debug, Default)]
pub(crate) struct Engine {
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

// === impl Engine ===

impl Engine {
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
                let metadata = ArrowReaderMetadata::load(&file, options.clone())?;
                if !columns::are_in(metadata.schema()) {
                    return Err(Unread::Damaged);
                }
                let options = options.with_schema(columns::reading(metadata.schema()));
                let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)?;
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

// === impl Unread ===

impl Unread {
    pub(crate) fn of(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Vanished } else { Self::Damaged }
    }
}

impl From<ParquetError> for Unread {
    fn from(_: ParquetError) -> Self {
        Self::Damaged
    }
}
