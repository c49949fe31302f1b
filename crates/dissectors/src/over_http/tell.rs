//! What the protocols over HTTP have in common when they tell: HTTP's own facts, and the body.

use std::borrow::Cow;

use content::Scratch;
use model::{Headline, Message, Tell, Value};

use crate::http::{self, View};

/// Bytes of a decoded body that are looked at.
pub(super) const BODY_MAX: usize = 64 << 10;

/// A field of a protocol's own.
pub(super) trait Place {
    /// Its index in the protocol's table.
    fn index(self) -> usize;
}

/// Tells what HTTP tells of `message`.
pub(super) fn http_facts(message: &Message, to: &mut dyn Tell) {
    (http::PROTOCOL.tell)(message, to);
}

/// What HTTP says of a call.
pub(super) fn http_headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    (http::PROTOCOL.headline)(request, response)
}

/// The start of a message's body, without content coding. Empty where that can't be undone.
pub(super) fn body(message: &Message) -> Cow<'_, [u8]> {
    let Some(coding) = View::of(message).and_then(View::content_encoding) else {
        return Cow::Borrowed(&message.body.kept);
    };
    decode(&message.body.kept, !message.body.truncated(), &coding).unwrap_or_default().into()
}

/// Whether the body of `message` is as it was sent: its offsets are those of the wire.
pub(super) fn is_plain(message: &Message) -> bool {
    View::of(message).is_none_or(|view| view.content_encoding().is_none())
}

/// `bytes` without the coding of that name, at most [`BODY_MAX`] bytes.
pub(super) fn decode(bytes: &[u8], whole: bool, coding: &[u8]) -> Option<Vec<u8>> {
    let coding = str::from_utf8(coding).ok()?;
    let mut scratch = Scratch::default();
    let decoded = content::decode(bytes, whole, Some(coding), BODY_MAX, &mut scratch);
    let undone = !matches!(decoded.form, content::Form::AsSent(_));
    undone.then(|| decoded.bytes.to_vec())
}

pub(super) fn text(to: &mut dyn Tell, at: impl Place, text: impl AsRef<[u8]>) {
    to.field(at.index(), Value::Text(text.as_ref()));
}

pub(super) fn maybe(to: &mut dyn Tell, at: impl Place, value: Option<impl AsRef<[u8]>>) {
    if let Some(value) = value {
        text(to, at, value);
    }
}

pub(super) fn integer(to: &mut dyn Tell, at: impl Place, value: i64) {
    to.field(at.index(), Value::Integer(value));
}

pub(super) fn flag(to: &mut dyn Tell, at: impl Place) {
    to.field(at.index(), Value::Bool(true));
}

/// A size or a time as a field has it.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The path of a request, without the query.
pub(super) fn path(view: View<'_>) -> &[u8] {
    let target = view.target();
    let target = match view.scheme() {
        Some(scheme) if target.starts_with(scheme) => after_authority(target, scheme.len()),
        _ => target,
    };
    target.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default()
}

/// The value of the parameter `name` in a request's query, decoded.
pub(super) fn parameter<'m>(view: View<'m>, name: &[u8]) -> Option<Cow<'m, [u8]>> {
    let target = view.target();
    let query = target.get(target.iter().position(|b| *b == b'?')? + 1..)?;
    content::form::pairs(query).find(|(found, _)| **found == *name).map(|(_, value)| value)
}

fn after_authority(url: &[u8], scheme_len: usize) -> &[u8] {
    let rest = url.get(scheme_len + 3..).unwrap_or_default();
    let slash = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
    rest.get(slash..).unwrap_or_default()
}
