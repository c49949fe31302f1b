//! JSON that may be cut anywhere, looked at without being taken apart: bodies are kept only up to a
//! limit.
//!
//! A [`Json`] is a piece of text that begins with a value. Looking for a key passes over the values
//! before it; nothing is copied but texts with escapes.

use std::borrow::Cow;

use memchr::memchr2;

/// Members of one object, or items of one list, that are looked at.
const MEMBERS_MAX: usize = 4_096;

/// A value, as far as it is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Json<'b>(&'b [u8]);

/// Members of an object or items of a list.
#[derive(Clone, Debug)]
struct Inside<'b> {
    rest: &'b [u8],
    left: usize,
}

// === impl Json ===

impl<'b> Json<'b> {
    /// The value at the front of `bytes`.
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        Self(bytes.trim_ascii_start())
    }

    pub(crate) fn is_list(self) -> bool {
        self.0.first() == Some(&b'[')
    }

    pub(crate) fn is_text(self) -> bool {
        self.0.first() == Some(&b'"')
    }

    /// Bytes of the value; `None` where its end is not there.
    pub(crate) fn whole_len(self) -> Option<usize> {
        value_len(self.0)
    }

    fn is_null(self) -> bool {
        self.0.starts_with(b"null")
    }

    /// Keys and values of an object; nothing for anything else.
    pub(crate) fn members(self) -> impl Iterator<Item = (&'b [u8], Json<'b>)> {
        let mut inside = Inside::of(self, b'{');
        std::iter::from_fn(move || inside.member())
    }

    /// Items of a list; nothing for anything else.
    pub(crate) fn items(self) -> impl Iterator<Item = Json<'b>> {
        let mut inside = Inside::of(self, b'[');
        std::iter::from_fn(move || inside.item())
    }

    /// The value under `key`, unless it is `null`.
    pub(crate) fn get(self, key: &str) -> Option<Json<'b>> {
        let found = self.members().find(|(name, _)| *name == key.as_bytes())?;
        Some(found.1).filter(|value| !value.is_null())
    }

    /// The value under one key in the value under another, and so on.
    pub(crate) fn at(self, path: &[&str]) -> Option<Json<'b>> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// A text, its escapes undone; as far as it is there.
    pub(crate) fn text(self) -> Option<Cow<'b, str>> {
        if !self.is_text() {
            return None;
        }
        let whole = self.raw();
        let inner = whole.get(1..)?;
        let inner = if text_len(self.0).is_some() { inner.strip_suffix(b"\"")? } else { inner };
        if !inner.contains(&b'\\') {
            return Some(String::from_utf8_lossy(inner));
        }
        Some(unescaped(inner).into())
    }

    /// A whole number, also one that is written as a text.
    pub(crate) fn integer(self) -> Option<i64> {
        str::from_utf8(self.raw()).ok()?.trim_matches('"').parse().ok()
    }

    pub(crate) fn is_true(self) -> bool {
        self.0.starts_with(b"true")
    }

    /// The value as it was written.
    pub(crate) fn raw(self) -> &'b [u8] {
        let len = value_len(self.0).unwrap_or(self.0.len());
        self.0.get(..len).unwrap_or_default()
    }
}

/// `serde_json` knows the escapes; what it does not take is left as it is.
fn unescaped(inner: &[u8]) -> String {
    let text = String::from_utf8_lossy(inner);
    let quoted = |end: usize| {
        let quoted = format!("\"{}\"", text.get(..end)?);
        serde_json::from_str(&quoted).ok()
    };
    // A text that is cut may end in the middle of an escape.
    let ends = text.char_indices().map(|(at, _)| at).rev().take(12);
    std::iter::once(text.len()).chain(ends).find_map(quoted).unwrap_or_else(|| text.into_owned())
}

/// Bytes of the value at the front; `None` where its end is not there.
fn value_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'"' => text_len(bytes),
        b'{' | b'[' => nested_len(bytes),
        _ => bytes.iter().position(|b| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace()),
    }
}

