//! What a name of the language stands for: something that a call may have.

use crate::common;

/// One thing that can be asked of a call. Cheap to copy and compare; the same in all [`Columns`]
/// but for [`Field`](Self::Field).
///
/// [`Columns`]: crate::Columns
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Column {
    /// Of the call as a whole.
    Call(Fact),
    /// Of who asked.
    Src(End),
    /// Of who was asked.
    Dst(End),
    /// Of the request.
    Request(Half),
    /// Of the response.
    Response(Half),
    /// A field that a protocol declares: its place in [`Columns::fields`](crate::Columns::fields).
    Field(u16),
}

/// Columns of the call as a whole.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Fact {
    /// `id`
    Id,
    /// `time`: when it began.
    Time,
    /// `duration`: from the request's first byte to the response's last.
    Duration,
    /// `duration.step`: the [`step`](crate::step()) that it has reached.
    DurationStep,
    /// `protocol`
    Protocol,
    /// `version`: of the protocol, as spoken.
    Version,
    /// `method`
    Method,
    /// `endpoint`
    Endpoint,
    /// `endpoint.template`: its [`template`](crate::template()).
    EndpointTemplate,
    /// `status.code`: the protocol's own code as text.
    StatusCode,
    /// `status.number`: the same, where it is a number.
    StatusNumber,
    /// `status.text`: what was said beside the code.
    StatusText,
    /// `status.result`: `ok`, `error`, `unknown`; missing where no status was seen.
    StatusResult,
    /// `transport`: `tcp`, `udp`.
    Transport,
    /// `pairing`
    Pairing,
    /// `paired_by`
    PairedBy,
    /// `state`: `open` for a call that goes on.
    State,
    /// `missing.why`
    MissingWhy,
    /// `missing.request_bytes`
    MissingRequestBytes,
    /// `missing.response_bytes`
    MissingResponseBytes,
    /// `stream`: the flow's number as text.
    Stream,
    /// `source.kind`
    SourceKind,
    /// `source.name`
    SourceName,
    /// `source.interface`
    SourceInterface,
    /// `tls.decrypted_by`: else a field that says the same, as all of `tls.…` here.
    TlsDecryptedBy,
    /// `tls.sni`
    TlsSni,
    /// `tls.version`
    TlsVersion,
    /// `tls.alpn`
    TlsAlpn,
    /// `tls.cipher`
    TlsCipher,
    /// `fields`: all fields of both halves, by name.
    Fields,
}

/// Columns of one end of a call: `src.…`, `dst.…`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum End {
    /// `ip`
    Ip,
    /// `port`
    Port,
    /// `service_ip`
    ServiceIp,
    /// `name`
    Name,
    /// `namespace`
    Namespace,
    /// `pod`
    Pod,
    /// `service`
    Service,
    /// `services`: all in front of the pod.
    Services,
    /// `workload.kind`
    WorkloadKind,
    /// `workload.name`
    WorkloadName,
    /// `node`
    Node,
    /// `zone`
    Zone,
    /// `container`
    Container,
    /// `service_account`
    ServiceAccount,
    /// `process.pid`
    ProcessPid,
    /// `process.name`
    ProcessName,
    /// `process.path`
    ProcessPath,
    /// `labels`: the pod's, by name.
    Labels,
    /// `names`: outside names that the address had.
    Names,
    /// `evidence`: why this is believed.
    Evidence,
}

/// Columns of one half of a call: `request.…`, `response.…`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Half {
    /// `size`: bytes on the wire.
    Size,
    /// `header_size`: of these, bytes that are not body.
    HeaderSize,
    /// `headers`: names in any case.
    Headers,
    /// `body` (also `body.text`): as text, content codings undone. Missing where it is not text.
    Body,
    /// `body.size`: bytes on the wire, codings not undone; exact where the body was cut.
    BodySize,
    /// `body.media_type`
    BodyMediaType,
    /// `body.encoding`
    BodyEncoding,
    /// `body.truncated`: whether not all of it is kept.
    BodyTruncated,
    /// `json`: the body as JSON, if it is JSON and whole.
    Json,
    /// `cookies`: of a request those sent along, of a response those set; by name.
    Cookies,
}

/// What the values of a column or an expression are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// Any number.
    Float,
    /// Text.
    Text,
    /// A moment.
    Time,
    /// A span of time.
    Duration,
    /// Values one after the other, all of one type.
    List(Item),
    /// Text by names.
    Map,
    /// A document: any of these, known only when it is there.
    Json,
}

/// What is in a list.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Item {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// Any number.
    Float,
    /// Text.
    Text,
    /// Anything.
    Any,
}

// === impl Fact ===

impl Fact {
    /// The protocols' field that says the same of a call that is itself what others are wrapped in.
    #[must_use]
    pub fn field(self) -> Option<&'static str> {
        let found = common::FIELDS.iter().find(|(fact, _)| *fact == self);
        found.map(|(_, field)| *field)
    }
}

// === impl Type ===

impl Type {
    /// The word for it in messages and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "double",
            Self::Text => "text",
            Self::Time => "timestamp",
            Self::Duration => "duration",
            Self::List(Item::Bool) => "list of bool",
            Self::List(Item::Int) => "list of int",
            Self::List(Item::Float) => "list of double",
            Self::List(Item::Text) => "list of text",
            Self::List(Item::Any) => "list",
            Self::Map => "map",
            Self::Json => "json",
        }
    }
}
