//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Field, Headline, Kind, Message, Outcome, Side, Status, Tell, Value};

use super::{
    binary::{self, Header},
    record::{CONTINUES, Content, HIDDEN, ITEMS, Letter, QUIET},
    text,
};

/// Keys, values and statistics told one by one, at most.
const MANY_MAX: usize = 100;
/// Bytes of a value that is told as a field; the body holds it whole.
const VALUE_MAX: usize = 1 << 10;

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
    System "db.system.name" Text false "Always memcached"
    Operation "db.operation.name" Text false "The command: get, set, mg; getkq in the binary protocol"
    Query "db.query.text" Text false "The line of a text command, without the value"
    BatchSize "db.operation.batch.size" Integer false "How many keys are asked for, if more than one"
    StatusCode "db.response.status_code" Text false "The error: ERROR, CLIENT_ERROR, OUT_OF_MEMORY"
    ReturnedRows "db.response.returned_rows" Integer false "How many values came back"
    Key "memcached.key" Text true "The first 100 keys asked for or answered"
    Val "memcached.value" Text true "The first 100 values that are sent, the first KiB of each"
    Item "memcached.item" Text true "The first 100 lines of statistics or of a list of keys"
    Reply "memcached.reply" Text false "The answer's line, if it is one: STORED, 42, VERSION 1.6.18"
    Size "memcached.value.size" Integer false "Bytes of the value that is set"
    Flags "memcached.flags" Integer false "The flags that a client keeps with the value"
    Expiry "memcached.expiry" Integer false "Seconds to live, or when to expire; -1 for at once"
    Cas "memcached.cas" Integer false "The version of the value"
    Delta "memcached.delta" Integer false "By how much a counter goes up or down"
    Opaque "memcached.opaque" Text false "What the answer repeats to be known by"
    Form "memcached.protocol" Text false "text, meta or binary"
    IsQuiet "memcached.quiet" Bool false "true where nobody may answer, and for what is said nevertheless"
    FrameId "memcached.request_id" Integer false "The id of a datagram, which the answer repeats"
    Continued "memcached.continued" Bool false "true for the second and later datagrams of an answer"
    Mechanism "memcached.sasl.mechanism" Text false "The mechanism of a login"
    Hidden "memcached.hidden" Bool false "true if the value is a secret and not told"
}

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let mut line = Headline::default();
    let asked = request.and_then(Letter::of);
    if let Some(letter) = asked {
        line.method = method(&letter);
        line.endpoint = key(&letter);
    }
    let Some(letter) = response.and_then(Letter::of) else { return line };
    line.status = status(asked.as_ref(), &letter);
    if asked.is_none() {
        line.endpoint = key_of_answer(&letter);
        line.method = match letter.content {
            Content::Binary { header, .. } => Some(operation(&header)),
            Content::Text(_) if letter.has(QUIET) && letter.line().starts_with(b"ts=") => {
                Some(b"log"[..].into())
            }
            Content::Text(_) if letter.has(CONTINUES) => Some(b"continued"[..].into()),
            Content::Text(_) => None,
        };
    }
    line
}

fn method<'m>(letter: &Letter<'m>) -> Option<Cow<'m, [u8]>> {
    match letter.content {
        _ if letter.has(CONTINUES) => Some(b"continued"[..].into()),
        Content::Text(_) => text::words(letter.line()).next().map(Cow::Borrowed),
        Content::Binary { header, .. } => Some(operation(&header)),
    }
}

fn operation(header: &Header) -> Cow<'static, [u8]> {
    match binary::name(header.opcode) {
        Some(name) => name.as_bytes().into(),
        None => format!("{:#04x}", header.opcode).into_bytes().into(),
    }
}

/// The first key, or what a command without keys is about.
fn key<'m>(letter: &Letter<'m>) -> Option<Cow<'m, [u8]>> {
    match letter.content {
        Content::Text(_) => keys(letter.line()).next().map(Cow::Borrowed),
        Content::Binary { key, header, .. } if !header.is_secret() => some(key),
        Content::Binary { .. } => None,
    }
}

fn some(key: &[u8]) -> Option<Cow<'_, [u8]>> {
    (!key.is_empty()).then_some(Cow::Borrowed(key))
}

