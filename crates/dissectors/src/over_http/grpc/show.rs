//! What is told of a call.

use model::{Headline, Message, Tell};

use super::{
    fields::At,
    frames::Frames,
    messages, metadata,
    status::{self, Said},
    timeout,
};
use crate::{
    http::View,
    over_http::tell::{flag, http_facts, http_headline, integer, maybe, path, signed, text},
};

/// The line of a call in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let asked = request.and_then(View::of).filter(|view| view.is_request());
    let endpoint = asked.map(path);
    Headline {
        method: endpoint.map(|path| parts(path).1.into()),
        endpoint: endpoint.map(Into::into),
        version: http_headline(request, response).version,
        status: match response {
            Some(response) => status::of(request, response),
            None => status::of_asked(request),
        },
    }
}

/// Service and method of a path. It may have more in front of them.
pub(super) fn parts(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|b| *b == b'/');
    let Some(slash) = slash else { return (&[], path) };
    let (before, method) = path.split_at(slash);
    let service = before.rsplit(|b| *b == b'/').next().unwrap_or_default();
    (service, method.get(1..).unwrap_or_default())
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    text(to, At::System, "grpc");
    if view.is_request() {
        tell_asked(view, to);
    } else {
        tell_answered(message, view, to);
    }
    let media_type = view.content_type().unwrap_or_default();
    let is_web = begins(&media_type, b"application/grpc-web");
    if is_web {
        flag(to, At::Web);
    }
    let coding = view.field(b"grpc-encoding");
    maybe(to, At::Encoding, coding.as_deref());
    if super::is_media_type(&media_type) {
        messages::tell_all(message, view, coding.as_deref(), to);
    }
    metadata::tell(view, to);
    if is_web {
        tell_web_trailers(message, to);
    }
}

/// Whether a media type begins like this, in any case.
pub(super) fn begins(media_type: &[u8], with: &[u8]) -> bool {
    media_type.get(..with.len()).is_some_and(|front| front.eq_ignore_ascii_case(with))
}

fn tell_asked(view: View<'_>, to: &mut dyn Tell) {
    let (service, method) = parts(path(view));
    if !service.is_empty() {
        text(to, At::Service, service);
    }
    text(to, At::Method, method);
    let timeout = view.field(b"grpc-timeout").and_then(|value| timeout::parse(&value));
    if let Some(timeout) = timeout {
        integer(to, At::Timeout, signed(timeout));
    }
}

fn tell_answered(message: &Message, view: View<'_>, to: &mut dyn Tell) {
    if let Some(Said { code, message }) = status::said(message) {
        integer(to, At::Code, code);
        maybe(to, At::Name, status::name(code));
        maybe(to, At::Reason, Some(message).filter(|message| !message.is_empty()));
    }
    metadata::tell_details(view, to);
}

fn tell_web_trailers(message: &Message, to: &mut dyn Tell) {
    let (body, _) = messages::plain(message);
    for frame in Frames::of(&body).filter(|frame| frame.is_trailers() && !frame.is_compressed()) {
        for (name, value) in status::web_lines(frame.bytes) {
            metadata::tell_one(name, value, to);
        }
    }
}
