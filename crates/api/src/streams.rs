//! Connections: their ends, their health, their calls.

use std::{path::PathBuf, sync::Arc};

use axum::{
    extract::{Path, State},
    response::Response,
};
use filter::Condition;
use serde_json::{Value, json};
use store::{Order, Scan, Select};

use crate::{
    Fault, Who,
    call::{Whole, value},
    calls::typed,
    fault::{Answer, ErrorBody},
    packets::{Place, Watch, ends, search},
    state::Api,
    text::now,
};

/// Calls told of one connection.
const CALLS_MAX: usize = 1000;

/// A connection, by the `stream` of its calls.
#[utoipa::path(get, path = "/api/v1/streams/{stream}", tag = "calls",
    params(("stream" = String, Path, description = "The `stream` of a call")),
    responses((status = 200, description = "The connection", body = crate::openapi::Stream),
        (status = "4XX", description = "There is no such connection", body = ErrorBody)))]
pub(crate) async fn one(
    State(api): State<Arc<Api>>,
    who: Who,
    Path(stream): Path<String>,
) -> Answer<Response> {
    let text = api
        .query(move |api, stop| {
            let condition = format!("stream == {}", Value::from(stream.as_str()));
            let condition = Condition::compile(&condition, &api.columns, now())?;
            let scan = Scan {
                condition: Some(Arc::new(condition)),
                order: Order::OldestFirst,
                limit: CALLS_MAX,
                select: Select::Summary,
                stop: stop.clone(),
                ..Scan::default()
            };
            let page = api.source.by(&who).scan(&scan)?;
            let calls: Vec<_> =
                page.rows.iter().map(|row| value(row, Whole::Summary, who.role())).collect();
            who.tell(calls.len(), false);
            let first = calls.first().ok_or_else(|| Fault::missing("there is no such stream"))?;
            let mut told = json!({
                "stream": stream,
                "src": first["src"], "dst": first["dst"],
                "protocol": first["protocol"], "transport": first["transport"],
                "first": first["time"],
                "last": calls.last().map(|call| call["time"].clone()),
                "tls": first["tls"], "source": first["source"],
            });
            match connection(api, first, &stop) {
                Ok(found) => tell(&mut told, found),
                Err(fault) => told["packets_missing"] = json!(fault.message),
            }
            told["more"] = json!(page.next.is_some());
            told["calls"] = json!(calls);
            Ok(told.to_string())
        })
        .await?;
    Ok(typed("application/json", text))
}

/// What the packets of the connection tell, where they are still there.
fn connection(api: &Api, call: &Value, stop: &store::Stop) -> Result<Watch, Fault> {
    let ends = ends(call).ok_or_else(|| Fault::missing("its ends are not known"))?;
    let place = Place { inputs: inputs_of(api, call)?, ends, frames: None, headers_only: true };
    let mut watch = Watch::default();
    search(&place, stop, |found| {
        watch.packet(found);
        true
    })?;
    Ok(watch)
}

fn tell(told: &mut Value, watch: Watch) {
    let Some((connection, first, last)) = watch.end() else {
        told["packets_missing"] = json!("no packet of it is in the capture");
        return;
    };
    told["first"] = json!(export::moment(first));
    told["last"] = json!(export::moment(last));
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), json!(connection)) {
        told.extend(more);
    }
}

/// The captures that a call came from.
pub(crate) fn inputs_of(api: &Api, call: &Value) -> Result<Vec<PathBuf>, Fault> {
    let id = call["id"].as_str().unwrap_or_default();
    let import = api.imports.of(id).filter(|import| !import.inputs.is_empty());
    let import = import.ok_or_else(|| {
        Fault::missing("the packets of this call were not kept: it came from no capture file")
    })?;
    Ok(import.inputs.clone())
}
