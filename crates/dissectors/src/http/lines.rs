//! The field lines of a head, split when somebody asks (RFC 9112 §5).

use std::borrow::Cow;

use memchr::memchr;

use super::start::without_cr;

/// Names and values in order, as sent, without the white space around them; continuation lines are
/// joined by a space (§5.2). A line without a colon is a name without a value.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'m> {
    rest: &'m [u8],
}

// === impl Lines ===

impl<'m> Lines<'m> {
    /// The lines of `fields`, which may be cut anywhere; they end at an empty one.
    pub(crate) fn of(fields: &'m [u8]) -> Self {
        Self { rest: fields }
    }
}

impl<'m> Iterator for Lines<'m> {
    type Item = (&'m [u8], Cow<'m, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let line = next_line(&mut self.rest).filter(|line| !line.is_empty())?;
        let (name, value) = match memchr(b':', line) {
            Some(colon) => (line.get(..colon)?, line.get(colon + 1..)?),
            None => (line, &[][..]),
        };
        let value = match self.rest.first() {
            Some(b' ' | b'\t') => unfold(value, &mut self.rest).into(),
            _ => value.trim_ascii().into(),
        };
        Some((name.trim_ascii(), value))
    }
}

/// Takes one line off the front, without its end.
fn next_line<'m>(rest: &mut &'m [u8]) -> Option<&'m [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = memchr(b'\n', rest).unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    Some(without_cr(line))
}

/// The value with the continuation lines that follow it.
fn unfold(first: &[u8], rest: &mut &[u8]) -> Vec<u8> {
    let mut whole = first.trim_ascii().to_vec();
    while let Some(b' ' | b'\t') = rest.first() {
        let Some(line) = next_line(rest) else { break };
        let more = line.trim_ascii();
        if !whole.is_empty() && !more.is_empty() {
            whole.push(b' ');
        }
        whole.extend_from_slice(more);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(fields: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Lines::of(fields.as_bytes()).map(|(name, value)| (text(name), text(&value))).collect()
    }

    #[test]
    fn names_and_values_are_as_sent() {
        let want = [("Host", "a"), ("x-EMPTY", ""), ("colons", "a: b")];
        assert_eq!(
            split("Host: a\r\nx-EMPTY:\r\ncolons \t:\ta: b \r\n\r\nnot: this"),
            want.map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn continuation_lines_are_joined_by_a_space() {
        assert_eq!(split("A: 1\r\n 2\r\n\t 3 \r\nB: 4\n")[0].1, "1 2 3");
        assert_eq!(split("A:\r\n 2\r\n \r\nB: 4\n").len(), 2);
    }

    #[test]
    fn a_line_without_a_colon_is_a_name() {
        assert_eq!(
            split("nonsense\r\nA: 1"),
            [("nonsense".into(), String::new()), ("A".into(), "1".into())]
        );
    }
}
