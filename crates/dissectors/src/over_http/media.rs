//! Media types that protocols share.

use crate::http::View;

/// What a body is said to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Media {
    /// No type is given.
    Absent,
    Grpc,
    Json,
    GraphQl,
    EventStream,
    Xml,
    SoapXml,
    Other,
}

/// The type of a message's body.
pub(super) fn media(view: View<'_>) -> Media {
    let Some(value) = view.content_type() else { return Media::Absent };
    let end = memchr::memchr(b';', &value).unwrap_or(value.len());
    let name = value.get(..end).unwrap_or_default().trim_ascii();
    match name.first() {
        Some(b'a' | b'A') => application(name),
        Some(b't' | b'T') => text(name),
        _ if ends(name, b"+json") => Media::Json,
        _ => Media::Other,
    }
}

fn text(name: &[u8]) -> Media {
    match name.len() {
        8 if is(name, "text/xml") => Media::Xml,
        17 if is(name, "text/event-stream") => Media::EventStream,
        _ => Media::Other,
    }
}

fn application(name: &[u8]) -> Media {
    match name.len() {
        15 if is(name, "application/xml") => Media::Xml,
        16 if is(name, "application/json") => Media::Json,
        19 if is(name, "application/graphql") => Media::GraphQl,
        20 if is(name, "application/soap+xml") => Media::SoapXml,
        20 if is(name, "application/json-rpc") => Media::Json,
        23 if is(name, "application/jsonrequest") => Media::Json,
        _ if super::grpc::is_media_type(name) => Media::Grpc,
        _ if ends(name, b"+json") => Media::Json,
        _ => Media::Other,
    }
}

fn is(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

fn ends(name: &[u8], suffix: &[u8]) -> bool {
    let start = name.len().checked_sub(suffix.len());
    let end = start.and_then(|at| name.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}
