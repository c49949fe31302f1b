//! The figures of one group of calls.

use crate::{Cell, Group, Measure, spread::Spread};

/// What a call adds.
pub(crate) struct Sample {
    pub(crate) duration_ns: Option<i64>,
    pub(crate) end: Known,
    pub(crate) request_bytes: Option<i64>,
    pub(crate) response_bytes: Option<i64>,
}

/// What is known of a call's end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Known {
    Nothing,
    Error,
    Other,
}

/// What was counted.
pub(crate) struct Figures {
    count: i64,
    errors: i64,
    /// Calls whose end is known.
    told: i64,
    request_bytes: i64,
    response_bytes: i64,
    /// Calls that have a duration.
    timed: i64,
    total_ns: i128,
    min_ns: i64,
    max_ns: i64,
    spread: Option<Spread>,
}

// === impl Known ===

impl Known {
    /// By the result that is told.
    pub(crate) fn of(result: Option<&str>) -> Self {
        match result {
            None => Self::Nothing,
            Some("error") => Self::Error,
            Some(_) => Self::Other,
        }
    }
}

// === impl Figures ===

impl Figures {
    /// With how durations are spread, if that will be asked.
    pub(crate) fn new(with_spread: bool) -> Self {
        Self {
            count: 0,
            errors: 0,
            told: 0,
            request_bytes: 0,
            response_bytes: 0,
            timed: 0,
            total_ns: 0,
            min_ns: i64::MAX,
            max_ns: i64::MIN,
            spread: with_spread.then(Spread::new),
        }
    }

    pub(crate) fn add(&mut self, sample: &Sample) {
        self.count += 1;
        self.told += i64::from(sample.end != Known::Nothing);
        self.errors += i64::from(sample.end == Known::Error);
        let sum = |sum: i64, bytes: Option<i64>| sum.saturating_add(bytes.unwrap_or(0));
        self.request_bytes = sum(self.request_bytes, sample.request_bytes);
        self.response_bytes = sum(self.response_bytes, sample.response_bytes);
        let Some(ns) = sample.duration_ns else { return };
        self.timed += 1;
        self.total_ns += i128::from(ns);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        if let Some(spread) = &mut self.spread {
            spread.add(ns);
        }
    }

    /// Adds what others counted.
    pub(crate) fn merge(&mut self, other: &Group) {
        self.count = self.count.saturating_add(other.count);
        self.errors = self.errors.saturating_add(other.errors);
        self.told = self.told.saturating_add(other.told);
        self.request_bytes = self.request_bytes.saturating_add(other.request_bytes);
        self.response_bytes = self.response_bytes.saturating_add(other.response_bytes);
        if other.timed <= 0 {
            return;
        }
        self.timed = self.timed.saturating_add(other.timed);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        if let (Some(spread), Some(more)) = (&mut self.spread, &other.spread) {
            spread.merge(more);
        }
    }

    /// What was counted, for others.
    pub(crate) fn told(&self) -> Group {
        Group {
            by: Vec::new(),
            count: self.count,
            errors: self.errors,
            told: self.told,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            timed: self.timed,
            total_ns: self.total_ns,
            min_ns: self.min_ns,
            max_ns: self.max_ns,
            spread: self.spread.as_ref().map(Spread::told),
        }
    }

    pub(crate) fn count(&self) -> i64 {
        self.count
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.spread.as_ref().map_or(0, Spread::bytes)
    }

    /// A figure; rates are of so many seconds.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn show(&self, measure: Measure, seconds: f64) -> Cell {
        let share = |part: f64, of: i64| match of {
            0 => Cell::Missing,
            of => Cell::Float(part / of as f64),
        };
        let timed = |ns: i64| if self.timed == 0 { Cell::Missing } else { Cell::Int(ns) };
        match measure {
            Measure::Count => Cell::Int(self.count),
            Measure::Rate => Cell::Float(self.count as f64 / seconds),
            Measure::Errors => Cell::Int(self.errors),
            Measure::ErrorRate => share(self.errors as f64, self.told),
            Measure::Bytes => Cell::Int(self.request_bytes.saturating_add(self.response_bytes)),
            Measure::RequestBytes => Cell::Int(self.request_bytes),
            Measure::ResponseBytes => Cell::Int(self.response_bytes),
            Measure::Mean => share(self.total_ns as f64, self.timed),
            Measure::P50 => self.quantile(0.5),
            Measure::P90 => self.quantile(0.9),
            Measure::P95 => self.quantile(0.95),
            Measure::P99 => self.quantile(0.99),
            Measure::Min => timed(self.min_ns),
            Measure::Max => timed(self.max_ns),
        }
    }

    /// Never outside of what was seen.
    fn quantile(&self, share: f64) -> Cell {
        let ns = self.spread.as_ref().and_then(|spread| spread.quantile(share));
        ns.map_or(Cell::Missing, |ns| Cell::Int(ns.max(self.min_ns).min(self.max_ns)))
    }
}
