//! A call in columns as a record of the query language, where the columns say all that is asked.

use arrow_array::{
    Array, Int64Array, RecordBatch, TimestampNanosecondArray,
    cast::AsArray,
    types::{Int64Type, TimestampNanosecondType},
};
use filter::{Column, Condition, Fact, Record, Value};

use crate::{
    batch::{Texts, Words},
    columns,
};

/// The calls of a batch, asked by a condition.
pub(crate) struct Judge<'b> {
    condition: &'b Condition,
    values: Vec<(Column, Values<'b>)>,
    /// What was said of each combination of words, if these decide alone.
    said: Option<(Grid<'b>, Vec<Option<bool>>)>,
}

/// A column.
enum Values<'b> {
    Times(&'b TimestampNanosecondArray),
    Numbers(&'b Int64Array),
    Spans(&'b Int64Array),
    Texts(Texts<'b>),
    /// Texts that are asked for as numbers.
    Codes(Texts<'b>),
}

/// One call of a batch.
struct Lean<'j> {
    values: &'j [(Column, Values<'j>)],
    at: usize,
}

/// Columns of words, whose combinations are numbered.
pub(crate) struct Grid<'b>(Vec<Words<'b>>);

/// Combinations that a table is made for.
const COMBINATIONS_MAX: usize = 1 << 16;

// === impl Judge ===

impl<'b> Judge<'b> {
    pub(crate) fn new(condition: &'b Condition, batch: &'b RecordBatch) -> Self {
        let values: Vec<_> = condition
            .columns()
            .iter()
            .filter_map(|column| Some((*column, Values::of(*column, batch)?)))
            .collect();
        let words = values.iter().map(|(_, values)| values.words()).collect();
        let said = Grid::of(words).map(|grid| (vec![None; grid.end()], grid));
        Self { condition, values, said: said.map(|(said, grid)| (grid, said)) }
    }

    pub(crate) fn holds(&mut self, at: usize) -> bool {
        let lean = Lean { values: &self.values, at };
        let Some((grid, said)) = &mut self.said else { return self.condition.holds(&lean) };
        match said.get_mut(grid.number(at)) {
            Some(said) => *said.get_or_insert_with(|| self.condition.holds(&lean)),
            None => self.condition.holds(&lean),
        }
    }
}

// === impl Values ===

impl<'b> Values<'b> {
    fn of(column: Column, batch: &'b RecordBatch) -> Option<Self> {
        if column == Column::Call(Fact::StatusNumber) {
            return Texts::of(batch.column_by_name("status_code")?).map(Self::Codes);
        }
        let array = batch.column_by_name(columns::of(column)?.name)?;
        if let Some(times) = array.as_primitive_opt::<TimestampNanosecondType>() {
            return Some(Self::Times(times));
        }
        let is_span = column == Column::Call(Fact::Duration);
        match array.as_primitive_opt::<Int64Type>() {
            Some(spans) if is_span => Some(Self::Spans(spans)),
            Some(numbers) => Some(Self::Numbers(numbers)),
            None => Texts::of(array).map(Self::Texts),
        }
    }

    fn words(&self) -> Option<Words<'b>> {
        match self {
            Self::Texts(texts) | Self::Codes(texts) => texts.words(),
            Self::Times(_) | Self::Numbers(_) | Self::Spans(_) => None,
        }
    }
}

// === impl Lean ===

impl Record for Lean<'_> {
    fn value(&self, column: Column) -> Value<'_> {
        let number =
            |numbers: &Int64Array| numbers.is_valid(self.at).then(|| numbers.value(self.at));
        let Some((_, values)) = self.values.iter().find(|(of, _)| *of == column) else {
            return Value::Missing;
        };
        match values {
            Values::Times(times) => Value::Time(times.value(self.at)),
            Values::Numbers(numbers) => number(numbers).map_or(Value::Missing, Value::Int),
            Values::Spans(spans) => number(spans).map_or(Value::Missing, Value::Duration),
            Values::Texts(texts) => texts.get(self.at).map_or(Value::Missing, Value::from),
            Values::Codes(texts) => {
                let code = texts.get(self.at).and_then(|code| code.parse().ok());
                code.map_or(Value::Missing, Value::Int)
            }
        }
    }

    fn each(&self, _: Column, _: &mut dyn FnMut(&str, Value<'_>) -> bool) {}

    fn entry(&self, _: Column, _: &str) -> Value<'_> {
        Value::Missing
    }
}

// === impl Grid ===

impl<'b> Grid<'b> {
    /// Nothing if a column has no words, or there are too many combinations.
    pub(crate) fn of(words: Option<Vec<Words<'b>>>) -> Option<Self> {
        let words = words?;
        let product = |end: usize, words: &Words<'_>| end.checked_mul(words.end() + 1);
        let end = words.iter().try_fold(1, product)?;
        (end <= COMBINATIONS_MAX).then_some(Self(words))
    }

    /// Greater than all numbers.
    pub(crate) fn end(&self) -> usize {
        self.0.iter().map(|words| words.end() + 1).product()
    }

    /// The number of a call's combination.
    pub(crate) fn number(&self, at: usize) -> usize {
        let place = |words: &Words<'_>| words.number(at).map_or(0, |number| number + 1);
        self.0.iter().fold(0, |number, words| number * (words.end() + 1) + place(words))
    }
}
