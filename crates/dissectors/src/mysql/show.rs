//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Field, Headline, Kind, Message, Outcome, Status, Tell, Value};

use super::{
    capability::{COMPRESS, Capabilities, ZSTD},
    command::{self, Command},
    event::Event,
    facts::{Facts, What, number},
    params,
    record::{self, Answered, Asked, Shape, Sums},
    rows::Results,
    status::{Change, Done, Failure, flags},
    wire::Cursor,
    xproto::{Refusal, Said},
};
use crate::sql::{self, Dialect, Target};

/// Bytes of SQL shown in a field; a longer one is the body.
const QUERY_MAX: usize = 4 << 10;

/// What a statement is about that was prepared before anybody looked.
const UNKNOWN: &[u8] = b"?";

const SYSTEM: usize = 0;
const OPERATION: usize = 1;
const NAMESPACE: usize = 2;
const QUERY: usize = 3;
const SUMMARY: usize = 4;
const COLLECTION: usize = 5;
const COMMAND: usize = 6;
const STATEMENT_ID: usize = 7;
const STATEMENT_UNKNOWN: usize = 8;
const PARAMETER: usize = 9;
const ATTRIBUTE: usize = 10;
const USER: usize = 11;
const SERVER_VERSION: usize = 12;
const CONNECTION: usize = 13;
const AUTH: usize = 14;
const TLS: usize = 15;
const COMPRESSION: usize = 16;
const CLIENT_CAPABILITY: usize = 17;
const SERVER_CAPABILITY: usize = 18;
const CONNECT_ATTRIBUTE: usize = 19;
const COLLATION: usize = 20;
const STATUS_CODE: usize = 21;
const SQLSTATE: usize = 22;
const MESSAGE: usize = 23;
const ROW_COUNT: usize = 24;
const RESULT_SETS: usize = 25;
const AFFECTED: usize = 26;
const INSERT_ID: usize = 27;
const WARNINGS: usize = 28;
const INFO: usize = 29;
const SERVER_STATUS: usize = 30;
const SESSION: usize = 31;
const COLUMN_COUNT: usize = 32;
const PARAMETER_COUNT: usize = 33;
const COLUMN: usize = 34;
const FILE: usize = 35;
const EVENT_TYPE: usize = 36;
const EVENT_SERVER: usize = 37;
const EVENT_NEXT: usize = 38;
const SHAPE: usize = 39;

const fn text(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Text, many: false, about }
}

const fn list(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Text, many: true, about }
}

const fn integer(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Integer, many: false, about }
}

const fn flag(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Bool, many: false, about }
}

