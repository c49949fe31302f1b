//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Field, Headline, Kind, Message, Side, Tell, Value};

use super::{
    bson::{self, Document},
    command::Command,
    json::Writer,
    record::{CONTINUES, FOUND, HIDDEN, Letter},
    reply::{Ending, Reply},
    wire::{Documents, Op, Section, Sections},
};
use crate::{
    listing::{Listing, tell_json},
    spell::uuid,
};

/// Documents counted in one message, at most.
const COUNTED_MAX: usize = 100_000;
/// Bytes of text told of a command or an answer, about.
const TEXT_BYTES_MAX: usize = 256 << 10;
/// The same of one document.
const DOCUMENT_BYTES_MAX: usize = 256 << 10;

macro_rules! fields {
    ($($index:ident $name:literal $kind:ident $many:literal $about:literal)*) => {
        #[derive(Clone, Copy)]
        enum Index { $($index),* }
        /// The fields, in the order of `Index`.
        pub const FIELDS: &[Field] = &[$(Field {
            name: $name, kind: Kind::$kind, many: $many, about: $about,
        }),*];
    };
}

fields! {
    System "db.system.name" Text false "Always mongodb"
    Operation "db.operation.name" Text false "The command: find, insert, hello"
    Namespace "db.namespace" Text false "The database"
    Collection "db.collection.name" Text false "The collection"
    Query "db.query.text" Text false "The command as JSON, without the documents that it brings; secrets are ***"
    BatchSize "db.operation.batch.size" Integer false "How many documents or statements the command brings"
    StatusCode "db.response.status_code" Text false "The number of the error"
    ReturnedRows "db.response.returned_rows" Integer false "How many documents came back in this answer"
    Reply "mongodb.reply" Text false "The answer as JSON, without the documents that it returns"
    CursorId "mongodb.cursor_id" Integer false "The cursor; 0 when there is nothing more to fetch"
    Error "mongodb.error" Text false "What the server said of the error"
    ErrorLabels "mongodb.error.labels" Text true "RetryableWriteError, TransientTransactionError, …"
    N "mongodb.n" Integer false "Documents matched, inserted or deleted"
    Modified "mongodb.n_modified" Integer false "Documents changed"
    Session "mongodb.session_id" Text false "The session (lsid), a UUID"
    Transaction "mongodb.transaction" Integer false "The transaction's number in its session"
    Application "mongodb.application" Text false "The application's name, as a handshake says"
    Driver "mongodb.driver" Text false "The driver's name and version, as a handshake says"
    Opcode "mongodb.opcode" Text false "OP_MSG, OP_QUERY, OP_REPLY, …"
    Flags "mongodb.flags" Text true "Flags that are set: moreToCome, exhaustAllowed, …"
    Compressor "mongodb.compressor" Text false "snappy, zlib or zstd, if the message was compressed"
    RequestId "mongodb.request_id" Integer false "The message's number"
    ResponseTo "mongodb.response_to" Integer false "The number of the message that it answers"
    Continued "mongodb.continued" Bool false "true for the second and later answers to one question"
    Hidden "mongodb.hidden" Bool false "true if secrets of the message are hidden"
    Cut "mongodb.cut" Bool false "true if not all documents are there, or all of each document"
}

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let mut line = Headline::default();
    if let Some(letter) = request.and_then(Letter::of) {
        let command = Command::of(&letter);
        line.method = command.name.map(owned);
        line.endpoint = command.target().map(owned);
    }
    let Some(letter) = response.and_then(Letter::of) else { return line };
    line.status = Ending::of(&letter).map(Ending::status);
    if letter.has(CONTINUES) && line.method.is_none() {
        line.method = Some(b"continued"[..].into());
        let namespace = Reply::of(&letter).and_then(|reply| reply.cursor()?.0.get("ns")?.text());
        line.endpoint = namespace.map(super::secrets::after_dot).map(owned);
    }
    line
}

fn owned<'m>(text: &[u8]) -> Cow<'m, [u8]> {
    Cow::Owned(text.to_vec())
}

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(letter) = Letter::of(message) else { return };
    let mut teller = Teller {
        letter: &letter,
        to,
        writer: Writer::new(TEXT_BYTES_MAX),
        list: Listing::new(),
        cut: letter.cut,
    };
    if message.body.size > 0 {
        let is_bson = letter.op != Op::MSG && letter.packer.is_none();
        let media_type = if is_bson { "application/bson" } else { "application/octet-stream" };
        teller.to.body(BodyFacts { media_type: Some(media_type), encoding: None });
    }
    teller.text(Index::System, b"mongodb");
    match message.from {
        Side::Client => teller.command(),
        Side::Server => teller.reply(),
    }
    teller.envelope(message.from);
    teller.body();
}

