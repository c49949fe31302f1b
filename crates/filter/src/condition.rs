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
    text: Box<str>,
    now: Timestamp,
    test: Test,
    columns: Vec<Column>,
    need: Need,
    need_is_enough: bool,
}

// === impl Condition ===

impl Condition {
    /// Compiles `text`; `now` is what `now()` says. An empty text holds for every record.
    ///
    /// # Errors
    /// When the text is not an expression, or not one that is true or false.
    pub fn compile(text: &str, columns: &Columns, now: Timestamp) -> Result<Self, Fault> {
        let now_ns = i64::try_from(now.0).unwrap_or(i64::MAX);
        let Some(node) = parse(text)? else {
            let (test, need) = (Test::Constant(true), Need::Anything);
            let text = text.into();
            return Ok(Self { text, now, test, columns: Vec::new(), need, need_is_enough: true });
        };
        let compiled = compile(&node, columns, now_ns)?;
        let (need, need_is_enough) = derive::need(&compiled.test);
        let columns = compiled.columns.into_iter().collect();
        let (text, test) = (text.into(), compiled.test);
        Ok(Self { text, now, test, columns, need, need_is_enough })
    }

    /// Whether it is true of this record.
    #[must_use]
    pub fn holds(&self, record: &dyn Record) -> bool {
        let steps = Steps::default();
        self.test.holds(Context::new(record, &steps))
    }

    /// What it was compiled from: who compiles it again at [`now`](Self::now) has the same.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What `now()` was.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The columns that it may ask for, each once, in their order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether it holds for all records that fulfil what is [necessary](Self::necessary).
    #[must_use]
    pub fn need_is_enough(&self) -> bool {
        self.need_is_enough
    }

    /// What every record for which it holds fulfils.
    #[must_use]
    pub fn necessary(&self) -> &Need {
        &self.need
    }
}
