//! Whether bytes are CQL.
//!
//! The head leaves little room for anything else; what settles it is the body: options of `STARTUP`,
//! a statement, an answer that has the size its head says. Far from the usual ports only that counts.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    content,
    find::{Look, fits, frame},
    frame::{HEAD, Head, Opcode},
    segment::{PACKED, Segment},
};

/// Words that statements begin with.
const VERBS: [&[u8]; 17] = [
    b"SELECT",
    b"INSERT",
    b"UPDATE",
    b"DELETE",
    b"BEGIN",
    b"APPLY",
    b"CREATE",
    b"ALTER",
    b"DROP",
    b"TRUNCATE",
    b"USE",
    b"GRANT",
    b"REVOKE",
    b"LIST",
    b"DESCRIBE",
    b"DESC",
    b"PRUNE",
];

/// Bytes of a compressed body that is looked into, at most.
const PACKED_MAX: usize = 16 << 10;

/// What CQL thinks of the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let Some(first) = hello.bytes.first() else { return Verdict::Maybe };
    let from = if first & 0x80 == 0 { Side::Client } else { Side::Server };
    let verdict = match frame(from, hello.bytes) {
        Look::Good => whole(from, hello),
        Look::Short => Verdict::Maybe,
        Look::Bad => Verdict::No,
    };
    let verdict = if verdict == Verdict::No { segment(hello) } else { verdict };
    match verdict {
        Verdict::Maybe if !hello.more || hello.bytes.len() > 4 << 10 => Verdict::No,
        Verdict::Is(side) if hello.from.is_some_and(|from| from != side) => Verdict::No,
        verdict => verdict,
    }
}

/// What a frame says whose front fits together.
fn whole(from: Side, hello: &Hello<'_>) -> Verdict {
    let Some((_, head)) = Head::probe(hello.bytes) else { return Verdict::No };
    let at_home = match from {
        Side::Client => hello.to_usual_port,
        Side::Server => hello.from_usual_port,
    };
    let body = hello.bytes.get(HEAD..).unwrap_or_default();
    let is_whole = body.len() as u64 >= u64::from(head.len);
    if at_home || is_sure(&head, body, is_whole) { Verdict::Is(from) } else { Verdict::No }
}

/// Whether nobody else says so.
fn is_sure(head: &Head, body: &[u8], is_whole: bool) -> bool {
    if head.flags & 0x0e != 0 {
        return false;
    }
    if head.is_compressed() {
        let body = usize::try_from(head.len).ok().and_then(|len| body.get(..len));
        return body.is_some_and(|body| is_packed(head, body));
    }
    let has = |word: &[u8]| memchr::memmem::find(body, word).is_some();
    match head.opcode {
        Opcode::STARTUP | Opcode::SUPPORTED => has(b"CQL_VERSION"),
        Opcode::QUERY | Opcode::PREPARE => begins_with_a_verb(body.get(4..).unwrap_or_default()),
        Opcode::BATCH => has(b"INSERT") || has(b"UPDATE") || has(b"DELETE"),
        Opcode::REGISTER | Opcode::EVENT => has(b"_CHANGE"),
        Opcode::AUTHENTICATE => has(b"Authenticator"),
        Opcode::OPTIONS | Opcode::READY => is_whole && body.is_empty(),
        Opcode::RESULT | Opcode::ERROR => is_whole,
        Opcode::EXECUTE => is_whole && body.first_chunk() == Some(&[0, 16]),
        _ => false,
    }
}

/// Whether a compressed body becomes one of its kind; most that is packed are these.
fn is_packed(head: &Head, body: &[u8]) -> bool {
    let usual = [
        Opcode::QUERY,
        Opcode::PREPARE,
        Opcode::EXECUTE,
        Opcode::BATCH,
        Opcode::RESULT,
        Opcode::ERROR,
    ];
    let plain = || {
        let (plain, _) = content::unpacked(body)?;
        Some((Head { flags: 0, len: u32::try_from(plain.len()).ok()?, ..*head }, plain))
    };
    usual.contains(&head.opcode)
        && body.len() <= PACKED_MAX
        && plain().is_some_and(|(head, plain)| plain.len() >= 4 && fits(&head, &plain))
}

fn begins_with_a_verb(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    VERBS.iter().any(|verb| {
        let (front, rest) = text.split_at_checked(verb.len()).unwrap_or((text, &[]));
        front.eq_ignore_ascii_case(verb) && rest.first().is_none_or(|b| !b.is_ascii_alphanumeric())
    })
}

