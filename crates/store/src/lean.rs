//! A call in columns as a record of the query language, where the columns say all that is asked.

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Int64Type, TimestampNanosecondType},
};
use filter::{Column, Fact, Record, Value};

use crate::{
    batch::Texts,
    columns::{self, What},
};

/// One call of a batch.
pub(crate) struct Lean<'b> {
    batch: &'b RecordBatch,
    at: usize,
}

// === impl Lean ===

impl<'b> Lean<'b> {
    pub(crate) fn new(batch: &'b RecordBatch, at: usize) -> Self {
        Self { batch, at }
    }

    fn text(&self, name: &str) -> Option<&'b str> {
        Texts::of(self.batch.column_by_name(name)?)?.get(self.at)
    }
}

impl Record for Lean<'_> {
    fn value(&self, column: Column) -> Value<'_> {
        if column == Column::Call(Fact::StatusNumber) {
            let code = self.text("status_code").and_then(|code| code.parse::<i64>().ok());
            return code.map_or(Value::Missing, Value::Int);
        }
        let Some(stored) = columns::of(column) else { return Value::Missing };
        let Some(array) = self.batch.column_by_name(stored.name) else { return Value::Missing };
        if array.is_null(self.at) {
            return Value::Missing;
        }
        match stored.what {
            What::Time => {
                let times = array.as_primitive_opt::<TimestampNanosecondType>();
                times.map_or(Value::Missing, |times| Value::Time(times.value(self.at)))
            }
            What::Number(_) => {
                let numbers = array.as_primitive_opt::<Int64Type>();
                let number = numbers.map(|numbers| numbers.value(self.at));
                let is_span = column == Column::Call(Fact::Duration);
                number.map_or(Value::Missing, if is_span { Value::Duration } else { Value::Int })
            }
            _ => self.text(stored.name).map_or(Value::Missing, Value::from),
        }
    }

    fn each(&self, _: Column, _: &mut dyn FnMut(&str, Value<'_>) -> bool) {}

    fn entry(&self, _: Column, _: &str) -> Value<'_> {
        Value::Missing
    }
}