/// The fields, in the order of the constants above.
pub const FIELDS: &[Field] = &[
    text("db.system.name", "mysql, or mariadb where the greeting says so"),
    text(
        "db.operation.name",
        "The statement's verb: SELECT, INSERT; else the command: PING, login",
    ),
    text("db.namespace", "The default schema, if it was seen being chosen"),
    text("db.query.text", "The statement; passwords in it are *, long ones end in …"),
    text("db.query.summary", "Verbs and tables of the statement: SELECT users orders"),
    text("db.collection.name", "The main table of the statement"),
    text("mysql.command", "The command: QUERY, STMT_EXECUTE, PING"),
    integer("mysql.statement.id", "The number of the prepared statement"),
    flag("mysql.statement.unknown", "True if the statement was prepared before it could be seen"),
    list("mysql.parameter", "Values bound to the statement, as JSON"),
    list("mysql.query_attribute", "Attributes of the query: name=value"),
    text("mysql.user", "Who logs in"),
    text("mysql.server.version", "The version in the server's greeting: 8.0.32, 10.11.6-MariaDB"),
    integer("mysql.connection.id", "The server's number of the connection, as in its process list"),
    text("mysql.auth.method", "How the client proves who it is: caching_sha2_password"),
    flag("mysql.tls", "True if the client asked for TLS: what follows is not to be seen"),
    text("mysql.compression", "zlib or zstd, if the connection is compressed after the login"),
    list("mysql.client.capability", "What the client can: PROTOCOL_41, DEPRECATE_EOF, …"),
    list("mysql.server.capability", "What the server can"),
    list("mysql.connect_attribute", "What the client tells of itself: _client_name=libmysql"),
    integer("mysql.collation.id", "The number of the client's collation: 45 is utf8mb4_general_ci"),
    text("db.response.status_code", "The number of the error: 1146, 1062"),
    text("mysql.sqlstate", "The SQLSTATE of the error: 42S02"),
    text("mysql.message", "What the server says about the error"),
    integer("db.response.returned_rows", "Rows of all result sets"),
    integer("mysql.result_sets", "How many result sets there are"),
    integer("mysql.affected_rows", "Rows changed by all statements of the query"),
    integer("mysql.last_insert_id", "The number that the last new row was given"),
    integer("mysql.warnings", "How many warnings SHOW WARNINGS would show"),
    text("mysql.info", "A line for people: Rows matched: 1  Changed: 1  Warnings: 0"),
    list("mysql.status_flag", "Flags of the server: AUTOCOMMIT, IN_TRANS, NO_INDEX_USED"),
    list("mysql.session_change", "What changed in the session: autocommit=OFF, schema=shop"),
    integer("mysql.columns.count", "Columns of the first result set, or of what was prepared"),
    integer("mysql.parameters.count", "Parameters of what was prepared"),
    list("mysql.column", "Columns with their types: id BIGINT, name VARCHAR"),
    text("mysql.local_infile", "The file that the server asked the client for"),
    text("mysql.event.type", "The binary log's event: QUERY_EVENT, WRITE_ROWS_EVENT"),
    integer("mysql.event.server_id", "The server that the event was made on"),
    integer("mysql.event.next_position", "Where the next event is in the log"),
    text("mysql.query.normalized", "The statement with ? in place of its values"),
];

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let status = response.and_then(status);
    let (method, endpoint) = match request.or(response).map(|m| (m, m.record.first())) {
        Some((message, Some(&record::COMMAND))) => of_command(message),
        Some((message, Some(&record::LOGIN))) => of_login(message),
        Some((_, Some(&record::UPLOAD))) => (Some(b"INFILE"[..].into()), None),
        Some((message, Some(&record::EVENT))) => of_event(&message.body.kept),
        Some((message, Some(&record::X))) => of_x(message),
        Some((message, Some(&record::ANSWER))) => of_unasked(message),
        _ => (None, None),
    };
    Headline { method, endpoint, version: None, status }
}

type Line<'m> = (Option<Cow<'m, [u8]>>, Option<Cow<'m, [u8]>>);

fn of_command(message: &Message) -> Line<'_> {
    let Some(asked) = Asked::of(message) else { return (None, None) };
    if let Some(facts) = statement(&asked).and_then(|text| sql::facts(text, Dialect::MySql)) {
        let target = match facts.target {
            Some(Target::Table(name) | Target::Other(name)) => Some(name),
            None => None,
        };
        let method =
            if asked.command == command::PREPARE { b"PREPARE"[..].into() } else { facts.verb };
        let is_of_rows = matches!(
            asked.command,
            command::QUERY | command::PREPARE | command::EXECUTE | command::BULK_EXECUTE
        );
        let method = if is_of_rows { method } else { name_of(asked.command) };
        return (Some(method), target);
    }
    let endpoint = match asked.command {
        command if command.is_of_statement() && !Asked::is_known(message) => Some(UNKNOWN.into()),
        command::INIT_DB | Command(5 | 6) => Some(asked.payload.into()),
        command::FIELD_LIST => Cursor(asked.payload).until_nul().map(Cow::Borrowed),
        _ => None,
    };
    (Some(name_of(asked.command)), endpoint)
}

/// The command's name without the part that all of its kind have.
fn name_of(command: Command) -> Cow<'static, [u8]> {
    let name = command.name().unwrap_or("UNKNOWN");
    name.strip_prefix("STMT_").unwrap_or(name).as_bytes().into()
}

/// The statement that a command is about.
fn statement<'m>(asked: &Asked<'m>) -> Option<&'m [u8]> {
    let text = match asked.command {
        command::QUERY => params::split_query(asked.payload).1,
        command::PREPARE => asked.payload,
        _ => asked.text,
    };
    Some(text).filter(|text| !text.is_empty())
}

fn of_login(message: &Message) -> Line<'_> {
    let method: &[u8] = match message.record.get(1) {
        Some(&record::CHANGE) => b"CHANGE_USER",
        Some(&record::TLS) => b"SSL_REQUEST",
        Some(&record::GREETING) => b"greeting",
        _ => b"login",
    };
    let endpoint = record::fact(&message.record, What::Database).map(Cow::Borrowed);
    (Some(method.into()), endpoint)
}

