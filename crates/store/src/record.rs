//! A call of the store as a record of the query language.

use std::{borrow::Cow, cell::OnceCell};

use filter::{Column, Columns, End, Fact, Half, Record, Value};

use crate::{
    Part, Row,
    json::{Cursor, Next, unescape},
};

/// A row, asked by name. Cheap to make; JSON bodies are read when a condition asks for them, once.
pub struct View<'r> {
    row: &'r Row,
    columns: &'r Columns,
    json: [OnceCell<Option<serde_json::Value>>; 2],
}

/// Which half.
#[derive(Clone, Copy)]
enum Way {
    Request,
    Response,
}

/// Listens to names and values, until it says `false`.
type See<'s> = &'s mut dyn FnMut(&str, Value<'_>) -> bool;

// === impl Row ===

impl Row {
    /// The row as conditions see it; `columns` are those that they were compiled with.
    #[must_use]
    pub fn record<'r>(&'r self, columns: &'r Columns) -> View<'r> {
        View { row: self, columns, json: [const { OnceCell::new() }; 2] }
    }
}

// === impl View ===

impl Record for View<'_> {
    fn value(&self, column: Column) -> Value<'_> {
        match column {
            Column::Call(fact) => self.fact(fact),
            Column::Src(end) => self.end(end, true),
            Column::Dst(end) => self.end(end, false),
            Column::Request(half) => self.half(half, Way::Request),
            Column::Response(half) => self.half(half, Way::Response),
            Column::Field(number) => self.field(number),
        }
    }

    fn each(&self, column: Column, see: See<'_>) {
        match column {
            Column::Call(Fact::Fields) => self.each_field(see),
            Column::Field(number) => self.each_of_field(number, see),
            Column::Src(End::Labels) => each_member(self.row.raw(Part::SrcLabels), see),
            Column::Dst(End::Labels) => each_member(self.row.raw(Part::DstLabels), see),
            Column::Src(end) => each_element(self.listed(end, Part::Src), see),
            Column::Dst(end) => each_element(self.listed(end, Part::Dst), see),
            Column::Request(Half::Headers) => self.each_header(Way::Request, see),
            Column::Response(Half::Headers) => self.each_header(Way::Response, see),
            Column::Request(Half::Cookies) => self.each_cookie(Way::Request, see),
            Column::Response(Half::Cookies) => self.each_cookie(Way::Response, see),
            _ => {}
        }
    }

    fn entry(&self, column: Column, name: &str) -> Value<'_> {
        let any_case =
            matches!(column, Column::Request(Half::Headers) | Column::Response(Half::Headers));
        let mut found = Value::Missing;
        self.each(column, &mut |key, value| {
            let is_it = if any_case { key.eq_ignore_ascii_case(name) } else { key == name };
            if is_it {
                found = owned(value);
            }
            !is_it
        });
        found
    }
}

