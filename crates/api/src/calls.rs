//! Lists of calls, and one call in all its forms.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Amount, Order, Scan, Select};

use crate::{
    Fault, Who,
    call::{Whole, told, value},
    fault::{Answer, ErrorBody},
    packets::{self, Layer, Place},
    params::{Asked, Which},
    state::Api,
    streams::inputs_of,
};

/// Calls of an answer, if nothing else is said.
const LIMIT: usize = 100;
/// Calls of an answer at most.
const LIMIT_MAX: usize = 1000;
/// Packets of an answer at most.
const PACKETS_MAX: usize = 2000;
/// Bytes of packets of an answer at most.
const PACKET_BYTES_MAX: usize = 8 << 20;
/// Bytes of a capture file of one call at most.
const PCAP_BYTES_MAX: usize = 64 << 20;

/// Which calls, and how many of them.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallsAsked {
    /// An expression of the query language; all calls if absent.
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Calls that began at this time or later: RFC 3339, or a span before now such as -15m.
    from: Option<String>,
    /// Calls that began before this time.
    to: Option<String>,
    /// Calls at most (100).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page before stopped: its `next`.
    cursor: Option<String>,
    /// What calls are sorted by (time). By anything else, calls that have none of it are left out.
    sort: Option<SortAsked>,
    /// Newest, longest, largest first (desc), or oldest, shortest, smallest first (asc).
    order: Option<OrderAsked>,
    /// How much of each call: a summary, or all of it.
    select: Option<SelectAsked>,
}

/// What calls are sorted by.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SortAsked {
    /// When they began.
    #[default]
    Time,
    /// How long they took.
    Duration,
    /// Bytes of the request.
    RequestSize,
    /// Bytes of the response.
    ResponseSize,
}

/// Which calls come first.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderAsked {
    /// The newest, longest, largest.
    Desc,
    /// The oldest, shortest, smallest.
    Asc,
}

/// How much of each call.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SelectAsked {
    /// Neither headers, nor fields, nor bodies.
    Summary,
    /// All of it.
    Whole,
}

/// Whose packets.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PacketsAsked {
    /// Those that this node saw; of a hub, one of the call's `seen_by`.
    node: Option<String>,
}

/// Calls by time, or by how long or large they are.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", params(CallsAsked),
    responses((status = 200, description = "A page of calls", body = crate::openapi::Page),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<CallsAsked>,
) -> Answer<Response> {
    let which = Which { condition: asked.condition, from: asked.from, to: asked.to };
    let chosen = which.choose(&api, &who)?;
    let limit = limit(asked.limit, LIMIT, LIMIT_MAX)?;
    let after = asked.cursor.as_deref().filter(|text| !text.is_empty()).map(cursor).transpose()?;
    let (whole, select) = match asked.select {
        Some(SelectAsked::Whole) if who.sees_payloads() => (Whole::All, Select::Whole),
        _ => (Whole::Summary, Select::Summary),
    };
    let order = order(asked.sort.unwrap_or_default(), asked.order);
    let (from, to) = (chosen.from, chosen.to);
    let asks = who.clone();
    let page = api
        .query(move |api, stop| {
            let condition = chosen.condition;
            let scan = Scan { condition, from, to, order, after, limit, select, stop };
            api.source.by(&asks).scan(&scan)
        })
        .await?;
    who.tell(page.rows.len(), whole == Whole::All);
    let calls: Vec<_> = page.rows.iter().map(|row| told(row, whole, who.role())).collect();
    let moment = |at: Option<model::Timestamp>| at.map(export::moment);
    let end = json!({
        "next": page.next.map(|place| place.to_string()),
        "searched": { "from": moment(from), "to": moment(to), "complete": page.searched.complete,
            "missing": missing(&page.searched) },
    });
    // The calls are JSON already.
    let end = end.to_string();
    let text = format!("{{\"calls\":[{}],{}", calls.join(","), end.trim_start_matches('{'));
    Ok(typed("application/json", text))
}

fn order(sort: SortAsked, way: Option<OrderAsked>) -> Order {
    let amount = match sort {
        SortAsked::Time => None,
        SortAsked::Duration => Some(Amount::Duration),
        SortAsked::RequestSize => Some(Amount::RequestSize),
        SortAsked::ResponseSize => Some(Amount::ResponseSize),
    };
    match (amount, way) {
        (None, Some(OrderAsked::Asc)) => Order::OldestFirst,
        (None, _) => Order::NewestFirst,
        (Some(amount), Some(OrderAsked::Asc)) => Order::Least(amount),
        (Some(amount), _) => Order::Most(amount),
    }
}

