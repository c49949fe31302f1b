//! Everything known of a message, told when somebody asks.

use std::borrow::Cow;

use content::{MediaType, cookie, form, multipart, short::push_few};
use model::{BodyFacts, Headline, Message, Outcome, Status, Tell, Value};

use super::{
    cut_off::CutOff,
    fields::At,
    list::UNKNOWN,
    record::View,
    target::{Target, host_and_port},
};

/// The line of a call in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let request = request.and_then(View::of).filter(|view| view.is_request());
    let response = response.and_then(View::of).filter(|view| !view.is_request());
    let asked = request.or(response.filter(|view| view.tells_of_both()));
    Headline {
        method: asked.map(|view| view.method().into()),
        endpoint: asked.map(|view| endpoint(view).into()),
        version: request.or(response).map(|view| view.version().into()),
        status: match (response, request.and_then(View::cut_off)) {
            (Some(response), None) => status(response),
            (None, Some(how)) => Some(of_cut_off(how)),
            (Some(response), Some(how)) => {
                status(response).map(|status| cut_off_by_asker(status, how))
            }
            (None, None) => None,
        },
    }
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(view) = View::of(message) else { return };
    let mut known = Known::default();
    view.fields().for_each(|(name, value)| {
        to.header(name, &value);
        known.note(name, value);
    });
    for (name, value) in view.trailers() {
        to.header(name, &value);
    }
    known.codings = known.all_codings();
    if view.is_request() {
        tell_request(message, view, &known, to);
    } else {
        tell_response(message, view, &known, to);
    }
    if view.has_trailers() {
        to.field(At::Trailers as usize, Value::Bool(true));
    }
    tell_stream(view, to);
    to.body(known.body());
}

/// What only streams have.
fn tell_stream(view: View<'_>, to: &mut dyn Tell) {
    let Some(stream) = view.stream() else { return };
    if view.is_partial() {
        to.field(At::Partial as usize, Value::Bool(true));
    }
    to.field(At::Stream as usize, Value::Integer(stream.into()));
    if let Some(how) = view.cut_off() {
        put(to, At::CutOff, &how.text());
    }
    if view.is_pushed() {
        to.field(At::Pushed as usize, Value::Bool(true));
    }
    maybe(to, At::Protocol, view.protocol());
}

/// The headers that say more than themselves.
#[derive(Debug, Default)]
struct Known<'m> {
    host: Option<Cow<'m, [u8]>>,
    user_agent: Option<Cow<'m, [u8]>>,
    forwarded_for: Option<Cow<'m, [u8]>>,
    media_type: Option<Cow<'m, [u8]>>,
    content_coding: Option<Cow<'m, [u8]>>,
    transfer_coding: Option<Cow<'m, [u8]>>,
    /// There are cookies among them, to be looked at again.
    cookies: bool,
    /// The content codings, and those that the transfer added around them.
    codings: Option<Cow<'m, [u8]>>,
}

// === impl Known ===

impl<'m> Known<'m> {
    fn note(&mut self, name: &[u8], value: Cow<'m, [u8]>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            4 if is("host") => first(&mut self.host, value),
            6 if is("cookie") => self.cookies = true,
            10 if is("user-agent") => first(&mut self.user_agent, value),
            10 if is("set-cookie") => self.cookies = true,
            12 if is("content-type") => first(&mut self.media_type, value),
            15 if is("x-forwarded-for") => first(&mut self.forwarded_for, value),
            16 if is("content-encoding") => listed(&mut self.content_coding, value),
            17 if is("transfer-encoding") => listed(&mut self.transfer_coding, value),
            _ => {}
        }
    }

    /// RFC 9112 §7: a transfer coding is put around the content as it is already coded.
    fn all_codings(&mut self) -> Option<Cow<'m, [u8]>> {
        let mut all = self.content_coding.take();
        let transfer = self.transfer_coding.take().unwrap_or_default();
        for coding in transfer.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            let framing = [&b"chunked"[..], b"identity", b""];
            if !framing.iter().any(|name| coding.eq_ignore_ascii_case(name)) {
                listed(&mut all, coding.to_vec().into());
            }
        }
        all
    }

    fn body(&self) -> BodyFacts<'_> {
        BodyFacts {
            media_type: text(self.media_type.as_ref()),
            encoding: text(self.codings.as_ref()),
        }
    }
}

