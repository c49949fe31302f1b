//! Where the next message starts after bytes were lost, or in a flow that was joined late.
//!
//! The payload of a row or a statement may look like a message, so a start counts only where a
//! packet begins and what is there is in order down to its last field; or behind a `ReadyForQuery`,
//! which six bytes make unlike anything else and after which the server is at rest.

use dissect::Found;

use super::wire::{self, Halt, Head};

/// Messages looked at behind the first, at most.
const CHAIN_MAX: usize = 8;
/// Bytes of a message that are waited for before it is believed or not.
const WAIT_MAX: usize = 4 << 10;
/// Places looked at in one packet, at most.
const PLACES_MAX: usize = 64;
/// `ReadyForQuery` without its status.
const READY: &[u8] = b"Z\0\0\0\x05";

/// How something looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// It can't be a message.
    Bad,
    /// More is needed to tell.
    Short,
    /// It is one.
    Good,
}

/// Where the client's next message starts. What begins like the middle of a request is the middle of
/// one that was lost: it is stepped over, up to its `Sync`.
pub fn question(input: &[u8]) -> Found {
    match requests(input) {
        Look::Good => request_end(input),
        Look::Short => Found::Maybe(0),
        Look::Bad => Found::Nowhere,
    }
}

/// The first message that is no middle of a request.
fn request_end(input: &[u8]) -> Found {
    let mut at = 0;
    for _ in 0..PLACES_MAX {
        let rest = input.get(at..).unwrap_or_default();
        match Head::of_client(rest) {
            Ok(Head { kind: b'Q' | b'P' | b'S' | b'F' | b'X', .. }) => return Found::At(at),
            Ok(head) if head.size() <= rest.len() => at += head.size(),
            Ok(head) if head.size() <= WAIT_MAX => return Found::Maybe(at),
            Err(Halt::Short(_)) if at < input.len() => return Found::Maybe(at),
            _ => return Found::Nowhere,
        }
    }
    Found::Nowhere
}

/// Where the server's next message starts, if it was asked since bytes were lost.
pub fn answer(input: &[u8]) -> Found {
    if !begins_an_answer(input) {
        return ready(input);
    }
    match responses(input) {
        Look::Good => Found::At(0),
        Look::Short => Found::Maybe(0),
        Look::Bad => ready(input),
    }
}

/// Whether it is not for sure the middle or the end of an answer.
fn begins_an_answer(input: &[u8]) -> bool {
    match input.first() {
        Some(b'D' | b'd' | b'c' | b'Z' | b'R' | b'K') => false,
        // The end of commands with rows.
        Some(b'C') => {
            let tag = input.get(wire::HEAD..).unwrap_or_default();
            ![&b"SELECT"[..], b"FETCH", b"SHOW", b"COPY", b"EXPLAIN"]
                .iter()
                .any(|verb| tag.starts_with(verb))
        }
        _ => true,
    }
}

/// Where the server says that it is ready.
pub fn ready(input: &[u8]) -> Found {
    for at in memchr::memmem::find_iter(input, READY).take(PLACES_MAX) {
        match input.get(at + READY.len()..) {
            Some([b'I' | b'T' | b'E']) => return Found::At(at),
            Some([b'I' | b'T' | b'E', rest @ ..]) if responses(rest) != Look::Bad => {
                return Found::At(at);
            }
            Some([]) => return Found::Maybe(at),
            _ => {}
        }
    }
    let tail = (1..READY.len()).rev().find(|len| input.ends_with(&READY[..*len]));
    tail.map_or(Found::Nowhere, |len| Found::Maybe(input.len() - len))
}

/// Where the next message of a replication stream starts, of either side.
pub fn stream(input: &[u8]) -> Found {
    let Some(payload) = input.get(wire::HEAD..) else { return Found::Maybe(0) };
    let Ok(head) = Head::of_server(input) else { return Found::Nowhere };
    let fits = match payload.first() {
        Some(b'w') => head.len > 25,
        Some(b'k') => head.len == 18,
        Some(b'r') => head.len == 34,
        Some(b'h') => head.len == 25,
        Some(_) => false,
        None => return Found::Maybe(0),
    };
    if head.kind == b'd' && fits { Found::At(0) } else { Found::Nowhere }
}

/// Messages of the client.
pub fn requests(input: &[u8]) -> Look {
    chain(input, Head::of_client, request_front, request)
}

/// Messages of the server.
pub fn responses(input: &[u8]) -> Look {
    chain(input, Head::of_server, response_front, response)
}

/// Messages one behind the other, of which the first must be in order.
fn chain(
    input: &[u8],
    read: fn(&[u8]) -> Result<Head, Halt>,
    check_front: fn(Head, &[u8]) -> bool,
    check: fn(Head, &[u8]) -> bool,
) -> Look {
    let mut at = 0;
    for n in 0..CHAIN_MAX {
        let rest = input.get(at..).unwrap_or_default();
        let head = match read(rest) {
            Ok(head) => head,
            Err(Halt::Short(_)) if n == 0 => return Look::Short,
            Err(Halt::Short(_)) => return Look::Good,
            Err(Halt::Bad) => return Look::Bad,
        };
        let Some(payload) = rest.get(wire::HEAD..head.size()) else {
            let large = n == 0 && check_front(head, head.payload(rest));
            return match n {
                0 if large && rest.len() > WAIT_MAX => Look::Good,
                0 if large => Look::Short,
                0 => Look::Bad,
                _ => Look::Good,
            };
        };
        if !check(head, payload) {
            return Look::Bad;
        }
        at += head.size();
    }
    Look::Good
}