impl View<'_> {
    fn text(&self, part: Part) -> Value<'_> {
        self.row.get(part).map_or(Value::Missing, Value::Text)
    }

    fn fact(&self, fact: Fact) -> Value<'_> {
        match fact {
            Fact::Time => Value::Time(self.row.time_ns()),
            Fact::Duration => self.row.duration_ns().map_or(Value::Missing, Value::Duration),
            Fact::StatusNumber => {
                let code = self.row.status_code();
                code.and_then(|code| code.parse::<i64>().ok()).map_or(Value::Missing, Value::Int)
            }
            Fact::MissingRequestBytes => self.inner(Part::Missing, "request_bytes"),
            Fact::MissingResponseBytes => self.inner(Part::Missing, "response_bytes"),
            Fact::SourceKind => self.inner(Part::Source, "kind"),
            Fact::SourceInterface => self.inner(Part::Source, "interface"),
            Fact::TlsDecryptedBy => self.cover(fact, "decrypted_by"),
            Fact::TlsVersion => self.cover(fact, "version"),
            Fact::TlsAlpn => self.cover(fact, "alpn"),
            Fact::TlsCipher => self.cover(fact, "cipher"),
            Fact::TlsSni => self.row.server_name().map_or(Value::Missing, Value::Text),
            Fact::DurationStep => {
                let ns = self.row.duration_ns();
                ns.map_or(Value::Missing, |ns| Value::Duration(filter::step(ns)))
            }
            Fact::EndpointTemplate => {
                self.row.endpoint_template().map_or(Value::Missing, Value::Text)
            }
            Fact::Fields => Value::Missing,
            Fact::Id => self.text(Part::Id),
            Fact::Protocol => self.text(Part::Protocol),
            Fact::Version => self.text(Part::Version),
            Fact::Method => self.text(Part::Method),
            Fact::Endpoint => self.text(Part::Endpoint),
            Fact::StatusCode => self.text(Part::StatusCode),
            Fact::StatusText => self.text(Part::StatusText),
            Fact::StatusResult => self.text(Part::Result),
            Fact::Transport => self.text(Part::Transport),
            Fact::Pairing => self.text(Part::Pairing),
            Fact::PairedBy => self.text(Part::PairedBy),
            Fact::State => self.text(Part::State),
            Fact::MissingWhy => self.text(Part::MissingWhy),
            Fact::Stream => self.text(Part::Stream),
            Fact::SourceName => self.text(Part::SourceName),
        }
    }

    fn end(&self, end: End, is_src: bool) -> Value<'_> {
        let pick = |src, dst| if is_src { src } else { dst };
        let whole = pick(Part::Src, Part::Dst);
        match end {
            // What has no ports says none.
            End::Port => match if is_src { self.row.src_port() } else { self.row.dst_port() } {
                0 => Value::Missing,
                port => Value::Int(port),
            },
            End::Ip => self.text(pick(Part::SrcIp, Part::DstIp)),
            End::ServiceIp => self.text(pick(Part::SrcServiceIp, Part::DstServiceIp)),
            End::Name => self.text(pick(Part::SrcName, Part::DstName)),
            End::Namespace => self.text(pick(Part::SrcNamespace, Part::DstNamespace)),
            End::Pod => self.text(pick(Part::SrcPod, Part::DstPod)),
            End::Service => self.text(pick(Part::SrcService, Part::DstService)),
            End::WorkloadKind => self.text(pick(Part::SrcWorkloadKind, Part::DstWorkloadKind)),
            End::WorkloadName => self.text(pick(Part::SrcWorkloadName, Part::DstWorkloadName)),
            End::Node => self.text(pick(Part::SrcNode, Part::DstNode)),
            End::Container => self.text(pick(Part::SrcContainer, Part::DstContainer)),
            End::ProcessName => self.text(pick(Part::SrcProcessName, Part::DstProcessName)),
            End::Zone => self.inner(whole, "zone"),
            End::ServiceAccount => self.inner(whole, "service_account"),
            End::ProcessPid => self.of_process(whole, "pid"),
            End::ProcessPath => self.of_process(whole, "path"),
            End::Services | End::Labels | End::Names | End::Evidence => Value::Missing,
        }
    }

    fn half(&self, half: Half, way: Way) -> Value<'_> {
        let pick = |request, response| match way {
            Way::Request => request,
            Way::Response => response,
        };
        let body = pick(Part::RequestBody, Part::ResponseBody);
        match half {
            Half::Size => {
                let size = match way {
                    Way::Request => self.row.request_size(),
                    Way::Response => self.row.response_size(),
                };
                size.map_or(Value::Missing, Value::Int)
            }
            Half::HeaderSize => self.inner(pick(Part::Request, Part::Response), "header_size"),
            Half::Body => self.inner(body, "text"),
            Half::BodySize => self.inner(body, "size"),
            Half::BodyMediaType => self.inner(body, "media_type"),
            Half::BodyEncoding => self.inner(body, "encoding"),
            Half::BodyTruncated => self.inner(body, "truncated"),
            Half::Json => self.json(way).map_or(Value::Missing, Value::Json),
            Half::Headers | Half::Cookies => Value::Missing,
        }
    }

    /// The body as a document, if it is one and whole.
    fn json(&self, way: Way) -> Option<&serde_json::Value> {
        let (cell, part) = match way {
            Way::Request => (&self.json[0], Part::RequestBody),
            Way::Response => (&self.json[1], Part::ResponseBody),
        };
        let read = || {
            let body = self.row.raw(part)?;
            if member(body, "truncated") == Some("true") {
                return None;
            }
            let text = unescape(inside(member(body, "text")?)?);
            serde_json::from_str(&text).ok()
        };
        cell.get_or_init(read).as_ref()
    }

    /// A member of a part that is an object.
    fn inner(&self, part: Part, key: &str) -> Value<'_> {
        self.row.raw(part).and_then(|object| member(object, key)).map_or(Value::Missing, scalar)
    }

    /// A member of what the call was wrapped in, else the call's own field that says it.
    fn cover(&self, fact: Fact, key: &str) -> Value<'_> {
        match self.inner(Part::Tls, key) {
            Value::Missing => fact.field().map_or(Value::Missing, |name| self.own_field(name)),
            value => value,
        }
    }

    fn of_process(&self, whole: Part, key: &str) -> Value<'_> {
        let process = self.row.raw(whole).and_then(|end| member(end, "process"));
        process.and_then(|process| member(process, key)).map_or(Value::Missing, scalar)
    }

    fn listed(&self, end: End, whole: Part) -> Option<&str> {
        let key = match end {
            End::Services => "services",
            End::Names => "names",
            End::Evidence => "evidence",
            _ => return None,
        };
        member(self.row.raw(whole)?, key)
    }

    fn field_name(&self, number: u16) -> Option<&'static str> {
        Some(self.columns.fields().get(usize::from(number))?.name)
    }

    fn field(&self, number: u16) -> Value<'_> {
        self.field_name(number).map_or(Value::Missing, |name| self.own_field(name))
    }

    fn own_field(&self, name: &str) -> Value<'_> {
        self.row.raw_field(name).map_or(Value::Missing, scalar)
    }

    fn each_of_field(&self, number: u16, see: See<'_>) {
        let Some(name) = self.field_name(number) else { return };
        let mut more = true;
        for part in [Part::RequestFields, Part::ResponseFields] {
            let field = self.row.raw(part).and_then(|fields| member(fields, name));
            if more {
                each_element(field, &mut |name, value| {
                    more = see(name, value);
                    more
                });
            }
        }
    }

    fn each_field(&self, see: See<'_>) {
        let mut more = true;
        for part in [Part::RequestFields, Part::ResponseFields] {
            let Some(fields) = self.row.raw(part) else { continue };
            members(fields, &mut |key, raw| {
                let key = unescape(key);
                if raw.starts_with('[') {
                    each_element(Some(raw), &mut |_, value| {
                        more = see(&key, value);
                        more
                    });
                } else {
                    more = see(&key, scalar(raw));
                }
                more
            });
            if !more {
                return;
            }
        }
    }

    fn each_header(&self, way: Way, see: See<'_>) {
        let part = match way {
            Way::Request => Part::RequestHeaders,
            Way::Response => Part::ResponseHeaders,
        };
        let Some(headers) = self.row.raw(part) else { return };
        elements(headers, &mut |pair| {
            let (mut name, mut value, mut at) = (None, None, 0);
            elements(pair, &mut |text| {
                if at == 0 {
                    name = inside(text)
                } else {
                    value = inside(text)
                }
                at += 1;
                at < 2
            });
            match (name, value) {
                (Some(name), Some(value)) => see(&unescape(name), Value::Text(unescape(value))),
                _ => true,
            }
        });
    }

    fn each_cookie(&self, way: Way, see: See<'_>) {
        self.each_header(way, &mut |name, value| {
            let Some(value) = value.text() else { return true };
            match way {
                Way::Request if name.eq_ignore_ascii_case("cookie") => {
                    for (name, value) in content::cookie::cookies(value.as_bytes()) {
                        if !see(&String::from_utf8_lossy(name), Value::lossy(value)) {
                            return false;
                        }
                    }
                    true
                }
                Way::Response if name.eq_ignore_ascii_case("set-cookie") => {
                    let cookie = content::cookie::set_cookie(value.as_bytes());
                    see(&String::from_utf8_lossy(cookie.name), Value::lossy(cookie.value))
                }
                _ => true,
            }
        });
    }
}

