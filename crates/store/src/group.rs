//! One row group of a file: which of its calls are meant, by the fewest columns that can say so; then
//! these calls as rows.

use std::{
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    datatypes::TimestampNanosecondType,
};
use datafusion::{common::DFSchema, physical_expr::PhysicalExpr, prelude::SessionContext};
use model::Timestamp;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection},
    },
    file::statistics::Statistics,
};

use crate::{
    Key, Order, Row, Scan, Store, StoreError, batch, columns, engine::Unread, lean::Lean, need,
    segment::Segment, test::Test,
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

    pub(crate) fn may_have(&self, times: RangeInclusive<i64>) -> bool {
        *times.end() >= self.from_ns && *times.start() <= self.to_ns
    }

    /// Whether all times are meant.
    fn has_all(&self, times: &RangeInclusive<i64>) -> bool {
        *times.start() >= self.from_ns && *times.end() <= self.to_ns
    }

    fn has_time(&self, ns: i64) -> bool {
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
        match file.metadata().row_group(number).column(column).statistics()? {
            Statistics::Int64(times) => Some(*times.min_opt()?..=*times.max_opt()?),
            _ => None,
        }
    }

    /// The places of calls that may be meant, in the order of time, and how many were looked at. If
    /// columns decide the condition, only calls that are meant.
    ///
    /// # Errors
    /// When the expression can't be run.
    pub(crate) fn places(
        &self,
        test: &Test,
        window: &Window,
    ) -> Result<Result<(Vec<usize>, u64), Unread>, StoreError> {
        let opened = match self.store.engine.open(self.file) {
            Ok(opened) => opened,
            Err(unread) => return Ok(Err(unread)),
        };
        let calls = opened.metadata().row_group(self.number).num_rows();
        let calls = usize::try_from(calls).unwrap_or_default();
        let times = Self::times(&opened, self.number);
        let is_clipped = times.is_none_or(|times| !window.has_all(&times));
        let sieve = Sieve::new(test, is_clipped)?;
        if sieve.columns.is_empty() {
            return Ok(Ok(((0..calls).collect(), calls as u64)));
        }
        let mask = ProjectionMask::leaves(opened.parquet_schema(), sieve.columns.iter().copied());
        let reader = opened
            .with_row_groups(vec![self.number])
            .with_projection(mask)
            .with_batch_size(BATCH_CALLS)
            .build();
        let Ok(reader) = reader else { return Ok(Err(Unread::Damaged)) };
        let (mut places, mut begin) = (Vec::new(), 0);
        for batch in reader {
            let Ok(batch) = batch else { return Ok(Err(Unread::Damaged)) };
            sieve.sift(&batch, window, begin, &mut places)?;
            begin += batch.num_rows();
        }
        Ok(Ok((places, calls as u64)))
    }

    /// The calls at these places, which are in order.
    pub(crate) fn rows(&self, places: &[usize], columns: &[usize]) -> Result<Vec<Row>, Unread> {
        let opened = self.store.engine.open(self.file)?;
        let calls = opened.metadata().row_group(self.number).num_rows();
        let calls = usize::try_from(calls).unwrap_or_default();
        let selection = RowSelection::from_consecutive_ranges(runs(places).into_iter(), calls);
        let mask = ProjectionMask::leaves(opened.parquet_schema(), columns.iter().copied());
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

/// What is asked of the columns of a row group.
struct Sieve<'t> {
    test: &'t Test,
    columns: Vec<usize>,
    expression: Option<Arc<dyn PhysicalExpr>>,
    /// Whether columns alone decide the condition.
    decides: bool,
    is_clipped: bool,
}

// === impl Sieve ===

impl<'t> Sieve<'t> {
    fn new(test: &'t Test, is_clipped: bool) -> Result<Self, StoreError> {
        let failed =
            |error: datafusion::error::DataFusionError| StoreError::Query(error.to_string());
        let mut columns = Vec::new();
        let expression = need::expression(test.need());
        if expression.is_some() {
            need::columns(test.need(), &mut columns);
        }
        let deciding = test.condition().and_then(|_| test.deciding());
        columns.extend(deciding.iter().flatten());
        if is_clipped {
            columns.extend(columns::place("time"));
        }
        columns.sort_unstable();
        columns.dedup();
        let fields: Vec<_> =
            columns.iter().map(|at| columns::schema().field(*at).clone()).collect();
        let schema = DFSchema::try_from(arrow::datatypes::Schema::new(fields)).map_err(failed)?;
        let expression = expression
            .map(|expression| SessionContext::new().create_physical_expr(expression, &schema))
            .transpose()
            .map_err(failed)?;
        Ok(Self { test, columns, expression, decides: deciding.is_some(), is_clipped })
    }

    /// Adds the places of calls that may be meant; the batch's first is at `begin`.
    fn sift(
        &self,
        batch: &RecordBatch,
        window: &Window,
        begin: usize,
        places: &mut Vec<usize>,
    ) -> Result<(), StoreError> {
        let passed = self.passed(batch)?;
        let times = batch
            .column_by_name("time")
            .filter(|_| self.is_clipped)
            .and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>());
        for at in 0..batch.num_rows() {
            let passes =
                passed.as_ref().is_none_or(|passed| passed.is_valid(at) && passed.value(at));
            let in_time = times.is_none_or(|times| window.has_time(times.value(at)));
            if passes && in_time && self.is_meant(batch, at) {
                places.push(begin + at);
            }
        }
        Ok(())
    }

    fn is_meant(&self, batch: &RecordBatch, at: usize) -> bool {
        match self.test.condition() {
            Some(condition) if self.decides => condition.holds(&Lean::new(batch, at)),
            _ => true,
        }
    }

    fn passed(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>, StoreError> {
        let Some(expression) = &self.expression else { return Ok(None) };
        let value = expression.evaluate(batch).and_then(|v| v.into_array(batch.num_rows()));
        let value = value.map_err(|error| StoreError::Query(error.to_string()))?;
        Ok(value.as_boolean_opt().cloned())
    }
}