/// What a server says that nobody asked for: why it hangs up, the end of its log.
fn of_unasked(message: &Message) -> Line<'_> {
    let sums = Answered::of(message).map(|answered| answered.sums);
    let method: &[u8] = match sums.filter(|sums| sums.command == record::UNASKED) {
        Some(Sums { shape: Shape::Error, .. }) => b"ERROR",
        Some(_) => b"EOF",
        None => return (None, None),
    };
    (Some(method.into()), None)
}

fn of_event(body: &[u8]) -> Line<'_> {
    let Some(event) = Event::read(body) else { return (Some(b"EVENT"[..].into()), None) };
    (Some(event.name().as_bytes().into()), event.about().map(Cow::Owned))
}

fn of_x(message: &Message) -> Line<'_> {
    let Some(said) = Said::of(message) else { return (None, None) };
    if let Some((name, _)) = said.collection() {
        return (Some(said.name().as_bytes().into()), Some(name.into()));
    }
    let table = said.statement().and_then(|text| sql::facts(text, Dialect::MySql)?.target);
    let endpoint = match table {
        Some(Target::Table(name) | Target::Other(name)) => Some(name),
        None => None,
    };
    (Some(said.name().as_bytes().into()), endpoint)
}

/// How the command ended.
fn status(message: &Message) -> Option<Status<'_>> {
    if let Some(refusal) = Said::of(message).and_then(|said| said.refusal()) {
        let code = refusal.number.to_string().into_bytes().into();
        return Some(Status { code, text: refusal.message.into(), outcome: Outcome::Error });
    }
    let answered = Answered::of(message)?;
    let ok = |text| Status { code: b"OK"[..].into(), text, outcome: Outcome::Ok };
    match answered.sums.shape {
        Shape::Unfinished => None,
        Shape::Error => {
            let failure = Failure::read(answered.last);
            let code = failure.number.to_string().into_bytes().into();
            Some(Status { code, text: failure.message.into(), outcome: Outcome::Error })
        }
        Shape::Ok => Some(ok(Done::read(answered.last, Shape::Ok).info.into())),
        _ => Some(ok(b""[..].into())),
    }
}

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    match message.record.first() {
        Some(&record::COMMAND) => tell_command(message, to),
        Some(&record::LOGIN) => tell_login(message, to),
        Some(&record::ANSWER) => tell_answer(message, to),
        Some(&record::EVENT) => tell_event(&message.body.kept, to),
        Some(&record::X) => tell_x(message, to),
        Some(&record::UPLOAD) => {
            to.field(SYSTEM, "mysql".into());
            to.field(OPERATION, "INFILE".into());
        }
        _ => to.field(SYSTEM, "mysql".into()),
    }
}

// === commands ===

fn tell_command(message: &Message, to: &mut dyn Tell) {
    to.field(SYSTEM, "mysql".into());
    let Some(asked) = Asked::of(message) else { return };
    if let Some(method) = of_command(message).0 {
        to.field(OPERATION, Value::Text(&method));
    }
    to.field(COMMAND, asked.command.name().unwrap_or("UNKNOWN").into());
    if !asked.schema.is_empty() {
        to.field(NAMESPACE, Value::Text(asked.schema));
    } else if asked.command == command::INIT_DB {
        to.field(NAMESPACE, Value::Text(asked.payload));
    }
    if let Some(text) = statement(&asked) {
        tell_statement(text, message, to);
    }
    if asked.command.is_of_statement() {
        let id = Cursor(asked.payload).long().unwrap_or_default();
        to.field(STATEMENT_ID, Value::Integer(id.into()));
        if !Asked::is_known(message) {
            to.field(STATEMENT_UNKNOWN, Value::Bool(true));
        }
        for (name, json) in params::of(&asked) {
            tell_bound(PARAMETER, name, &json, to);
        }
    }
    if asked.command == command::QUERY {
        for (name, json) in params::split_query(asked.payload).0 {
            tell_bound(ATTRIBUTE, name, &json, to);
        }
    }
    if message.body.size > 0 {
        let media_type =
            if asked.command.is_sql() { "application/sql" } else { "application/octet-stream" };
        to.body(BodyFacts { media_type: Some(media_type), encoding: None });
    }
}

