//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Field, Headline, Kind, Message, Outcome, Status, Tell, Value};

use super::{
    codes,
    cursor::Cursor,
    frame::Opcode,
    record::View,
    request::{Bound, Request, Statement},
    result::{Answer, Column, Metadata, Schema},
    value::{self, write_unknown},
};
use crate::{
    listing::Listing,
    spell::hex,
    sql::{self, Dialect, Target},
};

/// Bytes of a statement that are told.
const TEXT_MAX: usize = 16 << 10;

macro_rules! fields {
    ($($index:ident $name:literal $kind:ident $many:literal $about:literal)*) => {
        #[derive(Clone, Copy)]
        enum Index { $($index),* }
        /// What a message tells.
        pub const FIELDS: &[Field] = &[$(Field {
            name: $name, kind: Kind::$kind, many: $many, about: $about,
        }),*];
    };
}

fields! {
    System "db.system.name" Text false "Always cassandra"
    Operation "db.operation.name" Text false "The statement's verb: SELECT, INSERT, BATCH"
    Collection "db.collection.name" Text false "The table"
    Namespace "db.namespace" Text false "The keyspace"
    Query "db.query.text" Text false "The statement; that of an EXECUTE if its PREPARE was seen"
    Summary "db.query.summary" Text false "Verbs and tables of the statement"
    BatchSize "db.operation.batch.size" Integer false "Statements in a batch"
    StatusCode "db.response.status_code" Text false "The code of an error: 0x2200"
    ReturnedRows "db.response.returned_rows" Integer false "Rows in the answer"
    Consistency "cassandra.consistency.level" Text false "How many replicas must agree: local_quorum"
    Serial "cassandra.consistency.serial" Text false "The same for conditions: serial, local_serial"
    PageSize "cassandra.page.size" Integer false "Rows that are wanted at once"
    NextPage "cassandra.page.next" Bool false "Whether the request goes on where an earlier answer ended"
    MorePages "cassandra.page.more" Bool false "Whether there are more rows to ask for"
    Opcode "cassandra.opcode" Text false "QUERY, EXECUTE, RESULT, EVENT, …"
    Version "cassandra.version" Integer false "The version of the protocol: 3, 4, 5"
    Stream "cassandra.stream" Integer false "The number that question and answer share"
    PreparedId "cassandra.prepared.id" Text false "The id of a prepared statement, in hexadecimal"
    PreparedUnknown "cassandra.prepared.unknown" Bool false "True if the PREPARE of a statement was not seen"
    Values "cassandra.value" Text true "Values bound to the statement: name=value, as JSON"
    Statements "cassandra.batch.statement" Text true "The statements of a batch"
    BatchKind "cassandra.batch.kind" Text false "logged, unlogged, counter"
    Timestamp "cassandra.timestamp" Integer false "The time that a write is given, in microseconds"
    ResultKind "cassandra.result.kind" Text false "void, rows, set_keyspace, prepared, schema_change"
    Columns "cassandra.result.column" Text true "Columns: name type"
    ErrorText "cassandra.error" Text false "What an error says"
    ErrorDetail "cassandra.error.detail" Text true "Its numbers: received=1, required=2"
    Event "cassandra.event" Text false "TOPOLOGY_CHANGE, STATUS_CHANGE, SCHEMA_CHANGE"
    Change "cassandra.change" Text false "What changed: UP 10.0.0.1:9042, CREATED TABLE ks.t"
    Registers "cassandra.register" Text true "Events that are wanted"
    Authenticator "cassandra.authenticator" Text false "The class that the server wants proof for"
    Warnings "cassandra.warning" Text true "Warnings of the server"
    Trace "cassandra.trace_id" Text false "The id under which the server traced the request"
    Packing "cassandra.compression" Text false "lz4 or snappy, if the frame is compressed"
}

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let mut line = Headline::default();
    if let Some(view) = request.and_then(View::of) {
        (line.method, line.endpoint) = asked(&view);
        line.version = version(view.version);
    }
    let Some(view) = response.and_then(View::of) else { return line };
    line.version = line.version.or_else(|| version(view.version));
    let body = view.body();
    let rest = body.as_deref().and_then(|body| view.split(body)).map(|(_, rest)| rest);
    match view.opcode {
        Opcode::EVENT => {
            line.method = Some(Cow::Borrowed(b"EVENT"));
            line.endpoint = rest.and_then(|rest| Some(Cursor(rest).string()?.to_vec().into()));
        }
        Opcode::ERROR => line.status = Some(error(rest.unwrap_or_default())),
        opcode => {
            line.status =
                Some(Status { code: b"OK"[..].into(), text: b""[..].into(), outcome: Outcome::Ok });
            if line.endpoint.is_none() && opcode == Opcode::RESULT {
                line.endpoint = rest.and_then(|rest| answered(view.version, rest));
            }
        }
    }
    line
}

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(view) = View::of(message) else { return };
    let mut teller = Teller { view, to };
    teller.head();
    let Some(body) = view.body() else { return };
    let Some((prelude, rest)) = view.split(&body) else { return };
    if let Some(trace) = prelude.trace {
        teller.put(Index::Trace, hex(trace).as_str().into());
    }
    for warning in prelude.warnings {
        teller.put(Index::Warnings, Value::Text(warning));
    }
    for (name, value) in prelude.custom {
        teller.to.header(name, value);
    }
    teller.body(rest);
}

