//! One half of a call as a JSON object: sizes, times, headers, fields and body.

use content::{
    json::push_inner_lossy,
    short::{Short, push_number, push_signed},
};
use model::{BodyFacts, BodyText, Field, Lore, Message, Protocol, Tell, Timestamp, Value};

use crate::{
    Options,
    body::{Bodies, Facts},
    push::{close_object, push_count},
};

/// Renders halves; keeps its buffers from one to the next.
pub(crate) struct Halves {
    aside: Vec<u8>,
    facts: Facts,
    /// None when bodies are not wanted.
    bodies: Option<Bodies>,
    keys: Keys,
    lore: Lore,
}

/// The keys of the protocols met so far, as they are written: `"http.request.method":`.
#[derive(Default)]
struct Keys(Vec<(&'static [Field], Vec<Short>)>);

/// Listens to a protocol: headers go out at once, and so do fields, unless a header follows them.
struct Listener<'o> {
    out: &'o mut Vec<u8>,
    /// Fields, once a header has followed one of them.
    aside: &'o mut Vec<u8>,
    facts: &'o mut Facts,
    table: &'static [Field],
    keys: &'o [Short],
    any_header: bool,
    place: Place,
    /// The list that is open among the fields, if one is.
    list: Option<usize>,
    /// Which fields were told, by index; a later telling is not heard, so that no key comes twice.
    told: u128,
    other: Option<&'o Message>,
    lore: &'o Lore,
}

/// Where fields are written.
#[derive(Clone, Copy)]
enum Place {
    /// None was told.
    Nowhere,
    /// Behind the headers; where in the output the first of them begins.
    Out(usize),
    /// For later.
    Aside,
}

const FIELDS: &[u8; 10] = b"\"fields\":{";

// === impl Halves ===

impl Halves {
    pub(crate) fn new(options: Options) -> Self {
        let bodies = options.with_bodies.then(|| Bodies::new(options.body_bytes_max));
        Self {
            aside: Vec::new(),
            facts: Facts::default(),
            bodies,
            keys: Keys::default(),
            lore: Lore::default(),
        }
    }

    /// What payloads are read with.
    pub(crate) fn learn(&mut self, lore: Lore) {
        self.lore = lore;
    }

    /// Appends `message` and a comma, with the call's `other` half at hand; its times are counted from
    /// `begin`.
    pub(crate) fn push(
        &mut self,
        protocol: &Protocol,
        message: &Message,
        other: Option<&Message>,
        begin: Timestamp,
        out: &mut Vec<u8>,
    ) {
        push_measures(message, begin, out);
        self.aside.clear();
        self.facts.clear();
        let mut listener = Listener {
            out,
            aside: &mut self.aside,
            facts: &mut self.facts,
            table: protocol.fields,
            keys: self.keys.of(protocol.fields),
            any_header: false,
            place: Place::Nowhere,
            list: None,
            told: 0,
            other,
            lore: &self.lore,
        };
        (protocol.tell)(message, &mut listener);
        listener.end();
        if message.body.size > 0
            && let Some(bodies) = &mut self.bodies
        {
            bodies.push(&message.body, &self.facts, out);
        }
        close_object(out);
        out.push(b',');
    }
}

fn push_measures(message: &Message, begin: Timestamp, out: &mut Vec<u8>) {
    push_count(out, b"{\"first_ns\":", message.first.at.since(begin));
    push_count(out, b"\"last_ns\":", message.last.at.since(begin));
    push_count(out, b"\"size\":", message.wire_bytes);
    push_count(out, b"\"header_size\":", message.head_bytes);
    if message.repeats > 0 {
        push_count(out, b"\"repeats\":", u64::from(message.repeats));
    }
    if message.first.frame > 0 && message.last.frame > 0 {
        push_count(out, b"\"frames\":[", message.first.frame);
        push_number(out, message.last.frame);
        out.extend_from_slice(b"],");
    }
}

// === impl Keys ===

impl Keys {
    fn of(&mut self, table: &'static [Field]) -> &[Short] {
        let met = self.0.iter().position(|(known, _)| std::ptr::eq(*known, table));
        let at = met.unwrap_or_else(|| {
            let keys = table.iter().map(|field| Short::of(format!("\"{}\":", field.name)));
            self.0.push((table, keys.collect()));
            self.0.len() - 1
        });
        &self.0[at].1
    }
}

// === impl Listener ===

impl Listener<'_> {
    fn end(mut self) {
        self.end_list();
        match self.place {
            Place::Nowhere => self.end_headers(),
            Place::Out(_) => {
                close_object(self.out);
                self.out.push(b',');
            }
            Place::Aside => {
                self.end_headers();
                self.out.extend_from_slice(FIELDS);
                self.out.extend_from_slice(self.aside);
                close_object(self.out);
                self.out.push(b',');
            }
        }
    }

    fn end_headers(&mut self) {
        if self.any_header {
            self.out.extend_from_slice(b"],");
        }
    }

    /// Where fields are written now.
    fn fields(&mut self) -> &mut Vec<u8> {
        match self.place {
            Place::Aside => self.aside,
            Place::Out(_) | Place::Nowhere => self.out,
        }
    }

    /// Makes room for a header behind what is written: fields that are in the way come later.
    #[cold]
    fn put_aside(&mut self, begin: usize) {
        self.aside.extend_from_slice(self.out.get(begin..).unwrap_or_default());
        let headers = begin - FIELDS.len() - if self.any_header { 2 } else { 0 };
        self.out.truncate(headers);
        self.place = Place::Aside;
    }

    fn end_list(&mut self) {
        if self.list.take().is_some()
            && let fields = self.fields()
            && let Some(last) = fields.last_mut()
        {
            *last = b']';
            fields.push(b',');
        }
    }

    /// Writes the key, unless the field was told before.
    fn begin_field(&mut self, index: usize) -> bool {
        let Some(field) = self.table.get(index) else { return false };
        let bit = u32::try_from(index).ok().and_then(|index| 1_u128.checked_shl(index));
        let bit = bit.unwrap_or_default();
        if self.told & bit != 0 {
            return false;
        }
        self.told |= bit;
        self.end_list();
        if let Place::Nowhere = self.place {
            self.end_headers();
            self.out.extend_from_slice(FIELDS);
            self.place = Place::Out(self.out.len());
        }
        let keys = self.keys;
        let fields = self.fields();
        if let Some(key) = keys.get(index) {
            key.push(fields);
        }
        if field.many {
            fields.push(b'[');
            self.list = Some(index);
        }
        true
    }
}

