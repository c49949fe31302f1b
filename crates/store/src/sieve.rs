//! What the columns of a row group can say of its calls, with the fewest of them.

use arrow_array::{RecordBatch, cast::AsArray, types::TimestampNanosecondType};

use crate::{columns, group::Window, lean::Judge, need, test::Test};

/// What is asked of the columns of a row group.
pub(crate) struct Sieve<'t> {
    test: &'t Test,
    pub(crate) columns: Vec<usize>,
    /// Whether columns alone decide the condition.
    pub(crate) decides: bool,
    /// Which times are meant, unless all are.
    window: Option<&'t Window>,
}

// === impl Sieve ===

impl<'t> Sieve<'t> {
    pub(crate) fn new(test: &'t Test, window: Option<&'t Window>) -> Self {
        let mut columns = Vec::new();
        need::columns(test.need(), &mut columns);
        let deciding = test.deciding();
        columns.extend(deciding.iter().flatten());
        if window.is_some() {
            columns.extend(columns::place("time"));
        }
        columns.sort_unstable();
        columns.dedup();
        Self { test, columns, decides: deciding.is_some(), window }
    }

    /// The places in the batch of calls that may be meant; if columns decide, of those that are.
    pub(crate) fn sift(&self, batch: &RecordBatch) -> Vec<usize> {
        let passed = need::passed(self.test.need(), batch);
        let times = batch
            .column_by_name("time")
            .and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>());
        let clip = self.window.zip(times);
        let condition = self.test.condition().filter(|_| self.decides);
        let mut judge = condition.map(|condition| Judge::new(condition, batch));
        let mut may = |at: &usize| {
            passed.as_ref().is_none_or(|passed| passed.value(*at))
                && clip.is_none_or(|(window, times)| window.has_time(times.value(*at)))
                && judge.as_mut().is_none_or(|judge| judge.holds(*at))
        };
        (0..batch.num_rows()).filter(|at| may(at)).collect()
    }
}