// === JSON ===

/// A value that is no container; containers as their JSON text.
fn scalar(raw: &str) -> Value<'_> {
    match raw {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Missing,
        _ => match inside(raw) {
            Some(inner) => Value::Text(unescape(inner)),
            None => match raw.parse::<i64>() {
                Ok(number) => Value::Int(number),
                Err(_) => raw.parse().map_or(Value::Text(Cow::Borrowed(raw)), Value::Float),
            },
        },
    }
}

/// What is between the quotes of a string.
pub(crate) fn inside(raw: &str) -> Option<&str> {
    raw.strip_prefix('"')?.strip_suffix('"')
}

/// A value that outlives what it was borrowed from.
fn owned<'o>(value: Value<'_>) -> Value<'o> {
    match value {
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Bool(truth) => Value::Bool(truth),
        Value::Int(number) => Value::Int(number),
        Value::Float(number) => Value::Float(number),
        Value::Time(ns) => Value::Time(ns),
        Value::Duration(ns) => Value::Duration(ns),
        Value::Ip(ip) => Value::Ip(ip),
        Value::Json(_) | Value::Missing => Value::Missing,
    }
}

/// The members of an object, keys still escaped, until `see` says `false`.
fn members<'t>(object: &'t str, see: &mut dyn FnMut(&'t str, &'t str) -> bool) {
    let Ok(mut cursor) = Cursor::new(object) else { return };
    if cursor.take(b'{').is_err() {
        return;
    }
    while let Ok(Some(key)) = cursor.key() {
        let (Ok(key), Ok(span)) = (str::from_utf8(key), cursor.skip()) else { return };
        if !see(key, span.of(object).unwrap_or_default()) {
            return;
        }
    }
}

