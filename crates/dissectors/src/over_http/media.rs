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
    let name = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let ends = |suffix: &[u8]| {
        name.len()
            .checked_sub(suffix.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    match name.len() {
        8 if is("text/xml") => Media::Xml,
        15 if is("application/xml") => Media::Xml,
        16 if is("application/json") => Media::Json,
        17 if is("text/event-stream") => Media::EventStream,
        19 if is("application/graphql") => Media::GraphQl,
        20 if is("application/soap+xml") => Media::SoapXml,
        _ if super::grpc::is_media_type(name) => Media::Grpc,
        _ if ends(b"+json") => Media::Json,
        _ if is("application/json-rpc") || is("application/jsonrequest") => Media::Json,
        _ => Media::Other,
    }
}
