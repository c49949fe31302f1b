//! The start of a body: the texts that every request begins with, in the ways in which they are
//! written down.

/// The serialization named by a head's flags.
pub(super) fn serialization(flags: u8) -> Option<&'static str> {
    Some(match flags & 0x1f {
        2 => "hessian2",
        3 => "java",
        4 => "compactedjava",
        5 => "json",
        6 => "fastjson",
        7 => "nativejava",
        8 => "kryo",
        9 => "fst",
        10 => "native-hessian",
        11 => "avro",
        12 => "protostuff",
        16 => "gson",
        21 => "protobuf-json",
        22 => "protobuf",
        23 => "fastjson2",
        25 => "kryo2",
        _ => return None,
    })
}

/// Reads texts one after the other.
pub(super) struct Texts<'b> {
    rest: &'b [u8],
    kind: u8,
}

// === impl Texts ===

impl<'b> Texts<'b> {
    pub(super) fn of(flags: u8, body: &'b [u8]) -> Self {
        Self { rest: body, kind: flags & 0x1f }
    }

    /// The first byte that was not read.
    pub(super) fn byte(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next text; none where something else stands.
    pub(super) fn text(&mut self) -> Option<&'b [u8]> {
        let (text, rest) = match self.kind {
            2 | 10 => hessian(self.rest)?,
            5 | 6 | 16 | 21 | 23 => line(self.rest)?,
            8 | 25 => kryo(self.rest)?,
            3 | 4 | 7 => java(self.rest)?,
            _ => return None,
        };
        self.rest = rest;
        Some(text)
    }
}

/// Hessian 2: short texts have their length in the first byte or two. Lengths count characters; these
/// texts are ASCII.
fn hessian(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (len, rest) = match *first {
        len @ ..=0x1f => (usize::from(len), rest),
        high @ 0x30..=0x33 => {
            let (low, rest) = rest.split_first()?;
            (usize::from(high - 0x30) << 8 | usize::from(*low), rest)
        }
        b'S' => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        b'N' => (0, rest),
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// JSON texts, a line each.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let (line, rest) = bytes.split_at_checked(end)?;
    let text = line.trim_ascii_end().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    Some((text, rest.get(1..)?))
}

/// Kryo: ASCII texts end with a byte whose highest bit is set; others have their length, plus one, in
/// front.
fn kryo(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = *bytes.first()?;
    if first & 0x80 == 0 {
        // The last letter has a bit too many, and is left out.
        let end = bytes.iter().take(64).position(|byte| byte & 0x80 != 0)?;
        return Some((bytes.get(..=end)?, bytes.get(end + 1..)?));
    }
    let mut len = usize::from(first & 0x3f);
    let mut rest = bytes.get(1..)?;
    let mut shift = 6;
    let mut more = first & 0x40 != 0;
    while more && shift < 27 {
        let (byte, tail) = rest.split_first()?;
        len |= usize::from(byte & 0x7f) << shift;
        (rest, shift, more) = (tail, shift + 7, byte & 0x80 != 0);
    }
    rest.split_at_checked(len.saturating_sub(1))
}

/// Java's `writeUTF`, behind Dubbo's mark for "not null" and a length.
fn java(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// A text without Kryo's mark on its last letter.
pub(super) fn unmarked(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    if let Some(last) = text.last_mut() {
        *last &= 0x7f;
    }
    text
}
