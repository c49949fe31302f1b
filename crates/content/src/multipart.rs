//! Multipart bodies split into their parts (RFC 2046 §5.1, RFC 7578), as far as they were seen.

use std::borrow::Cow;

use memchr::{memchr, memmem, memrchr};

use crate::Parameters;

/// How many parts are given; what follows is left unread.
pub const PARTS_MAX: usize = 1_000;

/// One part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part<'a> {
    /// Its header lines as sent.
    pub headers: &'a [u8],
    /// The form field's name, from Content-Disposition.
    pub name: Option<Cow<'a, str>>,
    /// The file's name, from Content-Disposition.
    pub filename: Option<Cow<'a, str>>,
    /// The value of Content-Type.
    pub content_type: Option<&'a str>,
    /// Its content, without the line end before the delimiter.
    pub body: &'a [u8],
    /// Whether the delimiter after it was seen.
    pub complete: bool,
}

/// The parts of a body, in order.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: Option<&'a [u8]>,
    delimiter: Vec<u8>,
    left: usize,
}

/// The parts of `body`, which may be cut. Lone LF does for a line end; what stands before the first
/// delimiter and after the last is nobody's.
#[must_use]
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> Parts<'a> {
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let first = find_delimiter(body, &delimiter);
    Parts { rest: first.and_then(|found| found.after), delimiter, left: PARTS_MAX }
}

/// The header lines of a part: name and value as sent, without the spaces around them.
///
/// A folded line (RFC 5322 §2.2.3) is left out.
pub fn headers(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    block.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = memchr(b':', line)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let folded = name.first().is_none_or(u8::is_ascii_whitespace);
        (!folded).then_some((name.trim_ascii(), value.trim_ascii()))
    })
}

// === impl Parts ===

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        self.left = self.left.checked_sub(1)?;
        let (content, complete) = match find_delimiter(rest, &self.delimiter) {
            Some(found) => {
                self.rest = found.after;
                (found.before, true)
            }
            None if rest.is_empty() => return None,
            None => (without_half_a_delimiter(rest, &self.delimiter), false),
        };
        Some(Part::of(content, complete))
    }
}

// === impl Part ===

impl<'a> Part<'a> {
    fn of(content: &'a [u8], complete: bool) -> Self {
        let (headers, body) = split_head(content);
        let disposition = header(headers, b"content-disposition");
        let parameter = |name| disposition.and_then(|value| parameter(value, name));
        Self {
            headers,
            name: parameter("name"),
            filename: parameter("filename*").map(extended).or_else(|| parameter("filename")),
            content_type: header(headers, b"content-type").and_then(|v| str::from_utf8(v).ok()),
            body,
            complete,
        }
    }
}

/// The header lines and the body; all is header while the empty line was not seen.
fn split_head(content: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(end) = memchr(b'\n', &content[at..]) {
        let next = at + end + 1;
        if matches!(&content[at..next], b"\n" | b"\r\n") {
            return (&content[..at], &content[next..]);
        }
        at = next;
    }
    (content, &[])
}

fn header<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    headers(block).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn parameter<'a>(value: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    match String::from_utf8_lossy(value) {
        Cow::Borrowed(value) => Parameters::of(value).get(name),
        Cow::Owned(value) => Parameters::of(&value).get(name).map(|v| v.into_owned().into()),
    }
}

/// `UTF-8''na%C3%AFve.txt` (RFC 8187 §3.2); other character sets are shown as far as they are UTF-8.
fn extended(value: Cow<'_, str>) -> Cow<'_, str> {
    let encoded = value.splitn(3, '\'').nth(2).unwrap_or(&value);
    let decoded = crate::form::percent_decode(encoded.as_bytes());
    String::from_utf8_lossy(&decoded).into_owned().into()
}

// === delimiters ===

struct Delimiter<'a> {
    /// What stands before its line end.
    before: &'a [u8],
    /// What stands after its line; `None` for the last one, which ends in `--`.
    after: Option<&'a [u8]>,
}

/// `--boundary` at the start of a line, and nothing but `--` and white space after it.
fn find_delimiter<'a>(bytes: &'a [u8], delimiter: &[u8]) -> Option<Delimiter<'a>> {
    memmem::find_iter(bytes, delimiter).find_map(|at| {
        let before = line_before(&bytes[..at])?;
        let after = line_after(&bytes[at + delimiter.len()..])?;
        Some(Delimiter { before, after })
    })
}

fn line_before(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.is_empty() {
        return Some(bytes);
    }
    let bytes = bytes.strip_suffix(b"\n")?;
    Some(bytes.strip_suffix(b"\r").unwrap_or(bytes))
}

