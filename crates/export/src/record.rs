//! A call as conditions see it: nothing is told, decoded or parsed before it is asked for.

use std::{
    borrow::Cow,
    cell::{OnceCell, RefCell},
    sync::Arc,
};

use content::{Reading, cookie};
use filter::{Column, Columns, End, Fact, Half, Record, Value};
use model::{Call, Cover, Endpoint, Headline, Lore, Message, Source};

use crate::{
    body::{Bodies, read},
    party::Party,
    told::Told,
};

/// What it takes to look at calls; keeps its decoders from one call to the next.
pub struct Eyes {
    columns: Arc<Columns>,
    bodies: RefCell<Bodies>,
    lore: Lore,
}

/// What is known beside the call itself.
#[derive(Clone, Copy, Default)]
pub struct Around<'a> {
    /// The sources, in the order of their numbers.
    pub sources: &'a [Source],
    /// Who asked.
    pub src: Option<&'a Party>,
    /// Who was asked.
    pub dst: Option<&'a Party>,
}

/// One call.
pub struct Seen<'a> {
    eyes: &'a Eyes,
    call: &'a Call<'a>,
    around: Around<'a>,
    id: OnceCell<String>,
    headline: OnceCell<Headline<'a>>,
    halves: [Sight; 2],
}

/// What was asked of a half so far.
#[derive(Default)]
struct Sight {
    told: OnceCell<Told>,
    body: OnceCell<Option<String>>,
    json: OnceCell<Option<serde_json::Value>>,
}