/// Tells one message.
struct Teller<'l, 't> {
    letter: &'l Letter<'l>,
    to: &'t mut dyn Tell,
    /// The command or the answer, once it is told.
    writer: Writer,
    /// The documents that are sent or returned.
    list: Listing,
    cut: bool,
}

// === impl Teller: requests ===

impl Teller<'_, '_> {
    fn command(&mut self) {
        let command = Command::of(self.letter);
        let named = [
            (Index::Operation, command.name),
            (Index::Namespace, command.database),
            (Index::Collection, command.collection),
        ];
        for (index, text) in named {
            if let Some(text) = text {
                self.text(index, text);
            }
        }
        if let Some(document) = command.document {
            self.json(Index::Query, &document, is_brought);
            self.particulars(&document);
        }
        self.brought(&command);
        if let Some(id) = self.letter.front().cursor_id {
            self.integer(Index::CursorId, id);
        }
    }

    fn particulars(&mut self, document: &Document<'_>) {
        if let Some(id) = document.get("getMore").and_then(|id| id.integer()) {
            self.integer(Index::CursorId, id);
        }
        let session = document.get("lsid").and_then(|lsid| lsid.document()?.get("id"));
        if let Some(bson::Value::Binary { subtype: 4, bytes }) = session {
            self.text(Index::Session, uuid(bytes).as_bytes());
        }
        if let Some(number) = document.get("txnNumber").and_then(|number| number.integer()) {
            self.integer(Index::Transaction, number);
        }
        let client = document.get("client").and_then(|client| client.document());
        let inside = |outer, inner| client?.get(outer)?.document()?.get(inner)?.text();
        if let Some(name) = inside("application", "name") {
            self.text(Index::Application, name);
        }
        if let (Some(name), Some(version)) = (inside("driver", "name"), inside("driver", "version"))
        {
            self.text(Index::Driver, &[name, b" ", version].concat());
        }
    }

