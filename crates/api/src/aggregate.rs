//! Figures over calls: tables, histograms, and what values there are.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use filter::{Column, Condition, Fact};
use model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{Aggregate, By, Cell, Measure, Table};

use crate::{
    Fault, Who,
    calls::limit,
    fault::{Answer, ErrorBody},
    params::{self, Asked, Which, list},
    state::Api,
    text,
};

/// Rows of an answer, if nothing else is said.
const ROWS: usize = 100;
/// Rows of an answer at most.
const ROWS_MAX: usize = 10_000;
/// Fields that calls are grouped by.
const BY_MAX: usize = 8;
/// Figures of one answer.
const SHOW_MAX: usize = 14;
/// Steps of time of one answer.
const STEPS_MAX: u64 = 10_000;
/// Bars of a histogram at most.
const BUCKETS_MAX: usize = 2000;
/// Facets of one answer.
const FACETS_MAX: usize = 16;
/// Values of one facet.
const FACET_VALUES_MAX: usize = 200;

/// What is measured, of which calls.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TableAsked {
    /// An expression of the query language; all calls if absent.
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Calls that began at this time or later: RFC 3339, or a span before now such as -15m.
    from: Option<String>,
    /// Calls that began before this time.
    to: Option<String>,
    /// Fields that calls are grouped by, comma-separated; `endpoint` is grouped by template.
    by: Option<String>,
    /// Measures, comma-separated (count): count, rate, errors, error_rate, bytes, request_bytes,
    /// response_bytes, mean, p50, p90, p95, p99, min, max.
    show: Option<String>,
    /// Also by steps of time of this length: 10s, 1m, 1h.
    over: Option<String>,
    /// Rows at most (100).
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// Figures by groups.
#[utoipa::path(get, path = "/api/v1/aggregate", tag = "figures", params(TableAsked),
    responses((status = 200, description = "A table", body = crate::openapi::Table),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn table(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<TableAsked>,
) -> Answer<Json<Value>> {
    let which = Which { condition: asked.condition, from: asked.from, to: asked.to };
    let chosen = which.choose(&api, &who)?;
    let by = list(asked.by.as_deref());
    if by.len() > BY_MAX {
        return Err(Fault::bad(format!("calls are grouped by at most {BY_MAX} fields")));
    }
    let by = by.into_iter().map(|name| named(&api, &who, name)).collect::<Result<Vec<_>, _>>()?;
    let mut show = list(asked.show.as_deref());
    if show.is_empty() {
        show.push("count");
    }
    if show.len() > SHOW_MAX {
        return Err(Fault::bad(format!("an answer has at most {SHOW_MAX} measures")));
    }
    let show = show.into_iter().map(measure).collect::<Result<Vec<_>, _>>()?;
    let limit = limit(asked.limit, ROWS, ROWS_MAX)?;
    let over = asked.over.as_deref().filter(|text| !text.is_empty()).map(over).transpose()?;
    if let (Some(over), Some(from), Some(to)) = (over, chosen.from, chosen.to)
        && u128::from(to.since(from)) / over.as_nanos().max(1) > u128::from(STEPS_MAX)
    {
        return Err(Fault::bad(format!("more than {STEPS_MAX} steps of time")));
    }
    let table = api
        .query(move |api, stop| {
            let (condition, from, to) = (chosen.condition, chosen.from, chosen.to);
            let origin = None;
            let question = Aggregate { condition, from, to, by, show, over, origin, limit, stop };
            api.source.by(&who).aggregate(&question)
        })
        .await?;
    Ok(Json(told(&table)))
}

/// A column, or the endpoint's template, by its name.
pub(crate) fn named(api: &Api, who: &Who, name: &str) -> Result<By, Fault> {
    if name == "endpoint" {
        return Ok(By::EndpointTemplate);
    }
    let column = column(api, name)?;
    params::check(api, who, &[column])?;
    Ok(By::Column(column, name.to_owned()))
}

fn column(api: &Api, name: &str) -> Result<Column, Fault> {
    api.columns.named(name).ok_or_else(|| {
        let short: String = name.chars().take(80).collect();
        Fault {
            hint: Some("/api/v1/fields lists them".into()),
            ..Fault::bad(format!("there is no field {short:?}"))
        }
    })
}

fn measure(name: &str) -> Result<Measure, Fault> {
    Measure::named(name).ok_or_else(|| {
        let known: Vec<_> = Measure::ALL.iter().map(|measure| measure.name()).collect();
        let short: String = name.chars().take(80).collect();
        Fault {
            hint: Some(known.join(", ")),
            ..Fault::bad(format!("there is no measure {short:?}"))
        }
    })
}

fn over(text: &str) -> Result<Duration, Fault> {
    let ns = text::duration(text).filter(|ns| *ns >= 1_000_000).ok_or_else(|| Fault {
        hint: Some("10s, 1m, 1h".into()),
        ..Fault::bad("over: a step of time is at least 1ms")
    })?;
    Ok(Duration::from_nanos(ns))
}

fn told(table: &Table) -> Value {
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|heading| json!({ "name": heading.name, "unit": heading.unit }))
        .collect();
    let rows: Vec<Vec<Value>> =
        table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    json!({
        "columns": columns, "rows": rows, "truncated": table.truncated,
        "complete": table.searched.complete,
        "missing": crate::calls::missing(&table.searched),
    })
}

