//! Everything that is told of a message, when somebody asks.

use model::{BodyFacts, Message, Tell, Value};

use super::{
    error::Notice,
    record::{CUT, EARLIER, Entry, View, kind},
    rows,
    show::{self, Work, at},
    statements::parsed,
    types, wire,
};
use crate::sql::{self, Dialect, Target};

/// Parameters, columns, tags told one by one, at most.
const LIST_MAX: usize = 64;

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    to.field(at::SYSTEM, "postgresql".into());
    let Some(view) = View::of(&message.record) else { return };
    match view.kind() {
        kind::STARTUP => tell_startup(view, to),
        kind::ENCRYPT => to.field(at::ENCRYPTION, show::encryption(view).into()),
        kind::CANCEL => tell_number(at::PROCESS, show::process(view), to),
        kind::WORK => tell_work(view, message, to),
        kind::DATA => to.body(copied(false)),
        kind::STREAM => tell_stream(view, to),
        kind::NEWS => tell_news(view, to),
        kind::CHOICE => {
            let granted = view.entries().next().is_some_and(|entry| entry.kind != b'N');
            to.field(at::ENCRYPTION, if granted { "granted" } else { "refused" }.into());
        }
        _ => tell_answer(view, message, to),
    }
}

fn tell_number(field: usize, number: Option<impl Into<i64>>, to: &mut dyn Tell) {
    if let Some(number) = number {
        to.field(field, Value::Integer(number.into()));
    }
}

fn tell_text(field: usize, text: &[u8], to: &mut dyn Tell) {
    if !text.is_empty() {
        to.field(field, Value::Text(text));
    }
}

// === requests ===

fn tell_startup(view: View<'_>, to: &mut dyn Tell) {
    if let Some(database) = show::database(view) {
        to.field(at::NAMESPACE, Value::Text(database));
    }
    for (name, value) in show::startup_pairs(view).take(LIST_MAX) {
        match name {
            b"user" => to.field(at::USER, Value::Text(value)),
            b"application_name" => to.field(at::APPLICATION, Value::Text(value)),
            _ => {}
        }
        to.header(name, value);
    }
}

fn tell_work(view: View<'_>, message: &Message, to: &mut dyn Tell) {
    let Some(work) = show::work(view) else { return };
    if let Some(text) = work.text {
        tell_statement(text, &work, view, to);
    }
    for entry in view.entries().filter(|entry| entry.flags & EARLIER == 0).take(LIST_MAX) {
        to.field(at::PROTOCOL, message_name(entry.kind).into());
    }
    if !matches!(work.what, b'Q' | b'F') {
        tell_text(at::PREPARED, statement_name(view, &work), to);
    }
    if work.unknown {
        to.field(at::UNKNOWN, Value::Bool(true));
    }
    if let Some(execute) = view.last(b'E') {
        let (portal, rest) = wire::text(execute.payload);
        tell_text(at::PORTAL, portal, to);
        tell_number(at::MAX_ROWS, wire::long(rest, 0).filter(|rows| *rows > 0), to);
    }
    tell_parameters(view, to);
    if let Some(failed) = view.last(b'f') {
        tell_text(at::COPY_FAILED, wire::text(failed.payload).0, to);
    }
    if message.body.size > 0 {
        let binary = work
            .text
            .is_some_and(|text| text.windows(6).any(|word| word.eq_ignore_ascii_case(b"binary")));
        to.body(copied(binary));
    }
}

fn statement_name<'m>(view: View<'m>, work: &'m Work<'m>) -> &'m [u8] {
    match view.last(b'B') {
        Some(bind) => wire::text(wire::text(bind.payload).1).0,
        None if matches!(work.what, b'P' | b'D') => &work.name,
        None => &[],
    }
}

fn tell_statement(text: &[u8], work: &Work<'_>, view: View<'_>, to: &mut dyn Tell) {
    let told = sql::facts_and_summary(text, Dialect::PostgreSql);
    if let Some((facts, _)) = &told {
        to.field(at::OPERATION, Value::Text(&facts.verb));
        match &facts.target {
            Some(Target::Table(name)) => to.field(at::COLLECTION, Value::Text(name)),
            Some(Target::Other(name)) if *facts.verb == b"CALL"[..] => {
                to.field(at::PROCEDURE, Value::Text(name));
            }
            _ => {}
        }
    }
    let kind = if work.what == b'Q' { b'Q' } else { b'P' };
    if view.last(kind).is_some_and(|entry| entry.flags & CUT != 0) {
        to.field(at::QUERY, Value::Text(&[text, "…".as_bytes()].concat()));
    } else {
        to.field(at::QUERY, Value::Text(text));
    }
    if let Some((_, summary)) = &told {
        tell_text(at::SUMMARY, summary, to);
    }
    tell_text(at::SHAPE, &sql::normalised(text, Dialect::PostgreSql), to);
    if work.what == b'Q' {
        let count = sql::count(text, Dialect::PostgreSql);
        if count > 1 {
            tell_number(at::BATCH, i64::try_from(count).ok(), to);
        }
    }
}