/// Quotes included.
fn text_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at) {
            Some(b'"') => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Up to the bracket that closes the first one; which kinds they are does not matter to find it.
fn nested_len(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_u32);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += text_len(bytes.get(at..)?)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

// === impl Inside ===

impl<'b> Inside<'b> {
    fn of(value: Json<'b>, opens: u8) -> Self {
        let rest = value.0.strip_prefix(&[opens]).unwrap_or_default();
        Self { rest, left: MEMBERS_MAX }
    }

    fn skip(&mut self) -> &'b [u8] {
        let white = |b: &u8| b.is_ascii_whitespace() || *b == b',';
        let at = self.rest.iter().position(|b| !white(b)).unwrap_or(self.rest.len());
        self.rest = self.rest.get(at..).unwrap_or_default();
        self.rest
    }

    fn member(&mut self) -> Option<(&'b [u8], Json<'b>)> {
        let key_len = text_len(self.skip()).filter(|_| self.rest.first() == Some(&b'"'))?;
        let (key, rest) = self.rest.split_at_checked(key_len)?;
        self.rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let value = self.value()?;
        Some((key.get(1..key_len - 1)?, value))
    }

    fn item(&mut self) -> Option<Json<'b>> {
        self.skip();
        self.value()
    }

    fn value(&mut self) -> Option<Json<'b>> {
        self.left = self.left.checked_sub(1)?;
        if matches!(self.rest.first(), None | Some(b'}' | b']' | b':')) {
            return None;
        }
        let value = Json(self.rest);
        let len = value_len(self.rest).unwrap_or(self.rest.len());
        self.rest = self.rest.get(len..).unwrap_or_default();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_found_by_their_keys() {
        let json =
            Json::of(br#" {"a": {"b": [1, "x\"y", {"c": null}]}, "d" : "\u00e9\n" ,"e":-7}"#);
        assert_eq!(json.get("e").and_then(Json::integer), Some(-7));
        assert_eq!(json.get("d").and_then(Json::text).as_deref(), Some("\u{e9}\n"));
        let list = json.at(&["a", "b"]).unwrap();
        assert_eq!(list.items().count(), 3);
        assert_eq!(list.items().nth(1).and_then(Json::text).as_deref(), Some("x\"y"));
        assert_eq!(list.items().nth(2).unwrap().get("c"), None);
        assert_eq!(list.raw(), br#"[1, "x\"y", {"c": null}]"#);
        assert_eq!(json.get("b"), None);
    }

    #[test]
    fn what_is_cut_is_read_as_far_as_it_is_there() {
        let json = Json::of(br#"{"model":"m","messages":[{"role":"user","content":"hello \u00e"#);
        let message = json.get("messages").unwrap().items().next().unwrap();
        assert_eq!(message.get("content").and_then(Json::text).as_deref(), Some("hello "));
        assert_eq!(json.get("model").and_then(Json::text).as_deref(), Some("m"));
    }

    #[test]
    fn what_is_no_json_has_nothing() {
        for text in ["", "hello", "{", "{]", "[}", "{\"a\"", "{\"a\" 1}", "{1:2}", "]"] {
            assert_eq!(Json::of(text.as_bytes()).get("a"), None, "{text}");
            assert_eq!(Json::of(text.as_bytes()).items().count(), 0, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let json = Json::of(&bytes);
            let _ = (json.members().count(), json.items().count(), json.text(), json.integer());
        }

        #[test]
        fn members_are_what_serde_json_says(map: std::collections::BTreeMap<String, Vec<i64>>) {
            let text = serde_json::to_vec(&map).unwrap();
            let mut lists = Json::of(&text).members().map(|(_, value)| {
                value.items().map(|item| item.integer().unwrap()).collect::<Vec<_>>()
            });
            for list in map.values() {
                prop_assert_eq!(lists.next(), Some(list.clone()));
            }
        }
    }
}
