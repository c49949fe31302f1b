//! The media type of a body (RFC 9110 §8.3), read from what peers really send.

use std::borrow::Cow;

use memchr::memchr2;

/// A media type, borrowed from the header value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MediaType<'a> {
    /// `type/subtype` as sent, without parameters; letters' case is not to be trusted.
    pub essence: &'a str,
    /// The character set's label, as sent.
    pub charset: Option<&'a str>,
    /// What stands between the parts of a multipart body.
    pub boundary: Option<Cow<'a, str>>,
    /// Everything after the essence.
    pub parameters: Parameters<'a>,
}

/// Whether the bytes of a media type are text.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Nature {
    /// Characters.
    Text,
    /// Bytes.
    Binary,
    /// The name does not tell: look at the bytes.
    Unsaid,
}

/// The parameters of a header value: `; name=value; name="quoted \"value\""`, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameters<'a> {
    rest: &'a str,
}

// === impl MediaType ===

impl<'a> MediaType<'a> {
    /// Reads a Content-Type value; never fails, an unreadable one has an empty essence.
    #[must_use]
    pub fn parse(value: &'a str) -> Self {
        let end = value.find([';', ',']).unwrap_or(value.len());
        let (essence, rest) = value.split_at(end);
        let parameters = Parameters::of(rest);
        Self {
            essence: essence.trim(),
            charset: parameters.get("charset").and_then(label),
            boundary: parameters.get("boundary").filter(|value| !value.is_empty()),
            parameters,
        }
    }

    /// Whether the essence is `essence`, in any case of letters.
    #[must_use]
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// Whether it is one of `multipart/*`.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        self.top_level().eq_ignore_ascii_case("multipart")
    }

    /// What the name says of the bytes.
    #[must_use]
    pub fn nature(&self) -> Nature {
        // application/grpc+json is frames, whose first byte is 0; grpc-web-text is base64.
        if self.says(&["grpc"]) {
            Nature::Unsaid
        } else if self.says(BINARY_WORDS) {
            Nature::Binary
        } else if self.says(TEXT_WORDS) || self.is_top_level(&["text"]) {
            Nature::Text
        } else if self.is_top_level(BINARY_TYPES) {
            Nature::Binary
        } else {
            Nature::Unsaid
        }
    }

    fn top_level(&self) -> &'a str {
        self.essence.split('/').next().unwrap_or_default()
    }

    fn is_top_level(&self, types: &[&str]) -> bool {
        types.iter().any(|name| self.top_level().eq_ignore_ascii_case(name))
    }

    /// Whether one of `words` is a word of the subtype: `vnd.api+json` says `json`, and
    /// `vnd.openxmlformats` does not say `xml`.
    fn says(&self, words: &[&str]) -> bool {
        let subtype = self.essence.split_once('/').map_or("", |(_, subtype)| subtype);
        subtype
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
    }
}

const BINARY_TYPES: &[&str] = &["image", "audio", "video", "font", "model"];

const BINARY_WORDS: &[&str] = &[
    "protobuf", "proto", "cbor", "msgpack", "bson", "avro", "thrift", "parquet", "zip", "gzip",
    "zstd", "tar", "pdf", "wasm", "zlib",
];

const TEXT_WORDS: &[&str] = &[
    "json",
    "ndjson",
    "jsonl",
    "json5",
    "xml",
    "dtd",
    "xhtml",
    "html",
    "yaml",
    "toml",
    "javascript",
    "ecmascript",
    "graphql",
    "urlencoded",
    "sql",
    "csv",
    "jwt",
    "openmetrics",
];

// === impl Parameters ===

impl<'a> Parameters<'a> {
    /// The parameters of `value`, which begins at the first `;` (or has none).
    #[must_use]
    pub fn of(value: &'a str) -> Self {
        Self { rest: value }
    }