/// Whether a message of the client that is not all there may be one.
fn request_front(head: Head, payload: &[u8]) -> bool {
    let front = payload.get(..64).unwrap_or(payload);
    let text = wire::text(front).0;
    !matches!(head.kind, b'Q' | b'P') || is_text(text)
}

/// Whether a message of the server that is not all there may be one.
fn response_front(head: Head, payload: &[u8]) -> bool {
    !matches!(head.kind, b'E' | b'N') || payload.first().is_none_or(u8::is_ascii_uppercase)
}

/// Whether a message of the client is in order.
fn request(head: Head, payload: &[u8]) -> bool {
    match head.kind {
        b'Q' => payload.split_last().is_some_and(|(end, text)| *end == 0 && is_text(text)),
        b'P' => parse(payload).is_some(),
        b'B' => bind(payload).is_some(),
        b'D' | b'C' => match payload {
            [b'S' | b'P', name @ .., 0] => is_text(name),
            _ => false,
        },
        b'E' => wire::ended(payload).is_some_and(|(name, rest)| is_text(name) && rest.len() == 4),
        b'f' => payload.split_last().is_some_and(|(end, text)| *end == 0 && is_text(text)),
        b'H' | b'S' | b'X' | b'c' => true,
        // Nothing in them can be checked.
        b'd' | b'p' | b'F' => false,
        _ => false,
    }
}

fn parse(payload: &[u8]) -> Option<()> {
    let (name, rest) = wire::ended(payload)?;
    let (text, rest) = wire::ended(rest)?;
    let types = usize::from(wire::short(rest, 0)?);
    (is_text(name) && is_text(text) && rest.len() == 2 + 4 * types).then_some(())
}

fn bind(payload: &[u8]) -> Option<()> {
    let (portal, rest) = wire::ended(payload)?;
    let (name, mut rest) = wire::ended(rest)?;
    formats(&mut rest)?;
    let count = wire::take_short(&mut rest)?;
    skip_values(&mut rest, count)?;
    formats(&mut rest)?;
    (is_text(portal) && is_text(name) && rest.is_empty()).then_some(())
}

fn formats(rest: &mut &[u8]) -> Option<()> {
    let count = wire::take_short(rest)?;
    for _ in 0..count {
        (wire::take_short(rest)? <= 1).then_some(())?;
    }
    Some(())
}

fn skip_values(rest: &mut &[u8], count: u16) -> Option<()> {
    for _ in 0..count {
        let len = wire::take_long(rest)?;
        if len != u32::MAX {
            *rest = rest.get(len as usize..)?;
        }
    }
    Some(())
}

/// Whether a message of the server is in order.
fn response(head: Head, payload: &[u8]) -> bool {
    match head.kind {
        b'T' => {
            let count = wire::short(payload, 0).map_or(0, usize::from);
            let (mut columns, mut size) = (0, 2);
            for column in wire::columns(payload) {
                columns += 1;
                size += column.name.len() + 19;
            }
            columns == count && size == payload.len()
        }
        b'D' => {
            let mut rest = payload;
            let count = wire::take_short(&mut rest);
            count.and_then(|count| skip_values(&mut rest, count)).is_some() && rest.is_empty()
        }
        b'C' => match payload {
            [tag @ .., 0] => is_tag(tag),
            _ => false,
        },
        b'E' | b'N' => is_notice(payload),
        b'S' => wire::ended(payload)
            .and_then(|(name, rest)| Some((name, wire::ended(rest)?)))
            .is_some_and(|(name, (value, rest))| {
                is_name(name) && is_text(value) && rest.is_empty()
            }),
        b'A' => payload
            .get(4..)
            .and_then(wire::ended)
            .and_then(|(_, rest)| wire::ended(rest))
            .is_some_and(|(_, rest)| rest.is_empty()),
        b'R' => wire::long(payload, 0).is_some_and(|way| way <= 12),
        b't' => wire::short(payload, 0).is_some_and(|n| payload.len() == 2 + 4 * usize::from(n)),
        b'G' | b'H' | b'W' => {
            wire::short(payload, 1).is_some_and(|n| payload.len() == 3 + 2 * usize::from(n))
                && matches!(payload.first(), Some(0 | 1))
        }
        b'Z' => matches!(payload, [b'I' | b'T' | b'E']),
        b'1' | b'2' | b'3' | b'n' | b'I' | b's' | b'c' => true,
        b'V' => wire::long(payload, 0)
            .is_some_and(|len| len == u32::MAX || payload.len() == 4 + len as usize),
        b'K' | b'v' => true,
        _ => false,
    }
}

/// The letters of an error: a severity and a code are always there.
pub fn is_notice(payload: &[u8]) -> bool {
    let (mut severity, mut code) = (false, false);
    for (letter, value) in wire::parts(payload) {
        if !letter.is_ascii_alphabetic() {
            return false;
        }
        severity |= letter == b'S' && value.len() < 40;
        code |= letter == b'C' && value.len() == 5 && value.iter().all(u8::is_ascii_alphanumeric);
    }
    severity && code && payload.ends_with(b"\0\0")
}

/// `SELECT 5`, `CREATE TABLE`, `INSERT 0 1`.
pub fn is_tag(tag: &[u8]) -> bool {
    tag.first().is_some_and(u8::is_ascii_uppercase)
        && tag.len() < 64
        && tag
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'_'))
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
}

fn is_text(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}