/// One call, whole.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "calls", params(("id" = String, Path, description = "The call's id")),
    responses((status = 200, description = "The call", body = crate::openapi::Call),
        (status = "4XX", description = "There is no such call", body = ErrorBody)))]
pub(crate) async fn one(
    State(api): State<Arc<Api>>,
    who: Who,
    Path(id): Path<String>,
) -> Answer<Response> {
    let row = api.call(&who, id, Select::Whole).await?;
    who.tell(1, who.sees_payloads());
    Ok(typed("application/json", told(&row, Whole::All, who.role())))
}

/// The call as a command line for curl.
#[utoipa::path(get, path = "/api/v1/calls/{id}/curl", tag = "calls", params(("id" = String, Path, description = "The call's id")),
    responses((status = 200, description = "A command for a POSIX shell", content_type = "text/plain", body = String),
        (status = "4XX", description = "There is no such call, or it is no HTTP", body = ErrorBody)))]
pub(crate) async fn curl(
    State(api): State<Arc<Api>>,
    who: Who,
    Path(id): Path<String>,
) -> Answer<Response> {
    let call = payload(&api, &who, id).await?;
    let command = export::curl(&call);
    let command = command.ok_or_else(|| Fault::missing("this call has no HTTP request"))?;
    Ok(typed("text/plain; charset=utf-8", command))
}

/// The call as an HTTP archive.
#[utoipa::path(get, path = "/api/v1/calls/{id}/har", tag = "calls", params(("id" = String, Path, description = "The call's id")),
    responses((status = 200, description = "HAR 1.2", content_type = "application/json", body = Object),
        (status = "4XX", description = "There is no such call, or it is no HTTP", body = ErrorBody)))]
pub(crate) async fn har(
    State(api): State<Arc<Api>>,
    who: Who,
    Path(id): Path<String>,
) -> Answer<Response> {
    let call = payload(&api, &who, id).await?;
    let entry = export::har_entry(&call);
    let entry = entry.ok_or_else(|| Fault::missing("this call has no HTTP request"))?;
    let text = format!("{}{entry}{}", export::har_begin(), export::HAR_END);
    Ok(download("application/json", "call.har", text.into()))
}

/// The bytes of a body, content coding undone, as far as they were kept.
#[utoipa::path(get, path = "/api/v1/calls/{id}/body/{half}", tag = "calls",
    params(("id" = String, Path, description = "The call's id"),
        ("half" = crate::openapi::Side, Path, description = "Which half")),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream", body = Vec<u8>),
        (status = "4XX", description = "There is no such call, or no body", body = ErrorBody)))]
pub(crate) async fn body(
    State(api): State<Arc<Api>>,
    who: Who,
    Path((id, half)): Path<(String, String)>,
) -> Answer<Response> {
    if half != "request" && half != "response" {
        return Err(Fault::missing("a call has a request and a response"));
    }
    let call = payload(&api, &who, id).await?;
    let body = &call[&half]["body"];
    let bytes = match (body["text"].as_str(), body["base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(text)) => {
            base64::engine::general_purpose::STANDARD.decode(text).map_err(Fault::ours)?
        }
        _ => return Err(Fault::missing(format!("no body of the {half} was kept"))),
    };
    // Whatever it says it is: a browser must not run it as a page of ours.
    Ok(download("application/octet-stream", &half, bytes.into()))
}

/// The packets of a call, layer by layer.
#[utoipa::path(get, path = "/api/v1/calls/{id}/packets", tag = "calls",
    params(("id" = String, Path, description = "The call's id"), PacketsAsked),
    responses((status = 200, description = "The packets", body = crate::openapi::Packets),
        (status = "4XX", description = "There is no such call, or its capture is gone", body = ErrorBody)))]
