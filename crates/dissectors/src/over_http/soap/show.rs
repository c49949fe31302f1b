//! What is told of a call.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Status, Tell};

use super::{fields::At, xml::Tags};
use crate::{
    http::View,
    over_http::tell::{body, http_facts, http_headline, maybe, path, text},
};

/// The line of a call in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let mut line = http_headline(request, response);
    if let Some(message) = request
        && let Some(view) = View::of(message).filter(|view| view.is_request())
    {
        let named = operation(&body(message)).map(<[u8]>::to_vec);
        let action = || action(view).map(Cow::into_owned);
        line.method = named.or_else(action).map(Into::into).or(line.method);
        line.endpoint = Some(path(view).into());
    }
    if let Some(message) = response
        && let Some((code, reason)) = fault(&body(message))
    {
        let (code, text) = (code.to_vec().into(), reason.to_vec().into());
        line.status = Some(Status { code, text, outcome: Outcome::Error });
    }
    line
}

/// The first element in the body of an envelope.
fn operation(envelope: &[u8]) -> Option<&[u8]> {
    let mut tags = Tags::of(envelope);
    tags.find(|tag| tag.name == b"Body")?;
    tags.next().map(|tag| tag.name)
}

/// Code and reason of a fault, as either version has them.
fn fault(envelope: &[u8]) -> Option<(&[u8], &[u8])> {
    operation(envelope).filter(|name| *name == b"Fault")?;
    let of = |names: [&[u8]; 2]| {
        let found =
            Tags::of(envelope).find(|tag| names.contains(&tag.name) && !tag.text.is_empty());
        found.map_or(&b""[..], |tag| tag.text)
    };
    Some((of([b"faultcode", b"Value"]), of([b"faultstring", b"Text"])))
}

/// Of version 1.1 in a field of its own, of 1.2 in the content type.
fn action(view: View<'_>) -> Option<Cow<'_, [u8]>> {
    let quoted = |value: &[u8]| value.trim_ascii().trim_ascii_end().to_vec();
    let value = match view.field(b"soapaction") {
        Some(value) => quoted(&value),
        None => {
            let media_type = view.content_type()?;
            let named = media_type.split(|b| *b == b';').find_map(|parameter| {
                parameter.trim_ascii().strip_prefix(b"action=").map(<[u8]>::to_vec)
            });
            named?
        }
    };
    let value = value.strip_prefix(b"\"").unwrap_or(&value);
    let value = value.strip_suffix(b"\"").unwrap_or(value);
    (!value.is_empty()).then(|| value.to_vec().into())
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    let body = body(message);
    text(to, At::System, "soap");
    maybe(to, At::Method, operation(&body));
    maybe(to, At::Action, action(view));
    if let Some((code, reason)) = fault(&body) {
        text(to, At::FaultCode, code);
        text(to, At::Fault, reason);
    }
}
