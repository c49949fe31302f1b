//! RESP as bytes: numbers, strings, lines, and the elements that values are made of.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>. Nothing here recurses or
//! allocates; a value is a row of elements, and who reads it counts how many are still to come.

use dissect::Step;

/// Strings longer than this are payload: they are skipped by arithmetic, not waited for.
pub const SMALL_MAX: u64 = 512;
/// Bytes of a line (status, error, inline command) at most; Redis has the same limit.
pub const LINE_MAX: usize = 64 << 10;
/// Digits of a length; 999 PB is enough.
const DIGITS_MAX: usize = 18;

/// Why nothing could be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// Not before there are so many bytes.
    Short(usize),
    /// This is not RESP.
    Bad,
}

/// `$5\r\n`: a string that is about to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bulk {
    /// Bytes of its announcement.
    pub head: usize,
    /// Bytes of it.
    pub len: u64,
}

/// The next piece of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Element {
    /// A whole scalar of so many bytes, line end included.
    Leaf(usize),
    /// The announcement of a string that is payload.
    Large(Bulk),
    /// The head of an aggregate, and how many elements follow.
    Open(usize, u32),
    /// The head of an attribute, and how many elements follow; it takes nobody's place.
    Aside(usize, u32),
    /// The head of an aggregate whose end is marked.
    OpenStream(usize),
    /// The mark.
    CloseStream(usize),
    /// The head of a string in chunks.
    OpenChunks(usize),
    /// The head of a chunk; of none for the last.
    Chunk(Bulk),
}

// === impl Halt ===

impl Halt {
    /// As an answer to the engine, when nothing was taken.
    pub fn step(self) -> Step {
        match self {
            Self::Short(need) => Step::Need(need),
            Self::Bad => Step::Lost,
        }
    }

    /// The same, seen from `by` bytes further ahead.
    pub fn after(self, by: usize) -> Self {
        match self {
            Self::Short(need) => Self::Short(need.saturating_add(by)),
            Self::Bad => Self::Bad,
        }
    }
}

// === impl Bulk ===

impl Bulk {
    /// Whether it is worth waiting for.
    pub fn is_small(self) -> bool {
        self.len <= SMALL_MAX
    }

    /// Bytes of the whole, line end included, if it is small.
    fn small_size(self) -> usize {
        self.head + usize::try_from(self.len).unwrap_or(usize::MAX - 64) + 2
    }
}

/// `12\r\n`: the number and its size on the wire.
#[inline(always)]
pub fn number(input: &[u8]) -> Result<(u64, usize), Halt> {
    // Nearly all numbers are that short.
    match input {
        [a @ b'0'..=b'9', b'\r', b'\n', ..] => Ok((u64::from(a - b'0'), 3)),
        [a @ b'0'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Ok((u64::from(a - b'0') * 10 + u64::from(b - b'0'), 4))
        }
        _ => any_number(input),
    }
}

fn any_number(input: &[u8]) -> Result<(u64, usize), Halt> {
    let mut n = 0;
    for (at, byte) in input.iter().enumerate().take(DIGITS_MAX + 1) {
        match byte {
            b'0'..=b'9' => n = n * 10 + u64::from(byte - b'0'),
            b'\r' if at > 0 => {
                return match input.get(at + 1) {
                    Some(b'\n') => Ok((n, at + 2)),
                    Some(_) => Err(Halt::Bad),
                    None => Err(Halt::Short(at + 2)),
                };
            }
            _ => return Err(Halt::Bad),
        }
    }
    if input.len() > DIGITS_MAX { Err(Halt::Bad) } else { Err(Halt::Short(input.len() + 1)) }
}

/// `$5\r\n` and nothing else.
#[inline(always)]
pub fn bulk(input: &[u8]) -> Result<Bulk, Halt> {
    match input {
        [b'$', rest @ ..] => announced(rest),
        [] => Err(Halt::Short(1)),
        _ => Err(Halt::Bad),
    }
}

/// What is announced behind a type byte.
#[inline(always)]
pub fn announced(rest: &[u8]) -> Result<Bulk, Halt> {
    match number(rest) {
        Ok((len, size)) => Ok(Bulk { head: size + 1, len }),
        Err(halt) => Err(halt.after(1)),
    }
}

/// A small string that is there: its bytes, and its size on the wire.
#[inline(always)]
pub fn small(input: &[u8], bulk: Bulk) -> Result<(&[u8], usize), Halt> {
    let size = bulk.small_size();
    match input.get(bulk.head..size) {
        Some([text @ .., b'\r', b'\n']) => Ok((text, size)),
        Some(_) => Err(Halt::Bad),
        None => Err(Halt::Short(size)),
    }
}

/// The bytes up to a line feed, without the line's end, and its size on the wire.
#[inline]
pub fn line(input: &[u8]) -> Result<(&[u8], usize), Halt> {
    let Some(end) = memchr::memchr(b'\n', input.get(..LINE_MAX).unwrap_or(input)) else {
        let over = input.len() >= LINE_MAX;
        return Err(if over { Halt::Bad } else { Halt::Short(input.len() + 1) });
    };
    match input.get(..end) {
        Some([text @ .., b'\r']) => Ok((text, end + 1)),
        Some(text) => Ok((text, end + 1)),
        None => Err(Halt::Bad),
    }
}

