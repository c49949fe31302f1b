//! One call whole: both halves with headers, fields and body, and what is missing.

use content::{Decoded, MediaType, Reading, Size};
use model::{
    BodyFacts, BodyText, Call, Lore, Message, Protocol, Source, Tell, Timestamp, Transport, Value,
};

use super::{
    Abouts, Style, human,
    line::{Line, Paint},
    text::{self, push_fmt},
};
use crate::{
    body::{self, Bodies, Facts},
    indent,
    stamp::Stamps,
};

/// Bytes of a binary body that are shown.
const DUMP_BYTES_MAX: usize = 256;

/// Column of what stands beside the labels.
const LABEL_WIDTH: usize = 10;

/// The text being put together.
struct Page<'o> {
    style: Style,
    /// What payloads are read with.
    lore: &'o Lore,
    out: &'o mut Vec<u8>,
    /// What a line says, before it is written.
    text: String,
}

/// What a protocol told of one half, as lines.
struct Told<'m> {
    unicode: bool,
    lore: &'m Lore,
    other: Option<&'m Message>,
    protocol: &'static Protocol,
    headers: Vec<(String, String)>,
    fields: Vec<(&'static str, String)>,
    facts: Facts,
}

/// Appends all that is known of `call`.
pub(super) fn push(
    (style, lore): (Style, &Lore),
    stamps: &mut Stamps,
    bodies: &mut Bodies,
    call: &Call<'_>,
    sources: &[Source],
    abouts: Abouts<'_>,
    out: &mut Vec<u8>,
) {
    let mut page = Page { style, lore, out, text: String::new() };
    page.headline(call);
    page.facts(call, stamps, sources, abouts);
    let halves =
        [("request", call.request, call.response), ("response", call.response, call.request)];
    for (label, half, other) in halves {
        if let Some(message) = half {
            page.half(label, (message, other), call, bodies);
        }
    }
    page.out.push(b'\n');
}

// === impl Page: lines ===

impl Page<'_> {
    /// Writes `text` as a line of its own, so many columns from the left.
    fn line(&mut self, margin: usize, paint: Paint) {
        let mut line = Line::new(Style { width: None, ..self.style }, self.out);
        line.space(margin);
        line.text(&self.text, paint);
        line.end();
        self.text.clear();
    }

    fn labelled(&mut self, label: &str, paint: Paint) {
        let mut line = Line::new(Style { width: None, ..self.style }, self.out);
        line.space(2);
        line.text(label, Paint::Dim);
        line.space(LABEL_WIDTH.saturating_sub(label.len()));
        line.text(&self.text, paint);
        line.end();
        self.text.clear();
    }

    fn clean(&mut self, bytes: &[u8]) {
        text::push_clean_whole(&mut self.text, bytes, self.style.unicode);
    }
}

// === impl Page: a call ===