/// A value as JSON; times as RFC 3339.
pub(crate) fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::Missing => Value::Null,
        Cell::Bool(truth) => json!(truth),
        Cell::Int(number) => json!(number),
        Cell::Float(number) => json!(number),
        Cell::Text(text) => json!(text),
        Cell::Time(ns) => json!(export::moment(Timestamp(u64::try_from(*ns).unwrap_or_default()))),
    }
}

/// The whole number in a cell.
pub(crate) fn count(cell: Option<&Cell>) -> i64 {
    match cell {
        Some(Cell::Int(number)) => *number,
        _ => 0,
    }
}

/// Which calls, in how many bars.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistogramAsked {
    /// An expression of the query language; all calls if absent.
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Calls that began at this time or later; the first call of all if absent.
    from: Option<String>,
    /// Calls that began before this time; behind the last call of all if absent.
    to: Option<String>,
    /// Bars (120).
    #[param(minimum = 1, maximum = 2000)]
    buckets: Option<usize>,
}

/// A span of time, cut into equal parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) buckets: usize,
    /// Nanoseconds of a part.
    pub(crate) width: u64,
}

// === impl Frame ===

impl Frame {
    /// The part that a moment is in.
    pub(crate) fn index(&self, at: Timestamp) -> Option<usize> {
        let index = usize::try_from(at.since(self.from) / self.width).ok()?;
        (index < self.buckets).then_some(index)
    }
}

// === impl HistogramAsked ===

impl HistogramAsked {
    /// Which calls, in which parts of time; where no end is said, all that are kept.
    pub(crate) fn frame(
        self,
        api: &Api,
        who: &Who,
        buckets: usize,
        buckets_max: usize,
    ) -> Result<(Option<Arc<Condition>>, Frame), Fault> {
        let which = Which { condition: self.condition, from: self.from, to: self.to };
        let chosen = which.choose(api, who)?;
        let buckets = limit(self.buckets, buckets, buckets_max)?;
        let facts = api.source.facts();
        let from = chosen.from.or(facts.oldest).unwrap_or_else(text::now);
        let to = chosen.to.or(facts.newest.map(|at| at.after(1))).unwrap_or(from);
        let to = to.max(from.after(1));
        let width = to.since(from).div_ceil(buckets as u64).max(1);
        Ok((chosen.condition, Frame { from, to, buckets, width }))
    }
}

