//! The columns that every call has, whatever its protocol: names, types and a line about each.

use crate::{Column, End, Fact, Half, Item, Type};

/// A column and what is said of it: name, type, what it is for people.
pub(crate) type Entry<C> = (C, &'static str, Type, &'static str);

const TEXTS: Type = Type::List(Item::Text);

/// Of the call as a whole.
pub(crate) const CALL: &[Entry<Fact>] = &[
    (Fact::Id, "id", Type::Text, "the call's id, unique in its capture"),
    (Fact::Time, "time", Type::Time, "when it began"),
    (
        Fact::Duration,
        "duration",
        Type::Duration,
        "from the request's first byte to the response's last",
    ),
    (
        Fact::DurationStep,
        "duration.step",
        Type::Duration,
        "the step that it has reached: 1us, 3us, 10us, … 1ms, 3ms, …; for histograms",
    ),
    (Fact::Protocol, "protocol", Type::Text, "the protocol's name, in any case"),
    (Fact::Version, "version", Type::Text, "the protocol's version as spoken: 1.1"),
    (Fact::Method, "method", Type::Text, "what was asked: GET, SELECT, A, basic.publish"),
    (
        Fact::Endpoint,
        "endpoint",
        Type::Text,
        "what was asked for: a path, a table, a name, a topic, a key",
    ),
    (
        Fact::EndpointTemplate,
        "endpoint.template",
        Type::Text,
        "the endpoint without its query, variable segments replaced: /users/{id}",
    ),
    (
        Fact::StatusCode,
        "status.code",
        Type::Text,
        "the protocol's own code as text: 404, NXDOMAIN, 42P01",
    ),
    (Fact::StatusNumber, "status.number", Type::Int, "the same, where it is a number"),
    (Fact::StatusText, "status.text", Type::Text, "what was said beside the code"),
    (
        Fact::StatusResult,
        "status.result",
        Type::Text,
        "ok, error or unknown; missing where no status was seen",
    ),
    (Fact::Transport, "transport", Type::Text, "tcp or udp"),
    (Fact::Pairing, "pairing", Type::Text, "matched, unanswered, orphan or one-way"),
    (Fact::PairedBy, "paired_by", Type::Text, "order, id or alternation; missing unless matched"),
    (Fact::State, "state", Type::Text, "open for a call that goes on, else missing"),
    (
        Fact::MissingWhy,
        "missing.why",
        Type::Text,
        "why something of it is not there: gap, capture-start, budget, …",
    ),
    (
        Fact::MissingRequestBytes,
        "missing.request_bytes",
        Type::Int,
        "bytes of the request that were lost",
    ),
    (
        Fact::MissingResponseBytes,
        "missing.response_bytes",
        Type::Int,
        "bytes of the response that were lost",
    ),
    (Fact::Stream, "stream", Type::Text, "the number of its flow"),
    (
        Fact::SourceKind,
        "source.kind",
        Type::Text,
        "where its packets came from: file, stdin, interface",
    ),
    (Fact::SourceName, "source.name", Type::Text, "the file as named"),
    (
        Fact::SourceInterface,
        "source.interface",
        Type::Text,
        "the interface, where the capture says it",
    ),
    (
        Fact::TlsDecryptedBy,
        "tls.decrypted_by",
        Type::Text,
        "where the keys or the clear text came from; missing if it was not encrypted",
    ),
    (Fact::TlsSni, "tls.sni", Type::Text, "the name that the client asked for inside TLS or QUIC"),
    (Fact::TlsVersion, "tls.version", Type::Text, "the version of TLS: 1.3"),
    (Fact::TlsAlpn, "tls.alpn", Type::Text, "the application protocol agreed on: h2"),
    (Fact::TlsCipher, "tls.cipher", Type::Text, "the cipher suite agreed on, as IANA names it"),
    (Fact::Fields, "fields", Type::Map, "all fields that the protocol tells, by name"),
];

/// Of one end: `src.` or `dst.` comes before the name.
pub(crate) const END: &[Entry<End>] = &[
    (End::Ip, "ip", Type::Text, "its address"),
    (End::Port, "port", Type::Int, "its port"),
    (End::ServiceIp, "service_ip", Type::Text, "the address of the service that was asked"),
    (
        End::Name,
        "name",
        Type::Text,
        "what to call it in one word: service, workload, pod, node, outside name",
    ),
    (End::Namespace, "namespace", Type::Text, "its Kubernetes namespace"),
    (End::Pod, "pod", Type::Text, "its pod"),
    (End::Service, "service", Type::Text, "its service"),
    (End::Services, "services", TEXTS, "all services in front of the pod, where there are several"),
    (End::WorkloadKind, "workload.kind", Type::Text, "Deployment, StatefulSet, DaemonSet, Job, …"),
    (End::WorkloadName, "workload.name", Type::Text, "the top of the chain of owners"),
    (End::Node, "node", Type::Text, "its node"),
    (End::Zone, "zone", Type::Text, "the node's zone"),
    (End::Container, "container", Type::Text, "its container"),
    (
        End::ServiceAccount,
        "service_account",
        Type::Text,
        "the service account that the pod runs as",
    ),
    (End::ProcessPid, "process.pid", Type::Int, "the process's number"),
    (End::ProcessName, "process.name", Type::Text, "the process's name"),
    (End::ProcessPath, "process.path", Type::Text, "the process's program"),
    (End::Labels, "labels", Type::Map, "the pod's labels"),
    (End::Names, "names", TEXTS, "outside names that its address had"),
    (End::Evidence, "evidence", TEXTS, "why this is believed: pod-ip, dns, …"),
];

/// Of one half: `request.` or `response.` comes before the name.
pub(crate) const HALF: &[Entry<Half>] = &[
    (Half::Size, "size", Type::Int, "bytes on the wire"),
    (Half::HeaderSize, "header_size", Type::Int, "bytes on the wire that are not body"),
    (Half::Headers, "headers", Type::Map, "headers, attributes, properties; names in any case"),
    (
        Half::Body,
        "body",
        Type::Text,
        "the body as text, codings undone; missing where it is not text",
    ),
    (
        Half::BodySize,
        "body.size",
        Type::Int,
        "bytes of the body on the wire, exact also where it was cut",
    ),
    (Half::BodyMediaType, "body.media_type", Type::Text, "the body's media type as sent"),
    (Half::BodyEncoding, "body.encoding", Type::Text, "the body's content codings as sent: gzip"),
    (Half::BodyTruncated, "body.truncated", Type::Bool, "not all of the body is kept"),
    (Half::Json, "json", Type::Json, "the body as JSON: request.json.user.name"),
    (
        Half::Cookies,
        "cookies",
        Type::Map,
        "cookies sent along (request) or set (response), by name",
    ),
];

/// Columns that say of a call what it was wrapped in, and the fields by which the wrapping's own call says it.
pub(crate) const FIELDS: &[(Fact, &str)] = &[
    (Fact::TlsDecryptedBy, "tls.decrypted_by"),
    (Fact::TlsSni, "tls.client.server_name"),
    (Fact::TlsVersion, "tls.protocol.version"),
    (Fact::TlsAlpn, "tls.next_protocol"),
    (Fact::TlsCipher, "tls.cipher"),
];

/// Other names for columns.
pub(crate) const SYNONYMS: &[(&str, Column)] = &[
    ("timestamp", Column::Call(Fact::Time)),
    ("latency", Column::Call(Fact::Duration)),
    ("elapsed", Column::Call(Fact::Duration)),
    ("request.body.text", Column::Request(Half::Body)),
    ("response.body.text", Column::Response(Half::Body)),
];
