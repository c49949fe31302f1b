//! A body as a JSON object: content codings undone, text as text and the rest in base64.

use content::{Decoded, Form, MediaType, Nature, Reading, Scratch, Size, json};
use model::{Body, BodyFacts, BodyText};

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
    told: Told,
}

/// What the protocol told in the place of the bytes.
#[derive(Default)]
struct Told {
    text: Vec<u8>,
    is_there: bool,
    whole: bool,
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
        self.told.is_there = false;
    }

    /// The protocol read the body.
    pub(crate) fn tell(&mut self, told: BodyText<'_>) {
        self.set(BodyFacts { media_type: Some(told.media_type), encoding: None });
        self.told.text.clear();
        self.told.text.extend_from_slice(told.text);
        self.told.is_there = true;
        self.told.whole = told.whole;
    }

    /// Whether less is told than the bytes say.
    pub(crate) fn is_less(&self) -> bool {
        self.told.is_there && !self.told.whole
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

    /// Undoes the content codings of what is kept, unless the protocol told what they say.
    pub(crate) fn decode<'a>(&'a mut self, body: &'a Body, facts: &'a Facts) -> Decoded<'a> {
        let whole = !body.truncated();
        if facts.told.is_there {
            return Decoded {
                bytes: &facts.told.text,
                size: Size::Exact(body.size),
                truncated: !whole || facts.is_less(),
                form: Form::Plain,
            };
        }
        content::decode(&body.kept, whole, facts.encoding(), self.body_bytes_max, &mut self.scratch)
    }

    /// Appends `"body":{…},`.
    pub(crate) fn push<'a>(&'a mut self, body: &'a Body, facts: &'a Facts, out: &mut Vec<u8>) {
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

    #[test]
    fn what_the_protocol_read_stands_in_the_place_of_the_bytes() {
        let rendered = |kept: &[u8], whole: bool| {
            let body = Body { size: 9, kept: kept.to_vec(), ..Body::default() };
            let (mut facts, mut out) = (Facts::default(), Vec::new());
            facts.set(BodyFacts { media_type: Some("application/x-rows"), encoding: None });
            facts.tell(BodyText { media_type: "application/json", text: b"[{\"a\":1}]", whole });
            Bodies::new(1000).push(&body, &facts, &mut out);
            String::from_utf8(out).unwrap()
        };
        let head = r#""body":{"media_type":"application/json","size":9,"truncated":"#;
        let text = r#","text":"[{\"a\":1}]"},"#;
        assert_eq!(rendered(&[1; 9], true), format!("{head}false{text}"));
        assert_eq!(rendered(&[1; 9], false), format!("{head}true{text}"));
        assert_eq!(rendered(&[1; 8], true), format!("{head}true{text}"));
        // Nobody wanted to have bodies kept.
        assert_eq!(rendered(&[], true), format!("{head}true}},"));
    }

    #[test]
    fn facts_of_the_next_body_are_its_own() {
        let mut facts = Facts::default();
        facts.tell(BodyText { media_type: "application/json", text: b"[]", whole: false });
        assert!(facts.is_less());
        facts.clear();
        assert!(!facts.is_less() && facts.media_type().is_none());
    }

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
