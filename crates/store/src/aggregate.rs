//! Figures over calls: files and memory are gone through once, and only groups are kept.

use crate::{
    Aggregate, Partial, Searched, Store, StoreError, Table,
    engine::Unread,
    group::{Group, Window},
    need,
    segment::Segment,
    tally::{self, Tally},
    test::Test,
};

/// Calls that are looked at together: a row group.
const BATCH_CALLS: usize = 32 << 10;
/// Calls that are read whole at once.
const ROWS: usize = 4 << 10;

/// A question that is being answered.
struct Count<'s> {
    store: &'s Store,
    question: &'s Aggregate,
    test: Test,
    window: Window,
    tally: Tally<'s>,
    searched: Searched,
    /// The columns of a file that the figures are made of, if these are enough.
    columns: Option<Vec<usize>>,
}

// === impl Store ===

impl Store {
    /// Figures over calls. Blocks. Calls that go on are not counted before their end. Quantiles of more
    /// than 512 calls are right to a hundredth.
    ///
    /// # Errors
    /// When the query was stopped, or the groups take more memory than
    /// [`query_bytes_max`](crate::Options::query_bytes_max).
    pub fn aggregate(&self, question: &Aggregate) -> Result<Table, StoreError> {
        let (count, times) = self.count(question)?;
        Ok(count.tally.table(count.searched, times))
    }

    /// The same, to be put together with what other stores say by [`Sum`](crate::Sum): all groups, however
    /// many rows are asked for.
    ///
    /// # Errors
    /// As [`aggregate`](Self::aggregate) has.
    pub fn partial(&self, question: &Aggregate) -> Result<Partial, StoreError> {
        let (count, times) = self.count(question)?;
        Ok(count.tally.partial(count.searched, times))
    }

    /// What was counted, and when the first and the last call of all began.
    fn count<'s>(
        &'s self,
        question: &'s Aggregate,
    ) -> Result<(Count<'s>, Option<(i64, i64)>), StoreError> {
        let mut count = Count {
            store: self,
            question,
            test: Test::of(question.condition.as_ref()),
            window: Window::between(question.from, question.to),
            tally: Tally::new(question, self.options().query_bytes_max),
            searched: Searched { complete: true, ..Searched::default() },
            columns: tally::columns(question),
        };
        let snapshot = self.state().snapshot();
        for file in &snapshot.segments {
            count.go_on()?;
            if count.window.may_have(file.from_ns..=file.to_ns) {
                count.file(file)?;
            }
        }
        for chunk in &snapshot.chunks {
            count.go_on()?;
            count.searched.calls += chunk.rows.len() as u64;
            count.rows(&chunk.rows);
        }
        count.go_on()?;
        Ok((count, snapshot.times()))
    }
}

// === impl Count ===

impl Count<'_> {
    fn go_on(&self) -> Result<(), StoreError> {
        if self.question.stop.is_due() {
            return Err(StoreError::Stopped);
        }
        self.tally.check()
    }

    fn rows(&mut self, rows: &[crate::Row]) {
        let columns = self.store.columns();
        for row in rows {
            if self.window.has(row) && self.test.holds(row, columns) {
                self.tally.add_row(row, columns);
            }
        }
    }

    /// Counts the calls of a file. If it can't be read to its end, the answer is without the rest, and
    /// says so.
    fn file(&mut self, file: &Segment) -> Result<(), StoreError> {
        match self.groups(file) {
            Ok(done) => done,
            Err(unread) => {
                self.searched.files_unread += 1;
                self.searched.complete = false;
                self.store.forget(file, &unread);
                Ok(())
            }
        }
    }

    fn groups(&mut self, file: &Segment) -> Result<Result<(), StoreError>, Unread> {
        let opened = self.store.engine.open(file)?;
        for number in 0..opened.metadata().num_row_groups() {
            if let Err(stopped) = self.go_on() {
                return Ok(Err(stopped));
            }
            let times = Group::times(&opened, number).unwrap_or(file.from_ns..=file.to_ns);
            let may_match = need::may_match(self.test.need(), number, &opened);
            if may_match && self.window.may_have(times) {
                self.group(&Group { store: self.store, file, number })?;
            }
        }
        Ok(Ok(()))
    }

    fn group(&mut self, group: &Group<'_>) -> Result<(), Unread> {
        let test = self.test.clone();
        let sieve = group.sieve(&test, &self.window)?;
        let Some(mut columns) = self.columns.clone().filter(|_| sieve.decides) else {
            let (places, calls) = group.places(&sieve)?;
            drop(sieve);
            self.searched.calls += calls;
            return self.places(group, &places);
        };
        columns.extend_from_slice(&sieve.columns);
        for batch in group.batches(&columns, BATCH_CALLS)? {
            let batch = batch.map_err(|_| Unread::Damaged)?;
            self.searched.calls += batch.num_rows() as u64;
            self.tally.add_batch(&batch, &sieve.sift(&batch));
        }
        Ok(())
    }

    /// Reads calls whole: columns don't say what they are counted by.
    fn places(&mut self, group: &Group<'_>, places: &[usize]) -> Result<(), Unread> {
        let mut columns = self.test.row_columns();
        columns.extend(self.question.by.iter().flat_map(tally::row_columns));
        for places in places.chunks(ROWS) {
            if self.question.stop.is_due() {
                return Ok(());
            }
            let rows = group.rows(places, &columns)?;
            self.rows(&rows);
        }
        Ok(())
    }
}
