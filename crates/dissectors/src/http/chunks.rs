//! The lines between the chunks of a body (RFC 9112 §7.1).

use memchr::memchr;

/// Chunk extensions longer than this are nobody's.
const LINE_MAX: usize = 16 << 10;

/// What the line before a chunk says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Line {
    /// A chunk of `size` bytes follows; 0 for the last.
    Chunk { line_len: usize, size: u64 },
    /// Its end is not there yet.
    Short,
    /// No such line.
    Foreign,
}

// === impl Line ===

impl Line {
    /// Reads the line at the front of `input`. Extensions are skipped.
    pub(super) fn read(input: &[u8]) -> Self {
        let digits = input.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let (number, rest) = input.split_at(digits);
        let Some(size) = hexadecimal(number) else { return Self::Foreign };
        let ends = match rest {
            _ if digits == 0 && !input.is_empty() => return Self::Foreign,
            [b'\r', b'\n', ..] => Some(1),
            [b'\n', ..] => Some(0),
            [] | [b'\r'] => None,
            [b';' | b' ' | b'\t', ..] => memchr(b'\n', rest),
            _ => return Self::Foreign,
        };
        match ends {
            Some(at) => Self::Chunk { line_len: digits + at + 1, size },
            None if input.len() > LINE_MAX => Self::Foreign,
            None => Self::Short,
        }
    }
}

/// The number, unless no signed number holds it.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let sum = digits.iter().try_fold(0u64, |sum, digit| {
        let digit = (*digit as char).to_digit(16)?;
        Some(sum.checked_mul(16)? | u64::from(digit))
    })?;
    i64::try_from(sum).is_ok().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_hexadecimal_and_extensions_are_skipped() {
        assert_eq!(Line::read(b"1aF\r\nxyz"), Line::Chunk { line_len: 5, size: 0x1af });
        assert_eq!(Line::read(b"5;a=\"b\"\r\n"), Line::Chunk { line_len: 9, size: 5 });
        assert_eq!(Line::read(b"5  \r\n"), Line::Chunk { line_len: 5, size: 5 });
        assert_eq!(Line::read(b"0\n"), Line::Chunk { line_len: 2, size: 0 });
    }

    #[test]
    fn half_a_line_is_not_a_size() {
        for half in [&b""[..], b"1", b"1a\r", b"1a;ext", b"1a;ext\r"] {
            assert_eq!(Line::read(half), Line::Short, "{half:?}");
        }
    }

    #[test]
    fn what_is_no_size_is_foreign() {
        for line in [&b"\r\n"[..], b"x\r\n", b"1x\r\n", b"-1\r\n", b"ffffffffffffffff\r\n"] {
            assert_eq!(Line::read(line), Line::Foreign, "{line:?}");
        }
    }
}
