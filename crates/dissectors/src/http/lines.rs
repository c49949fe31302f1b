//! The field lines of a head, split when somebody asks (RFC 9112 §5).

use std::borrow::Cow;

use super::start::without_cr;

/// Bytes that are compared at once.
const BLOCK: usize = 16;

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

    /// The value of the first line, whose name is known to be so long; none where the colon does not
    /// follow at once or another line continues it.
    #[inline]
    pub(crate) fn plain_value(&self, name_len: usize) -> Option<&'m [u8]> {
        let (colon, rest) = self.rest.get(name_len..)?.split_first()?;
        let end = find(b'\n', rest)?;
        let continued = matches!(rest.get(end + 1), Some(b' ' | b'\t'));
        if *colon != b':' || continued {
            return None;
        }
        Some(rest.get(..end)?.trim_ascii())
    }
}

impl<'m> Iterator for Lines<'m> {
    type Item = (&'m [u8], Cow<'m, [u8]>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let all = self.rest;
        let line = next_line(&mut self.rest).filter(|line| !line.is_empty())?;
        // Looked for in whole blocks, and so a little behind the line.
        let near = all.get(..line.len() + BLOCK).unwrap_or(all);
        let colon = find(b':', near).filter(|at| *at < line.len());
        let (name, value) = match colon {
            Some(colon) => (line.get(..colon)?, line.get(colon + 1..)?),
            None => (line, &[][..]),
        };
        let value = match self.rest.first() {
            Some(b' ' | b'\t') => unfold(value, &mut self.rest).into(),
            _ => trim(value.strip_prefix(b" ").unwrap_or(value)).into(),
        };
        Some((trim(name), value))
    }
}

/// Without the white space around it, of which there is mostly none.
#[inline]
fn trim(text: &[u8]) -> &[u8] {
    match (text.first(), text.last()) {
        (Some(b'!'..), Some(b'!'..)) => text,
        _ => trim_space(text),
    }
}

#[inline(never)]
fn trim_space(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// Takes one line off the front, without its end.
#[inline]
fn next_line<'m>(rest: &mut &'m [u8]) -> Option<&'m [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = find(b'\n', rest).unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    Some(without_cr(line))
}

/// Where `byte` is first: names and values are so short that a search of large pieces is not worth
/// being called.
#[inline]
fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks();
    if let Some(index) = blocks.iter().position(|block| holds(byte, block)) {
        return blocks.get(index).map(|block| BLOCK * index + place(byte, block));
    }
    rest.iter().position(|found| *found == byte).map(|at| bytes.len() - rest.len() + at)
}

/// Without a branch, so that the compiler compares sixteen at once.
#[inline]
fn holds(byte: u8, block: &[u8; BLOCK]) -> bool {
    block.iter().fold(false, |holds, found| holds | (*found == byte))
}

/// The first place of a byte that is there: of the bytes that become zero, the lowest has its top
/// bit set below all others.
#[inline]
fn place(byte: u8, block: &[u8; BLOCK]) -> usize {
    const ONES: u128 = u128::from_le_bytes([1; 16]);
    let word = u128::from_le_bytes(*block) ^ u128::from_le_bytes([byte; 16]);
    let zeros = word.wrapping_sub(ONES) & !word & (0x80 * ONES);
    zeros.trailing_zeros() as usize / 8
}

/// The value with the continuation lines that follow it.
#[cold]
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
    fn a_byte_is_found_at_its_first_place() {
        for (len, place) in (0..40).flat_map(|len| (0..len).map(move |place| (len, place))) {
            for others in [0, b':' - 1, b':' + 1, b':' | 0x80, 0xff] {
                let mut bytes = vec![others; len];
                assert_eq!(find(b':', &bytes), None);
                bytes[place..].fill(b':');
                assert_eq!(find(b':', &bytes), Some(place));
            }
        }
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