/// The keys of a command.
fn keys(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let name = text::words(line).next().unwrap_or_default();
    let (skip, take) = match name {
        b"get" | b"gets" => (1, usize::MAX),
        b"gat" | b"gats" => (2, usize::MAX),
        b"mn" | b"version" | b"quit" | b"flush_all" | b"verbosity" | b"cache_memlimit" => (0, 0),
        _ => (1, 1),
    };
    text::words(line).skip(skip).take(take)
}

fn key_of_answer<'m>(letter: &Letter<'m>) -> Option<Cow<'m, [u8]>> {
    match letter.content {
        Content::Binary { key, .. } if !letter.has(ITEMS) => some(key),
        Content::Binary { .. } => None,
        Content::Text(_) => {
            let mut words = text::words(letter.line());
            match words.next() {
                Some(b"VALUE") => words.next().map(Cow::Borrowed),
                Some(b"VA" | b"HD" | b"NF" | b"NS" | b"EX") => {
                    text::flag(letter.line(), b'k').map(Cow::Borrowed)
                }
                _ => None,
            }
        }
    }
}

// === status ===

fn status<'m>(asked: Option<&Letter<'m>>, answer: &Letter<'m>) -> Option<Status<'m>> {
    if answer.has(CONTINUES) {
        return None;
    }
    match answer.content {
        Content::Binary { header, .. } => {
            let (code, is_error) = binary::status(header.status, header.opcode);
            Some(made(code.as_bytes().into(), b"", is_error))
        }
        Content::Text(_) if answer.has(ITEMS) => Some(made(b"OK"[..].into(), b"", false)),
        Content::Text(_) => {
            let line = answer.line();
            let name = asked.map_or(&b""[..], Letter::line);
            let name = text::words(name).next().unwrap_or_default();
            Some(status_of_line(name, line))
        }
    }
}

fn status_of_line<'m>(name: &[u8], line: &'m [u8]) -> Status<'m> {
    let first = text::words(line).next().unwrap_or_default();
    let rest = line.get(first.len()..).unwrap_or_default().trim_ascii();
    let code: &[u8] = match (first, name) {
        (b"VALUE" | b"VA", _) | (b"HD", b"mg") => b"HIT",
        (b"END", _) if text::is_retrieval(name) => b"MISS",
        (b"EN", _) => b"MISS",
        (b"HD", b"ms") => b"STORED",
        (b"HD", b"md") => b"DELETED",
        (b"HD", b"ma") | (b"MN" | b"ME" | b"VERSION" | b"RESET", _) => b"OK",
        (b"END", b"stats" | b"lru_crawler") => b"OK",
        (b"NF", _) => b"NOT_FOUND",
        (b"NS", _) => b"NOT_STORED",
        (b"EX", _) => b"EXISTS",
        _ if text::number(first).is_some() || first.starts_with(b"ts=") => b"OK",
        _ => first,
    };
    let is_error =
        text::is_error(first) || matches!(first, b"BADCLASS" | b"NOSPARE" | b"NOTFULL" | b"UNSAFE");
    made(Cow::Borrowed(code), if text::is_error(first) { rest } else { b"" }, is_error)
}

fn made<'m>(code: Cow<'m, [u8]>, text: &'m [u8], is_error: bool) -> Status<'m> {
    let outcome = if is_error { Outcome::Error } else { Outcome::Ok };
    Status { code, text: text.into(), outcome }
}

// === fields ===

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(letter) = Letter::of(message) else { return };
    let mut teller = Teller { letter, message, to };
    teller.text(Index::System, b"memcached");
    match (letter.content, message.from) {
        _ if letter.has(CONTINUES) => {}
        (Content::Text(_), Side::Client) => teller.command(),
        (Content::Text(lines), Side::Server) => teller.answer(lines),
        (Content::Binary { header, extras, key }, from) => {
            teller.packet(from, &header, extras, key)
        }
    }
    teller.envelope();
    if message.body.size > 0 && letter.has(ITEMS) {
        to.body(BodyFacts { media_type: Some("text/plain"), encoding: None });
    }
}

/// Tells one message.
struct Teller<'m, 't> {
    letter: Letter<'m>,
    message: &'m Message,
    to: &'t mut dyn Tell,
}

// === impl Teller: text ===

