//! Figures that an engine counts itself: where what a condition needs is enough, and no quantile is asked for.

use store::{
    Aggregate, Cell, Counting, Group, Held, Kept, Kind, Partial, Searched, StoreError, Sum, Table,
};

use crate::{
    answer::Answer,
    binary::{MARK, Shape},
    dialect::Dialect,
    door::Refusal,
    sql,
};

/// A question in an engine's language.
pub(crate) struct Grouping {
    by: Vec<Kind>,
    has_spans: bool,
    /// All that is selected, behind the mark, and what it is grouped by.
    selected: String,
    grouped: String,
    pub(crate) conditions: Vec<String>,
}

/// What is counted of each group, all of it numbers, in the order of [`Group`]'s members; a sum of durations in
/// seconds and what is left of them, as there are more nanoseconds than a number holds.
const COUNTED: usize = 10;
/// A second.
const SECOND_NS: i64 = 1_000_000_000;
/// Bytes of memory for groups.
const BYTES_MAX: usize = 512 << 20;

// === impl Grouping ===

impl Grouping {
    /// None if the engine can't count it as a store does.
    pub(crate) fn of(
        question: &Aggregate,
        counting: &Counting<'_>,
        dialect: Dialect,
    ) -> Option<Self> {
        let kept = counting.groups()?;
        let mut conditions = sql::between(&counting.times(), dialect);
        if !sql::is_whole(counting.need()) {
            return None;
        }
        conditions.extend(sql::of_need(counting.need(), dialect));
        // Calls that go on are not counted.
        conditions.push("(isNull(`state`) OR `state` != 'open')".to_owned());
        let mut expressions = Vec::new();
        if let Some(over) = question.over {
            let over =
                i64::try_from(over.as_nanos()).ok().filter(|ns| (1..1 << 61).contains(ns))?;
            let origin = i64::try_from(question.origin.unwrap_or_default().0).ok()?;
            expressions.push(span(over, origin, dialect));
        }
        expressions.extend(kept.iter().map(|kept| expression(kept, dialect)));
        let grouped = expressions.iter().enumerate().map(|(at, _)| format!("g{at}"));
        let grouped = grouped.collect::<Vec<_>>().join(", ");
        let named = expressions.iter().enumerate().map(|(at, text)| format!("{text} AS g{at}, "));
        let selected = format!("{}{}", named.collect::<String>(), counted());
        let by = kept.iter().map(|kept| kept.kind).collect();
        Some(Self { by, has_spans: question.over.is_some(), selected, grouped, conditions })
    }

    /// The question.
    pub(crate) fn sql(&self, table: &str, settings: &str) -> String {
        let grouped = match self.grouped.as_str() {
            "" => String::new(),
            grouped => format!(" GROUP BY {grouped}"),
        };
        format!(
            "SELECT toUInt8({MARK}), {} FROM {table} FINAL{}{grouped}{settings} FORMAT RowBinary",
            self.selected,
            sql::where_all(&self.conditions)
        )
    }

    /// How a row of the answer is written.
    fn shape(&self) -> Vec<Shape> {
        let span = self.has_spans.then_some(Shape::NUMBER);
        let by = self.by.iter().map(|kind| match kind {
            Kind::Time | Kind::Number => Shape::MISSING_NUMBER,
            Kind::Word | Kind::Text | Kind::Json => Shape::MISSING_TEXT,
        });
        span.into_iter().chain(by).chain([Shape::NUMBER; COUNTED]).collect()
    }

    /// Reads the answer.
    pub(crate) fn table(
        &self,
        question: &Aggregate,
        times: Option<(i64, i64)>,
        answer: &mut Answer<'_>,
        fault: impl Fn(Refusal) -> StoreError,
    ) -> Result<Table, StoreError> {
        let mut sum = Sum::new(question, BYTES_MAX);
        let mut searched = Searched { complete: true, ..Searched::default() };
        sum.add(&Partial { span_ns: times, ..Partial::default() })?;
        let shape = self.shape();
        while let Some(row) = answer.row(&shape, &question.stop).map_err(&fault)? {
            let Some(group) = self.group(row) else { continue };
            searched.calls += u64::try_from(group.count).unwrap_or_default();
            sum.add(&Partial { span_ns: times, groups: vec![group], ..Partial::default() })?;
        }
        Ok(sum.table(searched))
    }

    /// A row as a group; none of no calls.
    fn group(&self, row: Vec<Held<'static>>) -> Option<Group> {
        let mut cells = row.into_iter();
        let mut by = Vec::with_capacity(self.by.len() + 1);
        if self.has_spans {
            by.push(cell(cells.next()?, Kind::Time));
        }
        for kind in &self.by {
            by.push(cell(cells.next()?, *kind));
        }
        let mut next = || match cells.next() {
            Some(Held::Number(number)) => number,
            _ => 0,
        };
        let [count, errors, told, request_bytes, response_bytes] = std::array::from_fn(|_| next());
        let [timed, seconds, rest, min_ns, max_ns] = std::array::from_fn(|_| next());
        let total_ns = i128::from(seconds) * i128::from(SECOND_NS) + i128::from(rest);
        let group = Group {
            by,
            count,
            errors,
            told,
            request_bytes,
            response_bytes,
            timed,
            total_ns,
            min_ns,
            max_ns,
            spread: None,
        };
        (count > 0).then_some(group)
    }
}

/// Where the span begins that a call lies in.
fn span(over: i64, origin: i64, dialect: Dialect) -> String {
    let time = dialect.nanoseconds("`time`");
    let before = format!("(({time} - toInt64({origin})) % toInt64({over}))");
    format!("toInt64({time} - (({before} + toInt64({over})) % toInt64({over})))")
}

fn expression(kept: &Kept, dialect: Dialect) -> String {
    let column = sql::name(kept.name);
    match kept.kind {
        Kind::Time => format!("toNullable({})", dialect.nanoseconds(&column)),
        Kind::Number => format!("toNullable({column})"),
        Kind::Word | Kind::Text | Kind::Json => match dialect {
            Dialect::Old => format!("toNullable({column})"),
            // Not of a dictionary: they are grouped by what they are.
            Dialect::Modern => format!("toNullable(CAST({column}, 'Nullable(String)'))"),
        },
    }
}

fn counted() -> String {
    let second = format!("toInt64({SECOND_NS})");
    let number = |text: String| format!("toInt64({text})");
    let or_0 = |text: &str| format!("toInt64(ifNull({text}, toInt64(0)))");
    [
        number("count()".into()),
        number("countIf(ifNull(`result`, '') = 'error')".into()),
        number("countIf(isNotNull(`result`))".into()),
        or_0("sum(`request_size`)"),
        or_0("sum(`response_size`)"),
        number("countIf(isNotNull(`duration_ns`))".into()),
        or_0(&format!("sum(intDiv(`duration_ns`, {second}))")),
        or_0(&format!("sum(`duration_ns` % {second})")),
        or_0("min(`duration_ns`)"),
        or_0("max(`duration_ns`)"),
    ]
    .join(", ")
}

fn cell(held: Held<'static>, kind: Kind) -> Cell {
    match (held, kind) {
        (Held::Missing, _) => Cell::Missing,
        (Held::Number(ns), Kind::Time) => Cell::Time(ns),
        (Held::Number(number), _) => Cell::Int(number),
        (Held::Text(text), _) => Cell::Text(text.into_owned()),
    }
}
