//! A body as a JSON object: content codings undone, text as text and the rest in base64.

use content::{Decoded, Form, MediaType, Nature, Reading, Scratch, Size, json};
use model::{Body, BodyFacts};

use crate::push::{close_object, push_count};

/// Renders bodies; keeps its decoders from one to the next.
pub(crate) struct Bodies {
    scratch: Scratch,
    texts: Texts,
    body_bytes_max: usize,
}

/// Media types met before, by length: whether each is text in UTF-8.
///
/// Reading a media type costs more than escaping a small body, and a capture has few of them.
#[derive(Default)]
struct Texts([(String, bool); 16]);

/// What the protocol said of a body, kept in buffers that last.
#[derive(Default)]
pub(crate) struct Facts {
    media_type: Said,
    encoding: Said,
}

#[derive(Default)]
struct Said {
    text: String,
    is_there: bool,
}

// === impl Facts ===

impl Facts {
    pub(crate) fn clear(&mut self) {
        self.set(BodyFacts::default());
    }

    pub(crate) fn set(&mut self, facts: BodyFacts<'_>) {
        self.media_type.set(facts.media_type);
        self.encoding.set(facts.encoding);
    }

    pub(crate) fn media_type(&self) -> Option<&str> {
        self.media_type.get()
    }

    pub(crate) fn encoding(&self) -> Option<&str> {
        self.encoding.get()
    }
}

impl Said {
    fn set(&mut self, text: Option<&str>) {
        self.is_there = text.is_some();
        self.text.clear();
        self.text.push_str(text.unwrap_or_default());
    }

    fn get(&self) -> Option<&str> {
        self.is_there.then_some(&self.text)
    }
}

// === impl Bodies ===

impl Bodies {
    pub(crate) fn new(body_bytes_max: usize) -> Self {
        Self { scratch: Scratch::default(), texts: Texts::default(), body_bytes_max }
    }

    /// Undoes the content codings of what is kept.
    pub(crate) fn decode<'a>(&'a mut self, body: &'a Body, facts: &Facts) -> Decoded<'a> {
        let whole = !body.truncated();
        content::decode(&body.kept, whole, facts.encoding(), self.body_bytes_max, &mut self.scratch)
    }

    /// Appends `"body":{…},`.
    pub(crate) fn push(&mut self, body: &Body, facts: &Facts, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"body\":{");
        if let Some(media_type) = facts.media_type() {
            out.extend_from_slice(b"\"media_type\":");
            json::push_str(out, media_type);
            out.push(b',');
        }
        if let Some(encoding) = facts.encoding() {
            out.extend_from_slice(b"\"encoding\":");
            json::push_str(out, encoding);
            out.push(b',');
        }
        push_count(out, b"\"size\":", body.size);
        let is_text = facts.media_type().is_some_and(|media_type| self.texts.has(media_type));
        let decoded = self.decode(body, facts);
        push_decoding(&decoded, out);
        if !body.kept.is_empty() {
            let text = if is_text { utf8(decoded.bytes) } else { None };
            let text = text.map(|text| Reading::Text(text.into()));
            push_reading(text.unwrap_or_else(|| read(&decoded, facts.media_type())), out);
        }
        close_object(out);
        out.push(b',');
    }
}

// === impl Texts ===

impl Texts {
    /// Whether a body of this type that is UTF-8 is text as it is.
    fn has(&mut self, media_type: &str) -> bool {
        let slot = &mut self.0[media_type.len() % 16];
        if slot.0 != media_type {
            slot.0.clear();
            slot.0.push_str(media_type);
            slot.1 = is_utf8_text(&MediaType::parse(media_type));
        }
        slot.1
    }
}

fn is_utf8_text(media_type: &MediaType<'_>) -> bool {
    let is_utf8 = |charset: &str| charset.eq_ignore_ascii_case("utf-8");
    media_type.nature() == Nature::Text && media_type.charset.is_none_or(is_utf8)
}

// === the parts of push ===

fn push_decoding(decoded: &Decoded<'_>, out: &mut Vec<u8>) {
    if matches!(decoded.form, Form::Decoded | Form::Partly(_)) {
        match decoded.size {
            Size::Exact(size) => push_count(out, b"\"decoded_size\":", size),
            Size::AtLeast(size) => push_count(out, b"\"decoded_size_at_least\":", size),
        }
    }
    if let Some(failure) = decoded.form.failure() {
        out.extend_from_slice(b"\"decode_error\":\"");
        out.extend_from_slice(failure.name().as_bytes());
        out.extend_from_slice(b"\",");
    }
    if decoded.truncated {
        out.extend_from_slice(b"\"truncated\":true,");
    } else {
        out.extend_from_slice(b"\"truncated\":false,");
    }
}

fn push_reading(reading: Reading<'_>, out: &mut Vec<u8>) {
    match reading {
        Reading::Text(text) => {
            out.extend_from_slice(b"\"text\":");
            json::push_str(out, &text);
        }
        Reading::Binary(bytes) => {
            out.extend_from_slice(b"\"base64\":");
            json::push_base64(out, bytes);
        }
    }
    out.push(b',');
}

/// The bytes if they are UTF-8 without a byte order mark.
fn utf8(bytes: &[u8]) -> Option<&str> {
    let marked = bytes.starts_with("\u{FEFF}".as_bytes());
    simdutf8::basic::from_utf8(bytes).ok().filter(|_| !marked)
}

/// The bytes as text, if they are.
pub(crate) fn read<'a>(decoded: &Decoded<'a>, media_type: Option<&str>) -> Reading<'a> {
    let media_type = media_type.map(MediaType::parse);
    content::read(decoded.bytes, media_type.as_ref(), decoded.truncated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_says_what_content_says(
            media_type in "(text/plain|TEXT/html|application/(json|octet-stream)|image/png|x)(; ?charset=(utf-8|UTF-8|latin1|utf-16))?",
            text in "(\u{FEFF})?[a-zé\"\n\x1b\x01]{0,20}",
            wrong in prop::collection::vec(any::<u8>(), 0..3),
        ) {
            let kept = [text.as_bytes(), &wrong].concat();
            let body = Body { size: kept.len() as u64, kept, ..Body::default() };
            let mut facts = Facts::default();
            facts.set(BodyFacts { media_type: Some(&media_type), encoding: None });
            let (mut short, mut long) = (Vec::new(), Vec::new());
            let mut bodies = Bodies::new(1000);
            bodies.push(&body, &facts, &mut short);
            if !body.kept.is_empty() {
                push_reading(read(&bodies.decode(&body, &facts), Some(&media_type)), &mut long);
                close_object(&mut long);
            }
            long.push(b',');
            prop_assert!(short.ends_with(&long), "{short:?} {long:?}");
        }
    }
}
