//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Field, Headline, Kind, Message, Outcome, Side, Status, Tell, Value};

use super::{
    jetstream::{Answer, Operation},
    line::{Words, number},
    record::View,
    verb::Verb,
};

/// Headers told of one message, at most.
const HEADERS_MAX: usize = 512;

macro_rules! fields {
    ($($index:ident $name:literal $kind:ident $about:literal)*) => {
        #[derive(Clone, Copy)]
        enum Index { $($index),* }
        /// What a message tells.
        pub const FIELDS: &[Field] = &[$(Field {
            name: $name, kind: Kind::$kind, many: false, about: $about,
        }),*];
    };
}

fields! {
    System "messaging.system" Text "Always nats"
    OperationName "messaging.operation.name" Text "publish, deliver, subscribe, connect, ping, …"
    OperationType "messaging.operation.type" Text "send or receive, for messages"
    Destination "messaging.destination.name" Text "The subject"
    Temporary "messaging.destination.temporary" Bool "True for an inbox: a subject made for answers"
    BodySize "messaging.message.body.size" Integer "Bytes of payload, headers not counted"
    EnvelopeSize "messaging.message.envelope.size" Integer "Bytes of headers and payload"
    MessageId "messaging.message.id" Text "The header Nats-Msg-Id"
    Conversation "messaging.message.conversation_id" Text "The inbox, in a request and in its answers"
    ReplyTo "nats.reply_to" Text "The subject that answers go to"
    Sid "nats.sid" Text "The number of the subscription"
    Queue "nats.queue_group" Text "The queue group that shares the messages"
    Max "nats.unsubscribe.max" Integer "Messages after which the subscription ends"
    Account "nats.account" Text "The account, between servers"
    StatusCode "nats.status.code" Integer "The status in the headers: 100, 404, 408, 409, 503"
    StatusText "nats.status.text" Text "What it says: No Messages, Request Timeout"
    ErrorText "nats.error" Text "What -ERR, JetStream or a service says went wrong"
    JsOperation "nats.jetstream.operation" Text "STREAM.CREATE, CONSUMER.MSG.NEXT, ACK, …"
    JsStream "nats.jetstream.stream" Text "The stream"
    JsConsumer "nats.jetstream.consumer" Text "The consumer"
    JsType "nats.jetstream.type" Text "The type of an answer: io.nats.jetstream.api.v1.…"
    JsError "nats.jetstream.error_code" Integer "JetStream's own number of an error: 10059"
    ServerName "nats.server.name" Text "The server's name"
    ServerVersion "nats.server.version" Text "The server's version"
    Cluster "nats.cluster" Text "The name of its cluster"
    JetStream "nats.jetstream.enabled" Bool "Whether the server has JetStream"
    AuthRequired "nats.auth_required" Bool "Whether clients must prove who they are"
    TlsRequired "nats.tls_required" Bool "Whether the connection goes on in TLS"
    MaxPayload "nats.max_payload" Integer "Bytes of the largest message"
    User "user.name" Text "The user that connects"
    ClientName "nats.client.name" Text "The client's name for itself"
    ClientLanguage "nats.client.lang" Text "The client's language: go, python3, …"
    ClientVersion "nats.client.version" Text "The client's version"
    Verbose "nats.verbose" Bool "Whether the server says +OK to each line"
}

/// What `INFO` and `CONNECT` say, by the name in their JSON.
const INFO: [(&str, Index); 7] = [
    ("server_name", Index::ServerName),
    ("version", Index::ServerVersion),
    ("cluster", Index::Cluster),
    ("jetstream", Index::JetStream),
    ("auth_required", Index::AuthRequired),
    ("tls_required", Index::TlsRequired),
    ("max_payload", Index::MaxPayload),
];
const CONNECT: [(&str, Index); 6] = [
    ("user", Index::User),
    ("name", Index::ClientName),
    ("lang", Index::ClientLanguage),
    ("version", Index::ClientVersion),
    ("verbose", Index::Verbose),
    ("tls_required", Index::TlsRequired),
];

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let Some(view) = request.or(response).and_then(View::of) else { return Headline::default() };
    let endpoint = view.words().subject.map(Cow::Borrowed);
    let status = match (request, response) {
        (_, Some(response)) => status(response),
        (Some(request), None) if request.from == Side::Server => status(request),
        _ => None,
    };
    Headline { method: Some(view.verb.name().into()), endpoint, version: None, status }
}

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(view) = View::of(message) else { return };
    let mut teller = Teller { message, view, to };
    teller.put(Index::System, "nats".into());
    teller.put(Index::OperationName, view.verb.operation().into());
    match view.verb {
        Verb::Info => teller.json(&INFO),
        Verb::Connect => teller.json(&CONNECT),
        Verb::Err => teller.put(Index::ErrorText, Value::Text(unquoted(view.rest))),
        _ => teller.words(),
    }
    if carries(view.verb) {
        teller.load();
    }
}

