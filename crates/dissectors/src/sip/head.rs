//! The head of a message: its first line and what of its lines pairing needs.

use std::ops::Range;

use crate::framed::{Halt, Read};

/// Bytes of a head at most.
const HEAD_MAX: usize = 48 << 10;
/// Lines of a head at most.
const LINES_MAX: usize = 512;
/// Letters of a method at most.
const METHOD_MAX: usize = 32;
const VERSION: &[u8] = b"SIP/2.0";
/// Lines that hold secrets.
const SECRET: [&[u8]; 2] = [b"authorization", b"proxy-authorization"];

/// The first line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Start<'b> {
    Request { method: &'b [u8], uri: &'b [u8] },
    Response { code: u16, reason: &'b [u8] },
}

/// A head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'b> {
    pub(super) start: Start<'b>,
    /// The bytes of it.
    pub(super) bytes: &'b [u8],
    /// How many they are, with the empty line.
    pub(super) size: usize,
    /// Bytes of the body, where it says so.
    pub(super) body: Option<u64>,
}

// === impl Start ===

impl<'b> Start<'b> {
    /// Reads a line without its end.
    pub(super) fn read(line: &'b [u8]) -> Option<Self> {
        if let Some(rest) = line.strip_prefix(VERSION) {
            let (code, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
            let code: u16 = str::from_utf8(code).ok()?.parse().ok()?;
            let reason = reason.trim_ascii();
            return (100..700).contains(&code).then_some(Self::Response { code, reason });
        }
        let rest = line.strip_suffix(VERSION)?.strip_suffix(b" ")?;
        let end = rest.iter().position(|byte| *byte == b' ')?;
        let (method, uri) = (rest.get(..end)?, rest.get(end + 1..)?);
        (is_method(method) && !uri.is_empty() && !uri.contains(&b' '))
            .then_some(Self::Request { method, uri })
    }
}

impl Start<'_> {
    /// Whether it is a response, or a method that somebody has defined: the rest of a method that was
    /// cut off looks like one.
    pub(super) fn is_known(&self) -> bool {
        const METHODS: [&[u8]; 14] = [
            b"INVITE",
            b"ACK",
            b"BYE",
            b"CANCEL",
            b"OPTIONS",
            b"REGISTER",
            b"PRACK",
            b"SUBSCRIBE",
            b"NOTIFY",
            b"PUBLISH",
            b"INFO",
            b"REFER",
            b"MESSAGE",
            b"UPDATE",
        ];
        match self {
            Self::Request { method, .. } => METHODS.contains(method),
            Self::Response { .. } => true,
        }
    }
}

/// Whether it can be a method: anybody may define one (§25.1).
fn is_method(word: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    (1..=METHOD_MAX).contains(&word.len()) && word.iter().all(fits)
}

/// Whether a line may begin like this; methods of small letters are known when the line is there.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let start = bytes.get(..VERSION.len()).unwrap_or(bytes);
    if VERSION.starts_with(start) {
        return bytes.len() < 512;
    }
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let method = bytes.get(..end).unwrap_or_default();
    let uri = bytes.get(end + 1..).unwrap_or_default();
    let begins = |scheme: &[u8]| {
        let start = uri.get(..scheme.len()).unwrap_or(uri);
        scheme.starts_with(start)
    };
    bytes.len() < 512
        && (1..=METHOD_MAX).contains(&method.len())
        && method.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-')
        && [&b"sip:"[..], b"sips:", b"tel:", b"urn:"].into_iter().any(begins)
}

// === impl Head ===

impl<'b> Head<'b> {
    /// Reads the one at the front.
    pub(super) fn read(input: &'b [u8]) -> Read<Self> {
        let Some(line_end) = memchr::memchr(b'\n', input) else {
            return Err(if input.len() < HEAD_MAX && may_begin(input) {
                Halt::Short(input.len() + 1)
            } else {
                Halt::Bad
            });
        };
        let line = input.get(..line_end).unwrap_or_default();
        let start = Start::read(line.trim_ascii_end()).ok_or(Halt::Bad)?;
        let looked = input.get(..HEAD_MAX).unwrap_or(input);
        let crlf = memchr::memmem::find(looked, b"\r\n\r\n").map(|at| at + 4);
        let lf = memchr::memmem::find(looked, b"\n\n").map(|at| at + 2);
        let size = match (crlf, lf) {
            (Some(a), Some(b)) => a.min(b),
            (Some(size), None) | (None, Some(size)) => size,
            (None, None) if looked.len() == HEAD_MAX => return Err(Halt::Bad),
            (None, None) => return Err(Halt::Short(input.len() + 1)),
        };
        Ok(Self::of(start, input.get(..size).unwrap_or(input)))
    }

