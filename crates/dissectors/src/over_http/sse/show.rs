//! What is told of a call.

use content::json;
use model::{Headline, Message, Tell, Timestamp};

use super::{
    events::{Event, Events},
    fields::At,
};
use crate::{
    http::View,
    over_http::{
        media::{Media, media},
        tell::{body, flag, http_facts, http_headline, integer, is_plain, maybe, signed, text},
    },
};

/// Events that are listed.
const LISTED_MAX: usize = 64;
/// Bytes of one event's data that are shown.
const DATA_MAX: usize = 2 << 10;

/// The line of a call in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    http_headline(request, response)
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    if view.is_request() {
        maybe(to, At::Last, view.field(b"last-event-id"));
    }
    if media(view) != Media::EventStream {
        return;
    }
    let body = body(message);
    let mut count = 0;
    for event in Events::of(&body) {
        count += 1;
        if count <= LISTED_MAX {
            text(to, At::Event, show(count, &event, message));
        }
    }
    integer(to, At::Count, signed(u64::try_from(count).unwrap_or(u64::MAX)));
    if message.body.truncated() || count > LISTED_MAX {
        flag(to, At::Cut);
    }
}

/// `{"number":1,"after_ns":1200,"event":"x","id":"7","size":20,"data":"…"}`
fn show(number: usize, event: &Event, message: &Message) -> Vec<u8> {
    let mut out = format!("{{\"number\":{number}").into_bytes();
    if let Some(after) = after(message, event.at) {
        out.extend_from_slice(format!(",\"after_ns\":{after}").as_bytes());
    }
    let name = Some(&event.name).filter(|name| !name.is_empty());
    for (key, value) in [("event", name), ("id", event.id.as_ref())] {
        if let Some(value) = value {
            out.extend_from_slice(format!(",\"{key}\":").as_bytes());
            json::push_str(&mut out, value);
        }
    }
    out.extend_from_slice(format!(",\"size\":{},\"data\":", event.size).as_bytes());
    let cut = event.data.floor_char_boundary(DATA_MAX);
    json::push_str(&mut out, event.data.get(..cut).unwrap_or_default());
    out.extend_from_slice(if cut < event.data.len() { b",\"cut\":true}" } else { b"}" });
    out
}

/// Nanoseconds from the first byte of `message` to the one at `at` of its body.
fn after(message: &Message, at: usize) -> Option<u64> {
    Some(came(message, at)?.since(message.first.at))
}

/// When the byte at `at` of its body came.
pub(in crate::over_http) fn came(message: &Message, at: usize) -> Option<Timestamp> {
    message.body.moment(u64::try_from(at).ok()?).filter(|_| is_plain(message))
}
