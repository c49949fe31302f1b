//! Figures of groups of calls, in bounded memory: calls come one by one or in columns, and are not kept.

use arrow_array::{Array, Int64Array, RecordBatch, TimestampNanosecondArray, cast::AsArray};
use filter::{Column, Columns, Fact, Record as _, Value};
use hashbrown::HashMap;

use crate::{
    Aggregate, By, Cell, Group, Heading, Measure, Partial, Row, Searched, StoreError, Table,
    batch::{Texts, Words},
    columns,
    figures::{Figures, Known, Sample},
    lean::{Axis, Grid},
    names::Names,
    test::{pieces, pieces_at},
};

/// Counts calls in groups.
pub(crate) struct Tally<'q> {
    question: &'q Aggregate,
    /// The values of each column that groups are told by; with `over`, spans of time come first.
    names: Vec<Names>,
    /// Numbers of values, to the place of the group's figures.
    groups: HashMap<Box<[u32]>, usize>,
    figures: Vec<Figures>,
    /// Room for the numbers of one call.
    key: Vec<u32>,
    with_spread: bool,
    bytes_max: usize,
}

/// The columns of a batch that figures are made of.
struct Measured<'b> {
    time: Option<&'b TimestampNanosecondArray>,
    duration: Option<&'b Int64Array>,
    request: Option<&'b Int64Array>,
    response: Option<&'b Int64Array>,
    ends: Ends<'b>,
    open: Open<'b>,
}

