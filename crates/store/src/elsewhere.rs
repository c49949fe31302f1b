//! For engines elsewhere that keep calls in the same columns: what the columns are, the cells of a call,
//! and calls found and counted from cells as the store does it from files.

use std::{borrow::Cow, ops::RangeInclusive, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch, RecordBatchOptions, TimestampNanosecondArray,
    builder::{Int64Builder, StringBuilder},
};
use arrow_schema::Schema;
use filter::{Column, Columns, Literal, Need};

use crate::{
    Aggregate, Key, Malformed, Measure, Order, Place, Row, Scan, Searched, Select, StoreError,
    Table, batch,
    columns::{self, STORED, Stored, What},
    group::Window,
    scan::kept,
    sieve::Sieve,
    tally::{self, Tally},
    test::{Test, pieces_at},
};

/// A column that calls are kept in (`docs/STORE.md`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kept {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub kind: Kind,
    /// Whether calls may have nothing in it.
    pub is_optional: bool,
}

/// What is in a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Nanoseconds since 1970, UTC.
    Time,
    /// A whole number.
    Number,
    /// A text of few different values.
    Word,
    /// A text of many different values.
    Text,
    /// JSON.
    Json,
}

/// What a call has in a column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Held<'r> {
    /// Nothing.
    Missing,
    /// A number, or nanoseconds since 1970.
    Number(i64),
    /// A text.
    Text(Cow<'r, str>),
}

/// Cells of calls, in some of the columns.
#[derive(Debug)]
pub struct Cells {
    columns: Vec<usize>,
    built: Vec<Built>,
    calls: usize,
}

#[derive(Debug)]
enum Built {
    Numbers(Int64Builder),
    Times(Vec<i64>),
    Texts(StringBuilder),
}

/// A list that is looked for elsewhere: which columns are to be read of which calls, and which of these are
/// meant.
#[derive(Debug)]
pub struct Look {
    test: Test,
    window: Window,
    order: Order,
    select: Select,
    columns: Vec<usize>,
}

/// Figures over calls that are read elsewhere.
pub struct Counting<'q> {
    question: &'q Aggregate,
    test: Test,
    window: Window,
    tally: Tally<'q>,
    columns: Vec<usize>,
    /// Whether columns alone tell all; else calls are put together.
    is_lean: bool,
    searched: Searched,
}

/// The columns, in their order.
#[must_use]
pub fn kept_columns() -> Vec<Kept> {
    STORED.iter().map(Kept::of).collect()
}

/// The column that has what this column of the query language has, if a comparison with this literal, or any,
/// can be made there.
#[must_use]
pub fn kept_column(column: Column, literal: Option<&Literal>) -> Option<Kept> {
    let stored = columns::of(column)?;
    let fits = literal.is_none_or(|literal| crate::need::is_comparable(stored, literal));
    fits.then(|| Kept::of(stored))
}

// === impl Kept ===

impl Kept {
    fn of(stored: &Stored) -> Self {
        let kind = match stored.what {
            What::Time => Kind::Time,
            What::Number(_) => Kind::Number,
            What::Word(_) | What::Template | What::ServerName => Kind::Word,
            What::Text(_) => Kind::Text,
            What::Rest | What::Piece(_) => Kind::Json,
        };
        Self { name: stored.name, kind, is_optional: stored.is_optional() }
    }
}

// === impl Row ===

impl Row {
    /// What it has in each column, in their order.
    pub fn held(&self) -> impl Iterator<Item = Held<'_>> {
        let number = |number: Option<i64>| number.map_or(Held::Missing, Held::Number);
        let text = |text: Option<Cow<'_, str>>| -> Held<'_> {
            match text {
                // Not of the same lifetime otherwise.
                Some(text) => Held::Text(Cow::Owned(text.into_owned())),
                None => Held::Missing,
            }
        };
        STORED.iter().map(move |stored| match stored.what {
            What::Time => Held::Number(self.time_ns()),
            What::Number(of) => number(of(self.numbers())),
            What::Word(part) | What::Text(part) | What::Piece(part) => text(self.get(part)),
            What::Template => text(self.endpoint_template()),
            What::ServerName => text(self.server_name()),
            What::Rest => Held::Text(Cow::Owned(batch::rest(self))),
        })
    }
}

// === impl Cells ===

impl Cells {
    fn new(columns: &[usize]) -> Self {
        let built = columns.iter().filter_map(|at| STORED.get(*at)).map(Built::of).collect();
        Self { columns: columns.to_vec(), built, calls: 0 }
    }

    /// The columns whose cells are pushed, in their order.
    #[must_use]
    pub fn columns(&self) -> Vec<Kept> {
        self.columns.iter().filter_map(|at| STORED.get(*at)).map(Kept::of).collect()
    }