fn first<'m>(slot: &mut Option<Cow<'m, [u8]>>, value: Cow<'m, [u8]>) {
    slot.get_or_insert(value);
}

fn listed<'m>(slot: &mut Option<Cow<'m, [u8]>>, value: Cow<'m, [u8]>) {
    match slot {
        None => *slot = Some(value),
        Some(list) => list.to_mut().extend_from_slice(&[b", ", &*value].concat()),
    }
}

fn text<'k>(value: Option<&'k Cow<'_, [u8]>>) -> Option<&'k str> {
    str::from_utf8(value?).ok()
}

fn endpoint(view: View<'_>) -> &[u8] {
    let sent = view.target();
    let target = Target::of(sent, view.is_connect());
    target.path.or(target.authority).filter(|_| sent != UNKNOWN).unwrap_or(sent)
}

fn status(view: View<'_>) -> Option<Status<'_>> {
    let cut_off = view.cut_off();
    let outcome = match view.status() {
        _ if cut_off.is_some_and(CutOff::is_error) => Outcome::Error,
        0 => Outcome::Unknown,
        1..400 => Outcome::Ok,
        _ => Outcome::Error,
    };
    Some(match (view.code(), cut_off) {
        // What was promised did not come.
        (b"", None) if view.is_pushed() => return None,
        (b"", Some(how)) => Status { code: how.text(), text: Cow::default(), outcome },
        (code, Some(how)) => Status { code: code.into(), text: how.text(), outcome },
        (code, None) => Status { code: code.into(), text: view.reason().into(), outcome },
    })
}

/// Who asked wanted no more of it, and nothing was answered.
fn of_cut_off<'m>(how: CutOff) -> Status<'m> {
    let outcome = if how.is_error() { Outcome::Error } else { Outcome::Unknown };
    Status { code: how.text(), text: Cow::default(), outcome }
}

/// The same after an answer has begun: it keeps its code.
fn cut_off_by_asker(status: Status<'_>, how: CutOff) -> Status<'_> {
    if !status.text.is_empty() {
        return status;
    }
    let outcome = if how.is_error() { Outcome::Error } else { status.outcome };
    Status { text: how.text(), outcome, ..status }
}

fn tell_request(message: &Message, view: View<'_>, known: &Known<'_>, to: &mut dyn Tell) {
    put(to, At::Method, view.method());
    tell_url(view, known.host.as_deref(), to);
    put(to, At::Version, view.version());
    maybe(to, At::UserAgent, known.user_agent.as_deref());
    maybe(to, At::Client, known.forwarded_for.as_deref().and_then(first_address));
    if known.cookies {
        tell_cookies(view, to);
    }
    tell_size(message, view, At::RequestSize, to);
    tell_form(message, known, to);
}

fn tell_url(view: View<'_>, host: Option<&[u8]>, to: &mut dyn Tell) {
    let sent = view.target();
    let target = match sent {
        UNKNOWN => Target::default(),
        _ => Target::of(sent, view.is_connect()),
    };
    maybe(to, At::Path, target.path);
    let query = target.query.filter(|query| !query.is_empty());
    maybe(to, At::Query, query);
    let mut line = Vec::with_capacity(sent.len() + 64);
    for (name, value) in query.into_iter().flat_map(form::pairs) {
        put_pair(to, At::Parameter, &mut line, &name, &value);
    }
    let (scheme, named) = view.origin(&target);
    let authority = named.or(host).filter(|name| !name.is_empty());
    match (target.scheme, target.path, authority) {
        (Some(_), ..) => put(to, At::Full, sent),
        (None, Some([b'/', ..]), Some(host)) => {
            line.clear();
            push_few(&mut line, scheme.unwrap_or(b"http"));
            line.extend_from_slice(b"://");
            push_few(&mut line, host);
            push_few(&mut line, sent);
            put(to, At::Full, &line);
        }
        _ => {}
    }
    maybe(to, At::Scheme, scheme);
    let Some((host, port)) = authority.map(host_and_port) else { return };
    put(to, At::Address, host);
    if let Some(port) = port {
        to.field(At::Port as usize, Value::Integer(port.into()));
    }
}

fn tell_cookies(view: View<'_>, to: &mut dyn Tell) {
    let mut line = Vec::new();
    for value in values(view, b"cookie") {
        for (name, value) in cookie::cookies(&value) {
            put_pair(to, At::Cookie, &mut line, name, value);
        }
    }
}

/// Forms are told where they are not compressed: decoding a body is somebody else's work.
fn tell_form(message: &Message, known: &Known<'_>, to: &mut dyn Tell) {
    let kept = &message.body.kept[..];
    let Some(media_type) = text(known.media_type.as_ref()) else { return };
    if kept.is_empty() || known.codings.is_some() {
        return;
    }
    let media_type = MediaType::parse(media_type);
    let mut line = Vec::new();
    if media_type.is("application/x-www-form-urlencoded") {
        for (name, value) in form::pairs(kept) {
            put_pair(to, At::Form, &mut line, &name, &value);
        }
    } else if let Some(boundary) =
        media_type.boundary.as_deref().filter(|_| media_type.is_multipart())
    {
        for part in multipart::parts(kept, boundary) {
            line.clear();
            describe(&part, &mut line);
            put(to, At::Part, &line);
        }
    }
}

/// `avatar; filename=me.png; type=image/png; size=120`; `seen=` where its end was not seen.
fn describe(part: &multipart::Part<'_>, line: &mut Vec<u8>) {
    line.extend_from_slice(part.name.as_deref().unwrap_or_default().as_bytes());
    let size = part.body.len().to_string();
    let size_name = if part.complete { "size" } else { "seen" };
    let facts = [
        ("filename", part.filename.as_deref()),
        ("type", part.content_type),
        (size_name, Some(&size[..])),
    ];
    for (name, value) in facts {
        let Some(value) = value else { continue };
        for piece in ["; ", name, "=", value] {
            line.extend_from_slice(piece.as_bytes());
        }
    }
}

fn tell_response(message: &Message, view: View<'_>, known: &Known<'_>, to: &mut dyn Tell) {
    if view.tells_of_both() {
        put(to, At::Method, view.method());
        tell_url(view, None, to);
    }
    put(to, At::Version, view.version());
    if view.status() > 0 {
        to.field(At::Status as usize, Value::Integer(view.status().into()));
    }
    for code in view.interims() {
        to.field(At::Interim as usize, Value::Integer(code.into()));
    }
    if known.cookies {
        tell_set_cookies(view, to);
    }
    tell_size(message, view, At::ResponseSize, to);
}

fn tell_set_cookies(view: View<'_>, to: &mut dyn Tell) {
    let mut line = Vec::new();
    for value in values(view, b"set-cookie") {
        let set = cookie::set_cookie(&value);
        put_pair(to, At::SetCookie, &mut line, set.name, set.value);
    }
}

/// A body is spoken of where one was announced or came.
fn tell_size(message: &Message, view: View<'_>, at: At, to: &mut dyn Tell) {
    if message.body.size > 0 || view.announced_a_body() {
        let size = i64::try_from(message.body.size).unwrap_or(i64::MAX);
        to.field(at as usize, Value::Integer(size));
    }
}

fn values<'m>(view: View<'m>, name: &[u8]) -> impl Iterator<Item = Cow<'m, [u8]>> {
    let named = move |found: &[u8]| found.eq_ignore_ascii_case(name);
    view.fields().filter(move |(found, _)| named(found)).map(|(_, value)| value)
}

fn first_address(list: &[u8]) -> Option<&[u8]> {
    list.split(|b| *b == b',').map(<[u8]>::trim_ascii).find(|address| !address.is_empty())
}

fn put(to: &mut dyn Tell, at: At, text: &[u8]) {
    to.field(at as usize, Value::Text(text));
}

fn maybe(to: &mut dyn Tell, at: At, text: Option<&[u8]>) {
    if let Some(text) = text {
        put(to, at, text);
    }
}

fn put_pair(to: &mut dyn Tell, at: At, line: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    line.clear();
    push_few(line, name);
    line.push(b'=');
    push_few(line, value);
    put(to, at, line);
}