/// The line of a scalar behind its type byte; checked as far as its type says what may be in it.
#[inline]
pub fn scalar(kind: u8, input: &[u8]) -> Result<(&[u8], usize), Halt> {
    let (text, size) = line(input)?;
    let fits = match kind {
        b':' | b'(' => is_integer(text),
        b'#' => matches!(text, b"t" | b"f"),
        b'_' => text.is_empty(),
        b',' => !text.is_empty() && text.len() <= 64 && text.is_ascii(),
        _ => true,
    };
    // A line of a server ends with both; only inline commands may lack the carriage return.
    if fits && size == text.len() + 2 { Ok((text, size)) } else { Err(Halt::Bad) }
}

/// The next piece of a value.
#[inline(always)]
pub fn element(input: &[u8]) -> Result<Element, Halt> {
    if let [b'$', b'0'..=b'9', ..] = input
        && let Ok(bulk) = bulk(input)
        && bulk.is_small()
    {
        return small(input, bulk).map(|(_, size)| Element::Leaf(size));
    }
    any_element(input)
}

fn any_element(input: &[u8]) -> Result<Element, Halt> {
    let Some((kind, rest)) = input.split_first() else { return Err(Halt::Short(1)) };
    match kind {
        b'$' | b'=' | b'!' => string(input, rest, *kind),
        b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' => match scalar(*kind, rest) {
            Ok((_, size)) => Ok(Element::Leaf(size + 1)),
            Err(halt) => Err(halt.after(1)),
        },
        b'*' | b'~' | b'>' | b'%' | b'|' => aggregate(rest, *kind),
        b'.' => mark(rest, b"\r\n", Element::CloseStream(3)),
        b';' => Ok(Element::Chunk(announced(rest)?)),
        _ => Err(Halt::Bad),
    }
}

fn string(input: &[u8], rest: &[u8], kind: u8) -> Result<Element, Halt> {
    match rest.first() {
        Some(b'-') => mark(rest, b"-1\r\n", Element::Leaf(5)),
        Some(b'?') if kind == b'$' => mark(rest, b"?\r\n", Element::OpenChunks(4)),
        _ => match announced(rest)? {
            bulk if bulk.is_small() => small(input, bulk).map(|(_, size)| Element::Leaf(size)),
            bulk => Ok(Element::Large(bulk)),
        },
    }
}

fn aggregate(rest: &[u8], kind: u8) -> Result<Element, Halt> {
    match rest.first() {
        Some(b'-') => mark(rest, b"-1\r\n", Element::Leaf(5)),
        Some(b'?') if kind != b'|' => mark(rest, b"?\r\n", Element::OpenStream(4)),
        _ => {
            let bulk = announced(rest)?;
            let each = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
            let count = bulk.len.checked_mul(each).and_then(|n| u32::try_from(n).ok());
            match count {
                Some(count) if kind == b'|' => Ok(Element::Aside(bulk.head, count)),
                Some(count) => Ok(Element::Open(bulk.head, count)),
                None => Err(Halt::Bad),
            }
        }
    }
}

/// `element`, if what follows the type byte is exactly `wanted`.
fn mark(rest: &[u8], wanted: &[u8], element: Element) -> Result<Element, Halt> {
    if rest.starts_with(wanted) {
        Ok(element)
    } else if wanted.starts_with(rest) {
        Err(Halt::Short(wanted.len() + 1))
    } else {
        Err(Halt::Bad)
    }
}

fn is_integer(text: &[u8]) -> bool {
    let digits = match text {
        [b'-' | b'+', digits @ ..] => digits,
        digits => digits,
    };
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_no_memory_holds_is_only_a_number() {
        assert_eq!(number(b"999999999999999999\r\n"), Ok((999_999_999_999_999_999, 20)));
        assert_eq!(number(b"9999999999999999999\r\n"), Err(Halt::Bad));
        assert_eq!(element(b"*99999999999\r\n"), Err(Halt::Bad));
    }

    #[test]
    fn every_prefix_of_an_element_is_short() {
        let all: [&[u8]; 16] = [
            b"$5\r\nhello\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"*3\r\n",
            b"%2\r\n",
            b"|1\r\n",
            b"+OK\r\n",
            b":-12\r\n",
            b"#t\r\n",
            b"_\r\n",
            b",1.5\r\n",
            b"*?\r\n",
            b"$?\r\n",
            b".\r\n",
            b";0\r\n",
            b"!5\r\nERR a\r\n",
        ];
        for whole in all {
            assert!(element(whole).is_ok(), "{}", whole.escape_ascii());
            for cut in 0..whole.len() {
                let got = element(&whole[..cut]);
                assert!(
                    matches!(got, Err(Halt::Short(n)) if n > cut && n <= whole.len()),
                    "{} cut at {cut}: {got:?}",
                    whole.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn what_is_not_resp_is_bad() {
        for bad in [
            &b"$x\r\n"[..],
            b"$5\r\nhelloxx",
            b":1x\r\n",
            b"#x\r\n",
            b"+OK\n",
            b"$-2\r\n",
            b"|?\r\n",
        ] {
            assert_eq!(element(bad), Err(Halt::Bad), "{}", bad.escape_ascii());
        }
    }
}
