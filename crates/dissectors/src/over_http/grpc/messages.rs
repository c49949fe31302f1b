//! The messages of one side, one by one, with the names of their fields where their type is known.

use std::borrow::Cow;

use content::{json, short::push_number};
use model::{Message, Tell};
use prost_reflect::MessageDescriptor;

use super::{
    base64::{self, Decoded},
    descriptors::Descriptors,
    fields::At,
    frames::{Frame, Frames},
    protobuf,
    reflection::Learned,
    show, typed,
};
use crate::{
    http::View,
    over_http::tell::{self, flag, integer, signed, text},
};

/// Messages that are listed.
const LISTED_MAX: usize = 64;
/// Bytes of one message that are written.
const SHOWN_MAX: usize = 4 << 10;
/// The same where its type is known.
const TYPED_MAX: usize = 32 << 10;
/// Bytes made room for, of the text of one message.
const ROOM: usize = 256;
/// Bytes of a message that are read by its type.
const PAYLOAD_MAX: usize = 1 << 20;

/// The body without content coding and base64; with the latter, where its pieces were.
pub(super) fn plain(message: &Message) -> (Cow<'_, [u8]>, Option<Decoded>) {
    let body = tell::body(message);
    if !is_text(message) {
        return (body, None);
    }
    let mut decoded = base64::decode(&body);
    (std::mem::take(&mut decoded.bytes).into(), Some(decoded))
}

fn is_text(message: &Message) -> bool {
    let media_type = View::of(message).and_then(View::content_type).unwrap_or_default();
    show::begins(&media_type, b"application/grpc-web-text")
}

/// Tells each message, how many there are, and whether more came than was kept.
/// `coding` is how those are compressed that say so.
pub(super) fn tell_all(
    message: &Message,
    view: View<'_>,
    coding: Option<&[u8]>,
    to: &mut dyn Tell,
) {
    let (body, pieces) = plain(message);
    let spoken = Spoken {
        message,
        pieces: pieces.as_ref(),
        coding,
        plain: tell::is_plain(message),
        json: is_json(view),
        read_as: read_as(message, view, to),
        direction: if view.is_request() { "request" } else { "response" },
    };
    let mut count = 0;
    for frame in Frames::of(&body).filter(|frame| !frame.is_trailers()) {
        count += 1;
        if count <= LISTED_MAX {
            text(to, At::Message, spoken.show(count, &frame));
        }
    }
    integer(to, At::Count, signed(u64::try_from(count).unwrap_or(u64::MAX)));
    if message.body.truncated() || count > LISTED_MAX {
        flag(to, At::Cut);
    }
}

fn is_json(view: View<'_>) -> bool {
    let media_type = view.content_type().unwrap_or_default();
    let name = media_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    name.last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(b"+json"))
}

/// How messages are read.
enum ReadAs {
    /// Nobody gave a schema.
    Tree,
    /// By their type.
    Type(MessageDescriptor),
    /// There are schemas, but not for these; why.
    Unknown(String),
}

/// How the messages of one side are to be read: what the user gave counts more than what the server
/// told.
fn read_as(message: &Message, view: View<'_>, to: &dyn Tell) -> ReadAs {
    let given = to.lore();
    let known = given.get::<Descriptors>().into_iter();
    let learned = message.lore.get::<Learned>();
    let mut known = known.chain(learned.map(Learned::descriptors)).peekable();
    if known.peek().is_none() {
        return ReadAs::Tree;
    }
    let asked = if view.is_request() { Some(view) } else { to.other().and_then(View::of) };
    let Some(asked) = asked else {
        return ReadAs::Unknown("the request was not seen".to_owned());
    };
    let (service, method) = show::parts(tell::path(asked));
    let (service, method) = (String::from_utf8_lossy(service), String::from_utf8_lossy(method));
    match known.find_map(|known| known.method(&service, &method)) {
        Some((takes, _)) if view.is_request() => ReadAs::Type(takes),
        Some((_, gives)) => ReadAs::Type(gives),
        None => ReadAs::Unknown(format!("no descriptor of {service}/{method}")),
    }
}

