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
    said: Option<(Grid, Vec<Option<bool>>)>,
}

/// A column.
enum Values<'b> {
    Times(&'b TimestampNanosecondArray),
    Numbers(&'b Int64Array),
    Spans(&'b Int64Array),
    /// Durations that are asked for as steps.
    Steps(&'b Int64Array),
    Texts(Texts<'b>),
    /// Texts that are asked for as numbers.
    Codes(Texts<'b>),
}

/// One call of a batch.
struct Lean<'j> {
    values: &'j [(Column, Values<'j>)],
    at: usize,
}

/// A column of few different values.
pub(crate) enum Axis<'b> {
    Words(Words<'b>),
    /// Durations, by their steps.
    Steps(&'b Int64Array),
}

/// The number of each call's combination of values.
pub(crate) struct Grid {
    numbers: Vec<u32>,
    end: usize,
}

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
        let axes = values.iter().map(|(_, values)| values.axis()).collect();
        let said = Grid::of(axes, batch.num_rows()).map(|grid| (vec![None; grid.end()], grid));
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
        if column == Column::Call(Fact::DurationStep) {
            return batch.column_by_name("duration_ns")?.as_primitive_opt().map(Self::Steps);
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

    fn axis(&self) -> Option<Axis<'b>> {
        match self {
            Self::Texts(texts) | Self::Codes(texts) => texts.words().map(Axis::Words),
            Self::Steps(spans) => Some(Axis::Steps(spans)),
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
            Values::Steps(spans) => {
                number(spans).map_or(Value::Missing, |ns| Value::Duration(filter::step(ns)))
            }
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

// === impl Axis ===

impl Axis<'_> {
    /// Greater than all numbers; 0 stands for no value.
    fn end(&self) -> usize {
        match self {
            Self::Words(words) => words.end() + 1,
            Self::Steps(_) => filter::STEPS + 1,
        }
    }

    /// Goes on with the numbers of combinations.
    fn number_all(&self, numbers: &mut [u32]) {
        let base = u32::try_from(self.end()).unwrap_or(u32::MAX);
        match self {
            Self::Words(words) => words.number_all(base, numbers),
            Self::Steps(spans) => {
                for (number, ns) in numbers.iter_mut().zip(spans.iter()) {
                    let step = ns.map_or(0, |ns| filter::step_number(ns) + 1);
                    *number = *number * base + u32::try_from(step).unwrap_or(0);
                }
            }
        }
    }
}

// === impl Grid ===

impl Grid {
    /// Of so many calls. Nothing if a column has too many values, or there are too many combinations.
    pub(crate) fn of(axes: Option<Vec<Axis<'_>>>, calls: usize) -> Option<Self> {
        let axes = axes?;
        let product = |end: usize, axis: &Axis<'_>| end.checked_mul(axis.end());
        let end = axes.iter().try_fold(1, product).filter(|end| *end <= COMBINATIONS_MAX)?;
        let mut numbers = vec![0; calls];
        // Column by column: one after the other is read in a straight line.
        axes.iter().for_each(|axis| axis.number_all(&mut numbers));
        Some(Self { numbers, end })
    }

    /// Greater than all numbers.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// The number of a call's combination.
    pub(crate) fn number(&self, at: usize) -> usize {
        self.numbers.get(at).map_or(0, |number| *number as usize)
    }
}
