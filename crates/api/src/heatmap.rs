//! How long calls took over time, in one answer: for heat maps.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Json, extract::State};
use filter::{Column, Fact};
use model::Timestamp;
use serde_json::{Value, json};
use store::{Aggregate, By, Cell, Measure};

use crate::{
    Who,
    aggregate::{Frame, HistogramAsked, count},
    fault::{Answer, ErrorBody},
    params::Asked,
    state::Api,
};

/// Spans of time at most.
const BUCKETS_MAX: usize = 500;
/// Steps that durations of a nanosecond to a century can have.
const STEPS_MAX: usize = 32;

/// How many calls took how long, over time.
#[utoipa::path(get, path = "/api/v1/heatmap", tag = "figures", params(HistogramAsked),
    responses((status = 200, description = "A row for each step of durations, with a count for each span of time", body = crate::openapi::HeatMap),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn heatmap(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<HistogramAsked>,
) -> Answer<Json<Value>> {
    let (condition, frame) = asked.frame(&api, &who, 60, BUCKETS_MAX)?;
    let table = api
        .query(move |api, stop| {
            let step = Column::Call(Fact::DurationStep);
            let question = Aggregate {
                condition,
                from: Some(frame.from),
                to: Some(frame.to),
                by: vec![By::Column(step, "duration.step".into())],
                show: vec![Measure::Count],
                over: Some(Duration::from_nanos(frame.width)),
                origin: Some(frame.from),
                limit: (frame.buckets + 1) * STEPS_MAX,
                stop,
            };
            api.source.by(&who).aggregate(&question)
        })
        .await?;
    let mut counts: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for row in &table.rows {
        let (Some(Cell::Time(at)), Some(Cell::Int(step))) = (row.first(), row.get(1)) else {
            continue;
        };
        let at = Timestamp(u64::try_from(*at).unwrap_or_default());
        let Some(index) = frame.index(at) else { continue };
        let of_step = counts.entry(*step).or_insert_with(|| vec![0; frame.buckets]);
        of_step[index] += count(row.get(2));
    }
    let (steps, counts) = filled(counts, &frame);
    Ok(Json(json!({
        "from": export::moment(frame.from), "to": export::moment(frame.to),
        "bucket_ns": frame.width, "steps": steps, "counts": counts,
    })))
}

/// All steps from the first to the last, also those without calls; each ends where the next begins.
fn filled(mut counts: BTreeMap<i64, Vec<i64>>, frame: &Frame) -> (Vec<i64>, Vec<Vec<i64>>) {
    let ends = counts.first_key_value().zip(counts.last_key_value());
    let Some((mut step, last)) = ends.map(|((first, _), (last, _))| (*first, *last)) else {
        return (Vec::new(), Vec::new());
    };
    let (mut steps, mut all) = (Vec::new(), Vec::new());
    while step <= last && steps.len() <= 2 * STEPS_MAX {
        steps.push(step);
        all.push(counts.remove(&step).unwrap_or_else(|| vec![0; frame.buckets]));
        step = filter::step_after(step);
    }
    (steps, all)
}