/// The value of a member whose key needs no escapes.
pub(crate) fn member<'t>(object: &'t str, key: &str) -> Option<&'t str> {
    let mut found = None;
    members(object, &mut |name, raw| {
        if name == key {
            found = Some(raw);
        }
        found.is_none()
    });
    found
}

/// The elements of a list, until `see` says `false`.
fn elements<'t>(list: &'t str, see: &mut dyn FnMut(&'t str) -> bool) {
    let Ok(mut cursor) = Cursor::new(list) else { return };
    if cursor.take(b'[').is_err() {
        return;
    }
    while cursor.next().is_ok() {
        let Ok(span) = cursor.skip() else { return };
        if !see(span.of(list).unwrap_or_default()) || cursor.take(b',').is_err() {
            return;
        }
    }
}

fn each_element(list: Option<&str>, see: See<'_>) {
    let Some(list) = list else { return };
    if cursor_is_at(list, Next::Array) {
        elements(list, &mut |raw| see("", scalar(raw)));
    } else {
        see("", scalar(list));
    }
}

fn each_member(object: Option<&str>, see: See<'_>) {
    let Some(object) = object else { return };
    members(object, &mut |key, raw| see(&unescape(key), scalar(raw)));
}

fn cursor_is_at(text: &str, next: Next) -> bool {
    Cursor::new(text).and_then(|cursor| cursor.next()).is_ok_and(|is| is == next)
}
