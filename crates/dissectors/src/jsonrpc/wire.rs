//! Where a message begins and ends.

use memchr::memmem;

use crate::over_http::json::Json;

/// Bytes of a header.
const HEADER_MAX: usize = 1 << 10;
/// Bytes of a message that are waited for.
pub(super) const WHOLE_MAX: usize = 512 << 10;
/// Names of the fields of a header; there are no others.
const LENGTH: &[u8] = b"content-length";
const TYPE: &[u8] = b"content-type";

/// How one side frames its messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Frames {
    #[default]
    Unknown,
    /// One value after the other.
    Bare,
    /// Each after a header.
    Headed,
}

/// A message at the front of some bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Framed {
    pub(super) frames: Frames,
    /// Bytes of the header.
    pub(super) head: usize,
    /// Bytes of the value.
    pub(super) body: usize,
}

/// Why there is no message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Halt {
    /// Worth another look when there are so many bytes.
    Short(usize),
    /// It is none.
    Wrong,
}

// === impl Framed ===

impl Framed {
    /// The message at the front of `input`; all of it is there, or its length is known.
    pub(super) fn of(input: &[u8]) -> Result<Self, Halt> {
        match input.first() {
            None => Err(Halt::Short(1)),
            Some(b'{' | b'[') => match Json::of(input).whole_len() {
                Some(body) => Ok(Self { frames: Frames::Bare, head: 0, body }),
                None if input.len() > WHOLE_MAX => Err(Halt::Wrong),
                None => Err(Halt::Short(input.len() + 1)),
            },
            Some(_) => Self::headed(input),
        }
    }

    fn headed(input: &[u8]) -> Result<Self, Halt> {
        let end = memmem::find(input.get(..HEADER_MAX).unwrap_or(input), b"\r\n\r\n");
        let Some(end) = end else {
            let more = input.len() < HEADER_MAX && may_be_header(input);
            return Err(if more { Halt::Short(input.len() + 1) } else { Halt::Wrong });
        };
        let header = input.get(..end).unwrap_or_default();
        let mut length = None;
        for line in header.split(|b| *b == b'\n') {
            let colon = line.iter().position(|b| *b == b':').ok_or(Halt::Wrong)?;
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(LENGTH) {
                length = str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            } else if !name.eq_ignore_ascii_case(TYPE) {
                return Err(Halt::Wrong);
            }
        }
        let body = length.filter(|length| *length > 0).ok_or(Halt::Wrong)?;
        Ok(Self { frames: Frames::Headed, head: end + 4, body })
    }

    pub(super) fn whole(&self) -> usize {
        self.head.saturating_add(self.body)
    }
}

/// Whether a header may go on like this.
fn may_be_header(input: &[u8]) -> bool {
    let begins = |name: &[u8]| {
        let len = input.len().min(name.len());
        input
            .get(..len)
            .is_some_and(|front| name.get(..len).is_some_and(|n| front.eq_ignore_ascii_case(n)))
    };
    begins(LENGTH) || begins(TYPE)
}

/// White space at the front.
pub(super) fn blanks(input: &[u8]) -> usize {
    input.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

/// Where `Content-Length:` begins next.
pub(super) fn next_header(input: &[u8]) -> Option<usize> {
    memmem::find(input, b"Content-Length: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_bracket_closes() {
        let framed = Framed::of(b"{\"a\":\"}\"}\n{").unwrap();
        assert_eq!((framed.frames, framed.head, framed.body), (Frames::Bare, 0, 9));
        assert_eq!(Framed::of(b"{\"a\":"), Err(Halt::Short(6)));
        assert_eq!(Framed::of(b"7"), Err(Halt::Wrong));
    }

    #[test]
    fn a_header_tells_the_length() {
        let framed = Framed::of(b"Content-Length: 17\r\n\r\n{").unwrap();
        assert_eq!((framed.frames, framed.head, framed.body), (Frames::Headed, 22, 17));
        let typed = b"content-type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:2\r\n\r\n{}";
        assert_eq!(Framed::of(typed).unwrap().whole(), typed.len());
        for wrong in [
            &b"Content-Length: 0\r\n\r\n"[..],
            b"Content-Length: x\r\n\r\n",
            b"Content-Type: a\r\n\r\n{}",
            b"Content-Length: 2\r\nHost: a\r\n\r\n{}",
            b"GET / HTTP/1.1\r\n",
        ] {
            assert_eq!(Framed::of(wrong), Err(Halt::Wrong), "{}", wrong.escape_ascii());
        }
        for cut in 1..21 {
            assert_eq!(
                Framed::of(&b"Content-Length: 17\r\n\r\n{"[..cut]),
                Err(Halt::Short(cut + 1))
            );
        }
    }
}