    /// Calls that are in it.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// The cell of the column at this place, of the call that is under way. A cell that is not of the column's
    /// kind is missing.
    pub fn push(&mut self, at: usize, cell: &Held<'_>) {
        match (self.built.get_mut(at), cell) {
            (Some(Built::Times(times)), Held::Number(ns)) => times.push(*ns),
            (Some(Built::Times(times)), _) => times.push(0),
            (Some(Built::Numbers(numbers)), Held::Number(number)) => numbers.append_value(*number),
            (Some(Built::Numbers(numbers)), _) => numbers.append_null(),
            (Some(Built::Texts(texts)), Held::Text(text)) => texts.append_value(text),
            (Some(Built::Texts(texts)), _) => texts.append_null(),
            (None, _) => {}
        }
    }

    /// The call has all its cells.
    pub fn end_call(&mut self) {
        self.calls += 1;
    }

    /// The calls, and it is empty again.
    fn take(&mut self) -> Result<RecordBatch, Malformed> {
        let whole = columns::schema();
        let fields = self.columns.iter().filter_map(|at| whole.fields().get(*at).cloned());
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let arrays: Vec<ArrayRef> = self.built.iter_mut().map(Built::finish).collect();
        let calls = std::mem::take(&mut self.calls);
        let options = RecordBatchOptions::new().with_row_count(Some(calls));
        RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
            .map_err(|_| Malformed { at: 0 })
    }
}

// === impl Built ===

impl Built {
    fn of(stored: &Stored) -> Self {
        match stored.what {
            What::Time => Self::Times(Vec::new()),
            What::Number(_) => Self::Numbers(Int64Builder::new()),
            _ => Self::Texts(StringBuilder::new()),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Times(times) => {
                let times = TimestampNanosecondArray::from(std::mem::take(times));
                Arc::new(times.with_timezone("UTC"))
            }
            Self::Numbers(numbers) => Arc::new(numbers.finish()),
            Self::Texts(texts) => Arc::new(texts.finish()),
        }
    }
}

// === impl Look ===

impl Look {
    /// For a list.
    #[must_use]
    pub fn of(scan: &Scan) -> Self {
        let test = Test::of(scan.condition.as_ref());
        Self::new(test, Window::new(scan), scan.order, scan.select)
    }

    /// For one call.
    #[must_use]
    pub fn of_key(key: &Key) -> Self {
        let moment = |ns: i64| u64::try_from(ns).ok().map(model::Timestamp);
        let (from, to) = (moment(key.time_ns), moment(key.time_ns.saturating_add(1)));
        let window = Window::between(from, to);
        Self::new(Test::id(&key.id), window, Order::default(), Select::Whole)
    }

    /// For calls with this id.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        let window = Window::between(None, None);
        Self::new(Test::id(id), window, Order::default(), Select::Whole)
    }

    fn new(test: Test, window: Window, order: Order, select: Select) -> Self {
        let mut columns = test.row_columns();
        columns.extend(pieces_at(kept(select)));
        columns.sort_unstable();
        columns.dedup();
        Self { test, window, order, select, columns }
    }

    /// What calls that are meant have in common.
    #[must_use]
    pub fn need(&self) -> &Need {
        self.test.need()
    }

    /// The first and the last moment at which they began.
    #[must_use]
    pub fn times(&self) -> RangeInclusive<i64> {
        self.window.times()
    }

    /// Where the cells of calls go that may be meant.
    #[must_use]
    pub fn cells(&self) -> Cells {
        Cells::new(&self.columns)
    }

    /// The calls among these that are meant, in their order, with as much of each as was asked for; and the
    /// keys of all of them.
    ///
    /// # Errors
    /// When cells don't make calls.
    pub fn found(&self, cells: &mut Cells, columns: &Columns) -> Result<Found, Malformed> {
        let rows = batch::to_rows(&cells.take()?)?;
        let last = rows.last().and_then(|row| Place::of(row, self.order));
        let calls = rows.len() as u64;
        let meant = rows.into_iter().filter(|row| {
            self.order.value(row).is_some() && self.window.has(row) && self.test.holds(row, columns)
        });
        let rows = meant.map(|row| row.selected(self.select)).collect();
        Ok(Found { rows, last, calls })
    }
}

/// What became of cells.
#[derive(Debug)]
pub struct Found {
    /// Calls that are meant.
    pub rows: Vec<Row>,
    /// Where the last one is, meant or not.
    pub last: Option<Place>,
    /// How many there were.
    pub calls: u64,
}

// === impl Counting ===

