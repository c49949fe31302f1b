//! Commands in the form of a line: words between blanks, quoted as `redis-cli` quotes.
//!
//! The grammar is that of `sdssplitargs` in Redis.

/// The words of a line.
#[derive(Clone, Debug)]
pub struct Words<'b>(&'b [u8]);

/// One word as it was sent, quotes and escapes included.
#[derive(Clone, Copy, Debug)]
pub struct Word<'b>(&'b [u8]);

/// The bytes that a word stands for.
#[derive(Clone, Debug)]
pub struct Bytes<'b> {
    rest: &'b [u8],
    quote: Option<u8>,
}

/// Whether it can be a line of text, or a line that has not ended.
pub fn is_text(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.iter().all(|byte| *byte >= b' ' || *byte == b'\t')
}

// === impl Words ===

impl<'b> Words<'b> {
    /// Those of `line`; none if its quotes don't match or if it can't be a line of text.
    pub fn of(line: &'b [u8]) -> Option<Self> {
        let words = Self(line);
        (is_text(line) && words.clone().all(Word::is_whole)).then_some(words)
    }
}

impl<'b> Iterator for Words<'b> {
    type Item = Word<'b>;

    fn next(&mut self) -> Option<Word<'b>> {
        let start = self.0.trim_ascii_start();
        if start.is_empty() {
            return None;
        }
        let mut bytes = Bytes { rest: start, quote: None };
        while bytes.next().is_some() {}
        let size = start.len() - bytes.rest.len();
        let (word, rest) = start.split_at_checked(size.max(1))?;
        self.0 = rest;
        Some(Word(word))
    }
}

// === impl Word ===

impl<'b> Word<'b> {
    /// The bytes it stands for.
    pub fn bytes(self) -> Bytes<'b> {
        Bytes { rest: self.0, quote: None }
    }

    /// Copies as many of its bytes as fit.
    pub fn copy_to(self, to: &mut [u8]) -> &[u8] {
        let len = to.iter_mut().zip(self.bytes()).map(|(to, byte)| *to = byte).count();
        to.get(..len).unwrap_or_default()
    }

    /// Whether its quotes match, and nothing follows the last of them.
    fn is_whole(self) -> bool {
        let mut bytes = self.bytes();
        while bytes.next().is_some() {}
        bytes.quote.is_none() && bytes.rest.is_empty()
    }
}

// === impl Bytes ===

impl Iterator for Bytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        // Every turn takes at least one byte.
        loop {
            let (byte, rest) = self.rest.split_first()?;
            match (self.quote, byte) {
                (None, b' ' | b'\t') => return None,
                (None, b'"' | b'\'') => self.quote = Some(*byte),
                (Some(quote), _) if *byte == quote => {
                    if !matches!(rest.first(), None | Some(b' ' | b'\t')) {
                        return None;
                    }
                    self.quote = None;
                }
                (Some(b'"'), b'\\') => return self.escape(rest),
                (Some(_), b'\\') if rest.first() == Some(&b'\'') => {
                    self.rest = rest.get(1..).unwrap_or_default();
                    return Some(b'\'');
                }
                _ => {
                    self.rest = rest;
                    return Some(*byte);
                }
            }
            self.rest = rest;
        }
    }
}

impl Bytes<'_> {
    fn escape(&mut self, rest: &[u8]) -> Option<u8> {
        let (byte, size) = match rest {
            [b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                (hex(*a) << 4 | hex(*b), 4)
            }
            [b'n', ..] => (b'\n', 2),
            [b'r', ..] => (b'\r', 2),
            [b't', ..] => (b'\t', 2),
            [b'b', ..] => (8, 2),
            [b'a', ..] => (7, 2),
            [byte, ..] => (*byte, 2),
            [] => return None,
        };
        self.rest = self.rest.get(size..).unwrap_or_default();
        Some(byte)
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        digit => (digit | 0x20).wrapping_sub(b'a') + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<Vec<u8>>> {
        Words::of(line.as_bytes()).map(|words| words.map(|word| word.bytes().collect()).collect())
    }

    #[test]
    fn words_are_split_as_redis_splits_them() {
        assert_eq!(words("  GET  a "), Some(vec![b"GET".to_vec(), b"a".to_vec()]));
        assert_eq!(words(r#"SET a "b c\x41\n""#).unwrap()[2], b"b cA\n");
        assert_eq!(words(r"SET a 'it\'s \n'").unwrap()[2], br"it's \n");
        assert_eq!(words(r#"SET "" x"#).unwrap()[1], b"");
        assert_eq!(words(""), Some(vec![]));
    }

    #[test]
    fn quotes_must_match_and_end_a_word() {
        for line in [r#"SET a "b"#, r#"SET a "b"c"#, "SET a 'b", "SET \"a\\", "SET \u{1}"] {
            assert_eq!(words(line), None, "{line}");
        }
    }
}