fn tell_statement(text: &[u8], message: &Message, to: &mut dyn Tell) {
    let is_cut = text.len() > QUERY_MAX || message.body.truncated();
    let shown = text.get(..QUERY_MAX).unwrap_or(text);
    if is_cut {
        to.field(QUERY, Value::Text(&[shown, "…".as_bytes()].concat()));
    } else {
        to.field(QUERY, Value::Text(shown));
    }
    if let Some((facts, summary)) = sql::facts_and_summary(text, Dialect::MySql) {
        to.field(SUMMARY, Value::Text(&summary));
        if let Some(Target::Table(name)) = facts.target {
            to.field(COLLECTION, Value::Text(&name));
        }
    }
    to.field(SHAPE, Value::Text(&sql::normalised(shown, Dialect::MySql)));
}

fn tell_bound(field: usize, name: &[u8], json: &[u8], to: &mut dyn Tell) {
    if name.is_empty() {
        to.field(field, Value::Text(json));
    } else {
        to.field(field, Value::Text(&[name, b"=", json].concat()));
    }
}

// === logins ===

fn tell_login(message: &Message, to: &mut dyn Tell) {
    let facts = message.record.get(2..).unwrap_or_default();
    let of =
        |what: What| Facts::each(facts).find(|(w, _)| *w == what as u8).map(|(_, value)| value);
    let version = of(What::ServerVersion).unwrap_or_default();
    let is_mariadb = memchr::memmem::find(version, b"MariaDB").is_some();
    to.field(SYSTEM, if is_mariadb { "mariadb" } else { "mysql" }.into());
    if let Some(method) = of_login(message).0 {
        to.field(OPERATION, Value::Text(&method));
    }
    for (field, what) in
        [(NAMESPACE, What::Database), (USER, What::User), (SERVER_VERSION, What::ServerVersion)]
    {
        if let Some(value) = of(what) {
            to.field(field, Value::Text(value));
        }
    }
    for (field, what) in [(CONNECTION, What::Connection), (COLLATION, What::ClientCollation)] {
        if let Some(value) = of(what) {
            to.field(field, Value::Integer(i64::try_from(number(value)).unwrap_or(i64::MAX)));
        }
    }
    if let Some(plugin) = of(What::ClientPlugin).or(of(What::ServerPlugin)) {
        to.field(AUTH, Value::Text(plugin));
    }
    if of(What::Tls).is_some() {
        to.field(TLS, Value::Bool(true));
    }
    let client = of(What::ClientCapabilities).map(|value| Capabilities(number(value)));
    let server = of(What::ServerCapabilities).map(|value| Capabilities(number(value)));
    tell_capabilities(client, server, to);
    for (_, attribute) in Facts::each(facts).filter(|(w, _)| *w == What::Attribute as u8) {
        let attribute: Vec<u8> =
            attribute.iter().map(|byte| if *byte == 0 { b'=' } else { *byte }).collect();
        to.field(CONNECT_ATTRIBUTE, Value::Text(&attribute));
    }
}

fn tell_capabilities(
    client: Option<Capabilities>,
    server: Option<Capabilities>,
    to: &mut dyn Tell,
) {
    if let Some(client) = client {
        let both = Capabilities(client.0 & server.unwrap_or(client).0);
        if both.has(COMPRESS | ZSTD) {
            to.field(COMPRESSION, if both.has(COMPRESS) { "zlib" } else { "zstd" }.into());
        }
    }
    for (field, capabilities) in [(CLIENT_CAPABILITY, client), (SERVER_CAPABILITY, server)] {
        for name in capabilities.unwrap_or_default().names() {
            to.field(field, name.into());
        }
    }
}

// === answers ===

fn tell_answer(message: &Message, to: &mut dyn Tell) {
    to.field(SYSTEM, "mysql".into());
    let Some(answered) = Answered::of(message) else { return };
    let sums = &answered.sums;
    match sums.shape {
        Shape::Error => tell_failure(&Failure::read(answered.last), to),
        Shape::Ok | Shape::Eof => tell_done(&answered, to),
        Shape::Prepared => tell_prepared(&answered, to),
        Shape::Text => to.field(INFO, Value::Text(answered.last)),
        Shape::Event => tell_event_facts(&message.body.kept, to),
        Shape::Unfinished => {}
    }
    if !answered.note.is_empty() {
        let is_file = !matches!(Command(sums.command), command::CHANGE_USER | Command(0));
        to.field(if is_file { FILE } else { AUTH }, Value::Text(answered.note));
    }
    if message.body.size == 0 {
        return;
    }
    let results = Results::of(&answered, &message.body.kept);
    for column in &results.columns {
        let kind = column.type_name().as_bytes();
        to.field(COLUMN, Value::Text(&[column.name, b" ", kind].concat()));
    }
    // Rows whose columns are not known stay the bytes that they are.
    if results.rows.len() > 0 || sums.sets > 0 && sums.rows == 0 {
        results.rows.tell(to);
    } else {
        to.body(BodyFacts { media_type: Some("application/x-mysql"), encoding: None });
    }
}