type See<'s> = &'s mut dyn FnMut(&str, Value<'_>) -> bool;

const REQUEST: usize = 0;
const RESPONSE: usize = 1;

// === impl Eyes ===

impl Eyes {
    /// For conditions over `columns`; of a body, `body_bytes_max` are decoded, and payloads are read
    /// with `lore`.
    #[must_use]
    pub fn new(columns: &Arc<Columns>, body_bytes_max: usize, lore: &Lore) -> Self {
        Self {
            columns: columns.clone(),
            bodies: RefCell::new(Bodies::new(body_bytes_max)),
            lore: lore.clone(),
        }
    }

    /// A call to ask conditions about.
    #[must_use]
    pub fn see<'a>(&'a self, call: &'a Call<'a>, around: Around<'a>) -> Seen<'a> {
        let (id, headline) = (OnceCell::new(), OnceCell::new());
        Seen { eyes: self, call, around, id, headline, halves: Default::default() }
    }
}

// === impl Seen ===

impl<'a> Seen<'a> {
    fn headline(&self) -> &Headline<'a> {
        let call = self.call;
        self.headline.get_or_init(|| (call.protocol.headline)(call.request, call.response))
    }

    fn message(&self, half: usize) -> Option<&'a Message> {
        if half == REQUEST { self.call.request } else { self.call.response }
    }

    fn told(&self, half: usize) -> Option<&Told> {
        let message = self.message(half)?;
        let other = self.message(1 - half);
        let tell = || Told::of(self.call.protocol, message, other, &self.eyes.lore);
        Some(self.halves.get(half)?.told.get_or_init(tell))
    }

    fn id(&self) -> &str {
        self.id.get_or_init(|| self.call.id().to_string())
    }

    fn fact(&self, fact: Fact) -> Value<'_> {
        let call = self.call;
        let status = || self.headline().status.as_ref();
        match fact {
            Fact::Id => self.id().into(),
            Fact::Time => Value::Time(i64::try_from(call.begin().0).unwrap_or(i64::MAX)),
            Fact::Duration => match call.duration_ns() {
                Some(ns) => Value::Duration(i64::try_from(ns).unwrap_or(i64::MAX)),
                None => Value::Missing,
            },
            Fact::DurationStep => match call.duration_ns().and_then(|ns| i64::try_from(ns).ok()) {
                Some(ns) => Value::Duration(filter::step(ns)),
                None => Value::Missing,
            },
            Fact::Protocol => call.protocol.name.into(),
            Fact::Version => lossy(self.headline().version.as_deref()),
            Fact::Method => lossy(self.headline().method.as_deref()),
            Fact::Endpoint => lossy(self.headline().endpoint.as_deref()),
            Fact::EndpointTemplate => match self.headline().endpoint.as_deref() {
                Some(endpoint) => {
                    let endpoint = String::from_utf8_lossy(endpoint);
                    Value::Text(Cow::Owned(filter::template(&endpoint).into_owned()))
                }
                None => Value::Missing,
            },
            Fact::StatusCode => lossy(status().map(|status| &*status.code)),
            Fact::StatusNumber => {
                let code = status().and_then(|status| str::from_utf8(&status.code).ok());
                code.and_then(|code| code.parse::<i64>().ok()).into()
            }
            Fact::StatusText => {
                lossy(status().map(|status| &*status.text).filter(|text| !text.is_empty()))
            }
            Fact::StatusResult => status().map(|status| status.outcome.name()).into(),
            Fact::Transport => call.transport.name().into(),
            Fact::Pairing => call.pairing.name().into(),
            Fact::PairedBy => call.paired_by.map(model::PairedBy::name).into(),
            Fact::State => call.goes_on.then_some("open").into(),
            Fact::MissingWhy => call.missing.map(|missing| missing.why.name()).into(),
            Fact::MissingRequestBytes => call.missing.map(|missing| missing.request_bytes).into(),
            Fact::MissingResponseBytes => call.missing.map(|missing| missing.response_bytes).into(),
            Fact::Stream => call_stream(call).into(),
            Fact::SourceKind => self.source().map(|source| source.kind).into(),
            Fact::SourceName => self.source().map(|source| source.name.as_str()).into(),
            Fact::SourceInterface => {
                self.source().and_then(|source| source.interface.as_deref()).into()
            }
            Fact::TlsDecryptedBy => self.cover(fact, |cover| cover.decrypted_by),
            Fact::TlsSni => self.cover(fact, |cover| &cover.server_name),
            Fact::TlsVersion => self.cover(fact, |cover| &cover.version),
            Fact::TlsAlpn => self.cover(fact, |cover| &cover.alpn),
            Fact::TlsCipher => self.cover(fact, |cover| &cover.cipher),
            Fact::Fields => Value::Missing,
        }
    }

    fn source(&self) -> Option<&'a Source> {
        self.around.sources.get(usize::try_from(self.call.source).ok()?)
    }

    /// What the call was wrapped in, else the call's own field that says it.
    fn cover(&self, fact: Fact, of: fn(&Cover) -> &str) -> Value<'_> {
        let text = self.call.cover.map(of).filter(|text| !text.is_empty());
        match text {
            Some(text) => text.into(),
            None => fact.field().map_or(Value::Missing, |name| self.field_named(name)),
        }
    }

    fn end(&self, end: End, endpoint: Endpoint, party: Option<&'a Party>) -> Value<'_> {
        match end {
            End::Ip => Value::Ip(endpoint.ip),
            End::Port if !self.call.transport.has_ports() => Value::Missing,
            End::Port => Value::Int(i64::from(endpoint.port)),
            end => party.map_or(Value::Missing, |party| party.value(end)),
        }
    }

    fn half(&self, half: Half, at: usize) -> Value<'_> {
        let Some(message) = self.message(at) else { return Value::Missing };
        let has_body = message.body.size > 0;
        match half {
            Half::Size => message.wire_bytes.into(),
            Half::HeaderSize => message.head_bytes.into(),
            Half::BodySize => has_body.then_some(message.body.size).into(),
            Half::BodyTruncated if has_body => {
                let is_less = self.told(at).is_some_and(|told| told.facts.is_less());
                Some(message.body.truncated() || is_less).into()
            }
            Half::BodyMediaType if has_body => {
                self.told(at).and_then(|told| told.facts.media_type()).into()
            }
            Half::BodyEncoding if has_body => {
                self.told(at).and_then(|told| told.facts.encoding()).into()
            }
            Half::Body => self.body(at).into(),
            Half::Json => self.json(at).map_or(Value::Missing, Value::Json),
            _ => Value::Missing,
        }
    }

    /// The body as text, codings undone.
    fn body(&self, at: usize) -> Option<&str> {
        let (message, told) = (self.message(at)?, self.told(at)?);
        let decode = || {
            let mut bodies = self.eyes.bodies.borrow_mut();
            let decoded = bodies.decode(&message.body, &told.facts);
            match read(&decoded, told.facts.media_type()) {
                Reading::Text(text) if !message.body.kept.is_empty() => Some(text.into_owned()),
                _ => None,
            }
        };
        self.halves.get(at)?.body.get_or_init(decode).as_deref()
    }

    fn json(&self, at: usize) -> Option<&serde_json::Value> {
        let text = self.body(at)?;
        let parse = || serde_json::from_str(text).ok();
        self.halves.get(at)?.json.get_or_init(parse).as_ref()
    }

    // === fields ===

    /// Fields of both halves by the number of their column, the request's first.
    fn fields(&self) -> impl Iterator<Item = (u16, Value<'_>)> {
        let numbers = self.eyes.columns.field_numbers(self.call.protocol.name).unwrap_or_default();
        let halves = [REQUEST, RESPONSE].into_iter().filter_map(|half| self.told(half));
        halves
            .flat_map(Told::fields)
            .filter_map(|(index, value)| Some((*numbers.get(index)?, value)))
    }

    /// Whether the protocol has this field: what it has not need not be told.
    fn has_field(&self, number: u16) -> bool {
        let numbers = self.eyes.columns.field_numbers(self.call.protocol.name);
        numbers.is_some_and(|numbers| numbers.contains(&number))
    }

    fn field(&self, number: u16) -> Value<'_> {
        if !self.has_field(number) {
            return Value::Missing;
        }
        self.fields().find(|(of, _)| *of == number).map_or(Value::Missing, |(_, value)| value)
    }

    fn field_named(&self, name: &str) -> Value<'_> {
        let fields = self.eyes.columns.fields();
        let at = fields.iter().position(|field| field.name == name);
        let number = at.and_then(|at| u16::try_from(at).ok());
        number.map_or(Value::Missing, |number| self.field(number))
    }

    fn each_field(&self, see: See<'_>) {
        let fields = self.eyes.columns.fields();
        let _ = self.fields().all(|(number, value)| {
            let name = fields.get(usize::from(number)).map_or("", |field| field.name);
            see(name, value)
        });
    }

    // === headers ===

    fn each_header(&self, at: usize, see: See<'_>) {
        let headers = self.told(at).into_iter().flat_map(Told::headers);
        let _ = { headers }
            .all(|[name, value]| see(&String::from_utf8_lossy(name), Value::lossy(value)));
    }

    fn header(&self, at: usize, wanted: &str) -> Value<'_> {
        let mut headers = self.told(at).into_iter().flat_map(Told::headers);
        let found = headers.find(|[name, _]| name.eq_ignore_ascii_case(wanted.as_bytes()));
        found.map_or(Value::Missing, |[_, value]| Value::lossy(value))
    }

    /// RFC 6265 §4: all in one header of the request, each in a header of the response.
    fn each_cookie(&self, at: usize, see: See<'_>) {
        let headers = self.told(at).into_iter().flat_map(Told::headers);
        let wanted: &[u8] = if at == REQUEST { b"cookie" } else { b"set-cookie" };
        for [_, value] in headers.filter(|[name, _]| name.eq_ignore_ascii_case(wanted)) {
            let mut see =
                |name: &[u8], value| see(&String::from_utf8_lossy(name), Value::lossy(value));
            let goes_on = if at == REQUEST {
                cookie::cookies(value).all(|(name, value)| see(name, value))
            } else {
                let set = cookie::set_cookie(value);
                see(set.name, set.value)
            };
            if !goes_on {
                return;
            }
        }
    }
}

