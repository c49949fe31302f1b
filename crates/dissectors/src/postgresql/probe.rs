//! Whether the first bytes of a side are PostgreSQL.
//!
//! A startup packet says so by itself: a length, version 3, and pairs of text with `user` among
//! them. What comes later is typed; one type letter and a length are common (MongoDB, MQTT, Kafka
//! and many others begin with small numbers), so a whole message must be in order to its last field.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    resync::{self, Look},
    wire::{self, Halt, Head, Opening},
};

/// Looks at the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let side = match hello.bytes.first() {
        None => return Verdict::Maybe,
        Some(0) => return for_side(hello, Side::Client, opening(hello.bytes)),
        Some(_) => side_of(hello),
    };
    match side {
        Some((side, look)) => for_side(hello, side, look),
        None => Verdict::No,
    }
}

fn for_side(hello: &Hello<'_>, side: Side, look: Look) -> Verdict {
    match look {
        _ if hello.from.is_some_and(|from| from != side) => Verdict::No,
        Look::Good => Verdict::Is(side),
        Look::Short if hello.more => Verdict::Maybe,
        _ => Verdict::No,
    }
}

fn opening(bytes: &[u8]) -> Look {
    match Opening::read(bytes) {
        Err(Halt::Bad) => Look::Bad,
        Err(Halt::Short(_)) => match bytes {
            // A packet of 64 kB would not be a startup packet.
            [0] | [0, 0] | [0, 0, 0..=39] | [0, 0, 0..=39, _, ..] => Look::Short,
            _ => Look::Bad,
        },
        Ok(Opening { code, size }) => match code {
            wire::SSL_REQUEST | wire::GSSENC_REQUEST | wire::CANCEL_REQUEST => Look::Good,
            _ => match bytes.get(8..size) {
                Some(pairs) if bytes.len() == size && is_startup(pairs) => Look::Good,
                Some(_) => Look::Bad,
                None if bytes.get(8..).is_none_or(|front| front.iter().take(4).all(is_word)) => {
                    Look::Short
                }
                None => Look::Bad,
            },
        },
    }
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// Pairs of name and value up to a zero byte, with `user` among them.
fn is_startup(pairs: &[u8]) -> bool {
    let mut rest = pairs;
    let mut user = false;
    for _ in 0..64 {
        if rest == [0] {
            return user;
        }
        let Some((name, behind)) = wire::ended(rest) else { return false };
        let Some((_, behind)) = wire::ended(behind) else { return false };
        if name.is_empty() || !name.iter().all(is_word) {
            return false;
        }
        user |= name == b"user";
        rest = behind;
    }
    false
}

/// The side whose messages these are.
fn side_of(hello: &Hello<'_>) -> Option<(Side, Look)> {
    let asked = sure(hello.bytes, Side::Client, hello.usual_port());
    let answered = sure(hello.bytes, Side::Server, hello.usual_port());
    match (asked, answered) {
        (Look::Good, Look::Good) => None,
        (Look::Good, _) => Some((Side::Client, Look::Good)),
        (_, Look::Good) => Some((Side::Server, Look::Good)),
        (Look::Short, _) => Some((hello.from.unwrap_or(Side::Client), Look::Short)),
        (_, Look::Short) => Some((hello.from.unwrap_or(Side::Server), Look::Short)),
        _ => None,
    }
}

/// Whether these are messages of this side that no other protocol has.
fn sure(bytes: &[u8], side: Side, usual: bool) -> Look {
    let (look, head) = match side {
        Side::Client => (resync::requests(bytes), Head::of_client(bytes)),
        Side::Server => (resync::responses(bytes), Head::of_server(bytes)),
    };
    let Ok(head) = head else { return look };
    if look == Look::Bad {
        return Look::Bad;
    }
    let payload = head.payload(bytes);
    let next = bytes.get(head.size());
    let proves = match (side, head.kind) {
        (Side::Client, b'Q') => usual || is_statement(payload),
        (Side::Client, b'P') => {
            is_statement(wire::text(wire::text(payload).1).0) && next.is_none_or(is_request)
        }
        (Side::Client, b'B') => {
            usual && next.is_some() || next == Some(&b'E') || next == Some(&b'D')
        }
        (Side::Client, _) => usual && matches!(bytes, [b'S' | b'H' | b'X', 0, 0, 0, 4]),
        (Side::Server, b'E' | b'N') => true,
        (Side::Server, b'T') => {
            matches!(next, Some(b'D' | b'C' | b'Z' | b'E') | None) && payload.len() > 20
        }
        (Side::Server, b'C') => next == Some(&b'Z') || usual,
        (Side::Server, b'R') => is_authentication(payload, next, usual),
        (Side::Server, b'1') => matches!(next, Some(b'2' | b't' | b'E' | b'T' | b'n')) || usual,
        (Side::Server, b'2') => {
            matches!(next, Some(b'T' | b'D' | b'C' | b'n' | b'E' | b's')) || usual
        }
        (Side::Server, b'D') => {
            next == Some(&b'C') && bytes.ends_with(b"\x05I") || usual && payload.len() > 6
        }
        (Side::Server, b'Z' | b'S' | b'3' | b't' | b'A' | b'I') => usual,
        _ => false,
    };
    match look {
        _ if !proves => Look::Bad,
        look => look,
    }
}

fn is_request(kind: &u8) -> bool {
    b"BDESHC".contains(kind)
}

/// The way to authenticate, and what fits it.
fn is_authentication(payload: &[u8], next: Option<&u8>, usual: bool) -> bool {
    match (wire::long(payload, 0), payload.len()) {
        (Some(0), 4) => matches!(next, Some(b'S' | b'K')) || usual,
        (Some(3), 4) => usual,
        (Some(5), 8) => next.is_none(),
        (Some(10), 6..) => payload.get(4..).is_some_and(|names| names.starts_with(b"SCRAM-")),
        _ => false,
    }
}

/// Whether it begins as a statement does.
fn is_statement(text: &[u8]) -> bool {
    const VERBS: [&[u8]; 32] = [
        b"SELECT",
        b"INSERT",
        b"UPDATE",
        b"DELETE",
        b"BEGIN",
        b"COMMIT",
        b"ROLLBACK",
        b"SET",
        b"SHOW",
        b"CREATE",
        b"DROP",
        b"ALTER",
        b"WITH",
        b"COPY",
        b"START",
        b"TRUNCATE",
        b"DISCARD",
        b"EXPLAIN",
        b"VACUUM",
        b"ANALYZE",
        b"DECLARE",
        b"FETCH",
        b"CLOSE",
        b"LISTEN",
        b"NOTIFY",
        b"UNLISTEN",
        b"DEALLOCATE",
        b"SAVEPOINT",
        b"RELEASE",
        b"GRANT",
        b"END",
        b"VALUES",
    ];
    let text = text.trim_ascii_start();
    let end = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    let word = text.get(..end).unwrap_or_default();
    VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(word))
        || text.starts_with(b"--")
        || text.starts_with(b"/*")
}