impl Page<'_> {
    fn headline(&mut self, call: &Call<'_>) {
        let headline = (call.protocol.headline)(call.request, call.response);
        let words = [&headline.method, &headline.endpoint];
        for word in words.into_iter().flatten() {
            self.clean(word);
            self.text.push(' ');
        }
        if headline.status.is_some() {
            self.text.push_str(if self.style.unicode { "→ " } else { "> " });
            human::push_status(&mut self.text, headline.status.as_ref(), self.style);
        }
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        self.line(0, Paint::Bold);
        self.text.push_str(call.protocol.name);
        if let Some(version) = &headline.version {
            self.text.push(' ');
            self.clean(version);
        }
        self.text.push_str(match call.transport {
            Transport::Tcp => " over TCP",
            Transport::Udp => " over UDP",
            Transport::Icmp => " over ICMP",
            Transport::Sctp => " over SCTP",
        });
        self.labelled("protocol", Paint::Plain);
    }

    fn facts(
        &mut self,
        call: &Call<'_>,
        stamps: &mut Stamps,
        sources: &[Source],
        abouts: Abouts<'_>,
    ) {
        let moment = String::from_utf8_lossy(stamps.text(call.begin())).replace('T', " ");
        push_fmt(&mut self.text, format_args!("{} UTC", moment.trim_end_matches('Z')));
        self.labelled("time", Paint::Plain);
        if let Some(ns) = call.duration_ns() {
            human::push_duration(&mut self.text, ns, self.style);
            self.labelled("took", Paint::Plain);
        }
        let client = ("client", call.client, abouts.client);
        for (label, end, about) in [client, ("server", call.server, abouts.server)] {
            push_fmt(&mut self.text, format_args!("{end}"));
            if let Some(about) = about {
                self.text.push_str("  ");
                self.clean(about.as_bytes());
            }
            self.labelled(label, Paint::Plain);
        }
        push_fmt(&mut self.text, format_args!("{}-{}, ", call.stream, call.number));
        self.text.push_str(call.pairing.name());
        if let Some(paired_by) = call.paired_by {
            push_fmt(&mut self.text, format_args!(" by {}", paired_by.name()));
        }
        self.labelled("call", Paint::Plain);
        if let Some(source) = usize::try_from(call.source).ok().and_then(|at| sources.get(at)) {
            self.source(source);
        }
        self.missing(call);
    }

    fn source(&mut self, source: &Source) {
        push_fmt(&mut self.text, format_args!("{} ", source.kind));
        self.clean(source.name.as_bytes());
        if let Some(interface) = &source.interface {
            self.text.push_str(", interface ");
            self.clean(interface.as_bytes());
        }
        self.labelled("source", Paint::Plain);
    }

    fn missing(&mut self, call: &Call<'_>) {
        human::push_note(&mut self.text, call, self.style);
        let Some(missing) = call.missing else {
            if !self.text.is_empty() {
                self.labelled("missing", Paint::Yellow);
            }
            return;
        };
        let mut between = ": ";
        for (half, bytes) in
            [("request", missing.request_bytes), ("response", missing.response_bytes)]
        {
            if bytes > 0 {
                self.text.push_str(between);
                between = ", ";
                human::push_size(&mut self.text, bytes);
                push_fmt(&mut self.text, format_args!(" of the {half}"));
            }
        }
        self.labelled("missing", Paint::Yellow);
    }
}

// === impl Page: a half ===

