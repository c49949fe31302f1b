//! The first line of a message (RFC 9112 §3, §4).

use std::ops::Range;

use model::Side;

/// Methods that are known by their name (RFC 9110 §9, RFC 5789, RFC 4918, RFC 3253, RFC 5323,
/// RFC 3744, and QUERY). RTSP and SIP share some of them, so that more than the name is asked for.
pub(super) const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"PUT",
    b"HEAD",
    b"DELETE",
    b"PATCH",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"MKACTIVITY",
    b"CHECKOUT",
    b"MERGE",
    b"QUERY",
    b"PURGE",
    b"ACL",
];
/// Longer tokens are not methods. The longest registered one has 18 letters.
const METHOD_MAX: usize = 64;
/// What every version ends a request line with, and begins a status line with.
const VERSION: &[u8] = b"HTTP/1.";
/// `HTTP/1.1`
const VERSION_LEN: usize = 8;
/// Stands for the digit of a version that can't be read.
const UNKNOWN_MINOR: u8 = b'?';
/// `HTTP/1.1 200`
const STATUS_LEN: usize = 12;

/// A first line, by offsets into it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Start {
    /// The digit after `HTTP/1.`.
    pub(super) minor: u8,
    pub(super) what: What,
}

/// What a first line begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum What {
    /// `GET /login HTTP/1.1`
    Request { method_len: usize, target: Range<usize> },
    /// `HTTP/1.1 404 Not Found`
    Response { status: u16, reason: Range<usize> },
}

// === impl Start ===

impl Start {
    /// Reads a whole line, without its end.
    #[inline]
    pub(super) fn of(from: Side, line: &[u8]) -> Option<Self> {
        match from {
            Side::Client => request_line(line),
            Side::Server => status_line(line),
        }
    }
}

impl Start {
    /// Reads a request line whose version is missing or broken (`GET /HTTP/1.1`, `OPTIONS`): scanners
    /// and broken clients send it, and servers answer it. Only for a known method or with a trace of
    /// `HTTP/1.`, and only where the connection is HTTP's already: this could be anybody's line.
    pub(super) fn broken_request(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        let method_len = line.iter().position(|b| !is_token(*b)).unwrap_or(line.len());
        let (method, rest) = line.split_at_checked(method_len)?;
        if !rest.is_empty() && rest.first() != Some(&b' ')
            || method.is_empty()
            || method_len > METHOD_MAX
        {
            return None;
        }
        let traced = memchr::memmem::find(rest, VERSION).is_some();
        if !traced && (!METHODS.contains(&method) || names_a_version(rest)) {
            return None;
        }
        let from = method_len + spaces(rest);
        let target = line.get(from..)?.strip_suffix(b" HTTP/1.").unwrap_or(line.get(from..)?);
        let target = from..from + target.trim_ascii_end().len();
        Some(Self { minor: UNKNOWN_MINOR, what: What::Request { method_len, target } })
    }
}

/// Whether the last word is another protocol's version: `RTSP/1.0`, `/1.0`.
fn names_a_version(line: &[u8]) -> bool {
    let word = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
    let name = word.iter().take_while(|b| b.is_ascii_uppercase()).count();
    matches!(word.get(name..), Some([b'/', b'0'..=b'9', b'.', b'0'..=b'9']))
}

/// Whether these bytes could be the front of a first line whose end is not there yet.
pub(super) fn could_begin(from: Side, bytes: &[u8]) -> bool {
    match from {
        Side::Client => match method_len(bytes) {
            Some(len) => len <= METHOD_MAX,
            None => false,
        },
        Side::Server => {
            let len = bytes.len().min(VERSION.len());
            let rest = bytes.get(VERSION_LEN + 1..STATUS_LEN.min(bytes.len()));
            bytes.get(..len) == VERSION.get(..len)
                && bytes.get(VERSION.len()).is_none_or(u8::is_ascii_digit)
                && bytes.get(VERSION_LEN).is_none_or(|b| *b == b' ')
                && rest.is_none_or(|code| code.iter().all(u8::is_ascii_digit))
        }
    }
}

/// The line without its `\r`; a lone `\n` ends a line too (RFC 9112 §2.2).
#[inline]
pub(super) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// RFC 9110 §5.6.2.
#[inline]
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_'
            )
            || matches!(b, b'`' | b'|' | b'~');
        byte += 1;
    }
    table
};

/// Length of the method that begins these bytes; all of them if they may still be one.
fn method_len(bytes: &[u8]) -> Option<usize> {
    match bytes.iter().position(|b| !is_token(*b)) {
        None => Some(bytes.len()),
        // A line may end after its method: broken, but a line.
        Some(len) if len > 0 && matches!(bytes.get(len), Some(b' ' | b'\r')) => Some(len),
        Some(_) => None,
    }
}

#[inline]
fn request_line(line: &[u8]) -> Option<Start> {
    let line = line.trim_ascii_end();
    let (rest, version) = line.split_last_chunk::<VERSION_LEN>()?;
    let minor = minor_of(version)?;
    let method_len = method_len(rest).filter(|len| *len <= METHOD_MAX)?;
    let target = rest.get(method_len..)?.strip_suffix(b" ")?.trim_ascii();
    if target.is_empty() {
        return None;
    }
    let from = method_len + spaces(rest.get(method_len..)?);
    let target = from..from + target.len();
    Some(Start { minor, what: What::Request { method_len, target } })
}

#[inline]
fn status_line(line: &[u8]) -> Option<Start> {
    let (version, rest) = line.split_first_chunk::<VERSION_LEN>()?;
    let minor = minor_of(version)?;
    let [b' ', a, b, c, reason @ ..] = rest else { return None };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let status = digit(a)? * 100 + digit(b)? * 10 + digit(c)?;
    if status < 100 || reason.first().is_some_and(|b| *b != b' ') {
        return None;
    }
    let from = STATUS_LEN + usize::from(!reason.is_empty());
    let reason = from..line.trim_ascii_end().len().max(from);
    Some(Start { minor, what: What::Response { status, reason } })
}

fn minor_of(version: &[u8; VERSION_LEN]) -> Option<u8> {
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor] if minor.is_ascii_digit() => Some(*minor),
        _ => None,
    }
}

fn spaces(bytes: &[u8]) -> usize {
    bytes.len() - bytes.trim_ascii_start().len()
}