pub(crate) async fn packets(
    State(api): State<Arc<Api>>,
    who: Who,
    Path(id): Path<String>,
    Asked(asked): Asked<PacketsAsked>,
) -> Answer<Response> {
    let call = payload(&api, &who, id).await?;
    if let Some(of) = packets::wanted(&call, asked.node.as_deref())? {
        let told = api.query(move |api, stop| packets::told(api, &who, &call, of, stop)).await?;
        return Ok(typed("application/json", told.to_string()));
    }
    let place = place(&api, &call)?;
    let text = api
        .query(move |_, stop| {
            let (mut told, mut bytes, mut more) = (Vec::new(), 0, false);
            packets::search(&place, &stop, |found| {
                bytes += found.packet.bytes.len();
                more = told.len() >= PACKETS_MAX || bytes > PACKET_BYTES_MAX;
                if !more {
                    told.push(packet(found));
                }
                !more
            })?;
            let masked = place.headers_only;
            Ok(json!({ "packets": told, "truncated": more, "masked": masked }).to_string())
        })
        .await?;
    Ok(typed("application/json", text))
}

/// The packets of a call as a capture file.
#[utoipa::path(get, path = "/api/v1/calls/{id}/pcap", tag = "calls",
    params(("id" = String, Path, description = "The call's id"), PacketsAsked),
    responses((status = 200, description = "pcapng", content_type = "application/vnd.tcpdump.pcap", body = Vec<u8>),
        (status = "4XX", description = "There is no such call, or its capture is gone", body = ErrorBody)))]
pub(crate) async fn pcap(
    State(api): State<Arc<Api>>,
    who: Who,
    Path(id): Path<String>,
    Asked(asked): Asked<PacketsAsked>,
) -> Answer<Response> {
    let call = payload(&api, &who, id).await?;
    if let Some(of) = packets::wanted(&call, asked.node.as_deref())? {
        return packets::file(&api, who, of, "call.pcapng", PCAP_BYTES_MAX).await;
    }
    let place = place(&api, &call)?;
    let bytes = api
        .query(move |_, stop| {
            let mut out = Vec::new();
            let mut file = export::Pcapng::new(&mut out);
            packets::search(&place, &stop, |found| {
                let packet = &found.packet;
                file.packet(packet.at, packet.link.0, packet.bytes, packet.wire_len, &mut out);
                out.len() < PCAP_BYTES_MAX
            })?;
            Ok(out)
        })
        .await?;
    Ok(download("application/vnd.tcpdump.pcap", "call.pcapng", bytes.into()))
}

/// The whole call, for somebody who may see it.
async fn payload(api: &Arc<Api>, who: &Who, id: String) -> Result<Value, Fault> {
    if !who.sees_payloads() {
        return Err(Fault::forbidden("this token may not see payloads"));
    }
    let row = api.call(who, id, Select::Whole).await?;
    who.tell(1, true);
    Ok(value(&row, Whole::All, who.role()))
}

fn place(api: &Api, call: &Value) -> Result<Place, Fault> {
    let inputs = inputs_of(api, call)?;
    Place::of_call(call, inputs, api.settings.mask.is_some())
}

fn packet(found: &packets::Found<'_>) -> Value {
    let packet = &found.packet;
    let layers: Vec<Layer> = packets::layers(packet.link, packet.bytes);
    let hex: String = packet.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "number": packet.frame,
        "time": export::moment(packet.at),
        "from": if found.from_client { "src" } else { "dst" },
        "length": packet.wire_len,
        "captured": packet.bytes.len(),
        "layers": layers,
        "hex": hex,
    })
}

/// Whose calls are not in an answer.
pub(crate) fn missing(searched: &store::Searched) -> Vec<Value> {
    let all = searched.missing.iter();
    all.map(|missing| json!({ "node": missing.name, "why": missing.why })).collect()
}

/// How many, if it is not too many.
pub(crate) fn limit(asked: Option<usize>, default: usize, max: usize) -> Result<usize, Fault> {
    let limit = asked.unwrap_or(default);
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    Err(Fault::bad(format!("limit is between 1 and {max}")))
}

fn cursor(text: &str) -> Result<store::Place, Fault> {
    store::Place::parse(text).ok_or_else(|| Fault::bad("this is no cursor of an answer"))
}

/// An answer of this type.
pub(crate) fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    let content_type = HeaderValue::from_static(content_type);
    ([(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

/// A file to be saved.
pub(crate) fn download(content_type: &'static str, name: &str, body: Body) -> Response {
    let mut response = typed(content_type, body);
    let place = format!("attachment; filename=\"{name}\"");
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, place);
    }
    response
}
