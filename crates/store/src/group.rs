//! One row group of a file: which of its calls are meant, by the fewest columns that can say so; then
//! these calls as rows.

use std::ops::{Range, RangeInclusive};

use model::Timestamp;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection},
    },
    file::statistics::Statistics,
};

use crate::{
    Key, Order, Row, Scan, Store, batch, columns, engine::Unread, segment::Segment, sieve::Sieve,
    test::Test,
};

/// A row group.
pub(crate) struct Group<'s> {
    pub(crate) store: &'s Store,
    pub(crate) file: &'s Segment,
    pub(crate) number: usize,
}

/// Which times are meant, and behind which call.
pub(crate) struct Window {
    from_ns: i64,
    /// The last one.
    to_ns: i64,
    after: Option<Key>,
    order: Order,
}

/// Calls whose columns are looked at together.
const BATCH_CALLS: usize = 8 << 10;

// === impl Window ===

impl Window {
    pub(crate) fn new(scan: &Scan) -> Self {
        let ns = |moment: Timestamp| i64::try_from(moment.0).unwrap_or(i64::MAX);
        let mut window = Self {
            from_ns: scan.from.map_or(i64::MIN, ns),
            to_ns: scan.to.map_or(i64::MAX, |to| ns(to).saturating_sub(1)),
            after: scan.after.clone(),
            order: scan.order,
        };
        if let Some(after) = &window.after {
            match scan.order {
                Order::NewestFirst => window.to_ns = window.to_ns.min(after.time_ns),
                Order::OldestFirst => window.from_ns = window.from_ns.max(after.time_ns),
            }
        }
        window
    }

    /// All calls from one moment to before another.
    pub(crate) fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        Self::new(&Scan { from, to, ..Scan::default() })
    }

    pub(crate) fn may_have(&self, times: RangeInclusive<i64>) -> bool {
        *times.end() >= self.from_ns && *times.start() <= self.to_ns
    }

    /// Whether all times are meant.
    fn has_all(&self, times: &RangeInclusive<i64>) -> bool {
        *times.start() >= self.from_ns && *times.end() <= self.to_ns
    }

    pub(crate) fn has_time(&self, ns: i64) -> bool {
        (self.from_ns..=self.to_ns).contains(&ns)
    }

    pub(crate) fn has(&self, row: &Row) -> bool {
        if !self.has_time(row.time_ns()) {
            return false;
        }
        let Some(after) = &self.after else { return true };
        let (this, after) = ((row.time_ns(), row.raw_id()), (after.time_ns, after.id.as_str()));
        match self.order {
            Order::NewestFirst => this < after,
            Order::OldestFirst => this > after,
        }
    }
}

// === impl Group ===

impl Group<'_> {
    /// When its first and its last call began.
    pub(crate) fn times(
        file: &ParquetRecordBatchReaderBuilder<std::fs::File>,
        number: usize,
    ) -> Option<RangeInclusive<i64>> {
        let column = columns::place("time")?;
        match file.metadata().row_group(number).columns().get(column)?.statistics()? {
            Statistics::Int64(times) => Some(*times.min_opt()?..=*times.max_opt()?),
            _ => None,
        }
    }

    /// What is to be asked of its columns.
    pub(crate) fn sieve<'t>(
        &self,
        test: &'t Test,
        window: &'t Window,
    ) -> Result<Sieve<'t>, Unread> {
        let opened = self.store.engine.open(self.file)?;
        let times = Self::times(&opened, self.number);
        let is_clipped = times.is_none_or(|times| !window.has_all(&times));
        Ok(Sieve::new(test, is_clipped.then_some(window)))
    }

    /// The places of calls that may be meant, in the order of time, and how many were looked at. If
    /// columns decide the condition, only calls that are meant.
    pub(crate) fn places(&self, sieve: &Sieve<'_>) -> Result<(Vec<usize>, u64), Unread> {
        let calls = self.calls()?;
        if sieve.columns.is_empty() {
            return Ok(((0..calls).collect(), calls as u64));
        }
        let (mut places, mut begin) = (Vec::new(), 0);
        for batch in self.batches(&sieve.columns, BATCH_CALLS)? {
            let batch = batch.map_err(|_| Unread::Damaged)?;
            places.extend(sieve.sift(&batch).into_iter().map(|at| begin + at));
            begin += batch.num_rows();
        }
        Ok((places, calls as u64))
    }

    /// Its calls in these columns.
    pub(crate) fn batches(
        &self,
        columns: &[usize],
        calls: usize,
    ) -> Result<ParquetRecordBatchReader, Unread> {
        let opened = self.store.engine.open(self.file)?;
        let mask = mask(&opened, columns);
        let opened = opened.with_row_groups(vec![self.number]).with_projection(mask);
        Ok(opened.with_batch_size(calls).build()?)
    }

    fn calls(&self) -> Result<usize, Unread> {
        let opened = self.store.engine.open(self.file)?;
        let calls = opened.metadata().row_group(self.number).num_rows();
        Ok(usize::try_from(calls).unwrap_or_default())
    }

    /// The calls at these places, which are in order.
    pub(crate) fn rows(&self, places: &[usize], columns: &[usize]) -> Result<Vec<Row>, Unread> {
        let opened = self.store.engine.open(self.file)?;
        let calls = opened.metadata().row_group(self.number).num_rows();
        let calls = usize::try_from(calls).unwrap_or_default();
        let selection = RowSelection::from_consecutive_ranges(runs(places).into_iter(), calls);
        let mask = mask(&opened, columns);
        let reader = opened
            .with_row_groups(vec![self.number])
            .with_projection(mask)
            .with_row_selection(selection)
            .with_batch_size(BATCH_CALLS)
            .build()?;
        let mut rows = Vec::with_capacity(places.len());
        for batch in reader {
            let batch = batch.map_err(|_| Unread::Damaged)?;
            rows.extend(batch::to_rows(&batch).map_err(|_| Unread::Damaged)?);
        }
        Ok(rows)
    }
}

/// These columns, as far as the file has them.
fn mask(
    file: &ParquetRecordBatchReaderBuilder<std::fs::File>,
    columns: &[usize],
) -> ProjectionMask {
    let schema = file.parquet_schema();
    let columns = columns.iter().copied().filter(|at| *at < schema.num_columns());
    ProjectionMask::leaves(schema, columns)
}

/// Places that follow each other, as ranges.
fn runs(places: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some(run) if run.end == *place => run.end += 1,
            _ => runs.push(*place..*place + 1),
        }
    }
    runs
}