fn tell_parameters(view: View<'_>, to: &mut dyn Tell) {
    let types = view.last(b'P').map_or(&[][..], |entry| parsed(entry.payload).2);
    let oid = |n: usize| wire::long(types, 4 * n).unwrap_or(0);
    if let Some(bind) = view.last(b'B') {
        let behind_name = wire::text(wire::text(bind.payload).1).1;
        for (n, (binary, value)) in types::parameters(behind_name).take(LIST_MAX).enumerate() {
            let mut out = Vec::new();
            match value {
                Some((value, cut)) => types::parameter(&mut out, oid(n), binary, value, cut),
                None => out.extend_from_slice(b"null"),
            }
            to.field(at::PARAMETER, Value::Text(&out));
        }
    }
    for n in 0..(types.len() / 4).min(LIST_MAX) {
        tell_type(at::PARAMETER_TYPE, oid(n), to);
    }
}

fn tell_type(field: usize, oid: u32, to: &mut dyn Tell) {
    match types::name(oid) {
        Some(name) => to.field(field, name.into()),
        None if oid == 0 => to.field(field, "unspecified".into()),
        None => to.field(field, Value::Text(oid.to_string().as_bytes())),
    }
}

fn message_name(kind: u8) -> &'static str {
    match kind {
        b'Q' => "Query",
        b'P' => "Parse",
        b'B' => "Bind",
        b'D' => "Describe",
        b'C' => "Close",
        b'E' => "Execute",
        b'F' => "FunctionCall",
        b'S' => "Sync",
        b'X' => "Terminate",
        b'f' => "CopyFail",
        _ => "other",
    }
}

fn copied(binary: bool) -> BodyFacts<'static> {
    let media_type = if binary { "application/octet-stream" } else { "text/plain; charset=utf-8" };
    BodyFacts { media_type: Some(media_type), encoding: None }
}

// === streams and news ===

fn tell_stream(view: View<'_>, to: &mut dyn Tell) {
    to.field(at::STREAM, show::stream_name(view).into());
    let Some(entry) = view.entries().next() else { return };
    if matches!(entry.payload.first(), Some(b'w' | b'k' | b'r'))
        && let (Some(high), Some(low)) =
            (wire::long(entry.payload, 1), wire::long(entry.payload, 5))
    {
        to.field(at::POSITION_WAL, Value::Text(format!("{high:X}/{low:X}").as_bytes()));
    }
    to.body(copied(true));
}

fn tell_news(view: View<'_>, to: &mut dyn Tell) {
    let Some(entry) = view.entries().next() else { return };
    match entry.kind {
        b'A' => tell_notification(entry, to),
        b'S' => {
            let (name, rest) = wire::text(entry.payload);
            to.header(name, wire::text(rest).0);
        }
        _ => tell_error(entry, to),
    }
}

fn tell_notification(entry: Entry<'_>, to: &mut dyn Tell) {
    tell_number(at::PROCESS, wire::long(entry.payload, 0), to);
    let (channel, rest) = wire::text(entry.payload.get(4..).unwrap_or_default());
    to.field(at::CHANNEL, Value::Text(channel));
    tell_text(at::PAYLOAD, wire::text(rest).0, to);
}

// === responses ===

fn tell_answer(view: View<'_>, message: &Message, to: &mut dyn Tell) {
    if let Some(error) = view.last(b'E') {
        tell_error(error, to);
    }
    tell_rows(view, message, to);
    tell_commands(view, to);
    tell_connection(view, to);
    for entry in view.entries().filter(|entry| matches!(entry.kind, b'N' | b'A')).take(LIST_MAX) {
        if entry.kind == b'N' {
            let notice = Notice::of(entry.payload);
            to.header(notice.severity, notice.message);
        } else {
            let (channel, rest) = wire::text(entry.payload.get(4..).unwrap_or_default());
            to.header(channel, wire::text(rest).0);
        }
    }
    match view.status() {
        b'I' => to.field(at::TRANSACTION, "idle".into()),
        b'T' => to.field(at::TRANSACTION, "in transaction".into()),
        b'E' => to.field(at::TRANSACTION, "failed".into()),
        _ => {}
    }
}

