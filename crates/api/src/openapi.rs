//! The description of the API (OpenAPI 3.1), made from the routes themselves.
//!
//! The types here are never built: they say what answers look like. The schema of a call is that of
//! the output contract.
#![expect(dead_code, reason = "they are for their schemas alone")]

use std::{collections::BTreeMap, sync::LazyLock};

use axum::response::Response;
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

use crate::{ImportFacts, calls::typed, fault::ErrorBody, packets};

/// The whole description.
#[derive(OpenApi)]
#[openapi(
    info(title = "callscope", description = "API calls seen on a network: lists, figures, live tail, exports.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        crate::calls::list, crate::calls::one, crate::calls::curl, crate::calls::har,
        crate::calls::body, crate::calls::packets, crate::calls::pcap, crate::streams::one,
        crate::tail::tail, crate::aggregate::table, crate::aggregate::histogram,
        crate::aggregate::facets, crate::heatmap::heatmap, crate::map::map, crate::language::fields,
        crate::language::complete, crate::language::check, crate::language::protocols,
        crate::upload::import, crate::upload::list, crate::upload::one, crate::exports::export,
        crate::health::health, crate::health::alive, crate::metrics::metrics, description,
    ),
    components(schemas(
        Call, ErrorBody, Side, crate::calls::OrderAsked, crate::calls::SelectAsked, crate::calls::SortAsked,
        crate::exports::Format,
    )),
    modifiers(&Tokens),
    security(("token" = [])),
)]
struct Described;

/// How a token is shown.
struct Tokens;

impl utoipa::Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// The contract of a call.
const CALL: &str = include_str!("../../../docs/schema/call-1.schema.json");

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn description() -> Response {
    typed("application/json", DOCUMENT.as_str())
}

/// The description, with the schema of a call from its contract.
pub(crate) fn document() -> Value {
    let mut document = serde_json::to_value(Described::openapi()).unwrap_or_default();
    let mut call: Value = serde_json::from_str(CALL).unwrap_or_default();
    let parts = call["$defs"].take();
    let Some(members) = call.as_object_mut() else { return document };
    for name in ["$schema", "$id", "$defs"] {
        members.remove(name);
    }
    // The API names calls of many captures.
    let id = json!({ "type": "string", "minLength": 1,
        "description": "Names the call: its capture, its id there, and when it began." });
    let stream = json!({ "type": "string", "minLength": 1,
        "description": "Names the connection or flow that carried it: its capture, its number there." });
    call["properties"]["id"] = id;
    call["properties"]["stream"] = stream;
    let schemas = &mut document["components"]["schemas"];
    schemas["Call"] = refer(call);
    for (name, part) in parts.as_object().into_iter().flatten() {
        schemas[format!("Call.{name}")] = refer(part.clone());
    }
    document
}

/// References to parts of the contract, to where they are in the description.
fn refer(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let target = member.as_str().and_then(|text| text.strip_prefix("#/$defs/"));
                *member = match target {
                    Some(target) if name == "$ref" => {
                        json!(format!("#/components/schemas/Call.{target}"))
                    }
                    _ => refer(member.take()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = refer(item.take())),
        _ => {}
    }
    schema
}

/// Stands for the schema of the contract.
#[derive(ToSchema)]
pub(crate) struct Call {}

/// Which half of a call.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Side {
    Request,
    Response,
}

/// A page of calls.
#[derive(ToSchema)]
pub(crate) struct Page {
    calls: Vec<Call>,
    /// The cursor of the next page; null at the end.
    #[schema(required)]
    next: Option<String>,
    searched: Searched,
}

/// What was looked through.
#[derive(ToSchema)]
pub(crate) struct Searched {
    #[schema(required)]
    from: Option<String>,
    #[schema(required)]
    to: Option<String>,
    /// Whether nothing was left out: not stopped early, no file was unreadable, no node silent.
    complete: bool,
    /// Nodes whose calls are not in the answer.
    missing: Vec<Missing>,
}

/// A node whose calls are not in an answer.
#[derive(ToSchema)]
pub(crate) struct Missing {
    node: String,
    why: String,
}

/// A node, as a hub sees it.
#[derive(ToSchema)]
pub(crate) struct NodeFacts {
    name: String,
    connected: bool,
    version: String,
    /// Calls that it holds, as last heard.
    calls: u64,
}

