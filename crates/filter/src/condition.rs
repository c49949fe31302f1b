//! An expression, compiled.

use model::Timestamp;

use crate::{
    Column, Columns, Fault, Need, Record,
    compile::compile,
    context::{Context, Steps},
    derive,
    parse::parse,
    test::Test,
};

/// An expression that is true or false of a record.
#[derive(Clone, Debug)]
pub struct Condition {
    test: Test,
    columns: Vec<Column>,
    need: Need,
}

// === impl Condition ===

impl Condition {
    /// Compiles `text`; `now` is what `now()` says. An empty text holds for every record.
    ///
    /// # Errors
    /// When the text is not an expression, or not one that is true or false.
    pub fn compile(text: &str, columns: &Columns, now: Timestamp) -> Result<Self, Fault> {
        let now = i64::try_from(now.0).unwrap_or(i64::MAX);
        let Some(node) = parse(text)? else {
            let (test, need) = (Test::Constant(true), Need::Anything);
            return Ok(Self { test, columns: Vec::new(), need });
        };
        let compiled = compile(&node, columns, now)?;
        let need = derive::need(&compiled.test);
        Ok(Self { columns: compiled.columns.into_iter().collect(), need, test: compiled.test })
    }

    /// Whether it is true of this record.
    #[must_use]
    pub fn holds(&self, record: &dyn Record) -> bool {
        let steps = Steps::default();
        self.test.holds(Context::new(record, &steps))
    }

    /// The columns that it may ask for, each once, in their order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// What every record for which it holds fulfils.
    #[must_use]
    pub fn necessary(&self) -> &Need {
        &self.need
    }
}
