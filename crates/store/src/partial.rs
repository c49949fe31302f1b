//! Figures over the calls of one of several stores, as they travel to where all of them are put together.

use crate::{Aggregate, Cell, Searched, StoreError, Table, figures::Figures, tally::Tally};

/// What one store adds to an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partial {
    /// When the first and the last call that the store has began, in nanoseconds since 1970; none if it has
    /// none.
    pub span_ns: Option<(i64, i64)>,
    /// The groups.
    pub groups: Vec<Group>,
    /// What was looked through.
    pub searched: Searched,
}

/// The figures of some calls that are taken together, from which those of more can be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// What they have in common; with `over`, the span of time comes first.
    pub by: Vec<Cell>,
    /// Calls.
    pub count: i64,
    /// Of these, errors.
    pub errors: i64,
    /// Calls whose end is known.
    pub told: i64,
    /// Bytes of requests.
    pub request_bytes: i64,
    /// Bytes of responses.
    pub response_bytes: i64,
    /// Calls that have a duration.
    pub timed: i64,
    /// The sum of durations, in nanoseconds.
    pub total_ns: i128,
    /// The shortest.
    pub min_ns: i64,
    /// The longest.
    pub max_ns: i64,
    /// How durations are spread, where the question needs it.
    pub spread: Option<Durations>,
}

/// Durations of some calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Durations {
    /// Each of them, in nanoseconds.
    Few(Vec<i64>),
    /// How many lie in each bin of a DDSketch, whose edges grow by 2 %.
    Many {
        /// Of no length.
        zero: u64,
        /// Numbers of bins and calls in them.
        bins: Vec<(i32, u64)>,
    },
}

/// Puts parts of an answer together: as if all their calls were in one store.
pub struct Sum<'q> {
    tally: Tally<'q>,
    span_ns: Option<(i64, i64)>,
}

// === impl Sum ===

impl<'q> Sum<'q> {
    /// Of no calls yet. Groups may take so many bytes of memory.
    #[must_use]
    pub fn new(question: &'q Aggregate, bytes_max: usize) -> Self {
        Self { tally: Tally::new(question, bytes_max), span_ns: None }
    }

    /// Adds what a store found. Groups that don't fit the question are left out.
    ///
    /// # Errors
    /// When there are too many groups.
    pub fn add(&mut self, partial: &Partial) -> Result<(), StoreError> {
        self.span_ns = match (self.span_ns, partial.span_ns) {
            (Some(own), Some(other)) => Some((own.0.min(other.0), own.1.max(other.1))),
            (own, other) => own.or(other),
        };
        partial.groups.iter().for_each(|group| self.tally.add_group(group));
        self.tally.check()
    }

    /// The answer.
    #[must_use]
    pub fn table(self, searched: Searched) -> Table {
        self.tally.table(searched, self.span_ns)
    }
}

impl std::fmt::Debug for Sum<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sum")
    }
}

// === impl Group ===

impl Group {
    /// Of these figures.
    pub(crate) fn of(by: Vec<Cell>, figures: &Figures) -> Self {
        Self { by, ..figures.told() }
    }
}

#[cfg(test)]
mod tests {
    use filter::Columns;

    use super::*;
    use crate::{Measure, row::tests::numbered};

    /// A call that took so long, as one of many stores has it.
    fn call(number: i64, duration_ns: i64) -> crate::Row {
        let line = numbered(number).json().replacen("354000", &duration_ns.to_string(), 1);
        crate::Row::of_line(&line).unwrap()
    }

    #[test]
    fn the_sum_of_parts_is_what_one_store_says() {
        let question = Aggregate {
            show: Measure::ALL.to_vec(),
            over: Some(std::time::Duration::from_secs(700)),
            ..Aggregate::default()
        };
        let columns = Columns::new(&[]);
        for calls in [0, 1, 9, 511, 513, 3000_i64] {
            let rows: Vec<_> = (0..calls).map(|n| call(n, n * n % 10_007 * 1000)).collect();
            let mut whole = Tally::new(&question, usize::MAX);
            rows.iter().for_each(|row| whole.add_row(row, &columns));
            let mut sum = Sum::new(&question, usize::MAX);
            // Three stores of different size; one of them empty at times.
            for part in 0..3 {
                let mut tally = Tally::new(&question, usize::MAX);
                let own = rows.iter().zip(0..).filter(|(_, n)| (n % 7 + 2) / 3 % 3 == part);
                own.for_each(|(row, _)| tally.add_row(row, &columns));
                sum.add(&tally.partial(Searched::default(), None)).unwrap();
            }
            assert_eq!(sum.table(Searched::default()), whole.table(Searched::default(), None));
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let question = Aggregate { show: Measure::ALL.to_vec(), ..Aggregate::default() };
        let strange = Group {
            count: i64::MAX,
            timed: i64::MAX,
            spread: Some(Durations::Many { zero: u64::MAX, bins: vec![(i32::MAX, 1), (-5, 2)] }),
            ..Group::default()
        };
        let foreign = Group { by: vec![Cell::Int(1)], ..strange.clone() };
        let groups = vec![strange.clone(), strange, foreign];
        let mut sum = Sum::new(&question, usize::MAX);
        sum.add(&Partial { groups, ..Partial::default() }).unwrap();
        assert_eq!(sum.table(Searched::default()).rows.len(), 1);
    }
}