fn version(version: u8) -> Option<Cow<'static, [u8]>> {
    Some(version.to_string().into_bytes().into())
}

/// A word of a headline, if it is known.
type Word = Option<Cow<'static, [u8]>>;

/// Method and endpoint of a request.
fn asked(view: &View<'_>) -> (Word, Word) {
    let opcode = Some(Cow::Borrowed(view.opcode.name().as_bytes()));
    let Some(text) = first_text(view) else { return (opcode, None) };
    let facts = sql::facts(&text, Dialect::Standard);
    let Some(facts) = facts else { return (opcode, None) };
    let endpoint = facts.target.map(|target| match target {
        Target::Table(name) | Target::Other(name) => Cow::Owned(name.into_owned()),
    });
    let method = match view.opcode {
        Opcode::BATCH | Opcode::PREPARE => opcode,
        _ => Some(Cow::Owned(facts.verb.into_owned())),
    };
    (method, endpoint)
}

/// The text of a request's first statement, if it is known.
fn first_text(view: &View<'_>) -> Option<Vec<u8>> {
    if view.opcode == Opcode::EXECUTE {
        return view.piece(0).map(<[u8]>::to_vec);
    }
    let body = view.body()?;
    let (_, rest) = view.split(&body)?;
    let request = Request::read(view.opcode, view.version, rest)?;
    match request.statements.first()?.0 {
        Statement::Text(text) => Some(text.to_vec()),
        Statement::Id(_) => view.piece(0).map(<[u8]>::to_vec),
    }
}

/// What an answer is about whose question is not known.
fn answered(version: u8, rest: &[u8]) -> Option<Cow<'static, [u8]>> {
    let name = |keyspace: &[u8], name: &[u8]| Cow::Owned([keyspace, b".", name].concat());
    match Answer::read(version, rest)? {
        Answer::Rows(metadata, ..) => metadata.table.map(|(keyspace, table)| name(keyspace, table)),
        Answer::Keyspace(keyspace) => Some(Cow::Owned(keyspace.to_vec())),
        Answer::Schema(schema) => Some(Cow::Owned(schema_target(&schema).into_bytes())),
        _ => None,
    }
}

fn error(rest: &[u8]) -> Status<'static> {
    let mut cursor = Cursor(rest);
    let code = cursor.int();
    let text = cursor.string().unwrap_or_default().to_vec();
    let name = match code {
        Some(code) => codes::error(code).map_or_else(
            || format!("0x{code:04X}").into_bytes().into(),
            |name| Cow::Borrowed(name.as_bytes()),
        ),
        None => b"ERROR"[..].into(),
    };
    Status { code: name, text: text.into(), outcome: Outcome::Error }
}

fn schema_target(schema: &Schema<'_>) -> String {
    let keyspace = String::from_utf8_lossy(schema.keyspace);
    match schema.name {
        Some(name) => format!("{keyspace}.{}", String::from_utf8_lossy(name)),
        None => keyspace.into_owned(),
    }
}