/// What a batch says of the ends of calls: asked once for each word, not for each call.
enum Ends<'b> {
    Texts(Option<Texts<'b>>),
    Words(Words<'b>, Vec<Known>),
}

/// Which calls of a batch go on.
enum Open<'b> {
    None,
    Texts(Texts<'b>),
    Word(Words<'b>, usize),
}

/// A column of a batch that groups are told by.
enum Told<'b> {
    Texts(Texts<'b>),
    Numbers(&'b Int64Array),
    /// Durations, by their steps.
    Steps(&'b Int64Array),
    Times(&'b TimestampNanosecondArray),
    Missing,
}

/// No group yet.
const UNKNOWN: usize = usize::MAX;

/// The columns of a file that the groups are told by, if columns tell.
pub(crate) fn columns(question: &Aggregate) -> Option<Vec<usize>> {
    let by: Option<Vec<usize>> =
        question.by.iter().map(|by| columns::place(stored_name(by)?)).collect();
    let mut places = by?;
    // Calls that go on are not counted.
    let mut names = vec!["state"];
    for measure in &question.show {
        names.extend_from_slice(match measure {
            Measure::Count | Measure::Rate => &[],
            Measure::Errors | Measure::ErrorRate => &["result"],
            Measure::Bytes => &["request_size", "response_size"],
            Measure::RequestBytes => &["request_size"],
            Measure::ResponseBytes => &["response_size"],
            _ => &["duration_ns"],
        });
    }
    if question.over.is_some() {
        names.push("time");
    }
    places.extend(names.iter().filter_map(|name| columns::place(name)));
    Some(places)
}

/// The columns that rows need besides, to be grouped by this.
pub(crate) fn row_columns(by: &By) -> Vec<usize> {
    pieces_at(pieces(by.column())).collect()
}

fn stored_name(by: &By) -> Option<&'static str> {
    match by.column() {
        Column::Call(Fact::DurationStep) => Some("duration_ns"),
        column => Some(columns::of(column)?.name),
    }
}

// === impl Tally ===

impl<'q> Tally<'q> {
    pub(crate) fn new(question: &'q Aggregate, bytes_max: usize) -> Self {
        let is_quantile = |measure: &Measure| {
            matches!(measure, Measure::P50 | Measure::P90 | Measure::P95 | Measure::P99)
        };
        let names = question.by.len() + usize::from(question.over.is_some());
        Self {
            question,
            names: (0..names).map(|_| Names::default()).collect(),
            groups: HashMap::new(),
            figures: Vec::new(),
            key: Vec::new(),
            with_spread: question.show.iter().any(is_quantile),
            bytes_max,
        }
    }

    /// Counts a call.
    pub(crate) fn add_row(&mut self, row: &Row, columns: &Columns) {
        if row.is_open() {
            return;
        }
        let mut key = Vec::with_capacity(self.names.len());
        self.add_span(self.span(row.time_ns()), &mut key);
        let by = self.question.by.iter().zip(&mut self.names[key.len()..]);
        key.extend(by.map(|(by, names)| names.of(cell(row, by, columns))));
        let sample = Sample {
            duration_ns: row.duration_ns(),
            end: Known::of(row.result()),
            request_bytes: row.request_size(),
            response_bytes: row.response_size(),
        };
        let group = self.group(&key);
        self.figures[group].add(&sample);
    }

    /// Counts the calls at these places of a batch.
    pub(crate) fn add_batch(&mut self, batch: &RecordBatch, places: &[usize]) {
        let measured = Measured::of(batch);
        let told: Vec<Told<'_>> = self.question.by.iter().map(|by| Told::of(by, batch)).collect();
        // The group of each combination of values, as far as it was met in this span of time.
        let grid = Grid::of(told.iter().map(Told::axis).collect(), batch.num_rows());
        let mut met = vec![UNKNOWN; grid.as_ref().map_or(0, Grid::end)];
        let mut span = None;
        for at in places.iter().copied().filter(|at| !measured.open.has(*at)) {
            let begun = measured.time.and_then(|times| self.span(times.value(at)));
            if span != begun {
                span = begun;
                met.fill(UNKNOWN);
            }
            let number = grid.as_ref().map_or(0, |grid| grid.number(at));
            let mut group = met.get(number).copied().unwrap_or(UNKNOWN);
            if group == UNKNOWN {
                group = self.group_of(&told, at, span);
                if let Some(met) = met.get_mut(number) {
                    *met = group;
                }
            }
            self.figures[group].add(&measured.sample(at));
        }
    }

    fn group_of(&mut self, told: &[Told<'_>], at: usize, span: Option<i64>) -> usize {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        self.add_span(span, &mut key);
        let names = self.names[key.len()..].iter_mut();
        key.extend(told.iter().zip(names).map(|(told, names)| told.name(at, names)));
        let group = self.group(&key);
        self.key = key;
        group
    }

    /// Refuses to go on if memory is full.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let key_bytes = self.names.len() * size_of::<u32>() + size_of::<(Box<[u32]>, usize)>();
        let figures: usize = self.figures.iter().map(Figures::bytes).sum();
        let names: usize = self.names.iter().map(Names::bytes).sum();
        let bytes = figures + names + self.groups.len() * key_bytes;
        if bytes <= self.bytes_max {
            return Ok(());
        }
        let (groups, max) = (self.groups.len(), self.bytes_max);
        Err(StoreError::TooLarge(format!("{groups} groups or more; the limit is {max} bytes")))
    }

    /// When the span of time began that a call is counted in, if calls are told apart by that.
    fn span(&self, time_ns: i64) -> Option<i64> {
        let over = i64::try_from(self.question.over?.as_nanos()).unwrap_or(i64::MAX).max(1);
        let origin = i64::try_from(self.question.origin.unwrap_or_default().0).unwrap_or(0);
        let span = time_ns.saturating_sub(origin).div_euclid(over);
        Some(origin.saturating_add(span.saturating_mul(over)))
    }

    fn add_span(&mut self, span: Option<i64>, key: &mut Vec<u32>) {
        if let (Some(begun), Some(names)) = (span, self.names.first_mut()) {
            key.push(names.of(Cell::Time(begun)));
        }
    }

    fn group(&mut self, key: &[u32]) -> usize {
        if let Some(group) = self.groups.get(key) {
            return *group;
        }
        self.figures.push(Figures::new(self.with_spread));
        self.groups.insert(key.into(), self.figures.len() - 1);
        self.figures.len() - 1
    }

    /// Adds the figures of calls that somebody else counted.
    pub(crate) fn add_group(&mut self, group: &Group) {
        if group.by.len() != self.names.len() {
            return;
        }
        let cells = group.by.iter().cloned();
        let key: Vec<u32> =
            cells.zip(&mut self.names).map(|(cell, names)| names.of(cell)).collect();
        let at = self.group(&key);
        self.figures[at].merge(group);
    }

    /// What was counted, for somebody else to add.
    pub(crate) fn partial(&self, searched: Searched, span_ns: Option<(i64, i64)>) -> Partial {
        let groups = self.groups.iter().filter_map(|(key, at)| {
            let cells = key.iter().zip(&self.names).map(|(number, names)| names.cell(*number));
            Some(Group::of(cells.collect(), self.figures.get(*at)?))
        });
        Partial { span_ns, groups: groups.collect(), searched }
    }

    /// The answer; `times` are those of the first and the last call of all, meant or not.
    pub(crate) fn table(mut self, searched: Searched, times: Option<(i64, i64)>) -> Table {
        if self.groups.is_empty() && self.names.is_empty() {
            self.group(&[]);
        }
        let seconds = self.seconds(times);
        let (question, names, figures) = (self.question, &self.names, &self.figures);
        let mut groups: Vec<(Vec<Cell>, &Figures)> = self
            .groups
            .iter()
            .filter_map(|(key, at)| {
                let cells = key.iter().zip(names).map(|(number, names)| names.cell(*number));
                Some((cells.collect(), figures.get(*at)?))
            })
            .collect();
        let spans = usize::from(question.over.is_some());
        groups.sort_by(|(a, of_a), (b, of_b)| {
            let by_span = order(&a[..spans], &b[..spans]);
            let by_count = of_b.count().cmp(&of_a.count());
            by_span.then(by_count).then_with(|| order(a, b))
        });
        let truncated = groups.len() > question.limit;
        groups.truncate(question.limit);
        let rows = groups.into_iter().map(|(mut cells, figures)| {
            cells.extend(question.show.iter().map(|measure| figures.show(*measure, seconds)));
            cells
        });
        Table { columns: headings(question), rows: rows.collect(), truncated, searched }
    }

    /// How long the time is that rates are of: what was asked for, where it has no end up to the last call
    /// of all. One call is no thousand million a second: it is a second at least.
    #[expect(clippy::cast_precision_loss, reason = "seconds for a rate")]
    fn seconds(&self, times: Option<(i64, i64)>) -> f64 {
        if let Some(over) = self.question.over {
            return over.as_secs_f64();
        }
        let (first, last) = times.unwrap_or_default();
        let first = self.question.from.map_or(first as f64, |from| from.0 as f64);
        let last = self.question.to.map_or(last as f64, |to| to.0 as f64);
        ((last - first) / 1e9).max(1.0)
    }
}

/// By value; of different kinds, as they are declared.
fn order(a: &[Cell], b: &[Cell]) -> std::cmp::Ordering {
    a.iter()
        .map(Cell::rank)
        .partial_cmp(b.iter().map(Cell::rank))
        .unwrap_or(std::cmp::Ordering::Equal)
}

fn headings(question: &Aggregate) -> Vec<Heading> {
    let time = question.over.map(|_| Heading { name: "time".into(), unit: None });
    let by = question.by.iter().map(|by| Heading { name: by.name().to_owned(), unit: None });
    let show = question.show.iter();
    let show = show.map(|one| Heading { name: one.name().to_owned(), unit: Some(one.unit()) });
    time.into_iter().chain(by).chain(show).collect()
}

fn cell(row: &Row, by: &By, columns: &Columns) -> Cell {
    match row.record(columns).value(by.column()).plain() {
        Value::Bool(truth) => Cell::Bool(truth),
        Value::Int(number) | Value::Duration(number) => Cell::Int(number),
        Value::Float(number) => Cell::Float(number),
        Value::Text(text) => Cell::Text(text.into_owned()),
        Value::Ip(ip) => Cell::Text(ip.to_string()),
        Value::Time(ns) => Cell::Time(ns),
        Value::Json(_) | Value::Missing => Cell::Missing,
    }
}

// === impl Told ===

impl<'b> Told<'b> {
    fn of(by: &By, batch: &'b RecordBatch) -> Self {
        let array = stored_name(by).and_then(|name| batch.column_by_name(name));
        let Some(array) = array else { return Self::Missing };
        if let Some(times) = array.as_primitive_opt() {
            return Self::Times(times);
        }
        match array.as_primitive_opt() {
            Some(spans) if by.column() == Column::Call(Fact::DurationStep) => Self::Steps(spans),
            Some(numbers) => Self::Numbers(numbers),
            None => Texts::of(array).map_or(Self::Missing, Self::Texts),
        }
    }

    fn axis(&self) -> Option<Axis<'b>> {
        match self {
            Self::Texts(texts) => texts.words().map(Axis::Words),
            Self::Steps(spans) => Some(Axis::Steps(spans)),
            Self::Numbers(_) | Self::Times(_) | Self::Missing => None,
        }
    }

    /// The number of a call's value.
    fn name(&self, at: usize, names: &mut Names) -> u32 {
        match self {
            Self::Texts(texts) => names.of_text(texts.get(at)),
            Self::Numbers(numbers) if numbers.is_valid(at) => {
                names.of(Cell::Int(numbers.value(at)))
            }
            Self::Steps(spans) if spans.is_valid(at) => {
                names.of(Cell::Int(filter::step(spans.value(at))))
            }
            Self::Times(times) if times.is_valid(at) => names.of(Cell::Time(times.value(at))),
            Self::Numbers(_) | Self::Steps(_) | Self::Times(_) | Self::Missing => {
                names.of(Cell::Missing)
            }
        }
    }
}

// === impl Measured ===

impl<'b> Measured<'b> {
    fn of(batch: &'b RecordBatch) -> Self {
        let numbers = |name| batch.column_by_name(name)?.as_primitive_opt();
        let texts = |name| Texts::of(batch.column_by_name(name)?);
        Self {
            time: batch.column_by_name("time").and_then(|times| times.as_primitive_opt()),
            duration: numbers("duration_ns"),
            request: numbers("request_size"),
            response: numbers("response_size"),
            ends: Ends::of(texts("result")),
            open: Open::of(texts("state")),
        }
    }

    fn sample(&self, at: usize) -> Sample {
        let number = |numbers: Option<&Int64Array>| {
            numbers.filter(|numbers| numbers.is_valid(at)).map(|numbers| numbers.value(at))
        };
        Sample {
            duration_ns: number(self.duration),
            end: self.ends.of_call(at),
            request_bytes: number(self.request),
            response_bytes: number(self.response),
        }
    }
}

// === impl Ends ===

impl<'b> Ends<'b> {
    fn of(results: Option<Texts<'b>>) -> Self {
        match results.and_then(|texts| texts.words()) {
            Some(words) => {
                let known = (0..words.end()).map(|number| Known::of(words.text(number)));
                Self::Words(words, known.collect())
            }
            None => Self::Texts(results),
        }
    }

    fn of_call(&self, at: usize) -> Known {
        match self {
            Self::Texts(texts) => Known::of(texts.and_then(|texts| texts.get(at))),
            Self::Words(words, known) => {
                let known = words.number(at).and_then(|number| known.get(number));
                known.copied().unwrap_or(Known::Nothing)
            }
        }
    }
}

// === impl Open ===

impl<'b> Open<'b> {
    fn of(states: Option<Texts<'b>>) -> Self {
        let Some(texts) = states else { return Self::None };
        match texts.words() {
            Some(words) => {
                words.find("open").map_or(Self::None, |number| Self::Word(words, number))
            }
            None => Self::Texts(texts),
        }
    }

    fn has(&self, at: usize) -> bool {
        match self {
            Self::None => false,
            Self::Texts(texts) => texts.get(at) == Some("open"),
            Self::Word(words, open) => words.number(at) == Some(*open),
        }
    }
}
