//! Everything known of a message, told when somebody asks.

use std::borrow::Cow;

use content::{MediaType, cookie, form, multipart};
use model::{BodyFacts, Headline, Message, Outcome, Status, Tell, Value};

use super::{
    fields::At,
    lines::Lines,
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
    Headline {
        method: request.map(|view| view.method().into()),
        endpoint: request.map(|view| endpoint(view).into()),
        version: request.or(response).map(|view| view.version().into()),
        status: response.map(status),
    }
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(view) = View::of(message) else { return };
    let mut known = Known::default();
    for (name, value) in Lines::of(view.fields()) {
        to.header(name, &value);
        known.note(name, value);
    }
    for (name, value) in Lines::of(view.trailers()) {
        to.header(name, &value);
    }
    known.codings = known.all_codings();
    if view.is_request() {
        tell_request(message, view, &known, to);
    } else {
        tell_response(message, view, &known, to);
    }
    if !view.trailers().is_empty() {
        to.field(At::Trailers as usize, Value::Bool(true));
    }
    to.body(known.body());
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
    let target = Target::of(view.text(), view.is_connect());
    target.path.or(target.authority).unwrap_or(view.text())
}

fn status(view: View<'_>) -> Status<'_> {
    let outcome = if view.status() < 400 { Outcome::Ok } else { Outcome::Error };
    Status { code: view.code().into(), text: view.text().into(), outcome }
}

fn tell_request(message: &Message, view: View<'_>, known: &Known<'_>, to: &mut dyn Tell) {
    let target = Target::of(view.text(), view.is_connect());
    put(to, At::Method, view.method());
    tell_url(view, target, known, to);
    put(to, At::Version, view.version());
    maybe(to, At::UserAgent, known.user_agent.as_deref());
    maybe(to, At::Client, known.forwarded_for.as_deref().and_then(first_address));
    if known.cookies {
        tell_cookies(view, to);
    }
    tell_size(message, view, At::RequestSize, to);
    tell_form(message, known, to);
}

fn tell_url(view: View<'_>, target: Target<'_>, known: &Known<'_>, to: &mut dyn Tell) {
    let authority = target.authority.or(known.host.as_deref()).filter(|name| !name.is_empty());
    maybe(to, At::Path, target.path);
    let query = target.query.filter(|query| !query.is_empty());
    maybe(to, At::Query, query);
    let mut line = Vec::with_capacity(view.text().len() + 64);
    for (name, value) in query.into_iter().flat_map(form::pairs) {
        put_pair(to, At::Parameter, &mut line, &name, &value);
    }
    match (target.scheme, target.path, authority) {
        (Some(_), ..) => put(to, At::Full, view.text()),
        (None, Some([b'/', ..]), Some(host)) => {
            line.clear();
            line.extend_from_slice(b"http://");
            line.extend_from_slice(host);
            line.extend_from_slice(view.text());
            put(to, At::Full, &line);
        }
        _ => {}
    }
    maybe(to, At::Scheme, target.scheme);
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
    put(to, At::Version, view.version());
    to.field(At::Status as usize, Value::Integer(view.status().into()));
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
    Lines::of(view.fields()).filter(move |(found, _)| named(found)).map(|(_, value)| value)
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
    line.extend_from_slice(name);
    line.push(b'=');
    line.extend_from_slice(value);
    put(to, at, line);
}