/// Tells one message.
struct Teller<'m, 't> {
    view: View<'m>,
    to: &'t mut dyn Tell,
}

// === impl Teller ===

impl Teller<'_, '_> {
    fn head(&mut self) {
        self.put(Index::System, "cassandra".into());
        self.put(Index::Opcode, self.view.opcode.name().into());
        self.put(Index::Version, Value::Integer(self.view.version.into()));
        self.put(Index::Stream, Value::Integer(self.view.stream.into()));
        if let Some(packing) = self.view.packing() {
            self.put(Index::Packing, packing.into());
        }
        self.to.body(BodyFacts { media_type: Some("application/x-cql"), encoding: None });
    }

    fn body(&mut self, rest: &[u8]) {
        let mut cursor = Cursor(rest);
        match self.view.opcode {
            Opcode::QUERY | Opcode::PREPARE | Opcode::EXECUTE | Opcode::BATCH => self.request(rest),
            Opcode::STARTUP => self.options(&mut cursor, false),
            Opcode::SUPPORTED => self.options(&mut cursor, true),
            Opcode::REGISTER => {
                for event in cursor.strings() {
                    self.put(Index::Registers, Value::Text(event));
                }
            }
            Opcode::AUTHENTICATE => self.text(Index::Authenticator, cursor.string()),
            Opcode::ERROR => self.error(&mut cursor),
            Opcode::EVENT => self.event(&mut cursor),
            Opcode::RESULT => self.result(rest),
            _ => {}
        }
    }

    /// `[string map]`, or `[string multimap]` where `many`.
    fn options(&mut self, cursor: &mut Cursor<'_>, many: bool) {
        let count = cursor.short().unwrap_or(0);
        for _ in 0..count {
            let Some(name) = cursor.string() else { return };
            let values =
                if many { cursor.strings() } else { cursor.string().into_iter().collect() };
            for value in values {
                self.to.header(name, value);
            }
        }
    }

    fn text(&mut self, index: Index, text: Option<&[u8]>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.put(index, Value::Text(text));
        }
    }

    fn put(&mut self, index: Index, value: Value<'_>) {
        self.to.field(index as usize, value);
    }
}

// === impl Teller: requests ===

impl Teller<'_, '_> {
    fn request(&mut self, rest: &[u8]) {
        let view = self.view;
        let Some(request) = Request::read(view.opcode, view.version, rest) else { return };
        match request.batch {
            Some(kind) => self.batch(kind, &request),
            None => self.single(&request),
        }
        let options = &request.options;
        for (index, level) in
            [(Index::Consistency, options.consistency), (Index::Serial, options.serial)]
        {
            self.text(index, level.map(str::as_bytes));
        }
        self.text(Index::Namespace, options.keyspace);
        if let Some(size) = options.page_size {
            self.put(Index::PageSize, Value::Integer(size.into()));
        }
        if options.is_next_page {
            self.put(Index::NextPage, Value::Bool(true));
        }
        if let Some(timestamp) = options.timestamp {
            self.put(Index::Timestamp, Value::Integer(timestamp));
        }
    }

    fn single(&mut self, request: &Request<'_>) {
        let Some((statement, _)) = request.statements.first() else { return };
        let mut columns = Vec::new();
        let text = match statement {
            Statement::Text(text) => Some(*text),
            Statement::Id(id) => {
                self.put(Index::PreparedId, hex(id).as_str().into());
                let text = self.view.piece(0);
                if text.is_none() {
                    self.put(Index::PreparedUnknown, Value::Bool(true));
                }
                let mut metadata = Cursor(self.view.piece(1).unwrap_or_default());
                let values = Metadata::values(&mut metadata, self.view.version);
                columns = values.map(|metadata| metadata.columns).unwrap_or_default();
                text
            }
        };
        if let Some(text) = text {
            self.statement(text);
        }
        self.values(&request.options.values, &columns);
    }