/// What the messages of one side have in common.
struct Spoken<'m> {
    message: &'m Message,
    pieces: Option<&'m Decoded>,
    coding: Option<&'m [u8]>,
    /// Offsets in the body are those of the wire.
    plain: bool,
    json: bool,
    read_as: ReadAs,
    direction: &'static str,
}

// === impl Spoken ===

impl Spoken<'_> {
    /// `{"number":1,"after_ns":1200,"direction":"response","size":7,"compressed":false,"payload":{…}}`
    fn show(&self, number: usize, frame: &Frame<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(ROOM);
        out.extend_from_slice(b"{\"number\":");
        push_number(&mut out, u64::try_from(number).unwrap_or(u64::MAX));
        if let Some(after) = self.after(frame.at) {
            out.extend_from_slice(b",\"after_ns\":");
            push_number(&mut out, after);
        }
        out.extend_from_slice(b",\"direction\":\"");
        out.extend_from_slice(self.direction.as_bytes());
        out.extend_from_slice(b"\",\"size\":");
        push_number(&mut out, frame.size);
        let compressed: &[u8] = if frame.is_compressed() { b"true" } else { b"false" };
        out.extend_from_slice(b",\"compressed\":");
        out.extend_from_slice(compressed);
        self.push_payload(frame, &mut out);
        out.push(b'}');
        out
    }

    /// Nanoseconds from the first byte of this side to the message's first.
    fn after(&self, at: usize) -> Option<u64> {
        let at = self.pieces.map_or(at, |pieces| pieces.place(at));
        let came = self.message.body.moment(u64::try_from(at).ok()?).filter(|_| self.plain)?;
        Some(came.since(self.message.first.at))
    }

    fn push_payload(&self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        let payload = match (frame.is_compressed(), self.coding) {
            (false, _) => Some(Cow::Borrowed(frame.bytes)),
            (true, Some(coding)) => {
                tell::decode(frame.bytes, frame.is_whole(), coding).map(Cow::Owned)
            }
            (true, None) => None,
        };
        let Some(payload) = payload else {
            out.extend_from_slice(b",\"payload\":null,\"why\":\"its compression is not known\"");
            return;
        };
        let whole = if let Some(whole) = self.push_typed(&payload, frame, out) {
            whole
        } else if self.json {
            out.extend_from_slice(b",\"payload\":");
            let shown = payload.get(..SHOWN_MAX).unwrap_or(&payload);
            json::push_bytes_lossy(out, shown);
            shown.len() == payload.len()
        } else {
            out.extend_from_slice(b",\"payload\":");
            protobuf::push(&payload, out.len() + SHOWN_MAX, out)
        };
        if !whole || !frame.is_whole() {
            out.extend_from_slice(b",\"cut\":true");
        }
    }

    /// The payload by its type, if that is known and it fits; whether all of it is there. That it does
    /// not is said.
    fn push_typed(&self, payload: &[u8], frame: &Frame<'_>, out: &mut Vec<u8>) -> Option<bool> {
        let kind = match &self.read_as {
            _ if self.json => return None,
            ReadAs::Tree => return None,
            ReadAs::Unknown(why) => {
                push_member(b"untyped", why, out);
                return None;
            }
            ReadAs::Type(kind) => kind,
        };
        let before = out.len();
        push_member(b"type", kind.full_name(), out);
        out.extend_from_slice(b",\"payload\":");
        let whole = frame.is_whole() && payload.len() <= PAYLOAD_MAX;
        let limit = out.len() + TYPED_MAX;
        let outcome = if whole { typed::push(kind, payload, limit, out) } else { None };
        let Some(outcome) = outcome else {
            out.truncate(before);
            let why = if whole { "it does not fit" } else { "not all of it is there to fit" };
            push_member(b"untyped", &format!("{why} {}", kind.full_name()), out);
            return None;
        };
        if !outcome.unknown.is_empty() {
            let numbers: Vec<_> = outcome.unknown.iter().map(u32::to_string).collect();
            out.extend_from_slice(
                format!(",\"unknown_fields\":[{}]", numbers.join(",")).as_bytes(),
            );
        }
        Some(outcome.whole)
    }
}

/// `,"name":"text"`
fn push_member(name: &[u8], text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name);
    out.extend_from_slice(b"\":");
    json::push_str(out, text);
}
