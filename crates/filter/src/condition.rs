//! An expression, compiled.

use model::Timestamp;

use crate::{Column, Columns, Fault, Need, Record};

/// An expression that is true or false of a record.
#[derive(Clone, Debug)]
pub struct Condition {
    columns: Vec<Column>,
    need: Need,
}

// === impl Condition ===

impl Condition {
    /// Compiles `text`; `now` is what `now()` says. An empty text holds for every record.
    ///
    /// # Errors
    /// When the text is not an expression, or not one that can be true or false.
    pub fn compile(text: &str, _columns: &Columns, _now: Timestamp) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Ok(Self { columns: Vec::new(), need: Need::Anything });
        }
        Err(Fault::new(0..text.len(), "expressions are not read yet"))
    }

    /// Whether it is true of this record.
    #[must_use]
    pub fn holds(&self, _record: &dyn Record) -> bool {
        true
    }

    /// The columns that it may ask for, each once.
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
