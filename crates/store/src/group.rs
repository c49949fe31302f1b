//! One row group of a file: which of its calls are meant, by the fewest columns that can say so; then
//! these calls as rows.

use std::{
    cmp::Reverse,
    ops::{Range, RangeInclusive},
};

use arrow_array::{Array, cast::AsArray, types::Int64Type};
use model::Timestamp;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection},
    },
    file::statistics::Statistics,
};

use crate::{
    Amount, Order, Row, Scan, Store, batch, columns, engine::Unread, order::Place,
    segment::Segment, sieve::Sieve, test::Test,
};

/// A row group.
pub(crate) struct Group<'s> {
    pub(crate) store: &'s Store,
    pub(crate) file: &'s Segment,
    pub(crate) number: usize,
}

/// Which times are meant, and behind which call.
#[derive(Debug)]
pub(crate) struct Window {
    from_ns: i64,
    /// The last one.
    to_ns: i64,
    after: Option<Place>,
    order: Order,
}

/// Calls whose columns are looked at together.
const BATCH_CALLS: usize = 8 << 10;

// === impl Window ===

impl Window {
    /// The calls that a scan means, behind this place.
    pub(crate) fn new(scan: &Scan) -> Self {
        let after = scan.after.clone();
        let mut window = Self { after, order: scan.order, ..Self::between(scan.from, scan.to) };
        if let Some(after) = &window.after {
            match scan.order {
                Order::NewestFirst => window.to_ns = window.to_ns.min(after.key.time_ns),
                Order::OldestFirst => window.from_ns = window.from_ns.max(after.key.time_ns),
                Order::Most(_) | Order::Least(_) => {}
            }
        }
        window
    }

    /// All calls from one moment to before another.
    pub(crate) fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        let ns = |moment: Timestamp| i64::try_from(moment.0).unwrap_or(i64::MAX);
        Self {
            from_ns: from.map_or(i64::MIN, ns),
            to_ns: to.map_or(i64::MAX, |to| ns(to).saturating_sub(1)),
            after: None,
            order: Order::default(),
        }
    }

    /// The first and the last one.
    pub(crate) fn times(&self) -> RangeInclusive<i64> {
        self.from_ns..=self.to_ns
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
        self.has_time(row.time_ns())
            && self.after.as_ref().is_none_or(|after| self.order.is_behind(row, after))
    }

    /// Whether a call with this value may be behind the one that is gone on from.
    fn has_value(&self, value: i64) -> bool {
        self.after.as_ref().is_none_or(|after| !self.order.is_before(value, after.value))
    }
}

// === impl Group ===

impl Group<'_> {
    /// When its first and its last call began.
    pub(crate) fn times(
        file: &ParquetRecordBatchReaderBuilder<std::fs::File>,
        number: usize,
    ) -> Option<RangeInclusive<i64>> {
        Self::range(file, number, "time")
    }

    /// The least and the greatest number in a column.
    pub(crate) fn range(
        file: &ParquetRecordBatchReaderBuilder<std::fs::File>,
        number: usize,
        name: &str,
    ) -> Option<RangeInclusive<i64>> {
        let column = columns::place(name)?;
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

    /// Of these places those whose calls have an amount, the best first, as far as they are in the window
    /// and not worse than `least`.
    pub(crate) fn best(
        &self,
        places: &[usize],
        amount: Amount,
        window: &Window,
        least: Option<i64>,
    ) -> Result<Vec<usize>, Unread> {
        let Some(column) = columns::place(amount.stored_name()) else { return Ok(Vec::new()) };
        let order = window.order;
        let is_meant = |value: i64| {
            window.has_value(value) && least.is_none_or(|least| !order.is_before(least, value))
        };
        let (mut best, mut begin, mut next) = (Vec::new(), 0, places.iter().copied().peekable());
        for batch in self.batches(&[column], BATCH_CALLS)? {
            let batch = batch.map_err(|_| Unread::Damaged)?;
            let values = batch.column(0).as_primitive_opt::<Int64Type>().ok_or(Unread::Damaged)?;
            while let Some(place) = next.next_if(|place| *place < begin + values.len()) {
                let at = place - begin;
                if values.is_valid(at) && is_meant(values.value(at)) {
                    best.push((values.value(at), place));
                }
            }
            begin += values.len();
        }
        // Of equal ones the latest: files are in the order of time.
        best.sort_unstable_by_key(|(value, place)| {
            let value = i128::from(*value);
            (if order.is_falling() { -value } else { value }, Reverse(*place))
        });
        Ok(best.into_iter().map(|(_, place)| place).collect())
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

    pub(crate) fn calls(&self) -> Result<usize, Unread> {
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
