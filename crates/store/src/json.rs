//! A cursor over JSON that we wrote ourselves: finds where values begin and end, builds nothing.
//!
//! Not a validator: what it accepts may still not be JSON. What it refuses certainly is none.

use std::borrow::Cow;

use memchr::memchr2;

/// Where a value is: bytes `from..to` of the text. Nothing is there when both are 0.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Span {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// The text is not what it should be, at this byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a line of the output contract: byte {at}")]
pub struct Malformed {
    /// Where in the line.
    pub at: usize,
}

/// Goes through a text once, from the front.
pub(crate) struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Text,
    Object,
    Array,
    /// A number, `true`, `false` or `null`.
    Word,
}

/// Containers inside each other; our own lines have six.
const DEPTH_MAX: u32 = 128;

// === impl Span ===

impl Span {
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn of(self, text: &str) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        text.get(self.from as usize..self.to as usize)
    }

    /// Texts are refused when they are longer than 4 GiB, so that this always fits.
    fn new(from: usize, to: usize) -> Self {
        let short = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { from: short(from), to: short(to) }
    }
}

// === impl Cursor ===

impl<'t> Cursor<'t> {
    /// At the beginning of `text`.
    pub(crate) fn new(text: &'t str) -> Result<Self, Malformed> {
        let cursor = Self { text: text.as_bytes(), at: 0 };
        if u32::try_from(text.len()).is_err() { cursor.refuse() } else { Ok(cursor) }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(crate) fn refuse<T>(&self) -> Result<T, Malformed> {
        Err(Malformed { at: self.at })
    }

    /// Steps over the one byte that must come next.
    pub(crate) fn take(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.text.get(self.at) != Some(&byte) {
            return self.refuse();
        }
        self.at += 1;
        Ok(())
    }

    /// The next key of an object that was entered with `take(b'{')`; `None` behind its end.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Option<&'t [u8]>, Malformed> {
        match self.text.get(self.at) {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') => self.at += 1,
            _ => {}
        }
        let key = self.string()?;
        self.take(b':')?;
        Ok(self.text.get(key.from as usize..key.to as usize))
    }

    pub(crate) fn next(&self) -> Result<Next, Malformed> {
        match self.text.get(self.at) {
            Some(b'"') => Ok(Next::Text),
            Some(b'{') => Ok(Next::Object),
            Some(b'[') => Ok(Next::Array),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Ok(Next::Word),
            _ => self.refuse(),
        }
    }

    /// Steps over a string; what is between its quotes, still escaped. An empty one has a place, too.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Span, Malformed> {
        self.take(b'"')?;
        let from = self.at;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(len) = memchr2(b'"', b'\\', rest) else { return self.refuse() };
            self.at += len;
            if rest.get(len) == Some(&b'"') {
                let span = Span::new(from, self.at);
                self.at += 1;
                return Ok(span);
            }
            self.at += 2;
        }
    }

    /// Steps over a number or a word.
    pub(crate) fn word(&mut self) -> Result<Span, Malformed> {
        let from = self.at;
        let rest = self.text.get(from..).unwrap_or_default();
        let is_part =
            |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        self.at += rest.iter().take_while(is_part).count();
        if self.at == from { self.refuse() } else { Ok(Span::new(from, self.at)) }
    }

    /// Steps over a whole number from 0 on; saturates.
    pub(crate) fn count(&mut self) -> Result<i64, Malformed> {
        let span = self.word()?;
        let digits = self.text.get(span.from as usize..span.to as usize).unwrap_or_default();
        let mut number = 0_i64;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return self.refuse();
            }
            number = number.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
        }
        Ok(number)
    }

    /// Steps over any value; where it was, quotes and brackets included.
    #[inline]
    pub(crate) fn skip(&mut self) -> Result<Span, Malformed> {
        let from = self.at;
        match self.next()? {
            Next::Text => drop(self.string()?),
            Next::Word => drop(self.word()?),
            Next::Object | Next::Array => self.skip_container()?,
        }
        Ok(Span::new(from, self.at))
    }

    fn skip_container(&mut self) -> Result<(), Malformed> {
        let mut depth = 0_u32;
        loop {
            match self.text.get(self.at) {
                Some(b'{' | b'[') if depth < DEPTH_MAX => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth -= 1;
                    self.at += 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                Some(b'"') => drop(self.string()?),
                Some(b'{' | b'[') | None => return self.refuse(),
                Some(_) => self.at += 1,
            }
        }
    }
}

/// The inside of a JSON string without its escapes. What is not an escape stays as it is.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', inner.as_bytes()) else { return Cow::Borrowed(inner) };
    let (plain, mut rest) = inner.split_at(first);
    let mut text = String::with_capacity(inner.len());
    text.push_str(plain);
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let (symbol, len) = escaped(&rest[at..]);
        text.push(symbol);
        rest = rest.get(at + len..).unwrap_or_default();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character of an escape that `text` begins with, and the length of the escape.
fn escaped(text: &str) -> (char, usize) {
    let symbol = match text.as_bytes().get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return escaped_unit(text),
        _ => return ('\\', 1),
    };
    (symbol, 2)
}

/// `\u00e9`, or two of them for what is above U+FFFF (RFC 8259 section 7).
fn escaped_unit(text: &str) -> (char, usize) {
    let unit = |at: usize| u32::from_str_radix(text.get(at..at + 4)?, 16).ok();
    let Some(high) = unit(2) else { return ('\\', 1) };
    if let Some(symbol) = char::from_u32(high) {
        return (symbol, 6);
    }
    let low = text.get(6..8).filter(|lead| *lead == "\\u").and_then(|_| unit(8));
    match low {
        Some(low @ 0xDC00..=0xDFFF) if high < 0xDC00 => {
            let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(text: &str) -> Result<usize, Malformed> {
        let mut cursor = Cursor::new(text)?;
        cursor.skip()?;
        Ok(cursor.at())
    }

    #[test]
    fn a_value_ends_where_it_ends() {
        for value in ["{}", r#"{"a":[1,{"b":"}]\""}]}"#, r#""x\\""#, "-12.5e3", "null", "[[],[]]"] {
            assert_eq!(skipped(&format!("{value},1")), Ok(value.len()), "{value}");
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        for value in ["{", r#"{"a":"#, r#""x\"#, r#""x\""#, "", "[", "]", &"[".repeat(1000)] {
            assert!(skipped(value).is_err(), "{value}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        for (inner, text) in [
            ("plain", "plain"),
            (r#"a\"b\\c\/\n\t\r\b\f"#, "a\"b\\c/\n\t\r\u{8}\u{c}"),
            (r"\u00e9\u001b", "é\u{1b}"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83dx", "\u{fffd}x"),
            (r"\", "\\"),
            (r"\u12", "\\u12"),
            (r"\q", "\\q"),
        ] {
            assert_eq!(unescape(inner), text, "{inner}");
        }
    }
}
