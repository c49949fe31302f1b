//! What is shown of a call in one line, and the table of fields.

use std::borrow::Cow;

use model::{Field, Headline, Kind, Message, Outcome, Status};

use super::{
    error::Notice,
    record::{Entry, View, kind},
    statements::parsed,
    wire,
};
use crate::sql::{self, Dialect, Target};

pub use super::tell::tell;

const fn text(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Text, many: false, about }
}

const fn texts(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Text, many: true, about }
}

const fn integer(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Integer, many: false, about }
}

/// Places in the table of fields.
pub mod at {
    pub const SYSTEM: usize = 0;
    pub const NAMESPACE: usize = 1;
    pub const OPERATION: usize = 2;
    pub const COLLECTION: usize = 3;
    pub const QUERY: usize = 4;
    pub const SUMMARY: usize = 5;
    pub const SHAPE: usize = 6;
    pub const BATCH: usize = 7;
    pub const PROCEDURE: usize = 8;
    pub const PARAMETER: usize = 9;
    pub const STATUS: usize = 10;
    pub const RETURNED: usize = 11;
    pub const AFFECTED: usize = 12;
    pub const TAG: usize = 13;
    pub const COLUMN: usize = 14;
    pub const PREPARED: usize = 15;
    pub const UNKNOWN: usize = 16;
    pub const PORTAL: usize = 17;
    pub const MAX_ROWS: usize = 18;
    pub const PARAMETER_TYPE: usize = 19;
    pub const PROTOCOL: usize = 20;
    pub const TRANSACTION: usize = 21;
    pub const SEVERITY: usize = 22;
    pub const MESSAGE: usize = 23;
    pub const DETAIL: usize = 24;
    pub const HINT: usize = 25;
    pub const POSITION: usize = 26;
    pub const ERROR_AT: usize = 27;
    pub const CONSTRAINT: usize = 28;
    pub const CONTEXT: usize = 29;
    pub const USER: usize = 30;
    pub const APPLICATION: usize = 31;
    pub const AUTHENTICATION: usize = 32;
    pub const PROCESS: usize = 33;
    pub const VERSION: usize = 34;
    pub const CHANNEL: usize = 35;
    pub const PAYLOAD: usize = 36;
    pub const COPY: usize = 37;
    pub const STREAM: usize = 38;
    pub const POSITION_WAL: usize = 39;
    pub const ENCRYPTION: usize = 40;
    pub const COPY_FAILED: usize = 41;
}

/// The fields, in the order of the constants above.
pub const FIELDS: &[Field] = &[
    text("db.system.name", "Always postgresql"),
    text("db.namespace", "The database that a connection is opened to"),
    text("db.operation.name", "The verb of the statement: SELECT, INSERT, BEGIN"),
    text("db.collection.name", "The main table of the statement, with its schema if written"),
    text("db.query.text", "The statement, up to 16 KiB; literals that are passwords are ***"),
    text("db.query.summary", "Verbs and tables in the order in which they are written"),
    text("postgresql.query.shape", "The statement with ? for its values: groups calls alike"),
    integer("db.operation.batch.size", "How many statements one simple query holds, if several"),
    text("db.stored_procedure.name", "The procedure that CALL names"),
    texts("db.query.parameter", "The parameters of the statement as JSON, in order"),
    text("db.response.status_code", "The SQLSTATE of an error: 42P01, 23505"),
    integer("db.response.returned_rows", "Rows that came back"),
    integer("postgresql.affected_rows", "Rows inserted, updated, deleted or copied"),
    texts("postgresql.command_tag", "How each command ended: SELECT 4, INSERT 0 1"),
    texts("postgresql.column", "Columns of the result: name and type"),
    text("postgresql.statement", "The name of the prepared statement"),
    Field {
        name: "postgresql.statement.unknown",
        kind: Kind::Bool,
        many: false,
        about: "It was prepared before it could be seen: its text is not known",
    },
    text("postgresql.portal", "The name of the portal"),
    integer("postgresql.max_rows", "Rows asked for at once; absent for all"),
    texts("postgresql.parameter.type", "Types of the parameters, as far as declared"),
    texts("postgresql.messages", "The messages that the request is made of, by name"),
    text("postgresql.transaction.status", "After the call: idle, in transaction, failed"),
    text("postgresql.error.severity", "ERROR, FATAL, PANIC, WARNING, NOTICE"),
    text("postgresql.error.message", "What the server says of the error"),
    text("postgresql.error.detail", "More of it"),
    text("postgresql.error.hint", "What to do about it"),
    integer("postgresql.error.position", "The character of the statement where it was noticed"),
    text("postgresql.error.object", "Schema, table, column or type that the error is about"),
    text("postgresql.error.constraint", "The constraint that was violated"),
    text("postgresql.error.context", "Where it happened inside of functions"),
    text("postgresql.user", "Who connects"),
    text("postgresql.application_name", "What the client calls itself"),
    texts("postgresql.authentication", "Ways to authenticate that the server asked for"),
    integer("postgresql.process", "The server process of the connection, or to be cancelled"),
    text("postgresql.server_version", "The version that the server tells"),
    text("postgresql.channel", "The channel of a notification"),
    text("postgresql.payload", "What a notification says"),
    text("postgresql.copy", "in, out or both, and text or binary"),
    text("postgresql.replication.message", "What a message of a replication stream is"),
    text("postgresql.replication.position", "Its place in the write-ahead log"),
    text("postgresql.encryption", "What encryption was asked for or granted"),
    text("postgresql.copy.failed", "Why the client gave up sending data"),
];

