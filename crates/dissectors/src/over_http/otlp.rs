//! OTLP: telemetry sent to a collector, over HTTP (`/v1/traces`) and over gRPC.

use model::{Headline, Message, Protocol, Tell};

use super::{
    grpc,
    json::Json,
    table::fields,
    tell::{body, http_facts, http_headline, integer, maybe, path, signed, text},
    varints::first_message,
};
use crate::{
    http::View,
    protobuf::{Fields, Value},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "otlp",
    about: "telemetry on its way to a collector: OTLP over gRPC and HTTP",
    specification: "https://opentelemetry.io/docs/specs/otlp/",
    fields: &FIELDS,
    headline,
    tell,
};

/// In front of the services' names.
const SERVICES: &[u8] = b"/opentelemetry.proto.collector.";

fields! {
    System = "rpc.system" Text, "grpc, or http";
    Signal = "otlp.signal" Text, "traces, metrics, logs or profiles";
    Resources = "otlp.resources.count" Integer, "How many resources there is something of, in what was kept";
    Items = "otlp.items.count" Integer, "Spans, metrics or log records, in what was kept";
    Service = "otlp.service.name" Text, "The first resource's service.name";
    Size = "otlp.size" Integer, "Bytes of the message";
}

/// The signal that a call exports.
fn signal(path: &[u8]) -> Option<&'static str> {
    if let Some(rest) = path.strip_prefix(SERVICES) {
        let end = rest.iter().position(|byte| *byte == b'.')?;
        return Some(match rest.get(..end)? {
            b"trace" => "traces",
            b"metrics" => "metrics",
            b"logs" => "logs",
            b"profiles" => "profiles",
            _ => return None,
        });
    }
    Some(match path.rsplit(|byte| *byte == b'/').next()? {
        b"traces" if path.ends_with(b"/v1/traces") => "traces",
        b"metrics" if path.ends_with(b"/v1/metrics") => "metrics",
        b"logs" if path.ends_with(b"/v1/logs") => "logs",
        b"profiles" if path.ends_with(b"/v1development/profiles") => "profiles",
        _ => return None,
    })
}

/// Whether a call of gRPC is one.
pub(super) fn is_grpc_call(view: View<'_>) -> bool {
    view.target().starts_with(SERVICES) && signal(view.target()).is_some()
}

/// Whether a call of HTTP is one: the path, and a body that is said to be what it must be.
pub(super) fn is_call(view: View<'_>, message: &Message) -> bool {
    if view.method() != b"POST" || signal(path(view)).is_none() {
        return false;
    }
    match view.content_type().as_deref() {
        Some(kind) if kind.starts_with(b"application/x-protobuf") => true,
        Some(kind) if kind.starts_with(b"application/json") => {
            let body = body(message);
            let start = body.get(..128).unwrap_or(&body);
            memchr::memmem::find(start, b"\"resource").is_some()
        }
        _ => false,
    }
}

fn is_grpc(view: View<'_>) -> bool {
    view.content_type().is_some_and(|kind| grpc::is_media_type(&kind))
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let asked = request.and_then(View::of);
    let over_grpc = asked.or_else(|| response.and_then(View::of)).is_some_and(is_grpc);
    let mut line = if over_grpc {
        (grpc::PROTOCOL.headline)(request, response)
    } else {
        http_headline(request, response)
    };
    line.method = Some(b"export"[..].into());
    line.endpoint = asked.and_then(|view| signal(path(view))).map(|name| name.as_bytes().into());
    line
}

fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    let over_grpc = is_grpc(view);
    text(to, At::System, if over_grpc { "grpc" } else { "http" });
    if !view.is_request() {
        return;
    }
    maybe(to, At::Signal, signal(path(view)));
    integer(to, At::Size, signed(message.body.size));
    let body = body(message);
    if body.first() == Some(&b'{') && !over_grpc {
        let json = Json::of(&body);
        let named = ["resourceSpans", "resourceMetrics", "resourceLogs"];
        if let Some(list) = named.iter().find_map(|name| json.get(name)) {
            integer(to, At::Resources, signed(list.items().count() as u64));
        }
        return;
    }
    let whole = if over_grpc { first_message(message) } else { Some(body) };
    if let Some(whole) = whole {
        tell_export(&whole, to);
    }
}

/// What is in an export request: field 1 are resources, whose field 2 are scopes, whose field 2 are
/// the items.
fn tell_export(bytes: &[u8], to: &mut dyn Tell) {
    let inner = |bytes, wanted: u64| {
        Fields::of_cut(bytes).filter_map(move |(field, value)| match value {
            Value::Bytes(inner) if field == wanted => Some(inner),
            _ => None,
        })
    };
    let resources = inner(bytes, 1).count();
    integer(to, At::Resources, signed(resources as u64));
    let items = inner(bytes, 1).flat_map(|resource| inner(resource, 2));
    let items: usize = items.map(|scope| inner(scope, 2).count()).sum();
    integer(to, At::Items, signed(items as u64));
    let mut attributes =
        inner(bytes, 1).take(1).flat_map(|first| inner(first, 1)).flat_map(|it| inner(it, 1));
    let service = attributes.find(|pair| inner(pair, 1).next() == Some(b"service.name"));
    maybe(to, At::Service, service.and_then(|pair| inner(inner(pair, 2).next()?, 1).next()));
}