impl Tell for Listener<'_> {
    fn field(&mut self, index: usize, value: Value<'_>) {
        if self.list != Some(index) && !self.begin_field(index) {
            return;
        }
        let fields = self.fields();
        match value {
            Value::Text(text) => {
                fields.push(b'"');
                push_inner_lossy(fields, text);
                fields.extend_from_slice(b"\",");
            }
            Value::Integer(number) => {
                push_signed(fields, number);
                fields.push(b',');
            }
            Value::Bool(true) => fields.extend_from_slice(b"true,"),
            Value::Bool(false) => fields.extend_from_slice(b"false,"),
        }
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        if let Place::Out(begin) = self.place {
            self.put_aside(begin);
        }
        let out = &mut *self.out;
        if self.any_header {
            out.extend_from_slice(b",[\"");
        } else {
            out.extend_from_slice(b"\"headers\":[[\"");
            self.any_header = true;
        }
        push_inner_lossy(out, name);
        out.extend_from_slice(b"\",\"");
        push_inner_lossy(out, value);
        out.extend_from_slice(b"\"]");
    }

    fn body(&mut self, facts: BodyFacts<'_>) {
        self.facts.set(facts);
    }

    fn body_text(&mut self, text: BodyText<'_>) {
        self.facts.tell(text);
    }

    fn other(&self) -> Option<&Message> {
        self.other
    }

    fn lore(&self) -> Lore {
        self.lore.clone()
    }
}
