//! The value that follows a name and its separator.

use std::ops::Range;

use crate::hits::{Form, Hits};

/// Bytes that are looked through for the end of a list or an object.
const NEST_BYTES_MAX: usize = 1 << 20;

/// How a name stands in its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The name is in quotes.
    pub(crate) is_quoted: bool,
    /// Nothing else stands before it on its line.
    pub(crate) begins_line: bool,
    /// What separates it: `:` or `=`.
    pub(crate) separator: u8,
    /// Numbers are left alone.
    pub(crate) counts: bool,
    /// All of the line is the value.
    pub(crate) is_header: bool,
}

/// Adds the value at the beginning of `text[from..]`; says where it ends.
pub(crate) fn find(text: &str, from: usize, place: Place, hits: &mut Hits) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let spaces = |c: char| c == ' ' || c == '\t' || place.is_quoted && (c == '\r' || c == '\n');
    let from = from + (rest.len() - rest.trim_start_matches(spaces).len());
    let rest = text.get(from..).unwrap_or_default();
    if let Some(quoted) = quoted(text, from) {
        let form = if quoted.quote == b'"' { Form::Escaped } else { Form::Plain };
        hits.add(quoted.inner.clone(), form);
        return quoted.end;
    }
    if rest.starts_with(['{', '[']) {
        return nest(text, from, place, hits);
    }
    let at = bare(text, from, place);
    let value = text.get(at.clone()).unwrap_or_default();
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || b"-+.eE".contains(&byte));
    if !(is_word(value) || is_number && place.counts) {
        let form = match place {
            Place { is_quoted: true, .. } => Form::Number(backslashes_before(text, from)),
            Place { separator: b'=', .. } => Form::Percent,
            _ => Form::Plain,
        };
        hits.add(at.clone(), form);
    }
    at.end
}

/// What is between quotes.
pub(crate) struct Quoted {
    /// Without the quotes.
    pub(crate) inner: Range<usize>,
    /// Behind the closing quote, or the end of the text.
    pub(crate) end: usize,
    /// `"` or `'`.
    pub(crate) quote: u8,
}

/// What is quoted at `from`. Inside a text that is quoted itself, quotes have backslashes.
pub(crate) fn quoted(text: &str, from: usize) -> Option<Quoted> {
    let bytes = text.as_bytes().get(from..)?;
    let deep = bytes.iter().take_while(|byte| **byte == b'\\').count();
    let quote = *bytes.get(deep).filter(|byte| matches!(byte, b'"' | b'\''))?;
    let start = from + deep + 1;
    let body = text.as_bytes().get(start..)?;
    let mut at = 0;
    while let Some(found) = memchr::memchr(quote, body.get(at..)?) {
        let end = at + found;
        let before = body.get(..end)?.iter().rev().take_while(|byte| **byte == b'\\').count();
        // A backslash of the value itself is written as two, on every level.
        if before % (2 * (deep + 1)) == deep {
            // Statements double a quote to mean one.
            let is_doubled = quote == b'\'' && deep == 0 && body.get(end + 1) == Some(&b'\'');
            if !is_doubled {
                return Some(Quoted {
                    inner: start..start + end - deep,
                    end: start + end + 1,
                    quote,
                });
            }
            at = end + 2;
        } else {
            at = end + 1;
        }
    }
    Some(Quoted { inner: start..text.len(), end: text.len(), quote })
}

/// All values of the list or object at `from`; keys stay.
fn nest(text: &str, from: usize, place: Place, hits: &mut Hits) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (from, 0_u32);
    let deep = if place.is_quoted { backslashes_before(text, from) } else { 0 };
    let limit = bytes.len().min(from.saturating_add(NEST_BYTES_MAX));
    while at < limit {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b'"' | b'\'' | b'\\' => {
                let Some(quoted) = quoted(text, at) else {
                    at += 1;
                    continue;
                };
                let rest = text.get(quoted.end..).unwrap_or_default();
                if !rest.trim_start().starts_with(':') {
                    hits.add(quoted.inner, Form::Escaped);
                }
                at = quoted.end;
                continue;
            }
            b'0'..=b'9' | b'-' if !place.counts => {
                let number = bare(text, at, Place { is_quoted: true, ..place });
                hits.add(number.clone(), Form::Number(deep));
                at = number.end.max(at + 1);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    // It goes on behind what was looked at: nothing of it is shown.
    if at < bytes.len() {
        hits.add(boundary(text, at)..bytes.len(), Form::Plain);
    }
    bytes.len()
}

/// Where the list at `from` ends, if all in it are whole numbers, in quotes or not.
pub(crate) fn numbers(text: &str, from: usize) -> Option<usize> {
    let list = text.get(from..)?.trim_start().strip_prefix('[')?;
    let (inner, behind) = list.split_once(']')?;
    let is_number = |text: &str| {
        let bare = text.trim_matches([' ', '\\', '"']);
        bare.parse::<i64>().is_ok_and(|number| number.to_string() == bare)
    };
    inner.split(',').all(is_number).then(|| text.len() - behind.len())
}

fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// A value without quotes.
fn bare(text: &str, from: usize, place: Place) -> Range<usize> {
    let rest = text.get(from..).unwrap_or_default();
    let ends = |at: usize, c: char| {
        let next = rest.as_bytes().get(at + 1).copied();
        let is_escaped = c == '\\' && matches!(next, Some(b'"' | b'\'' | b'n' | b'r'));
        if place.is_header || place.separator == b':' && place.begins_line && !place.is_quoted {
            return c == '\r' || c == '\n' || is_escaped;
        }
        if c.is_whitespace() || is_escaped || matches!(c, '"' | '<' | '&' | ';') {
            return true;
        }
        match (place.is_quoted, place.separator) {
            (true, _) | (_, b':') => matches!(c, ',' | '}' | ']' | ')' | '\''),
            _ => c == ',' && next.is_none_or(|next| next.is_ascii_whitespace()),
        }
    };
    let len = rest.char_indices().find(|(at, c)| ends(*at, *c)).map_or(rest.len(), |(at, _)| at);
    let value = rest.get(..len).unwrap_or_default().trim_end();
    from..from + value.len()
}

/// Nothing that could be a secret.
fn is_word(value: &str) -> bool {
    matches!(value, "true" | "false" | "null" | "None" | "nil" | "undefined" | "True" | "False")
}

/// Backslashes before the quote that comes before `at`: how deep the text is quoted there.
fn backslashes_before(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let quote = before.iter().rposition(|byte| *byte == b'"').unwrap_or_default();
    before.get(..quote).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count()
}