/// What a request runs or prepares.
pub struct Work<'m> {
    /// `Q`, `E`, `F`, `X`, `S`, or the first of `P`, `B`, `D`, `C`.
    pub what: u8,
    /// Its text.
    pub text: Option<&'m [u8]>,
    /// The name of the prepared statement, the portal or the function.
    pub name: Cow<'m, [u8]>,
    /// It was prepared before it could be seen.
    pub unknown: bool,
}

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let asked = request.and_then(|message| View::of(&message.record));
    let answered = response.and_then(|message| View::of(&message.record));
    let status = response.zip(answered).and_then(|(message, view)| status(message, view));
    let (method, endpoint) = match asked.or(answered) {
        Some(view) => called(view),
        None => (None, None),
    };
    let endpoint = endpoint.filter(|endpoint| !endpoint.is_empty());
    Headline { method, endpoint, version: None, status }
}

type Names<'m> = (Option<Cow<'m, [u8]>>, Option<Cow<'m, [u8]>>);

/// Method and endpoint.
fn called(view: View<'_>) -> Names<'_> {
    let name = |name: &'static str| Some(Cow::Borrowed(name.as_bytes()));
    match view.kind() {
        kind::STARTUP => (name("STARTUP"), database(view).map(Cow::Borrowed)),
        kind::ENCRYPT => (name(encryption(view)), None),
        kind::CANCEL => (name("CANCEL"), process(view).map(|n| n.to_string().into_bytes().into())),
        kind::DATA => (name("COPY"), None),
        kind::STREAM => (name(stream_name(view)), None),
        kind::NEWS => news(view),
        kind::WORK => work(view).map_or((None, None), |work| worked(&work)),
        _ => (None, None),
    }
}

fn news(view: View<'_>) -> Names<'_> {
    let Some(entry) = view.entries().next() else { return (None, None) };
    let method: &[u8] = match entry.kind {
        b'A' => b"NOTIFICATION",
        b'N' => b"NOTICE",
        b'S' => b"PARAMETER STATUS",
        _ => b"ERROR",
    };
    let endpoint = match entry.kind {
        b'A' => wire::text(entry.payload.get(4..).unwrap_or_default()).0,
        b'S' => wire::text(entry.payload).0,
        _ => Notice::of(entry.payload).code,
    };
    (Some(method.into()), Some(endpoint.into()))
}

fn worked<'m>(work: &Work<'m>) -> Names<'m> {
    let step: &[u8] = match work.what {
        b'F' => b"FUNCTION CALL",
        b'X' => b"TERMINATE",
        b'S' => b"SYNC",
        b'P' => b"PARSE",
        b'B' => b"BIND",
        b'D' => b"DESCRIBE",
        b'C' => b"CLOSE",
        _ => b"",
    };
    let facts = work.text.map(|text| sql::facts(text, Dialect::PostgreSql));
    let own = || Some(work.name.clone());
    if work.unknown {
        // What was announced before it could be seen is `?`.
        let name = if work.name.is_empty() { Vec::new() } else { [&work.name, &b" "[..]].concat() };
        let step = if step.is_empty() { b"EXECUTE" } else { step };
        return (Some(step.into()), Some([&name, &b"?"[..]].concat().into()));
    }
    match facts {
        Some(Some(facts)) => {
            let target = facts.target.map(Target::into_name);
            match step {
                [] => (Some(facts.verb), target),
                step => (Some(step.into()), target.or_else(own)),
            }
        }
        Some(None) if step.is_empty() => (Some(b"EMPTY"[..].into()), None),
        _ => (Some(if step.is_empty() { b"EXECUTE" } else { step }.into()), own()),
    }
}

