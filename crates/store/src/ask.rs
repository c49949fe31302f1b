//! What can be asked of a store, and what it answers.

use std::{fmt, sync::Arc, time::Duration};

use filter::{Column, Condition, Fact};
use model::Timestamp;

use crate::{Place, Row};

/// Calls that fulfil a condition, in an order.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Which calls; all if there is none.
    pub condition: Option<Arc<Condition>>,
    /// Calls that began at this moment or later.
    pub from: Option<Timestamp>,
    /// Calls that began before this moment.
    pub to: Option<Timestamp>,
    /// Which come first.
    pub order: Order,
    /// Goes on behind this place: a page's [`next`](Page::next).
    pub after: Option<Place>,
    /// Calls on a page, at most.
    pub limit: usize,
    /// How much of each call is read.
    pub select: Select,
    /// Ends the search early.
    pub stop: Stop,
}

/// Which calls come first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// The latest.
    #[default]
    NewestFirst,
    /// The earliest.
    OldestFirst,
    /// Those with the most of it; of equal ones the latest. Calls that have none are left out.
    Most(Amount),
    /// Those with the least of it.
    Least(Amount),
}

/// What calls can be sorted by, beside the time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Amount {
    /// How long it took.
    Duration,
    /// Bytes of the request.
    RequestSize,
    /// Bytes of the response.
    ResponseSize,
}

/// How much of each call is read. What is left out is missing from [`Row::json`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Select {
    /// All of it.
    #[default]
    Whole,
    /// All but the bodies.
    WithoutBodies,
    /// Neither headers, nor fields, nor bodies.
    Summary,
}

/// Calls found.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In the order asked for.
    pub rows: Vec<Row>,
    /// Where to go on, if there may be more.
    pub next: Option<Place>,
    /// What was looked through.
    pub searched: Searched,
}

/// What was looked through for an answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Searched {
    /// Whether nothing was left out: not stopped early, and no file was unreadable.
    pub complete: bool,
    /// Calls whose columns were read.
    pub calls: u64,
    /// Files that could not be read: removed or damaged.
    pub files_unread: u64,
    /// Whose calls are not in the answer, where several are asked.
    pub missing: Vec<Missing>,
}

/// Somebody whose calls are not in an answer.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Missing {
    /// A node's name.
    pub name: String,
    /// Why: `not connected`, `no answer in time`.
    pub why: String,
}

/// Figures over calls that fulfil a condition.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// Which calls; all if there is none.
    pub condition: Option<Arc<Condition>>,
    /// Calls that began at this moment or later.
    pub from: Option<Timestamp>,
    /// Calls that began before this moment.
    pub to: Option<Timestamp>,
    /// Calls with the same values here are taken together.
    pub by: Vec<By>,
    /// The figures.
    pub show: Vec<Measure>,
    /// Also apart by spans of time of this length; the first column is then `time`.
    pub over: Option<Duration>,
    /// A moment at which a span begins; spans begin at whole multiples since 1970 if there is none.
    pub origin: Option<Timestamp>,
    /// Rows, at most: those with the most calls; with `over`, of each span the first in time.
    pub limit: usize,
    /// Gives up early, with an error.
    pub stop: Stop,
}

/// What calls are taken together by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum By {
    /// The endpoint with its variable segments replaced: `/users/{id}`.
    EndpointTemplate,
    /// The value of a column. The text is its name.
    Column(Column, String),
}

/// A figure over some calls.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Measure {
    /// How many.
    Count,
    /// How many a second: of the span of time asked for; where it has no end, up to the first or the last
    /// call of all.
    Rate,
    /// How many ended in an error.
    Errors,
    /// Which share ended in an error, of those whose end is known.
    ErrorRate,
    /// Bytes of requests and responses.
    Bytes,
    /// Bytes of requests.
    RequestBytes,
    /// Bytes of responses.
    ResponseBytes,
    /// The mean duration.
    Mean,
    /// The median of durations.
    P50,
    /// Nine of ten calls lasted no longer.
    P90,
    /// 95 of a hundred calls lasted no longer.
    P95,
    /// 99 of a hundred calls lasted no longer.
    P99,
    /// The shortest duration.
    Min,
    /// The longest duration.
    Max,
}