/// How a call ended, by what came back.
fn status(message: &Message) -> Option<Status<'_>> {
    let view = View::of(message)?;
    match view.verb {
        Verb::Err => {
            let text = unquoted(view.rest);
            return Some(Status {
                code: phrase(text).into(),
                text: text.into(),
                outcome: Outcome::Error,
            });
        }
        Verb::Ok | Verb::Pong => return Some(ok()),
        verb if !carries(verb) => return None,
        _ => {}
    }
    if let Some((code, text)) = inline_status(view.headers) {
        let outcome = if code.starts_with(b"1") || code.starts_with(b"2") {
            Outcome::Ok
        } else {
            Outcome::Error
        };
        return Some(Status { code: code.into(), text: text.into(), outcome });
    }
    if let Some(status) = service_error(view.headers) {
        return Some(status);
    }
    match Answer::of(&message.body.kept).error {
        Some(error) => Some(Status {
            code: error.code.to_string().into_bytes().into(),
            text: error.text.into_bytes().into(),
            outcome: Outcome::Error,
        }),
        None if is_inbox(view.words().subject?) => Some(ok()),
        None => None,
    }
}

fn ok() -> Status<'static> {
    Status { code: b"OK"[..].into(), text: b""[..].into(), outcome: Outcome::Ok }
}

/// Micro services say in headers what went wrong.
fn service_error(headers: &[u8]) -> Option<Status<'_>> {
    let find = |wanted: &[u8]| {
        headers_of(headers).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, v)| v)
    };
    let code = find(b"Nats-Service-Error-Code")?;
    let text = find(b"Nats-Service-Error").unwrap_or_default();
    Some(Status { code: code.into(), text: text.into(), outcome: Outcome::Error })
}

/// `NATS/1.0 503 No Responders`: the status and what follows it.
fn inline_status(headers: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\r', headers).unwrap_or(headers.len());
    let status = headers.get(..end)?.strip_prefix(b"NATS/1.0")?.trim_ascii();
    let (code, text) = status.split_at_checked(3)?;
    code.iter().all(u8::is_ascii_digit).then_some((code, text.trim_ascii()))
}

/// The fields behind the first line.
fn headers_of(headers: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    // A line whose end is not there may be cut anywhere: it is not told.
    let end = memchr::memrchr(b'\n', headers).map_or(0, |at| at + 1);
    let whole = headers.get(..end).unwrap_or_default();
    whole.split(|byte| *byte == b'\n').skip(1).take(HEADERS_MAX).filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at_checked(colon)?;
        Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
    })
}

/// Whether messages come behind such a line.
fn carries(verb: Verb) -> bool {
    matches!(verb, Verb::Pub | Verb::Hpub | Verb::Msg | Verb::Hmsg | Verb::RouteMsg | Verb::LeafMsg)
}

fn is_inbox(subject: &[u8]) -> bool {
    subject.starts_with(b"_INBOX.") || subject.starts_with(b"_R_.")
}

fn unquoted(error: &[u8]) -> &[u8] {
    let text = error.strip_prefix(b"'").unwrap_or(error);
    text.strip_suffix(b"'").unwrap_or(text)
}

/// An error without what it is about: `Permissions Violation for Publish to "a"` is a
/// `Permissions Violation for Publish`.
fn phrase(error: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(error, b" to \"").or_else(|| memchr::memchr(b':', error));
    error.get(..end.unwrap_or(error.len())).unwrap_or(error).trim_ascii()
}

/// Tells one message.
struct Teller<'m, 't> {
    message: &'m Message,
    view: View<'m>,
    to: &'t mut dyn Tell,
}

// === impl Teller ===

