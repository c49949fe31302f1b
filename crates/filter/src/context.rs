//! What an expression is computed in: a record, and the names that go through lists.

use std::cell::Cell;

use crate::{Column, Record, Value};

/// Elements of lists looked at for one record at most; what comes after is as if it were not there.
const STEPS_MAX: u32 = 100_000;

/// A record and the elements that are looked at.
#[derive(Clone, Copy)]
pub(crate) struct Context<'v> {
    pub(crate) record: &'v dyn Record,
    frame: Option<&'v Frame<'v>>,
    steps: &'v Cell<u32>,
}

/// An element that is looked at.
struct Frame<'v> {
    value: Value<'v>,
    level: u16,
    up: Option<&'v Frame<'v>>,
}

/// Steps that are left for one record.
pub(crate) struct Steps(Cell<u32>);

// === impl Context ===

impl<'v> Context<'v> {
    pub(crate) fn new(record: &'v dyn Record, steps: &'v Steps) -> Self {
        Self { record, frame: None, steps: &steps.0 }
    }

    /// The element at this level: 0 is that of the outermost list.
    pub(crate) fn local(self, level: u16) -> Value<'v> {
        let mut frame = self.frame;
        while let Some(here) = frame {
            if here.level == level {
                return here.value.lend();
            }
            frame = here.up;
        }
        Value::Missing
    }

    /// Computes something with this element at this level.
    pub(crate) fn with<T>(
        self,
        level: u16,
        value: Value<'_>,
        compute: impl FnOnce(Context<'_>) -> T,
    ) -> T {
        let frame = Frame { value, level, up: self.frame };
        compute(Context { frame: Some(&frame), ..self })
    }

    /// Whether one more element may be looked at.
    pub(crate) fn step(self) -> bool {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(1));
        left > 0
    }
}

// === impl Steps ===

impl Default for Steps {
    fn default() -> Self {
        Self(Cell::new(STEPS_MAX))
    }
}

/// A record of nothing: what is computed from it depends on nothing.
pub(crate) struct Nothing;

impl Record for Nothing {
    fn value(&self, _: Column) -> Value<'_> {
        Value::Missing
    }

    fn each(&self, _: Column, _: &mut dyn FnMut(&str, Value<'_>) -> bool) {}

    fn entry(&self, _: Column, _: &str) -> Value<'_> {
        Value::Missing
    }
}