/// What a request runs or prepares.
pub fn work(view: View<'_>) -> Option<Work<'_>> {
    let main =
        view.entries().filter(|entry| matches!(entry.kind, b'Q' | b'E' | b'F' | b'X')).last();
    let main =
        main.or_else(|| view.entries().find(|entry| entry.flags & super::record::EARLIER == 0))?;
    let text = match main.kind {
        b'Q' => Some(main.payload),
        _ => view.last(b'P').map(|entry| parsed(entry.payload).1),
    };
    let unknown = view.is_unknown() && matches!(main.kind, b'E' | b'B' | b'D' | b'P');
    let text = text.filter(|_| !unknown);
    Some(Work { what: main.kind, text, name: name_of(view, main), unknown })
}

/// The name of the prepared statement, the portal or the function.
fn name_of<'m>(view: View<'m>, main: Entry<'m>) -> Cow<'m, [u8]> {
    let rest = main.payload.get(1..).unwrap_or_default();
    match main.kind {
        b'P' => Cow::Borrowed(wire::text(main.payload).0),
        b'D' | b'C' => Cow::Borrowed(wire::text(rest).0),
        b'F' => wire::long(main.payload, 0).unwrap_or(0).to_string().into_bytes().into(),
        b'E' | b'B' => match view.last(b'B') {
            Some(bind) => Cow::Borrowed(wire::text(wire::text(bind.payload).1).0),
            None => Cow::Borrowed(wire::text(main.payload).0),
        },
        _ => Cow::Borrowed(&[]),
    }
}

/// How it ended.
fn status<'m>(message: &'m Message, view: View<'m>) -> Option<Status<'m>> {
    if let Some(error) = view.last(b'E') {
        let notice = Notice::of(error.payload);
        let (code, text) = (notice.code.into(), notice.message.into());
        return Some(Status { code, text, outcome: Outcome::Error });
    }
    let ok = |code: &'static [u8], text: &'m [u8]| {
        Some(Status { code: code.into(), text: text.into(), outcome: Outcome::Ok })
    };
    match view.kind() {
        kind::CHOICE => match view.entries().next()?.kind {
            b'N' => ok(b"N", b"refused"),
            b'G' => ok(b"G", b"granted"),
            _ => ok(b"S", b"granted"),
        },
        kind::ANSWER => {
            let tag = view.last(b'C').map(|entry| entry.payload);
            let tag = tag.or(view.last(b's').map(|_| &b"portal suspended"[..]));
            let whole = message.missing.is_none() || view.status() > 0 || tag.is_some();
            if whole { ok(b"00000", tag.unwrap_or_default()) } else { None }
        }
        kind::NEWS => {
            let notice = view.first(b'N').map(|entry| Notice::of(entry.payload))?;
            let (code, text) = (notice.code.into(), notice.message.into());
            Some(Status { code, text, outcome: Outcome::Ok })
        }
        _ => None,
    }
}

// === pieces ===

/// The pairs of a startup packet.
pub fn startup_pairs(view: View<'_>) -> impl Iterator<Item = (&[u8], &[u8])> {
    let payload = view.first(super::record::STARTUP).map_or(&[][..], |entry| entry.payload);
    let mut rest = payload.get(4..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, behind) = wire::ended(rest).filter(|(name, _)| !name.is_empty())?;
        let value;
        (value, rest) = wire::ended(behind)?;
        Some((name, value))
    })
}

/// The database: the user's name if it is not said.
pub fn database(view: View<'_>) -> Option<&[u8]> {
    let named = |wanted: &'static [u8]| {
        startup_pairs(view).find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    named(b"database").filter(|name| !name.is_empty()).or_else(|| named(b"user"))
}

/// What encryption was asked for.
pub fn encryption(view: View<'_>) -> &'static str {
    let code = view.first(super::record::STARTUP).and_then(|entry| wire::long(entry.payload, 0));
    if code == Some(wire::GSSENC_REQUEST) { "GSSENCREQUEST" } else { "SSLREQUEST" }
}

/// The process that is to be cancelled.
pub fn process(view: View<'_>) -> Option<u32> {
    view.entries().next().and_then(|entry| wire::long(entry.payload, 0))
}

/// What a message of a replication stream is.
pub fn stream_name(view: View<'_>) -> &'static str {
    match view.entries().next().and_then(|entry| entry.payload.first()) {
        Some(b'w') => "XLOG DATA",
        Some(b'k') => "KEEPALIVE",
        Some(b'r') => "STANDBY STATUS",
        Some(b'h') => "HOT STANDBY FEEDBACK",
        _ => "REPLICATION",
    }
}