impl Teller<'_, '_> {
    fn command(&mut self) {
        let line = self.letter.line();
        let words: [&[u8]; 6] = {
            let mut each = text::words(line);
            std::array::from_fn(|_| each.next().unwrap_or_default())
        };
        let [name, _, second, third, fourth, fifth] = words;
        self.text(Index::Operation, name);
        self.text(Index::Query, line);
        let count = keys(line).count();
        if count > 1 {
            self.integer(Index::BatchSize, i64::try_from(count).ok());
        }
        for key in keys(line).take(MANY_MAX) {
            self.text(Index::Key, key);
        }
        match name {
            _ if text::is_storage(name) => {
                self.number(Index::Flags, second);
                self.number(Index::Expiry, third);
                self.number(Index::Size, fourth);
                if name == b"cas" {
                    self.number(Index::Cas, fifth);
                }
            }
            b"incr" | b"decr" => self.number(Index::Delta, second),
            b"touch" => self.number(Index::Expiry, second),
            b"gat" | b"gats" => {
                self.number(Index::Expiry, text::words(line).nth(1).unwrap_or_default());
            }
            b"ms" => self.number(Index::Size, second),
            _ => {}
        }
        if text::is_meta(name) {
            self.flags(text::words(line).skip(if name == b"ms" { 3 } else { 2 }));
        }
        if text::is_storage(name) || name == b"ms" {
            self.value(&self.message.body.kept);
        }
    }

    /// Those of a request: what comes with an answer has the same letters.
    fn flags<'f>(&mut self, flags: impl Iterator<Item = &'f [u8]>) {
        for flag in flags {
            match flag {
                [b'T', token @ ..] => self.number(Index::Expiry, token),
                [b'F', token @ ..] => self.number(Index::Flags, token),
                [b'C', token @ ..] => self.number(Index::Cas, token),
                [b'D', token @ ..] => self.number(Index::Delta, token),
                [b'O', token @ ..] => self.text(Index::Opaque, token),
                _ => {}
            }
        }
    }

    fn answer(&mut self, lines: &[u8]) {
        if self.letter.has(ITEMS) {
            self.items();
            return;
        }
        let line = self.letter.line();
        let first = text::words(line).next().unwrap_or_default();
        if text::is_error(first) {
            self.text(Index::StatusCode, first);
        }
        match first {
            b"VALUE" => self.values(lines),
            b"END" | b"EN" => self.integer(Index::ReturnedRows, Some(0)),
            b"VA" => {
                self.integer(Index::ReturnedRows, Some(1));
                self.answered(line);
                self.value(&self.message.body.kept);
            }
            _ => {
                self.text(Index::Reply, line);
                self.answered(line);
            }
        }
    }

    /// The flags that a meta command is answered with.
    fn answered(&mut self, line: &[u8]) {
        let first = text::words(line).next().unwrap_or_default();
        if !matches!(first, b"VA" | b"HD" | b"NF" | b"NS" | b"EX") {
            return;
        }
        let flags = || text::words(line).skip(if first == b"VA" { 2 } else { 1 });
        for flag in flags() {
            match flag {
                [b'k', token @ ..] => self.text(Index::Key, token),
                [b'f', token @ ..] => self.number(Index::Flags, token),
                [b'c', token @ ..] => self.number(Index::Cas, token),
                [b't', token @ ..] => self.number(Index::Expiry, token),
                [b'O', token @ ..] => self.text(Index::Opaque, token),
                _ => {}
            }
        }
    }

    /// The lines `VALUE KEY FLAGS BYTES`, and the values in the body.
    fn values(&mut self, lines: &[u8]) {
        let each = || lines.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"VALUE "));
        self.integer(Index::ReturnedRows, i64::try_from(each().count()).ok());
        for line in each().take(MANY_MAX) {
            self.text(Index::Key, text::words(line).nth(1).unwrap_or_default());
        }
        let mut rest = &self.message.body.kept[..];
        for line in each().take(MANY_MAX) {
            let bytes = text::words(line).nth(3).and_then(text::number).unwrap_or_default();
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let (value, behind) = rest.split_at_checked(bytes).unwrap_or((rest, &[]));
            self.value(value);
            rest = behind;
        }
        let mut first = text::words(self.letter.line()).skip(2);
        if each().count() == 1 {
            self.number(Index::Flags, first.next().unwrap_or_default());
            self.number(Index::Cas, first.nth(1).unwrap_or_default());
        }
    }

    fn items(&mut self) {
        let lines = self.message.body.kept.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty()).take(MANY_MAX) {
            self.text(Index::Item, line.strip_prefix(b"STAT ").unwrap_or(line));
        }
    }
}

