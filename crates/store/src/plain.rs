//! Figures over calls in memory, the plain way.

use std::collections::BTreeMap;

use filter::{Columns, Record as _, Value};
use model::Timestamp;

use crate::{Aggregate, By, Cell, Heading, Measure, Row, Searched, Table};

/// The calls of each group, by the values that it is told by.
type Groups<'r> = BTreeMap<Vec<String>, (Vec<Cell>, Vec<&'r Row>)>;

pub(crate) fn table(rows: &[Row], question: &Aggregate, columns: &Columns) -> Table {
    let mut groups = Groups::new();
    for row in rows {
        let mut cells: Vec<Cell> =
            question.over.iter().map(|over| span(row, *over, question)).collect();
        cells.extend(question.by.iter().map(|by| cell(row, by, columns)));
        let key = cells.iter().map(|cell| format!("{cell:?}")).collect();
        groups.entry(key).or_insert_with(|| (cells, Vec::new())).1.push(row);
    }
    if groups.is_empty() && question.by.is_empty() && question.over.is_none() {
        groups.insert(Vec::new(), (Vec::new(), Vec::new()));
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    if question.over.is_none() {
        groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    }
    let truncated = groups.len() > question.limit;
    groups.truncate(question.limit);
    let seconds = seconds(rows, question);
    let rows = groups
        .into_iter()
        .map(|(mut cells, rows)| {
            cells.extend(question.show.iter().map(|measure| figure(*measure, &rows, seconds)));
            cells
        })
        .collect();
    let time = question.over.map(|_| Heading { name: "time".into(), unit: None });
    let by = question.by.iter().map(|by| Heading { name: by.name().to_owned(), unit: None });
    let show = question.show.iter();
    let show = show.map(|one| Heading { name: one.name().to_owned(), unit: Some(one.unit()) });
    let searched = Searched { complete: true, ..Searched::default() };
    Table { columns: time.into_iter().chain(by).chain(show).collect(), rows, truncated, searched }
}

fn span(row: &Row, over: std::time::Duration, question: &Aggregate) -> Cell {
    let origin = i64::try_from(question.origin.unwrap_or_default().0).unwrap_or(0);
    let over = i64::try_from(over.as_nanos()).unwrap_or(i64::MAX).max(1);
    Cell::Time(origin + (row.time_ns() - origin).div_euclid(over) * over)
}

fn cell(row: &Row, by: &By, columns: &Columns) -> Cell {
    let By::Column(column, _) = by else {
        return row.endpoint_template().map_or(Cell::Missing, |text| Cell::Text(text.into_owned()));
    };
    match row.record(columns).value(*column).plain() {
        Value::Bool(truth) => Cell::Bool(truth),
        Value::Int(number) | Value::Duration(number) => Cell::Int(number),
        Value::Float(number) => Cell::Float(number),
        Value::Text(text) => Cell::Text(text.into_owned()),
        Value::Ip(ip) => Cell::Text(ip.to_string()),
        Value::Time(ns) => Cell::Time(ns),
        Value::Json(_) | Value::Missing => Cell::Missing,
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds for a rate")]
fn seconds(rows: &[Row], question: &Aggregate) -> f64 {
    if let Some(over) = question.over {
        return over.as_secs_f64();
    }
    let first = question.from.or_else(|| rows.iter().map(Row::time).min()).unwrap_or_default();
    let last = question.to.or_else(|| rows.iter().map(Row::time).max()).unwrap_or(Timestamp(0));
    (last.since(first) as f64 / 1e9).max(1e-9)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn figure(measure: Measure, rows: &[&Row], seconds: f64) -> Cell {
    let sum = |of: fn(&Row) -> Option<i64>| Cell::Int(rows.iter().filter_map(|row| of(row)).sum());
    let errors = rows.iter().filter(|row| row.result() == Some("error")).count();
    let told = rows.iter().filter(|row| row.result().is_some()).count();
    let mut durations: Vec<i64> = rows.iter().filter_map(|row| row.duration_ns()).collect();
    durations.sort_unstable();
    let quantile = |share: f64| {
        let at = ((durations.len() as f64 * share).ceil() as usize).max(1) - 1;
        durations.get(at).map_or(Cell::Missing, |ns| Cell::Int(*ns))
    };
    match measure {
        Measure::Count => Cell::Int(rows.len() as i64),
        Measure::Rate => Cell::Float(rows.len() as f64 / seconds),
        Measure::Errors => Cell::Int(errors as i64),
        Measure::ErrorRate if told == 0 => Cell::Missing,
        Measure::ErrorRate => Cell::Float(errors as f64 / told as f64),
        Measure::Bytes => {
            sum(|row| Some(row.request_size().unwrap_or(0) + row.response_size().unwrap_or(0)))
        }
        Measure::RequestBytes => sum(Row::request_size),
        Measure::ResponseBytes => sum(Row::response_size),
        Measure::Mean if durations.is_empty() => Cell::Missing,
        Measure::Mean => Cell::Float(durations.iter().sum::<i64>() as f64 / durations.len() as f64),
        Measure::P50 => quantile(0.5),
        Measure::P90 => quantile(0.9),
        Measure::P95 => quantile(0.95),
        Measure::P99 => quantile(0.99),
        Measure::Min => quantile(0.0),
        Measure::Max => quantile(1.0),
    }
}