impl Page<'_> {
    fn half(
        &mut self,
        label: &str,
        (message, other): (&Message, Option<&Message>),
        call: &Call<'_>,
        bodies: &mut Bodies,
    ) {
        self.out.push(b'\n');
        self.measures(message, call.begin());
        self.labelled(label, Paint::Plain);
        let mut told = Told {
            unicode: self.style.unicode,
            lore: self.lore,
            other,
            protocol: call.protocol,
            headers: Vec::new(),
            fields: Vec::new(),
            facts: Facts::default(),
        };
        (call.protocol.tell)(message, &mut told);
        for (name, value) in told.headers.drain(..) {
            push_fmt(&mut self.text, format_args!("{name}: {value}"));
            self.line(4, Paint::Plain);
        }
        let width = told.fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in told.fields.drain(..) {
            push_fmt(&mut self.text, format_args!("{name:width$}  {value}"));
            self.line(4, Paint::Cyan);
        }
        if message.body.size > 0 {
            let decoded = bodies.decode(&message.body, &told.facts);
            self.body(message, &told.facts, &decoded);
        }
    }

    fn measures(&mut self, message: &Message, begin: Timestamp) {
        human::push_size(&mut self.text, message.wire_bytes);
        self.text.push_str(", head ");
        human::push_size(&mut self.text, message.head_bytes);
        match (message.first.frame, message.last.frame) {
            (0, _) | (_, 0) => {}
            (first, last) if first == last => {
                push_fmt(&mut self.text, format_args!(", frame {first}"));
            }
            (first, last) => push_fmt(&mut self.text, format_args!(", frames {first} to {last}")),
        }
        let (first, last) = (message.first.at.since(begin), message.last.at.since(begin));
        self.text.push_str(if first == last { ", at " } else { ", from " });
        human::push_duration(&mut self.text, first, self.style);
        if first != last {
            self.text.push_str(" to ");
            human::push_duration(&mut self.text, last, self.style);
        }
        if message.repeats > 0 {
            push_fmt(&mut self.text, format_args!(", sent {} times", message.repeats + 1));
        }
    }

    fn body(&mut self, message: &Message, facts: &Facts, decoded: &Decoded<'_>) {
        self.text.push_str("body  ");
        for fact in [facts.media_type(), facts.encoding()].into_iter().flatten() {
            self.clean(fact.as_bytes());
            self.text.push_str(", ");
        }
        human::push_size(&mut self.text, message.body.size);
        self.decoding(decoded);
        self.line(4, Paint::Dim);
        if message.body.kept.is_empty() {
            return;
        }
        match body::read(decoded, facts.media_type()) {
            Reading::Text(text) => self.body_text(&text, facts.media_type()),
            Reading::Binary(bytes) => self.dump(bytes),
        }
    }

    fn decoding(&mut self, decoded: &Decoded<'_>) {
        use content::Form;
        if matches!(decoded.form, Form::Decoded | Form::Partly(_)) {
            self.text.push_str(match decoded.size {
                Size::Exact(_) => ", decoded ",
                Size::AtLeast(_) => ", decoded at least ",
            });
            human::push_size(&mut self.text, decoded.size.seen());
        }
        if let Some(failure) = decoded.form.failure() {
            push_fmt(&mut self.text, format_args!(", not decoded: {}", failure.name()));
        }
        if decoded.truncated {
            self.text.push_str(", the start of it:");
        }
    }

    fn body_text(&mut self, text: &str, media_type: Option<&str>) {
        let mut laid_out = Vec::new();
        let bytes = match is_json(text, media_type) {
            true => {
                indent::push_indented(&mut laid_out, text.as_bytes(), 0);
                laid_out.as_slice()
            }
            false => text.as_bytes(),
        };
        for line in bytes.trim_ascii_end().split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            for (at, piece) in line.split(|&byte| byte == b'\t').enumerate() {
                self.text.push_str(if at > 0 { "    " } else { "" });
                self.clean(piece);
            }
            self.line(6, Paint::Plain);
        }
    }

    fn dump(&mut self, bytes: &[u8]) {
        let shown = &bytes[..bytes.len().min(DUMP_BYTES_MAX)];
        for (row, bytes) in shown.chunks(16).enumerate() {
            push_fmt(&mut self.text, format_args!("{:08x} ", row * 16));
            for at in 0..16 {
                self.text.push_str(if at == 8 { "  " } else { " " });
                match bytes.get(at) {
                    Some(byte) => push_fmt(&mut self.text, format_args!("{byte:02x}")),
                    None => self.text.push_str("  "),
                }
            }
            self.text.push_str("  ");
            self.text.extend(bytes.iter().map(|&byte| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '.',
            }));
            self.line(6, Paint::Plain);
        }
        if shown.len() < bytes.len() {
            push_fmt(&mut self.text, format_args!("and {} bytes more", bytes.len() - shown.len()));
            self.line(6, Paint::Dim);
        }
    }
}

fn is_json(text: &str, media_type: Option<&str>) -> bool {
    match media_type {
        Some(media_type) => {
            MediaType::parse(media_type).essence.to_ascii_lowercase().contains("json")
        }
        None => text.starts_with(['{', '[']),
    }
}

// === impl Told ===

impl Told<'_> {
    fn clean(&self, bytes: &[u8]) -> String {
        let mut text = String::new();
        text::push_clean_whole(&mut text, bytes, self.unicode);
        text
    }
}

impl Tell for Told<'_> {
    fn field(&mut self, index: usize, value: Value<'_>) {
        let Some(field) = self.protocol.fields.get(index) else { return };
        let value = match value {
            Value::Text(text) => self.clean(text),
            Value::Integer(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
        };
        self.fields.push((field.name, value));
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        self.headers.push((self.clean(name), self.clean(value)));
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