/// Figures, a row for each group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What is in each column.
    pub columns: Vec<Heading>,
    /// The groups.
    pub rows: Vec<Vec<Cell>>,
    /// Whether there are more groups than were asked for.
    pub truncated: bool,
    /// What was looked through.
    pub searched: Searched,
}

/// What is in a column of a [`Table`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heading {
    /// `dst.workload.name`, `p99`, `time`.
    pub name: String,
    /// `ns`, `bytes`, `1/s`, `share`, `calls`; none for what calls are grouped by.
    pub unit: Option<&'static str>,
}

/// A value in a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Not there, not known, or not to be told.
    Missing,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Nanoseconds since 1970, UTC.
    Time(i64),
}

/// Says whether somebody still waits for the answer: asked now and then, from several threads. The
/// store has no clock; who has one brings it.
#[derive(Clone, Default)]
pub struct Stop(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

// === impl Scan ===

impl Default for Scan {
    /// The newest hundred calls.
    fn default() -> Self {
        Self {
            condition: None,
            from: None,
            to: None,
            order: Order::default(),
            after: None,
            limit: 100,
            select: Select::default(),
            stop: Stop::default(),
        }
    }
}

// === impl Aggregate ===

impl Default for Aggregate {
    /// How many calls there are.
    fn default() -> Self {
        Self {
            condition: None,
            from: None,
            to: None,
            by: Vec::new(),
            show: vec![Measure::Count],
            over: None,
            origin: None,
            limit: 1000,
            stop: Stop::default(),
        }
    }
}

// === impl Searched ===

impl Searched {
    /// Adds what was looked through elsewhere.
    pub fn add(&mut self, other: Self) {
        self.complete &= other.complete;
        self.calls += other.calls;
        self.files_unread += other.files_unread;
        self.missing.extend(other.missing);
    }
}

// === impl By ===

impl By {
    /// The column of the language.
    #[must_use]
    pub fn column(&self) -> Column {
        match self {
            Self::EndpointTemplate => Column::Call(Fact::EndpointTemplate),
            Self::Column(column, _) => *column,
        }
    }

    /// Its name in the language and in headings.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::EndpointTemplate => "endpoint",
            Self::Column(_, name) => name,
        }
    }
}

// === impl Cell ===

impl Cell {
    /// What cells are sorted by: kind, number, text.
    pub(crate) fn rank(&self) -> (u8, f64, i64, &str) {
        match self {
            Self::Missing => (0, 0.0, 0, ""),
            Self::Bool(truth) => (1, 0.0, i64::from(*truth), ""),
            Self::Int(number) => (2, 0.0, *number, ""),
            Self::Float(number) => (3, *number, 0, ""),
            Self::Text(text) => (4, 0.0, 0, text),
            Self::Time(ns) => (5, 0.0, *ns, ""),
        }
    }
}

// === impl Measure ===

impl Measure {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Count,
        Self::Rate,
        Self::Errors,
        Self::ErrorRate,
        Self::Bytes,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::Mean,
        Self::P50,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::Min,
        Self::Max,
    ];

    /// Its name: `error_rate`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Errors => "errors",
            Self::ErrorRate => "error_rate",
            Self::Bytes => "bytes",
            Self::RequestBytes => "request_bytes",
            Self::ResponseBytes => "response_bytes",
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Min => "min",
            Self::Max => "max",
        }
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Count | Self::Errors => "calls",
            Self::Rate => "1/s",
            Self::ErrorRate => "share",
            Self::Bytes | Self::RequestBytes | Self::ResponseBytes => "bytes",
            Self::Mean | Self::P50 | Self::P90 | Self::P95 | Self::P99 | Self::Min | Self::Max => {
                "ns"
            }
        }
    }

    /// The measure of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

// === impl Stop ===

impl Stop {
    /// Stops as soon as `done` says so.
    pub fn when(done: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(done)))
    }

    /// Whether to stop.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.0.as_ref().is_some_and(|done| done())
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Stop::when(…)" } else { "Stop::never" })
    }
}