impl<'m> Teller<'m, '_> {
    fn words(&mut self) {
        let Words { account, subject, reply, sid, queue, max } = self.view.words();
        for (index, word) in [
            (Index::Account, account),
            (Index::Destination, subject),
            (Index::ReplyTo, reply),
            (Index::Sid, sid),
            (Index::Queue, queue),
        ] {
            self.text(index, word);
        }
        if let Some(max) = max.and_then(number) {
            self.put(Index::Max, integer(max));
        }
        let Some(subject) = subject else { return };
        if is_inbox(subject) {
            self.put(Index::Temporary, Value::Bool(true));
        }
        let inbox = [reply.unwrap_or_default(), subject].into_iter().find(|s| is_inbox(s));
        self.text(Index::Conversation, inbox);
        // What JetStream delivers says in its reply subject where it is from.
        let from_stream = reply.filter(|reply| reply.starts_with(b"$JS.ACK."));
        let Some(operation) = Operation::of(from_stream.unwrap_or(subject)) else { return };
        if from_stream.is_none() {
            self.put(Index::JsOperation, operation.name.into());
        }
        self.text(Index::JsStream, operation.stream);
        self.text(Index::JsConsumer, operation.consumer);
    }

    /// Headers and payload.
    fn load(&mut self) {
        let kind = match self.view.verb {
            Verb::Pub | Verb::Hpub => "send",
            Verb::Msg | Verb::Hmsg => "receive",
            _ => "",
        };
        if !kind.is_empty() {
            self.put(Index::OperationType, kind.into());
        }
        let body = &self.message.body;
        self.put(Index::BodySize, integer(body.size));
        let headers = self.view.headers;
        self.put(Index::EnvelopeSize, integer(body.size.saturating_add(headers.len() as u64)));
        if let Some((code, text)) = inline_status(headers) {
            self.put(Index::StatusCode, integer(number(code).unwrap_or(0)));
            self.text(Index::StatusText, Some(text).filter(|text| !text.is_empty()));
        }
        let mut media_type = None;
        for (name, value) in headers_of(headers) {
            self.to.header(name, value);
            if name.eq_ignore_ascii_case(b"Nats-Msg-Id") {
                self.put(Index::MessageId, Value::Text(value));
            }
            if name.eq_ignore_ascii_case(b"Nats-Service-Error") {
                self.put(Index::ErrorText, Value::Text(value));
            }
            if name.eq_ignore_ascii_case(b"Content-Type") {
                media_type = std::str::from_utf8(value).ok();
            }
        }
        self.answer(media_type);
    }

    /// What JetStream says in JSON.
    fn answer(&mut self, media_type: Option<&str>) {
        let subject = self.view.words().subject.unwrap_or_default();
        let answer = Answer::of(&self.message.body.kept);
        if let Some(kind) = &answer.kind {
            self.put(Index::JsType, kind.as_str().into());
        }
        if let Some(error) = &answer.error {
            self.put(Index::ErrorText, error.text.as_str().into());
            if let Some(number) = error.number {
                self.put(Index::JsError, integer(number));
            }
        }
        let is_api = Operation::of(subject).is_some_and(|operation| operation.name != "ACK");
        let is_json = answer.is_answer || is_api && self.message.body.kept.starts_with(b"{");
        let media_type = media_type.or(is_json.then_some("application/json"));
        if media_type.is_some() {
            self.to.body(BodyFacts { media_type, encoding: None });
        }
    }

    /// What `INFO` or `CONNECT` says.
    fn json(&mut self, names: &[(&str, Index)]) {
        self.to.body(BodyFacts { media_type: Some("application/json"), encoding: None });
        let json = serde_json::from_slice::<serde_json::Value>(&self.message.body.kept);
        let Ok(json) = json else { return };
        for (name, index) in names {
            match json.get(name) {
                Some(serde_json::Value::String(text)) if !text.is_empty() => {
                    self.put(*index, text.as_str().into());
                }
                Some(serde_json::Value::Bool(is)) => self.put(*index, Value::Bool(*is)),
                Some(serde_json::Value::Number(n)) => {
                    self.put(*index, Value::Integer(n.as_i64().unwrap_or(0)));
                }
                _ => {}
            }
        }
    }

    fn text(&mut self, index: Index, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.put(index, Value::Text(text));
        }
    }

    /// Tells a field if its value is of its kind: JSON may hold anything under any name.
    fn put(&mut self, index: Index, value: Value<'_>) {
        let Some(field) = FIELDS.get(index as usize) else { return };
        let fits = match value {
            Value::Text(_) => field.kind == Kind::Text,
            Value::Integer(_) => field.kind == Kind::Integer,
            Value::Bool(_) => field.kind == Kind::Bool,
        };
        if fits {
            self.to.field(index as usize, value);
        }
    }
}

fn integer(n: u64) -> Value<'static> {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}