    fn statement(&mut self, text: &[u8]) {
        let text = text.get(..TEXT_MAX).unwrap_or(text);
        if let Some((facts, summary)) = sql::facts_and_summary(text, Dialect::Standard) {
            self.put(Index::Operation, Value::Text(&facts.verb));
            if let Some(Target::Table(name)) = &facts.target {
                self.table(name);
            }
            self.text(Index::Summary, Some(&summary));
        }
        self.put(Index::Query, Value::Text(text));
    }

    fn table(&mut self, name: &[u8]) {
        match memchr::memchr(b'.', name).and_then(|dot| name.split_at_checked(dot)) {
            Some((keyspace, table)) => {
                self.text(Index::Collection, table.get(1..));
                self.text(Index::Namespace, Some(keyspace));
            }
            None => self.text(Index::Collection, Some(name)),
        }
    }

    fn values(&mut self, values: &[Bound<'_>], columns: &[Column<'_>]) {
        for (at, (name, value)) in values.iter().enumerate() {
            let column = match name {
                Some(name) => columns.iter().find(|column| column.name == *name),
                None => columns.get(at),
            };
            let mut out = Vec::new();
            if let Some(name) = name.or(column.map(|column| column.name)) {
                out.extend_from_slice(name);
                out.push(b'=');
            }
            match column {
                Some(column) => column.of.write(*value, &mut out),
                None => write_unknown(*value, &mut out),
            }
            self.put(Index::Values, Value::Text(&out));
        }
    }

    fn batch(&mut self, kind: &str, request: &Request<'_>) {
        self.put(Index::Operation, "BATCH".into());
        self.put(Index::BatchKind, kind.into());
        self.put(Index::BatchSize, Value::Integer(request.count.into()));
        let pieces: Vec<_> = self.view.pieces().collect();
        let mut known = pieces.into_iter();
        let mut is_first = true;
        for (statement, _) in &request.statements {
            let text = match statement {
                Statement::Text(text) => Some(*text),
                Statement::Id(_) => known.next().filter(|text| !text.is_empty()),
            };
            let facts = text.and_then(|text| sql::facts(text, Dialect::Standard));
            if let Some(Target::Table(name)) = facts.and_then(|facts| facts.target)
                && std::mem::take(&mut is_first)
            {
                self.table(&name);
            }
        }
        let pieces: Vec<_> = self.view.pieces().collect();
        let mut known = pieces.into_iter();
        for (statement, _) in &request.statements {
            match statement {
                Statement::Text(text) => self.put(Index::Statements, Value::Text(text)),
                Statement::Id(id) => {
                    let text = known.next().filter(|text| !text.is_empty());
                    let unknown = || format!("prepared {}", hex(id)).into_bytes();
                    let text = text.map_or_else(unknown, <[u8]>::to_vec);
                    self.put(Index::Statements, Value::Text(&text));
                }
            }
        }
        for (_, values) in &request.statements {
            self.values(values, &[]);
        }
    }
}

// === impl Teller: answers ===

impl Teller<'_, '_> {
    fn result(&mut self, rest: &[u8]) {
        let Some(answer) = Answer::read(self.view.version, rest) else { return };
        let kind = match &answer {
            Answer::Void => "void",
            Answer::Rows(..) => "rows",
            Answer::Keyspace(_) => "set_keyspace",
            Answer::Prepared(..) => "prepared",
            Answer::Schema(_) => "schema_change",
        };
        self.put(Index::ResultKind, kind.into());
        match answer {
            Answer::Void => {}
            Answer::Rows(metadata, count, values) => self.rows(metadata, count, values),
            Answer::Keyspace(keyspace) => self.text(Index::Namespace, Some(keyspace)),
            Answer::Prepared(id, metadata) => {
                self.put(Index::PreparedId, hex(id).as_str().into());
                let values = Metadata::values(&mut Cursor(metadata), self.view.version);
                self.columns(&values.unwrap_or_default());
            }
            Answer::Schema(schema) => self.schema(&schema),
        }
    }