/// What a segment says: the head's checksum, and a frame's head in it.
fn segment(hello: &Hello<'_>) -> Verdict {
    let segment = match Segment::read(hello.bytes) {
        Ok(segment) if segment.whole => segment,
        _ => return Verdict::No,
    };
    let payload = hello.bytes.get(segment.head..).unwrap_or_default();
    let payload = payload.get(..segment.len).unwrap_or(payload);
    let unpacked = match segment.unpacked {
        Some(len) if payload.len() == segment.len => content::lz4_block(payload, len),
        // An LZ4 block begins with how many bytes it holds as they are: the frame's head is there.
        Some(_) => match payload {
            [0xf0..=0xff, rest @ ..] => {
                rest.iter().position(|byte| *byte < 0xff).and_then(|at| rest.get(at + 1..))
            }
            [_, rest @ ..] => Some(rest),
            [] => None,
        }
        .map(<[u8]>::to_vec),
        None => Some(payload.to_vec()),
    };
    let unpacked = unpacked.unwrap_or_default();
    match Head::probe(&unpacked) {
        Some((from, head)) if head.version >= 5 => Verdict::Is(from),
        None if unpacked.len() < HEAD && segment.head + payload.len() < PACKED + HEAD => {
            Verdict::Maybe
        }
        _ => Verdict::No,
    }
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::{super::segment::tests::plain, *};

    fn ask(bytes: &[u8], to: bool, from: bool) -> Verdict {
        probe(&Hello {
            bytes,
            from: None,
            transport: Transport::Tcp,
            to_usual_port: to,
            from_usual_port: from,
            more: true,
        })
    }

    const QUERY: &[u8] = b"\x04\0\0\x07\x07\0\0\0\x0f\0\0\0\x08SELECT 1\0\x01\0";
    const VOID: &[u8] = b"\x84\0\0\x07\x08\0\0\0\x04\0\0\0\x01";

    #[test]
    fn on_any_port_what_nobody_else_says_is_cql() {
        let (client, server) = (Verdict::Is(Side::Client), Verdict::Is(Side::Server));
        assert_eq!(ask(QUERY, false, false), client);
        assert_eq!(ask(VOID, false, false), server);
        assert_eq!(ask(b"\x04\0\0\0\x05\0\0\0\0", false, false), client);
        assert_eq!(ask(&plain(b"\x05\0\0\0\x05\0\0\0\0", true), false, false), client);
        assert_eq!(ask(&QUERY[..5], false, false), Verdict::Maybe);
        assert_eq!(ask(&QUERY[..2], false, false), Verdict::Maybe);
    }

    #[test]
    fn what_may_be_others_is_cql_on_its_port_only() {
        let packed = b"\x04\x01\0\x07\x07\0\0\0\x05abcde";
        assert_eq!(ask(packed, false, false), Verdict::No);
        assert_eq!(ask(packed, true, false), Verdict::Is(Side::Client));
    }

    #[test]
    fn a_packed_body_that_opens_is_cql_on_any_port() {
        // A void result, as Snappy and as LZ4 pack it.
        for body in [&b"\x04\x0c\0\0\0\x01"[..], b"\0\0\0\x04\x40\0\0\0\x01"] {
            let head = [0x84, 1, 0, 7, 8, 0, 0, 0, u8::try_from(body.len()).unwrap()];
            let whole = [&head, body].concat();
            assert_eq!(ask(&whole, false, false), Verdict::Is(Side::Server));
            let another = [&head, &body[..body.len() - 1], &[9]].concat();
            assert_eq!(ask(&another, false, false), Verdict::No);
        }
    }

    #[test]
    fn others_are_not_claimed() {
        for bytes in [
            // DNS over TCP, a message of 1,024 bytes.
            &b"\x04\0\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01"[..],
            b"\x05\x01\0",
            b"\x05\0\x05\x01\0\x01\x7f\0\0\x01\0\x50",
            b"\x04\x01\0\x50\x7f\0\0\x01user\0",
            b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
            b"\x16\x03\x01\0\xf8\x01\0\0\xf4\x03\x03",
            b"\x03\0\0\0\x01\0\0\0\0\0\0\0",
            b"\x84\x00\0\0GET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\n",
            b"\x05\x64\x0a\x44\x01\0\x02\0\x43\x22",
        ] {
            for (to, from) in [(false, false), (true, false), (false, true)] {
                let verdict = ask(bytes, to, from);
                assert!(!matches!(verdict, Verdict::Is(_)), "{bytes:?}: {verdict:?}");
            }
        }
    }
}