    /// The one that the snap length cut: its whole lines. What is left of the last one may be half a value,
    /// or half a secret.
    pub(super) fn cut(input: &'b [u8]) -> Option<Self> {
        let lines = input.get(..=memchr::memrchr(b'\n', input)?)?;
        let line = lines.split(|byte| *byte == b'\n').next()?;
        let head = Self::of(Start::read(line.trim_ascii_end())?, lines);
        Some(Self { size: input.len(), ..head })
    }

    fn of(start: Start<'b>, bytes: &'b [u8]) -> Self {
        let mut head = Self { start, bytes, size: bytes.len(), body: None };
        head.body = head
            .value(b"content-length", b'l')
            .and_then(|value| str::from_utf8(value).ok()?.parse().ok());
        head
    }

    /// Its lines, names as sent.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'b> {
        let lines = self.bytes.split(|byte| *byte == b'\n').skip(1).take(LINES_MAX);
        lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((line.get(..colon)?.trim_ascii(), line.get(colon + 1..)?.trim_ascii()))
        })
    }

    /// The value of the first line of this name (in lower case), or of its short one.
    pub(super) fn value(&self, name: &[u8], short: u8) -> Option<&'b [u8]> {
        let is = |found: &[u8]| {
            found.eq_ignore_ascii_case(name)
                || short != 0 && matches!(found, [letter] if letter.eq_ignore_ascii_case(&short))
        };
        self.lines().find(|(found, _)| is(found)).map(|(_, value)| value)
    }

    /// Whether it has the lines that every message has (§8.1.1).
    pub(super) fn is_whole(&self) -> bool {
        self.value(b"via", b'v').is_some()
            && self.value(b"call-id", b'i').is_some()
            && self.value(b"cseq", 0).is_some()
    }

    /// The number of its transaction (§17.1.3): the branch of the first `Via`, and, for those who have
    /// none, the call and its step.
    pub(super) fn transaction(&self) -> u64 {
        let via = self.value(b"via", b'v').unwrap_or_default();
        let via = via.split(|byte| *byte == b',').next().unwrap_or_default();
        let branch = parameter(via, b"branch=").unwrap_or_default();
        let call = self.value(b"call-id", b'i').unwrap_or_default();
        let step = self.value(b"cseq", 0).unwrap_or_default();
        let step = step.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut hash = 0xcbf2_9ce4_8422_2325;
        let mut mix = |bytes: &[u8]| {
            for byte in bytes.iter().chain(b"\0") {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        mix(branch);
        mix(call);
        step.take(2).for_each(mix);
        hash
    }

    /// Where secrets are.
    pub(super) fn secrets(&self, mut hide: impl FnMut(Range<usize>)) {
        let mut at = 0;
        for line in self.bytes.split_inclusive(|byte| *byte == b'\n').take(LINES_MAX) {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
            let name = line.get(..colon).unwrap_or_default().trim_ascii().to_ascii_lowercase();
            if SECRET.contains(&&name[..]) {
                // The scheme may be seen.
                let value = line.get(colon + 1..).unwrap_or_default();
                let scheme = value.len() - value.trim_ascii_start().len();
                let scheme =
                    scheme + value.trim_ascii_start().iter().position(|b| *b == b' ').unwrap_or(0);
                hide(at + colon + 1 + scheme + 1..at + line.trim_ascii_end().len());
            }
            at += line.len();
        }
    }
}

/// The parameter of a value that begins with `name=`.
pub(super) fn parameter<'b>(value: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    value.split(|byte| *byte == b';').skip(1).find_map(|part| {
        let part = part.trim_ascii();
        let (start, rest) = part.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some(rest)
    })
}
