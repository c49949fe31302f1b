//! Calls that are not in files yet, and the log that holds them meanwhile.

use std::sync::Arc;

use model::Timestamp;

use crate::{Row, log::Log, tail::Chunk};

/// Calls that will be one file.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    /// The number of its log, and of its file later.
    pub(crate) number: u64,
    pub(crate) chunks: Vec<Arc<Chunk>>,
    pub(crate) calls: u64,
    /// Bytes of the lines.
    pub(crate) line_bytes: u64,
    pub(crate) memory_bytes: usize,
    /// When the first call was appended.
    pub(crate) begun: Option<Timestamp>,
    pub(crate) log: Option<Log>,
    /// Bytes of a log that was found when the store was opened.
    pub(crate) found_log_bytes: u64,
}

/// Calls of one chunk: so few that a listener's queue of them is small.
const CHUNK_CALLS: usize = 256;
const CHUNK_BYTES: usize = 256 << 10;

// === impl Generation ===

impl Generation {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    pub(crate) fn push(&mut self, chunk: Arc<Chunk>, now: Timestamp) {
        self.calls += chunk.rows.len() as u64;
        self.memory_bytes += chunk.bytes;
        self.line_bytes += Log::bytes_of(&chunk.rows);
        self.begun.get_or_insert(now);
        self.chunks.push(chunk);
    }

    pub(crate) fn log_bytes(&self) -> u64 {
        self.log.as_ref().map_or(self.found_log_bytes, Log::bytes)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.chunks.iter().flat_map(|chunk| &chunk.rows)
    }
}

/// Calls in chunks, in their order.
pub(crate) fn chunks_of(rows: Vec<Row>) -> Vec<Vec<Row>> {
    if rows.len() <= CHUNK_CALLS && rows.iter().map(Row::memory_bytes).sum::<usize>() <= CHUNK_BYTES
    {
        return if rows.is_empty() { Vec::new() } else { vec![rows] };
    }
    let (mut chunks, mut chunk, mut bytes) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        if !chunk.is_empty()
            && (chunk.len() == CHUNK_CALLS || bytes + row.memory_bytes() > CHUNK_BYTES)
        {
            chunks.push(std::mem::take(&mut chunk));
            bytes = 0;
        }
        bytes += row.memory_bytes();
        chunk.push(row);
    }
    chunks.push(chunk);
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::numbered;

    #[test]
    fn chunks_are_small_and_hold_all() {
        let rows: Vec<_> = (0..1000).map(numbered).collect();
        let chunks = chunks_of(rows.clone());
        assert!(chunks.iter().all(|chunk| (1..=CHUNK_CALLS).contains(&chunk.len())));
        assert_eq!(chunks.concat(), rows);
        assert!(chunks_of(Vec::new()).is_empty());
    }
}