    /// The value of the first one called `name`, in any case of letters.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.clone().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (_, after) = self.rest.split_once(';')?;
            let end = after.find(['=', ';']).unwrap_or(after.len());
            let (name, rest) = after.split_at(end);
            self.rest = rest;
            let Some(value) = rest.strip_prefix('=') else { continue };
            let (value, rest) = parameter_value(value.trim_start());
            self.rest = rest;
            return Some((name.trim(), value));
        }
    }
}

fn parameter_value(text: &str) -> (Cow<'_, str>, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted_value(quoted);
    }
    let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
    (value.trim_end().into(), rest)
}

/// RFC 9110 §5.6.4, except that a backslash escapes only `"` and `\`: browsers send the paths of
/// files without escapes.
fn quoted_value(text: &str) -> (Cow<'_, str>, &str) {
    let bytes = text.as_bytes();
    let mut unescaped = String::new();
    let (mut begin, mut at) = (0, 0);
    while let Some(found) = memchr2(b'"', b'\\', &bytes[at..]) {
        at += found;
        if bytes[at] == b'"' {
            return (joined(unescaped, &text[begin..at]), &text[at + 1..]);
        }
        if let Some(b'"' | b'\\') = bytes.get(at + 1) {
            unescaped += &text[begin..at];
            begin = at + 1;
            at += 1;
        }
        at += 1;
    }
    (joined(unescaped, &text[begin..]), "")
}

fn joined(mut front: String, last: &str) -> Cow<'_, str> {
    if front.is_empty() {
        return last.into();
    }
    front += last;
    front.into()
}

/// The label without the quotes and the second value that some servers add: `'utf-8', text/html`.
fn label(value: Cow<'_, str>) -> Option<&str> {
    let Cow::Borrowed(value) = value else { return None };
    let value = value.trim_start_matches(['\'', ' ', '\t']);
    let end = value.find(['\'', ' ', '\t', ',']).unwrap_or(value.len());
    Some(&value[..end]).filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_media_type_is_read_in_every_way_it_is_written() {
        for value in [
            "text/html;charset=utf-8",
            "Text/HTML ; Charset=\"utf-8\"",
            " text/html;; charset = 'utf-8' ; x",
            "text/html; a=\"b;c\\\"\"; charset=utf-8, text/html",
        ] {
            let media = MediaType::parse(value);
            assert!(media.is("text/html"), "{value}");
            assert_eq!(media.charset, Some("utf-8"), "{value}");
        }
    }

    #[test]
    fn a_boundary_may_be_quoted_and_hold_a_space() {
        let media = MediaType::parse("multipart/mixed; boundary=\"a b\"; type=x");
        assert!(media.is_multipart());
        assert_eq!(media.boundary.as_deref(), Some("a b"));
        assert_eq!(MediaType::parse("multipart/mixed; boundary=").boundary, None);
    }

    #[test]
    fn the_name_tells_text_from_bytes() {
        for (value, nature) in [
            ("application/vnd.api+json", Nature::Text),
            ("application/x-amz-json-1.1", Nature::Text),
            ("image/svg+xml", Nature::Text),
            ("text/event-stream", Nature::Text),
            ("application/x-www-form-urlencoded", Nature::Text),
            (
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                Nature::Unsaid,
            ),
            ("image/png", Nature::Binary),
            ("application/x-protobuf", Nature::Binary),
            ("application/grpc+json", Nature::Unsaid),
            ("application/octet-stream", Nature::Unsaid),
            ("", Nature::Unsaid),
        ] {
            assert_eq!(MediaType::parse(value).nature(), nature, "{value}");
        }
    }

    #[test]
    fn a_windows_path_keeps_its_backslashes() {
        let value = "; filename=\"C:\\temp\\a \\\"b\\\".txt\"; n=1";
        let all: Vec<_> = Parameters::of(value).collect();
        assert_eq!(all[0], ("filename", "C:\\temp\\a \"b\".txt".into()));
        assert_eq!(all[1], ("n", "1".into()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(value in "[ -~é;=\"\\\\,]{0,60}") {
            let media = MediaType::parse(&value);
            prop_assert!(media.parameters.count() <= value.len());
        }
    }
}
