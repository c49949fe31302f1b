//! Calls as spans of OpenTelemetry (OTLP 1.x in protobuf), which join the trace that the caller began
//! where the call carried its context.

mod context;
mod messages;

use std::collections::BTreeMap;

use model::Date;
use prost::Message as _;
use serde_json::Value;

pub use self::messages::{Spans, Taken};
use self::{
    context::{context, made_up},
    messages::{
        Any, AnyValue, ArrayValue, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span,
        SpanKind, Status, StatusCode,
    },
};
use crate::fact::{number, text};

/// Values of a list that are told.
const VALUES_MAX: usize = 64;
/// Bytes of a text that are told.
const TEXT_BYTES_MAX: usize = 4096;

/// What a collector is given: a span for each call, which is as the output contract says, with its name
/// (a method and the template of an endpoint). Calls that go on have no span yet.
#[must_use]
pub fn spans(calls: &[(Value, String)]) -> Spans {
    let mut by_server: BTreeMap<String, (Resource, Vec<Span>)> = BTreeMap::new();
    for (call, name) in calls {
        let Some(span) = span(call, name) else { continue };
        let key = call["dst"]["workload"].to_string() + &service(&call["dst"]);
        by_server.entry(key).or_insert_with(|| (resource(&call["dst"]), Vec::new())).1.push(span);
    }
    let scope = Scope { name: "callscope".into(), version: env!("CARGO_PKG_VERSION").into() };
    let resource_spans = by_server
        .into_values()
        .map(|(resource, spans)| ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans { scope: Some(scope.clone()), spans }],
        })
        .collect();
    Spans { resource_spans }
}

// === impl Spans ===

impl Spans {
    /// In protobuf.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

// === impl Taken ===

impl Taken {
    /// Reads an answer; what can't be read says nothing.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::decode(bytes).unwrap_or_default()
    }

    /// How many spans the collector did not take for good, and why.
    #[must_use]
    pub fn rejected(&self) -> (u64, &str) {
        let partial = self.partial.as_ref();
        partial.map_or((0, ""), |of| (of.rejected.max(0).cast_unsigned(), of.why.as_str()))
    }
}

/// The call as its server would have told it: a child of the span that the caller sent along.
fn span(call: &Value, name: &str) -> Option<Span> {
    if call["state"] == "open" {
        return None;
    }
    let begin = nanoseconds(text(&call["time"])?)?;
    let lasted = number(&call["duration_ns"]).or_else(|| number(&call["request"]["last_ns"]));
    let end = begin.saturating_add(u64::try_from(lasted.unwrap_or(0)).unwrap_or(0));
    let own = made_up(&format!("{}{begin}", call["id"]));
    let sent = context(&call["request"]);
    let failed = call["status"]["result"] == "error";
    Some(Span {
        trace_id: sent.as_ref().map_or(own.to_be_bytes(), |sent| sent.trace).to_vec(),
        span_id: own.to_le_bytes()[..8].to_vec(),
        parent_span_id: sent.as_ref().map(|sent| sent.span.to_vec()).unwrap_or_default(),
        flags: sent.as_ref().map_or(0, |sent| u32::from(sent.sampled) | 0x300),
        name: name.to_owned(),
        kind: if call["pairing"] == "one-way" { SpanKind::Consumer } else { SpanKind::Server }
            as i32,
        start_time_unix_nano: begin,
        end_time_unix_nano: end,
        attributes: attributes(call),
        status: failed.then(|| Status {
            message: text(&call["status"]["text"]).unwrap_or_default().to_owned(),
            code: StatusCode::Error as i32,
        }),
    })
}

/// The protocol's fields, whose names are those of the semantic conventions, and what all calls have.
fn attributes(call: &Value) -> Vec<KeyValue> {
    let mut all: BTreeMap<String, AnyValue> = BTreeMap::new();
    for half in ["response", "request"] {
        for (name, field) in call[half]["fields"].as_object().into_iter().flatten() {
            if let Some(value) = value(field) {
                all.insert(name.clone(), value);
            }
        }
    }
    let common = [
        ("client.address", &call["src"]["ip"]),
        ("client.port", &call["src"]["port"]),
        ("network.peer.address", &call["src"]["ip"]),
        ("network.peer.port", &call["src"]["port"]),
        ("network.local.address", &call["dst"]["ip"]),
        ("network.local.port", &call["dst"]["port"]),
        ("network.transport", &call["transport"]),
        ("network.protocol.name", &call["protocol"]),
        ("network.protocol.version", &call["version"]),
        ("callscope.id", &call["id"]),
        ("callscope.pairing", &call["pairing"]),
        ("callscope.status.code", &call["status"]["code"]),
        ("callscope.client.name", &call["src"]["name"]),
        ("callscope.client.namespace", &call["src"]["namespace"]),
    ];
    for (name, told) in common {
        if let (Some(value), false) = (value(told), all.contains_key(name)) {
            all.insert(name.to_owned(), value);
        }
    }
    if call["status"]["result"] == "error"
        && let Some(code) = value(&call["status"]["code"])
    {
        all.insert("error.type".into(), code);
    }
    all.into_iter().map(|(name, value)| pair(&name, value)).collect()
}