impl Record for Seen<'_> {
    fn value(&self, column: Column) -> Value<'_> {
        match column {
            Column::Call(fact) => self.fact(fact),
            Column::Src(end) => self.end(end, self.call.client, self.around.src),
            Column::Dst(End::ServiceIp) if self.call.service().is_some() => {
                self.call.service().map_or(Value::Missing, |service| Value::Ip(service.ip))
            }
            Column::Dst(end) => self.end(end, self.call.server, self.around.dst),
            Column::Request(half) => self.half(half, REQUEST),
            Column::Response(half) => self.half(half, RESPONSE),
            Column::Field(number) => self.field(number),
        }
    }

    fn each(&self, column: Column, see: See<'_>) {
        match column {
            Column::Call(Fact::Fields) => self.each_field(see),
            Column::Src(end) => self.around.src.into_iter().for_each(|party| party.each(end, see)),
            Column::Dst(end) => self.around.dst.into_iter().for_each(|party| party.each(end, see)),
            Column::Request(Half::Headers) => self.each_header(REQUEST, see),
            Column::Response(Half::Headers) => self.each_header(RESPONSE, see),
            Column::Request(Half::Cookies) => self.each_cookie(REQUEST, see),
            Column::Response(Half::Cookies) => self.each_cookie(RESPONSE, see),
            Column::Field(number) if self.has_field(number) => {
                let mut elements = self.fields().filter(|(of, _)| *of == number);
                let _ = elements.all(|(_, value)| see("", value));
            }
            _ => {}
        }
    }

    fn entry(&self, column: Column, name: &str) -> Value<'_> {
        match column {
            Column::Src(End::Labels) => {
                self.around.src.map_or(Value::Missing, |party| party.label(name))
            }
            Column::Dst(End::Labels) => {
                self.around.dst.map_or(Value::Missing, |party| party.label(name))
            }
            Column::Request(Half::Headers) => self.header(REQUEST, name),
            Column::Response(Half::Headers) => self.header(RESPONSE, name),
            Column::Call(Fact::Fields) => self.field_named(name),
            column => {
                let mut found = Value::Missing;
                self.each(column, &mut |known, value| {
                    let is_it = known == name;
                    if let (true, Some(text)) = (is_it, value.into_text()) {
                        found = text.into_owned().into();
                    }
                    !is_it
                });
                found
            }
        }
    }
}

fn lossy(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Missing, Value::lossy)
}

fn call_stream(call: &Call<'_>) -> String {
    call.stream.to_string()
}