    /// The documents that a command brings, in sequences or in arrays of its own.
    fn brought(&mut self, command: &Command<'_>) {
        let letter = self.letter;
        let mut count = 0;
        if letter.op == Op::MSG {
            for section in Sections::of(&letter.behind) {
                if let Section::Sequence { name, documents } = section
                    && is_brought(&[name])
                {
                    count += self.documents(Documents(documents));
                }
            }
        } else if matches!(letter.op, Op::INSERT | Op::UPDATE | Op::DELETE) {
            count += self.documents(Documents(&letter.behind));
        }
        let elements = command.document.iter().flat_map(Document::elements).map_while(Result::ok);
        for element in elements.filter(|element| is_brought(&[element.name])) {
            if let Some(array) = element.value.array() {
                count += self.documents(inside(&array));
            }
        }
        if count > 0 && !letter.cut && letter.op != Op::UPDATE {
            self.integer(Index::BatchSize, i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

/// Arguments that hold what is inserted, or one statement each.
fn is_brought(path: &[&[u8]]) -> bool {
    matches!(path, [b"documents" | b"updates" | b"deletes" | b"ops"])
}

fn is_batch(path: &[&[u8]]) -> bool {
    matches!(path, [b"cursor", b"firstBatch" | b"nextBatch"])
}

fn inside<'b>(array: &Document<'b>) -> impl Iterator<Item = Document<'b>> {
    array.elements().map_while(Result::ok).filter_map(|element| element.value.document())
}

// === impl Teller: answers ===

impl Teller<'_, '_> {
    fn reply(&mut self) {
        let letter = self.letter;
        if let Some(ending) = Ending::of(letter).filter(|ending| ending.is_error) {
            self.text(Index::StatusCode, ending.code.as_bytes());
            self.text(Index::Error, &ending.text);
        }
        let front = letter.front();
        if let Some(id) = front.cursor_id {
            self.integer(Index::CursorId, id);
        }
        if letter.op == Op::REPLY && letter.has(FOUND) {
            self.integer(Index::ReturnedRows, front.returned.unwrap_or_default().into());
            self.documents(Documents(&letter.behind));
            return;
        }
        let Some(reply) = Reply::of(letter) else { return };
        self.numbers(&reply);
        self.json(Index::Reply, &reply.document(), is_batch);
        if let Some((cursor, batch)) = reply.cursor() {
            if let Some(id) = cursor.get("id").and_then(|id| id.integer()) {
                self.integer(Index::CursorId, id);
            }
            let Some(batch) = batch else { return };
            let count = self.documents(inside(&batch));
            if batch.whole {
                self.integer(Index::ReturnedRows, i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }

    fn numbers(&mut self, reply: &Reply<'_>) {
        for (name, index) in [("n", Index::N), ("nModified", Index::Modified)] {
            if let Some(n) = reply.get(name).and_then(|n| n.integer()) {
                self.integer(index, n);
            }
        }
        let labels = reply.get("errorLabels").and_then(|labels| labels.array());
        for label in labels.iter().flat_map(Document::elements).map_while(Result::ok) {
            self.text(Index::ErrorLabels, label.value.text().unwrap_or_default());
        }
    }
}

// === impl Teller: what all have ===

impl Teller<'_, '_> {
    fn envelope(&mut self, from: Side) {
        let letter = self.letter;
        self.text(Index::Opcode, letter.op.name().unwrap_or_default().as_bytes());
        let flags = letter.front().flags;
        for (bit, name) in flag_names(letter.op) {
            if flags >> bit & 1 == 1 {
                self.text(Index::Flags, name.as_bytes());
            }
        }
        if let Some(packer) = letter.packer {
            self.text(Index::Compressor, packer.name().as_bytes());
        }
        self.integer(Index::RequestId, letter.request_id.cast_signed().into());
        if from == Side::Server {
            self.integer(Index::ResponseTo, letter.response_to.cast_signed().into());
        }
        let truths = [
            (Index::Continued, letter.has(CONTINUES)),
            (Index::Hidden, letter.has(HIDDEN)),
            (Index::Cut, self.cut),
        ];
        for (index, truth) in truths {
            if truth {
                self.to.field(index as usize, Value::Bool(true));
            }
        }
    }

    /// Keeps each of `documents` for the body while there is room, and counts them.
    fn documents<'b>(&mut self, documents: impl Iterator<Item = Document<'b>>) -> usize {
        let mut count = 0;
        for document in documents.take(COUNTED_MAX) {
            count += 1;
            let mut partial = false;
            let has_room = self.list.push(|out| {
                let mut writer = Writer::new(out.len() + DOCUMENT_BYTES_MAX);
                std::mem::swap(&mut writer.text, out);
                writer.document(&document, |_| false);
                std::mem::swap(&mut writer.text, out);
                partial = writer.partial;
                !partial
            });
            self.cut |= partial || !has_room;
        }
        count
    }

    fn json(&mut self, index: Index, document: &Document<'_>, elided: super::json::Elided) {
        self.writer.begin(TEXT_BYTES_MAX);
        self.writer.document(document, elided);
        self.cut |= self.writer.partial;
        self.to.field(index as usize, Value::Text(&self.writer.text));
    }

    /// The documents are what the body says; where there are none, the command or the answer is.
    fn body(mut self) {
        if self.list.len() > 0 {
            if self.cut {
                self.list.lacks();
            }
            self.list.tell(self.to);
        } else if !self.writer.text.is_empty() {
            tell_json(&self.writer.text, !self.cut, self.to);
        }
    }

    fn text(&mut self, index: Index, text: &[u8]) {
        self.to.field(index as usize, Value::Text(text));
    }

    fn integer(&mut self, index: Index, number: i64) {
        self.to.field(index as usize, Value::Integer(number));
    }
}

fn flag_names(op: Op) -> &'static [(u32, &'static str)] {
    match op {
        Op::MSG => &[(0, "checksumPresent"), (1, "moreToCome"), (16, "exhaustAllowed")],
        Op::QUERY => &[
            (1, "TailableCursor"),
            (2, "SlaveOk"),
            (3, "OplogReplay"),
            (4, "NoCursorTimeout"),
            (5, "AwaitData"),
            (6, "Exhaust"),
            (7, "Partial"),
        ],
        Op::REPLY => &[
            (0, "CursorNotFound"),
            (1, "QueryFailure"),
            (2, "ShardConfigStale"),
            (3, "AwaitCapable"),
        ],
        Op::INSERT => &[(0, "ContinueOnError")],
        Op::UPDATE => &[(0, "Upsert"), (1, "MultiUpdate")],
        Op::DELETE => &[(0, "SingleRemove")],
        _ => &[],
    }
}