fn tell_rows(view: View<'_>, message: &Message, to: &mut dyn Tell) {
    let copy = view.entries().find(|entry| matches!(entry.kind, b'G' | b'H' | b'W'));
    if let Some(copy) = copy {
        let binary = copy.payload.first() == Some(&1);
        let text = match (copy.kind, binary) {
            (b'G', false) => "in text",
            (b'G', true) => "in binary",
            (b'H', false) => "out text",
            (b'H', true) => "out binary",
            _ => "both",
        };
        to.field(at::COPY, text.into());
        if copy.kind == b'H' {
            to.body(copied(binary));
        }
        return;
    }
    if let Some(columns) = view.first(b'T') {
        let described = view.first(b't').filter(|_| view.rows() == 0);
        if let Some(types) = described {
            let types = types.payload.get(2..).unwrap_or_default();
            for oid in types.chunks_exact(4).take(LIST_MAX) {
                tell_type(at::PARAMETER_TYPE, wire::long(oid, 0).unwrap_or(0), to);
            }
        }
        to.field(at::RETURNED, Value::Integer(i64::try_from(view.rows()).unwrap_or(i64::MAX)));
        for column in wire::columns(columns.payload).take(LIST_MAX) {
            let name = types::name(column.oid).map_or_else(|| column.oid.to_string(), Into::into);
            to.field(at::COLUMN, Value::Text(&[column.name, b" ", name.as_bytes()].concat()));
        }
    } else if view.rows() > 0 {
        to.field(at::RETURNED, Value::Integer(i64::try_from(view.rows()).unwrap_or(i64::MAX)));
    }
    if message.body.size > 0 {
        rows::list(view, &message.body.kept).tell(to);
    }
}

fn tell_commands(view: View<'_>, to: &mut dyn Tell) {
    let tags = view.entries().filter(|entry| entry.kind == b'C');
    let mut affected = None;
    for tag in tags.clone() {
        if let Some(rows) = affected_rows(tag.payload) {
            affected = Some(rows.saturating_add(affected.unwrap_or(0)));
        }
    }
    for tag in tags.take(LIST_MAX) {
        to.field(at::TAG, Value::Text(tag.payload));
    }
    tell_number(at::AFFECTED, affected, to);
}

/// `INSERT 0 3`, `UPDATE 2`, `DELETE 1`, `COPY 7`, `MERGE 1`
fn affected_rows(tag: &[u8]) -> Option<i64> {
    let mut words = tag.split(|byte| *byte == b' ');
    let verb = words.next()?;
    if !matches!(verb, b"INSERT" | b"UPDATE" | b"DELETE" | b"COPY" | b"MERGE") {
        return None;
    }
    std::str::from_utf8(words.next_back()?).ok()?.parse().ok()
}

fn tell_connection(view: View<'_>, to: &mut dyn Tell) {
    for entry in view.entries().filter(|entry| entry.kind == b'R').take(LIST_MAX) {
        let way = match wire::long(entry.payload, 0) {
            Some(0) => "ok",
            Some(2) => "kerberos",
            Some(3) => "password",
            Some(5) => "md5",
            Some(7 | 8) => "gss",
            Some(9) => "sspi",
            Some(10) => "sasl",
            Some(11 | 12) => continue,
            _ => "other",
        };
        to.field(at::AUTHENTICATION, way.into());
    }
    tell_number(at::PROCESS, view.first(b'K').and_then(|key| wire::long(key.payload, 0)), to);
    for entry in view.entries().filter(|entry| entry.kind == b'S').take(LIST_MAX) {
        let (name, rest) = wire::text(entry.payload);
        let value = wire::text(rest).0;
        if name == b"server_version" {
            to.field(at::VERSION, Value::Text(value));
        }
        to.header(name, value);
    }
}

fn tell_error(entry: Entry<'_>, to: &mut dyn Tell) {
    let notice = Notice::of(entry.payload);
    if entry.kind == b'E' {
        tell_text(at::STATUS, notice.code, to);
    }
    tell_text(at::SEVERITY, notice.severity, to);
    let mut object = Vec::new();
    for (letter, value) in wire::parts(entry.payload).take(LIST_MAX) {
        match letter {
            b'M' => tell_text(at::MESSAGE, value, to),
            b'D' => tell_text(at::DETAIL, value, to),
            b'H' => tell_text(at::HINT, value, to),
            b'P' => {
                let position = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                tell_number(at::POSITION, position.filter(|n: &i64| *n > 0), to);
            }
            b'n' => tell_text(at::CONSTRAINT, value, to),
            b'W' => tell_text(at::CONTEXT, value, to),
            b's' | b't' | b'c' | b'd' => {
                if !object.is_empty() {
                    object.push(b'.');
                }
                object.extend_from_slice(value);
            }
            _ => {}
        }
    }
    tell_text(at::ERROR_AT, &object, to);
}