/// The packets of a call.
#[derive(ToSchema)]
pub(crate) struct Packets {
    packets: Vec<Packet>,
    /// Whether there are more than are told.
    truncated: bool,
    /// Whether payloads are cut off, because secrets are masked.
    masked: bool,
    /// The node that saw them; null where a node has none. Only of a hub.
    node: Option<String>,
    /// Nodes that saw the call and were asked in vain before. Only of a hub.
    #[schema(nullable = false)]
    missing: Option<Vec<Missing>>,
}

/// A packet.
#[derive(ToSchema)]
pub(crate) struct Packet {
    /// Its number in its file, from 1.
    number: u64,
    time: String,
    /// Who sent it: src or dst.
    from: String,
    /// Bytes on the wire.
    length: u64,
    /// Bytes captured.
    captured: u64,
    layers: Vec<packets::Layer>,
    /// The captured bytes.
    hex: String,
}

/// A connection.
#[derive(ToSchema)]
pub(crate) struct Stream {
    stream: String,
    src: Value,
    dst: Value,
    #[schema(required)]
    protocol: Option<String>,
    first: String,
    last: String,
    /// `opening`, `open`, `closing`, `closed`, `reset`, `refused`, `unanswered`, `datagrams`; absent where
    /// the packets are gone.
    #[schema(nullable = false)]
    state: Option<String>,
    #[schema(nullable = false)]
    rtt_ns: Option<u64>,
    #[schema(nullable = false)]
    handshake_ns: Option<u64>,
    #[schema(nullable = false)]
    retransmissions: Option<u64>,
    #[schema(nullable = false)]
    request: Option<packets::Way>,
    #[schema(nullable = false)]
    response: Option<packets::Way>,
    /// Why nothing is said of packets.
    #[schema(nullable = false)]
    packets_missing: Option<String>,
    /// Whether it has more calls than are told.
    more: bool,
    calls: Vec<Call>,
}

/// Figures.
#[derive(ToSchema)]
pub(crate) struct Table {
    columns: Vec<Heading>,
    /// A value for each column; times are RFC 3339.
    rows: Vec<Vec<Value>>,
    /// Whether there are more rows.
    truncated: bool,
    /// Whether all calls asked for were looked through.
    complete: bool,
}

/// What is in a column.
#[derive(ToSchema)]
pub(crate) struct Heading {
    name: String,
    #[schema(required)]
    unit: Option<String>,
}

/// Calls over time.
#[derive(ToSchema)]
pub(crate) struct Histogram {
    from: String,
    to: String,
    bucket_ns: u64,
    series: Series,
}

/// Calls of each span of time, by how they ended.
#[derive(ToSchema)]
pub(crate) struct Series {
    ok: Vec<u64>,
    error: Vec<u64>,
    unknown: Vec<u64>,
}

/// How long calls took over time.
#[derive(ToSchema)]
pub(crate) struct HeatMap {
    from: String,
    to: String,
    bucket_ns: u64,
    /// Where each step of durations begins, in nanoseconds; it ends where the next begins.
    steps: Vec<i64>,
    /// Of each step, the calls of each span of time.
    counts: Vec<Vec<u64>>,
}

/// Values of fields.
#[derive(ToSchema)]
pub(crate) struct Facets {
    facets: BTreeMap<String, Vec<FacetValue>>,
}

/// A value.
#[derive(ToSchema)]
pub(crate) struct FacetValue {
    value: Value,
    count: u64,
    /// The expression that finds it.
    #[schema(rename = "where")]
    condition: String,
}

/// Who calls whom.
#[derive(ToSchema)]
pub(crate) struct ServiceMap {
    nodes: Vec<MapNode>,
    edges: Vec<MapEdge>,
    truncated: bool,
}

/// A workload.
#[derive(ToSchema)]
pub(crate) struct MapNode {
    id: String,
    name: String,
    kind: String,
    #[schema(required)]
    namespace: Option<String>,
    /// Calls to it.
    calls: u64,
    /// Of these, those that ended in an error.
    errors: u64,
}

/// Calls of one workload to another, in one protocol.
#[derive(ToSchema)]
pub(crate) struct MapEdge {
    from: String,
    to: String,
    protocol: String,
    calls: u64,
    errors: u64,
    /// Calls a second.
    rate: f64,
    error_rate: f64,
    #[schema(required)]
    p50_ns: Option<i64>,
    #[schema(required)]
    p99_ns: Option<i64>,
}