impl<'q> Counting<'q> {
    /// For these figures, in so many bytes of memory.
    #[must_use]
    pub fn of(question: &'q Aggregate, bytes_max: usize) -> Self {
        let test = Test::of(question.condition.as_ref());
        let window = Window::between(question.from, question.to);
        let (mut columns, is_lean) = match (tally::columns(question), test.deciding()) {
            (Some(mut told), Some(deciding)) => {
                told.extend(deciding);
                told.extend(columns::place("time"));
                crate::need::columns(test.need(), &mut told);
                (told, true)
            }
            _ => {
                let mut columns = test.row_columns();
                columns.extend(question.by.iter().flat_map(tally::row_columns));
                (columns, false)
            }
        };
        columns.sort_unstable();
        columns.dedup();
        let tally = Tally::new(question, bytes_max);
        let searched = Searched { complete: true, ..Searched::default() };
        Self { question, test, window, tally, columns, is_lean, searched }
    }

    /// What calls that are meant have in common.
    #[must_use]
    pub fn need(&self) -> &Need {
        self.test.need()
    }

    /// The columns that groups are told by, if all that is asked can be counted elsewhere, from the need and
    /// columns alone: no quantiles.
    #[must_use]
    pub fn groups(&self) -> Option<Vec<Kept>> {
        let is_enough = self.test.condition().is_none_or(|condition| condition.need_is_enough());
        let quantiles = [Measure::P50, Measure::P90, Measure::P95, Measure::P99];
        if !is_enough || self.question.show.iter().any(|measure| quantiles.contains(measure)) {
            return None;
        }
        let by = self.question.by.iter();
        by.map(|by| columns::of(by.column())).map(|stored| stored.map(Kept::of)).collect()
    }

    /// The first and the last moment at which they began.
    #[must_use]
    pub fn times(&self) -> RangeInclusive<i64> {
        self.window.times()
    }

    /// Where the cells of calls go that may be meant.
    #[must_use]
    pub fn cells(&self) -> Cells {
        Cells::new(&self.columns)
    }

    /// Counts those of these calls that are meant.
    ///
    /// # Errors
    /// When cells don't make calls, the question is to be stopped, or memory is full.
    pub fn add(&mut self, cells: &mut Cells, columns: &Columns) -> Result<(), StoreError> {
        if self.question.stop.is_due() {
            return Err(StoreError::Stopped);
        }
        let malformed = |error: Malformed| StoreError::Elsewhere(error.to_string());
        let batch = cells.take().map_err(malformed)?;
        self.searched.calls += batch.num_rows() as u64;
        if self.is_lean {
            let sieve = Sieve::new(&self.test, Some(&self.window));
            self.tally.add_batch(&batch, &sieve.sift(&batch));
        } else {
            for row in batch::to_rows(&batch).map_err(malformed)? {
                if self.window.has(&row) && self.test.holds(&row, columns) {
                    self.tally.add_row(&row, columns);
                }
            }
        }
        self.tally.check()
    }

    /// The answer; `times` are those of the first and the last call of all, meant or not, in nanoseconds
    /// since 1970.
    #[must_use]
    pub fn table(self, times: Option<(i64, i64)>) -> Table {
        self.tally.table(self.searched, times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::{LINE, numbered};

    fn cells_of(rows: &[Row], mut cells: Cells) -> Cells {
        let places: Vec<usize> = cells.columns.clone();
        for row in rows {
            let held: Vec<_> = row.held().collect();
            for (at, place) in places.iter().enumerate() {
                cells.push(at, &held[*place]);
            }
            cells.end_call();
        }
        cells
    }

    #[test]
    fn a_call_comes_back_from_its_cells_byte_for_byte() {
        let rows = [Row::of_line(LINE).unwrap(), numbered(3)];
        let look = Look::of(&Scan::default());
        let mut cells = cells_of(&rows, look.cells());
        let found = look.found(&mut cells, &Columns::new(&[])).unwrap();
        assert_eq!((found.rows, found.calls), (rows.to_vec(), 2));
        assert_eq!(found.last.map(|last| last.key), Some(rows[1].key()));
    }

    #[test]
    fn figures_of_cells_are_figures_of_calls() {
        let rows: Vec<Row> = (0..20).map(numbered).collect();
        let question = Aggregate::default();
        let mut sum = Counting::of(&question, 1 << 20);
        let mut cells = cells_of(&rows, sum.cells());
        sum.add(&mut cells, &Columns::new(&[])).unwrap();
        assert_eq!(sum.table(None).rows, [[crate::Cell::Int(20)]]);
    }

    #[test]
    fn columns_say_what_is_in_them() {
        let kept = kept_columns();
        let of = |name: &str| *kept.iter().find(|kept| kept.name == name).unwrap();
        assert_eq!((of("time").kind, of("time").is_optional), (Kind::Time, false));
        assert_eq!((of("method").kind, of("method").is_optional), (Kind::Word, true));
        assert_eq!((of("src_port").kind, of("request_body").kind), (Kind::Number, Kind::Json));
    }
}