/// How many calls over time, by how they ended.
#[utoipa::path(get, path = "/api/v1/histogram", tag = "figures", params(HistogramAsked),
    responses((status = 200, description = "A bar for each span of time", body = crate::openapi::Histogram),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn histogram(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<HistogramAsked>,
) -> Answer<Json<Value>> {
    let (condition, frame) = asked.frame(&api, &who, 120, BUCKETS_MAX)?;
    let table = api
        .query(move |api, stop| {
            let result = By::Column(Column::Call(Fact::StatusResult), "status.result".into());
            let question = Aggregate {
                condition,
                from: Some(frame.from),
                to: Some(frame.to),
                by: vec![result],
                show: vec![Measure::Count],
                over: Some(Duration::from_nanos(frame.width)),
                origin: Some(frame.from),
                // Each bar has a row for each end that calls can have, and for none.
                limit: (frame.buckets + 1) * 4,
                stop,
            };
            api.source.by(&who).aggregate(&question)
        })
        .await?;
    let mut series = [vec![0; frame.buckets], vec![0; frame.buckets], vec![0; frame.buckets]];
    for row in &table.rows {
        let Some(Cell::Time(at)) = row.first() else { continue };
        let at = Timestamp(u64::try_from(*at).unwrap_or_default());
        let Some(index) = frame.index(at) else { continue };
        let which = match row.get(1) {
            Some(Cell::Text(result)) if result == "ok" => 0,
            Some(Cell::Text(result)) if result == "error" => 1,
            _ => 2,
        };
        series[which][index] += count(row.get(2));
    }
    let [ok, error, unknown] = series;
    Ok(Json(json!({
        "from": export::moment(frame.from), "to": export::moment(frame.to),
        "bucket_ns": frame.width,
        "series": { "ok": ok, "error": error, "unknown": unknown },
    })))
}

/// Which calls, and the values of what.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FacetsAsked {
    /// An expression of the query language; all calls if absent.
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Calls that began at this time or later.
    from: Option<String>,
    /// Calls that began before this time.
    to: Option<String>,
    /// Fields, comma-separated (namespace, workload, protocol, status, endpoint): any of the language,
    /// or short: namespace, workload, service, pod, node (of the server), status, result, endpoint
    /// (its template).
    of: Option<String>,
    /// Values of each (20).
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// The most frequent values of fields.
#[utoipa::path(get, path = "/api/v1/facets", tag = "figures", params(FacetsAsked),
    responses((status = 200, description = "Values with counts", body = crate::openapi::Facets),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn facets(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<FacetsAsked>,
) -> Answer<Json<Value>> {
    let which = Which { condition: asked.condition, from: asked.from, to: asked.to };
    let chosen = which.choose(&api, &who)?;
    let limit = limit(asked.limit, 20, FACET_VALUES_MAX)?;
    let of = asked.of.as_deref().filter(|of| !of.is_empty());
    let of = list(Some(of.unwrap_or("namespace,workload,protocol,status,endpoint")));
    if of.len() > FACETS_MAX {
        return Err(Fault::bad(format!("at most {FACETS_MAX} fields at once")));
    }
    let mut columns = Vec::new();
    for name in of {
        let full = full(name);
        let column = column(&api, full)?;
        params::check(&api, &who, &[column])?;
        columns.push((name.to_owned(), full.to_owned(), column));
    }
    let facets = api
        .query(move |api, stop| {
            let mut facets = Map::new();
            for (name, full, column) in columns {
                let question = Aggregate {
                    condition: chosen.condition.clone(),
                    from: chosen.from,
                    to: chosen.to,
                    by: vec![By::Column(column, full.clone())],
                    show: vec![Measure::Count],
                    limit: limit + 1,
                    stop: stop.clone(),
                    ..Aggregate::default()
                };
                let table = api.source.by(&who).aggregate(&question)?;
                let values = table.rows.iter().filter_map(|row| facet(&full, row)).take(limit);
                facets.insert(name, values.collect());
            }
            Ok(facets)
        })
        .await?;
    Ok(Json(json!({ "facets": facets })))
}

/// What a short name stands for.
fn full(name: &str) -> &str {
    match name {
        "namespace" => "dst.namespace",
        "workload" => "dst.workload.name",
        "service" => "dst.service",
        "pod" => "dst.pod",
        "node" => "dst.node",
        "status" => "status.code",
        "result" => "status.result",
        // As calls are counted by it everywhere.
        "endpoint" => "endpoint.template",
        other => other,
    }
}

/// A value, how often it is there, and the expression that finds it; missing values are left out.
fn facet(name: &str, row: &[Cell]) -> Option<Value> {
    let value = match row.first()? {
        Cell::Missing => return None,
        other => cell(other),
    };
    let condition = format!("{name} == {value}");
    Some(json!({ "value": value, "count": count(row.get(1)), "where": condition }))
}