/// Names of the query language.
#[derive(ToSchema)]
pub(crate) struct Fields {
    fields: Vec<FieldFacts>,
    functions: Vec<FunctionFacts>,
    aliases: Vec<Value>,
}

/// A field.
#[derive(ToSchema)]
pub(crate) struct FieldFacts {
    name: String,
    #[schema(rename = "type")]
    kind: String,
    about: String,
    /// The protocols that fill it in, comma-separated; absent for fields of all calls.
    #[schema(nullable = false)]
    protocol: Option<String>,
}

/// A function.
#[derive(ToSchema)]
pub(crate) struct FunctionFacts {
    name: String,
    signature: String,
    about: String,
}

/// What may stand at the cursor.
#[derive(ToSchema)]
pub(crate) struct Completion {
    /// Where the word at the cursor begins, in bytes.
    from: u64,
    /// Where it ends.
    to: u64,
    candidates: Vec<Candidate>,
}

/// A word.
#[derive(ToSchema)]
pub(crate) struct Candidate {
    text: String,
    kind: String,
    about: String,
}

/// An expression is one.
#[derive(ToSchema)]
pub(crate) struct Checked {
    ok: bool,
}

/// The protocols.
#[derive(ToSchema)]
pub(crate) struct Protocols {
    protocols: Vec<Value>,
}

/// An import was accepted.
#[derive(ToSchema)]
pub(crate) struct Imported {
    /// Its id.
    import: String,
}

/// The imports.
#[derive(ToSchema)]
pub(crate) struct ImportList {
    imports: Vec<ImportFacts>,
}

/// How the server is.
#[derive(ToSchema)]
pub(crate) struct Health {
    version: String,
    sources: Vec<ImportFacts>,
    /// The nodes of a hub.
    nodes: Vec<NodeFacts>,
    /// Calls in the store.
    calls: u64,
    #[schema(required)]
    oldest: Option<String>,
    #[schema(required)]
    newest: Option<String>,
    /// What comes in a second: calls, and of captures that go on packets, bytes and losses.
    rates: RateFacts,
    /// What was lost, in words.
    losses: Vec<CountFacts>,
    /// What was noticed.
    noticed: Vec<CountFacts>,
    /// What can't be read, by workload and reason: those with the most bytes first.
    unread: Vec<UnreadFacts>,
    /// Where calls are sent as they come.
    sinks: Vec<SinkFacts>,
    /// What each dissector found.
    protocols: Vec<Value>,
    tail: Value,
    store: Value,
}

/// What comes in a second.
#[derive(ToSchema)]
pub(crate) struct RateFacts {
    calls_per_s: f64,
    packets_per_s: f64,
    bytes_per_s: f64,
    losses_per_s: f64,
}

/// What can't be read of one workload.
#[derive(ToSchema)]
pub(crate) struct UnreadFacts {
    /// The first source that it was met in.
    source: String,
    /// An address and port of it.
    #[schema(required)]
    server: Option<String>,
    #[schema(required)]
    namespace: Option<String>,
    /// Absent where nobody knows who it is: then each server is told by itself.
    #[schema(required)]
    workload: Option<String>,
    /// `encrypted`, `unknown-protocol`, `joined-late` or `gap`.
    why: String,
    /// The same in words.
    what: String,
    flows: u64,
    bytes: u64,
    /// What to do.
    next: String,
}

/// Where calls are sent as they come.
#[derive(ToSchema)]
pub(crate) struct SinkFacts {
    name: String,
    to: String,
    sent: u64,
    waiting: u64,
    lost: u64,
    /// Calls that it refused for good; absent where nothing is put aside.
    #[schema(nullable = false)]
    refused: Option<u64>,
    /// Why the last of these were refused.
    why_refused: Option<String>,
    /// Why the last ones were not taken at once.
    #[schema(required)]
    fault: Option<String>,
}

/// A count.
#[derive(ToSchema)]
pub(crate) struct CountFacts {
    name: String,
    words: String,
    count: u64,
    /// What helps; only of losses.
    #[schema(nullable = false)]
    next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let text = document.to_string();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        assert!(document["components"]["schemas"]["Call"]["properties"]["endpoint"].is_object());
    }
}