// === impl Teller: packets, and what all have ===

impl Teller<'_, '_> {
    fn packet(&mut self, from: Side, header: &Header, extras: &[u8], key: &[u8]) {
        let is_response = from == Side::Server;
        if !is_response {
            self.text(Index::Operation, &operation(header));
        }
        let (code, is_error) = binary::status(header.status, header.opcode);
        if is_response && is_error {
            self.text(Index::StatusCode, code.as_bytes());
        }
        if self.letter.has(ITEMS) {
            self.items();
        } else if header.is_secret() {
            self.text(Index::Mechanism, key);
        } else if !key.is_empty() {
            self.text(Index::Key, key);
        }
        self.extras(is_response, header, extras);
        if header.cas != 0 {
            self.integer(Index::Cas, i64::try_from(header.cas).ok());
        }
        self.text(Index::Opaque, format!("{:#010x}", header.opaque).as_bytes());
        if is_response && is_error {
            self.text(Index::Reply, &self.message.body.kept);
        } else if !self.letter.has(ITEMS) {
            self.packet_value(is_response, header);
        }
    }

    fn packet_value(&mut self, is_response: bool, header: &Header) {
        let kept = &self.message.body.kept;
        let is_counter = matches!(header.opcode, 0x05 | 0x06 | 0x15 | 0x16);
        match kept.first_chunk() {
            Some(number) if is_response && is_counter => {
                self.text(Index::Reply, u64::from_be_bytes(*number).to_string().as_bytes());
            }
            _ if header.value() > 0 => {
                self.integer(Index::Size, i64::try_from(header.value()).ok());
                self.value(kept);
            }
            _ => {}
        }
    }

    fn extras(&mut self, is_response: bool, header: &Header, extras: &[u8]) {
        let (words, _) = extras.as_chunks::<4>();
        let word = |at: usize| words.get(at).map(|word| i64::from(u32::from_be_bytes(*word)));
        match (header.opcode, is_response) {
            (_, true) => self.integer(Index::Flags, word(0)),
            (0x01..=0x03 | 0x11..=0x13, _) => {
                self.integer(Index::Flags, word(0));
                self.integer(Index::Expiry, word(1));
            }
            (0x05 | 0x06 | 0x15 | 0x16, _) => {
                let delta = extras.first_chunk().map(|delta| u64::from_be_bytes(*delta));
                self.integer(Index::Delta, delta.and_then(|delta| i64::try_from(delta).ok()));
                self.integer(Index::Expiry, word(4));
            }
            (0x1c..=0x1e | 0x23 | 0x24 | 0x08 | 0x18, _) => self.integer(Index::Expiry, word(0)),
            _ => {}
        }
    }

    fn envelope(&mut self) {
        let name = text::words(self.letter.line()).next().unwrap_or_default();
        let is_meta = text::is_meta(name)
            || matches!(
                name,
                b"mn" | b"VA" | b"HD" | b"EN" | b"NF" | b"NS" | b"EX" | b"MN" | b"ME"
            );
        self.text(
            Index::Form,
            match self.letter.content {
                Content::Binary { .. } => b"binary",
                Content::Text(_) if is_meta => b"meta",
                Content::Text(_) => b"text",
            },
        );
        if self.letter.has(super::record::UDP) {
            self.integer(Index::FrameId, Some(self.letter.frame_id.into()));
        }
        for (index, note) in
            [(Index::IsQuiet, QUIET), (Index::Continued, CONTINUES), (Index::Hidden, HIDDEN)]
        {
            if self.letter.has(note) {
                self.to.field(index as usize, Value::Bool(true));
            }
        }
    }

    fn value(&mut self, value: &[u8]) {
        self.text(Index::Val, value.get(..VALUE_MAX).unwrap_or(value));
    }

    fn text(&mut self, index: Index, text: &[u8]) {
        self.to.field(index as usize, Value::Text(text));
    }

    fn number(&mut self, index: Index, word: &[u8]) {
        self.integer(index, text::signed(word));
    }

    fn integer(&mut self, index: Index, number: Option<i64>) {
        if let Some(number) = number {
            self.to.field(index as usize, Value::Integer(number));
        }
    }
}