/// Whose spans they are.
fn resource(party: &Value) -> Resource {
    let mut attributes = vec![pair("service.name", plain(&service(party)))];
    let mut add = |name: &str, told: &Value| {
        attributes.extend(text(told).map(|told| pair(name, plain(told))));
    };
    add("service.namespace", &party["namespace"]);
    add("k8s.namespace.name", &party["namespace"]);
    add("k8s.pod.name", &party["pod"]);
    add("k8s.node.name", &party["node"]);
    add("k8s.container.name", &party["container"]);
    if let Some(kind) = text(&party["workload"]["kind"]) {
        add(&format!("k8s.{}.name", kind.to_ascii_lowercase()), &party["workload"]["name"]);
    }
    Resource { attributes }
}

/// The workload, or else the service, or else the name, or else the address.
fn service(party: &Value) -> String {
    let known = [&party["workload"]["name"], &party["service"], &party["name"], &party["ip"]];
    known.into_iter().find_map(text).unwrap_or("unknown").to_owned()
}

fn pair(name: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(value) }
}

fn plain(text: &str) -> AnyValue {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    AnyValue { value: Some(Any::Text(text[..end].to_owned())) }
}

fn value(told: &Value) -> Option<AnyValue> {
    let value = match told {
        Value::String(text) => return Some(plain(text)),
        Value::Bool(truth) => Any::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Any::Int(whole),
            None => Any::Double(number.as_f64()?),
        },
        Value::Array(items) => {
            let values = items.iter().take(VALUES_MAX).filter_map(value).collect();
            Any::Array(ArrayValue { values })
        }
        Value::Null | Value::Object(_) => return None,
    };
    Some(AnyValue { value: Some(value) })
}

/// `2026-01-29T11:08:21.123456789Z` in nanoseconds since 1970; the contract has no other form.
fn nanoseconds(time: &str) -> Option<u64> {
    let (date, time) = time.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (time, fraction) = time.split_once('.')?;
    let mut time = time.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    if !(1970..2554).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let date = Date { year: year.cast_signed(), month: month as u8, day: day as u8 };
    let days = date.days().cast_unsigned();
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    let fraction: u64 = fraction.parse().ok().filter(|_| fraction.len() == 9)?;
    Some(seconds * 1_000_000_000 + fraction)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call() -> Value {
        json!({
            "id": "3:1-0@5", "time": "2026-01-29T11:08:21.123456789Z", "duration_ns": 1000,
            "protocol": "http", "version": "1.1", "transport": "tcp", "pairing": "matched",
            "status": { "code": "500", "text": "Oops", "result": "error" },
            "src": { "ip": "10.0.0.1", "port": 5, "name": "front" },
            "dst": { "ip": "10.0.0.2", "port": 80, "namespace": "shop",
                "workload": { "kind": "Deployment", "name": "cart" } },
            "request": {
                "headers": [["TraceParent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]],
                "fields": { "http.request.method": "GET" }
            },
            "response": { "fields": { "http.response.status_code": 500 } }
        })
    }

    #[test]
    fn a_span_joins_the_trace_that_the_call_carried() {
        let bytes = spans(&[(call(), "GET /cart/{id}".into())]).to_bytes();
        let request = Spans::decode(bytes.as_slice()).unwrap();
        let of = &request.resource_spans[0];
        let names: Vec<_> =
            of.resource.iter().flat_map(|r| &r.attributes).map(|a| &a.key).collect();
        assert!(names.iter().any(|name| *name == "k8s.deployment.name"), "{names:?}");
        let span = &of.scope_spans[0].spans[0];
        assert_eq!(span.name, "GET /cart/{id}");
        assert_eq!(span.trace_id[..2], [0x0a, 0xf7]);
        assert_eq!(span.parent_span_id[..2], [0xb7, 0xad]);
        assert_eq!(span.start_time_unix_nano, 1_769_684_901_123_456_789);
        assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 1000);
        assert_eq!(span.status.as_ref().unwrap().code, StatusCode::Error as i32);
        let code = span.attributes.iter().find(|a| a.key == "http.response.status_code").unwrap();
        assert_eq!(code.value.as_ref().unwrap().value, Some(Any::Int(500)));
    }

    #[test]
    fn without_a_context_a_call_is_a_trace_of_its_own_and_always_the_same() {
        let mut call = call();
        call["request"]["headers"] = json!([]);
        let [one, two] = [0, 1].map(|_| span(&call, "GET").unwrap());
        assert_eq!((&one.trace_id, &one.span_id), (&two.trace_id, &two.span_id));
        assert!(one.parent_span_id.is_empty() && one.trace_id != [0; 16]);
        call["state"] = json!("open");
        assert!(span(&call, "GET").is_none());
    }
}