/// What follows the delimiter's line: `Some(None)` when no part does, `None` when it is none.
fn line_after(bytes: &[u8]) -> Option<Option<&[u8]>> {
    if bytes.starts_with(b"--") {
        return Some(None);
    }
    match without_spaces(bytes) {
        [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => Some(Some(rest)),
        _ => None,
    }
}

/// A cut body may end within a delimiter's line: that much is not content.
fn without_half_a_delimiter<'a>(bytes: &'a [u8], delimiter: &[u8]) -> &'a [u8] {
    let Some(line_end) = memrchr(b'\n', bytes) else {
        return bytes.strip_suffix(b"\r").unwrap_or(bytes);
    };
    let (front, tail) = bytes.split_at(line_end + 1);
    let may_be_one = match tail.strip_prefix(delimiter) {
        Some(rest) => matches!(without_spaces(rest), [] | b"-" | b"\r"),
        None => delimiter.starts_with(tail),
    };
    let content = if may_be_one { line_before(front) } else { None };
    content.or_else(|| bytes.strip_suffix(b"\r")).unwrap_or(bytes)
}

fn without_spaces(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &bytes[spaces..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &[u8] = b"preamble\r\n--XX\r\n\
        Content-Disposition: form-data; name=\"title\"\r\n\r\n\
        Hello\r\n--XXY is text\r\n--XX  \r\n\
        content-disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".png\"\r\n\
        Content-Type: image/png\r\n\r\n\
        \x89PNG\r\n\r\n--XX--\r\nepilogue";

    #[test]
    fn a_form_is_split_into_its_parts() {
        let all: Vec<_> = parts(FORM, "XX").collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].name.as_deref(), Some("title"));
        assert_eq!(all[0].body, b"Hello\r\n--XXY is text");
        assert_eq!(all[1].name.as_deref(), Some("file"));
        assert_eq!(all[1].filename.as_deref(), Some("a \"b\".png"));
        assert_eq!(all[1].content_type, Some("image/png"));
        assert_eq!(all[1].body, b"\x89PNG\r\n");
        assert!(all.iter().all(|part| part.complete));
    }

    #[test]
    fn lone_line_feeds_do() {
        let body: Vec<u8> = FORM.iter().copied().filter(|&byte| byte != b'\r').collect();
        let all: Vec<_> = parts(&body, "XX").collect();
        assert_eq!(all[0].body, b"Hello\n--XXY is text");
        assert_eq!(all[1].content_type, Some("image/png"));
    }

    #[test]
    fn an_extended_file_name_is_preferred() {
        let body = b"--b\r\nContent-Disposition: attachment; filename=\"naive\"; \
            filename*=UTF-8''na%C3%AFve\r\n\r\nx\r\n--b--";
        let part = parts(body, "b").next().unwrap();
        assert_eq!(part.filename.as_deref(), Some("na\u{EF}ve"));
    }

    #[test]
    fn parts_without_headers_or_content_are_parts() {
        let all: Vec<_> = parts(b"--b\r\n\r\n\r\n--b\n\n--b--", "b").collect();
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|part| part.body.is_empty() && part.headers.is_empty()));
    }

    #[test]
    fn no_more_than_a_thousand_parts_are_given() {
        let body = b"--b\r\n\r\nx\r\n".repeat(PARTS_MAX + 5);
        assert_eq!(parts(&body, "b").count(), PARTS_MAX);
    }

    #[test]
    fn a_form_cut_anywhere_gives_the_start_of_the_same_parts() {
        let whole: Vec<_> = parts(FORM, "XX").collect();
        for cut in 0..FORM.len() {
            for (part, want) in parts(&FORM[..cut], "XX").zip(&whole) {
                assert!(want.body.starts_with(part.body), "cut at {cut}: {part:?}");
                assert!(!part.complete || part == *want, "cut at {cut}: {part:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn parts_that_were_joined_come_apart_again(
            bodies in prop::collection::vec("[a-z \r\n-]{0,20}", 1..5),
        ) {
            let mut form = Vec::new();
            for body in &bodies {
                form.extend_from_slice(format!("--QQ\r\n\r\n{body}\r\n").as_bytes());
            }
            form.extend_from_slice(b"--QQ--\r\n");
            let split: Vec<_> = parts(&form, "QQ").map(|part| part.body.to_vec()).collect();
            prop_assert_eq!(split, bodies.iter().map(|b| b.clone().into_bytes()).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_split_without_panic(
            body in noise(), boundary in "b{0,2}",
        ) {
            for part in parts(&body, &boundary) {
                prop_assert!(part.headers.len() + part.body.len() <= body.len());
            }
        }
    }

    fn noise() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"--b".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"Content-Disposition: x; name=\"".to_vec()),
            prop::collection::vec(any::<u8>(), 0..5),
        ];
        prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }
}