fn tell_failure(failure: &Failure<'_>, to: &mut dyn Tell) {
    to.field(STATUS_CODE, Value::Text(failure.number.to_string().as_bytes()));
    if !failure.state.is_empty() {
        to.field(SQLSTATE, Value::Text(failure.state));
    }
    to.field(MESSAGE, Value::Text(failure.message));
}

fn tell_done(answered: &Answered<'_>, to: &mut dyn Tell) {
    let (sums, done) = (&answered.sums, Done::read(answered.last, answered.sums.shape));
    let integer = |value: u64| Value::Integer(i64::try_from(value).unwrap_or(i64::MAX));
    if sums.sets > 0 || sums.rows > 0 {
        to.field(ROW_COUNT, integer(sums.rows));
        to.field(RESULT_SETS, integer(sums.sets.into()));
        to.field(COLUMN_COUNT, integer(sums.columns.into()));
    }
    if sums.shape == Shape::Ok && (sums.sets == 0 || sums.affected > 0) {
        to.field(AFFECTED, integer(sums.affected));
    }
    if done.last_insert_id > 0 {
        to.field(INSERT_ID, integer(done.last_insert_id));
    }
    to.field(WARNINGS, integer(done.warnings.into()));
    if !done.info.is_empty() {
        to.field(INFO, Value::Text(done.info));
    }
    for flag in flags(done.status) {
        to.field(SERVER_STATUS, flag.into());
    }
    for change in done.changes() {
        let (name, value) = match change {
            Change::Variable(name, value) => (name, value),
            Change::Schema(schema) => (&b"schema"[..], schema),
            Change::Other(name, value) => (name.as_bytes(), value),
        };
        to.field(SESSION, Value::Text(&[name, b"=", value].concat()));
    }
}

fn tell_prepared(answered: &Answered<'_>, to: &mut dyn Tell) {
    let mut cursor = Cursor(answered.last.get(1..).unwrap_or_default());
    if let (Some(id), Some(columns), Some(params)) = (cursor.long(), cursor.short(), cursor.short())
    {
        to.field(STATEMENT_ID, Value::Integer(id.into()));
        to.field(COLUMN_COUNT, Value::Integer(columns.into()));
        to.field(PARAMETER_COUNT, Value::Integer(params.into()));
    }
}

// === the binary log, the X protocol ===

fn tell_event(body: &[u8], to: &mut dyn Tell) {
    to.field(SYSTEM, "mysql".into());
    tell_event_facts(body, to);
}

fn tell_event_facts(body: &[u8], to: &mut dyn Tell) {
    let Some(event) = Event::read(body) else { return };
    to.field(EVENT_TYPE, event.name().into());
    to.field(EVENT_SERVER, Value::Integer(event.server.into()));
    to.field(EVENT_NEXT, Value::Integer(event.next_at.into()));
    if let Some((text, schema)) = event.statement() {
        to.field(QUERY, Value::Text(text.get(..QUERY_MAX).unwrap_or(text)));
        if !schema.is_empty() {
            to.field(NAMESPACE, Value::Text(schema));
        }
    }
}

fn tell_x(message: &Message, to: &mut dyn Tell) {
    to.field(SYSTEM, "mysql".into());
    let Some(said) = Said::of(message) else { return };
    to.field(OPERATION, said.name().into());
    if let Some((name, schema)) = said.collection() {
        to.field(COLLECTION, Value::Text(name));
        schema.into_iter().for_each(|schema| to.field(NAMESPACE, Value::Text(schema)));
    }
    if let Some(refusal) = said.refusal() {
        let Refusal { number, state, message } = refusal;
        tell_failure(
            &Failure { number: u16::try_from(number).unwrap_or(u16::MAX), state, message },
            to,
        );
    }
    if let Some(text) = said.statement() {
        tell_statement(text, message, to);
    }
}