    fn rows(&mut self, metadata: Metadata<'_>, count: i32, values: &[u8]) {
        let mut metadata: Metadata<'_> = metadata;
        let view = self.view;
        let known = view.piece(1).and_then(|known| {
            let mut cursor = Cursor(known);
            Metadata::values(&mut cursor, view.version)?;
            Metadata::rows(&mut cursor)
        });
        if metadata.columns.is_empty()
            && let Some(known) = known
            && known.columns.len() == metadata.count
        {
            (metadata.columns, metadata.table) = (known.columns, known.table);
        }
        self.put(Index::ReturnedRows, Value::Integer(count.into()));
        if metadata.has_more {
            self.put(Index::MorePages, Value::Bool(true));
        }
        self.columns(&metadata);
        if metadata.count == 0 {
            return;
        }
        let mut cursor = Cursor(values);
        let mut list = Listing::new();
        for _ in 0..count {
            if cursor.0.is_empty() {
                list.lacks();
                break;
            }
            if !list.push(|out| push_row(&mut cursor, &metadata, out)) {
                break;
            }
        }
        list.tell(self.to);
    }

    fn columns(&mut self, metadata: &Metadata<'_>) {
        if let Some((keyspace, table)) = metadata.table {
            self.text(Index::Collection, Some(table));
            self.text(Index::Namespace, Some(keyspace));
        }
        for column in &metadata.columns {
            let text = [column.name, b" ", column.of.name().as_bytes()].concat();
            self.put(Index::Columns, Value::Text(&text));
        }
    }

    fn schema(&mut self, schema: &Schema<'_>) {
        let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let text =
            format!("{} {} {}", lossy(schema.change), lossy(schema.target), schema_target(schema));
        self.put(Index::Change, text.as_str().into());
        self.text(Index::Namespace, Some(schema.keyspace));
        if schema.target == b"TABLE" {
            self.text(Index::Collection, schema.name);
        }
    }

    fn event(&mut self, cursor: &mut Cursor<'_>) {
        let Some(kind) = cursor.string() else { return };
        self.put(Index::Event, Value::Text(kind));
        if kind == b"SCHEMA_CHANGE" {
            if let Some(schema) = Schema::read(cursor) {
                self.schema(&schema);
            }
            return;
        }
        let (change, len) = (cursor.string().unwrap_or_default(), cursor.byte().unwrap_or(0));
        let host = cursor.take(len.into()).and_then(crate::spell::ip);
        let port = cursor.int();
        if let (Some(host), Some(port)) = (host, port) {
            let text = format!("{} {host}:{port}", String::from_utf8_lossy(change));
            self.put(Index::Change, text.as_str().into());
        }
    }

    /// The code, the text, and what some errors say beside them (§9 of v4).
    fn error(&mut self, cursor: &mut Cursor<'_>) {
        let Some(code) = cursor.int() else { return };
        self.put(Index::StatusCode, format!("0x{code:04X}").as_str().into());
        self.text(Index::ErrorText, cursor.string());
        let names: &[&str] = match code {
            0x1000 => &["required", "alive"],
            0x1100 | 0x1200 => &["received", "required"],
            0x1300 | 0x1500 => &["received", "required", "failures"],
            0x2500 => {
                let id = cursor.string().map(hex);
                return self.text(Index::PreparedId, id.as_deref().map(str::as_bytes));
            }
            _ => return,
        };
        let level = cursor.short().and_then(codes::consistency);
        self.text(Index::Consistency, level.map(str::as_bytes));
        for name in names {
            let Some(n) = cursor.int() else { return };
            self.put(Index::ErrorDetail, format!("{name}={n}").as_str().into());
        }
    }
}

/// Writes the next row as a JSON object; whether all of it is there.
fn push_row(cursor: &mut Cursor<'_>, metadata: &Metadata<'_>, out: &mut Vec<u8>) -> bool {
    out.push(b'{');
    let mut whole = true;
    for at in 0..metadata.count {
        let Some(value) = cursor.bytes() else {
            whole = false;
            break;
        };
        if at > 0 {
            out.push(b',');
        }
        whole &= value.is_none_or(|value| value.len() <= value::VALUE_MAX);
        match metadata.columns.get(at) {
            Some(column) => {
                ::content::json::push_bytes_lossy(out, column.name);
                out.push(b':');
                column.of.write(value, out);
            }
            None => {
                out.extend_from_slice(format!("\"{at}\":").as_bytes());
                write_unknown(value, out);
            }
        }
    }
    out.push(b'}');
    whole
}
