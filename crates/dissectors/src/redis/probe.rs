//! Whether bytes are Redis.
//!
//! Other protocols of lines look alike: NATS says `PING`, `+OK` and `-ERR 'x'`, POP3 `+OK`, HTTP has
//! a `GET`, memcached a `get`. So far from the usual ports only what no other protocol says is
//! enough.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    command::Front,
    inline, names,
    push::Push,
    wire::{self, Element, Halt},
};

/// Starts of errors that nobody but Redis sends.
const ERRORS: [&[u8]; 22] = [
    b"ASK ",
    b"BUSY ",
    b"BUSYGROUP ",
    b"BUSYKEY ",
    b"CLUSTERDOWN ",
    b"CROSSSLOT ",
    b"DENIED ",
    b"EXECABORT ",
    b"LOADING ",
    b"MASTERDOWN ",
    b"MISCONF ",
    b"MOVED ",
    b"NOAUTH ",
    b"NOGROUP ",
    b"NOPERM ",
    b"NOREPLICAS ",
    b"NOSCRIPT ",
    b"OOM ",
    b"READONLY ",
    b"TRYAGAIN ",
    b"WRONGPASS ",
    b"WRONGTYPE ",
];
/// Lines that nobody but Redis sends.
const LINES: [&[u8]; 3] = [b"+PONG\r\n", b"+QUEUED\r\n", b"+FULLRESYNC "];
/// Bytes of the longest of them.
const SURE_MAX: usize = 16;

/// What Redis thinks of the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let verdict = match hello.bytes {
        [] => Verdict::Maybe,
        [b'*', ..] => array(hello),
        [b'+' | b'-', ..] => line(hello),
        [b':' | b'$' | b',' | b'#' | b'_' | b'(' | b'=' | b'!', ..] => weak(hello),
        [b'%' | b'~' | b'>' | b'|', ..] => aggregate(hello),
        _ => words(hello),
    };
    match verdict {
        Verdict::Maybe if !hello.more => Verdict::No,
        Verdict::Is(side) if hello.from.is_some_and(|from| from != side) => Verdict::No,
        verdict => verdict,
    }
}

/// A command, or a reply that is an array.
fn array(hello: &Hello<'_>) -> Verdict {
    if let Some(side) = hello.from {
        return match side {
            Side::Client => command(hello, is_name),
            Side::Server => aggregate(hello),
        };
    }
    if hello.from_usual_port && !hello.to_usual_port || is_push(hello.bytes) {
        return aggregate(hello);
    }
    match command(hello, if hello.to_usual_port { is_name } else { is_sure_name }) {
        Verdict::No if hello.from_usual_port => aggregate(hello),
        verdict => verdict,
    }
}

fn command(hello: &Hello<'_>, is_name: fn(&[u8]) -> bool) -> Verdict {
    match Front::read(hello.bytes) {
        Ok(front) if front.count > 0 && is_name(front.words.name) => Verdict::Is(Side::Client),
        // Commands with arguments that are waited for may be longer than anybody shows.
        Err(Halt::Short(_)) => match name_of(hello.bytes) {
            Ok(name) if is_name(name) => Verdict::Is(Side::Client),
            Err(Halt::Short(_)) => Verdict::Maybe,
            _ => Verdict::No,
        },
        _ => Verdict::No,
    }
}

fn name_of(input: &[u8]) -> Result<&[u8], Halt> {
    let Element::Open(head, 1..) = wire::element(input)? else { return Err(Halt::Bad) };
    let rest = input.get(head..).unwrap_or_default();
    let bulk = wire::bulk(rest)?;
    if bulk.len > 64 {
        return Err(Halt::Bad);
    }
    wire::small(rest, bulk).map(|(name, _)| name)
}

pub fn is_name(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.len() <= 64
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-|".contains(byte))
}

/// A word that is hardly an element of a reply.
fn is_sure_name(name: &[u8]) -> bool {
    let is_upper = name.iter().all(|byte| !byte.is_ascii_lowercase());
    is_name(name) && (is_upper && name.len() > 1 || names::listed(name).is_some())
}

fn is_push(input: &[u8]) -> bool {
    let Ok(Element::Open(head, count)) = wire::element(input) else { return false };
    let rest = input.get(head..).unwrap_or_default();
    matches!(Push::read(rest, b'*', count), Ok(Some(_)))
}

/// An aggregate of the server: a head, and an element that begins as one does.
fn aggregate(hello: &Hello<'_>) -> Verdict {
    let known = hello.usual_port() || hello.from == Some(Side::Server);
    match wire::element(hello.bytes) {
        Err(Halt::Short(_)) => Verdict::Maybe,
        Ok(Element::Open(head, _) | Element::Aside(head, _)) => {
            let rest = hello.bytes.get(head..).unwrap_or_default();
            match wire::element(rest) {
                Ok(_) => Verdict::Is(Side::Server),
                Err(Halt::Short(_)) if !rest.is_empty() && hello.usual_port() => {
                    Verdict::Is(Side::Server)
                }
                Err(Halt::Short(_)) if hello.more => Verdict::Maybe,
                Err(Halt::Short(_)) if hello.usual_port() => Verdict::Is(Side::Server),
                Err(_) => Verdict::No,
            }
        }
        Ok(Element::Leaf(_) | Element::OpenStream(_)) if known => Verdict::Is(Side::Server),
        _ => Verdict::No,
    }
}

/// A status or an error.
fn line(hello: &Hello<'_>) -> Verdict {
    let is_sure = match hello.bytes {
        [b'-', error @ ..] => ERRORS.iter().any(|known| error.starts_with(known)),
        line => LINES.iter().any(|known| line.starts_with(known)),
    };
    if is_sure {
        return Verdict::Is(Side::Server);
    }
    if hello.from_usual_port {
        return weak(hello);
    }
    let may_be = match hello.bytes {
        [b'-', error @ ..] => ERRORS.iter().any(|known| known.starts_with(error)),
        line => LINES.iter().any(|known| known.starts_with(line)),
    };
    if may_be && hello.bytes.len() < SURE_MAX { Verdict::Maybe } else { Verdict::No }
}

/// A scalar of the server, on the usual port only.
fn weak(hello: &Hello<'_>) -> Verdict {
    if !hello.from_usual_port {
        return Verdict::No;
    }
    match wire::element(hello.bytes) {
        Ok(Element::Leaf(_) | Element::Large(_) | Element::OpenChunks(_)) => {
            Verdict::Is(Side::Server)
        }
        Err(Halt::Short(_)) => Verdict::Maybe,
        _ => Verdict::No,
    }
}

/// An inline command: known on the usual port only. Elsewhere it is kept until the server testifies.
fn words(hello: &Hello<'_>) -> Verdict {
    if !hello.bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return Verdict::No;
    }
    match wire::line(hello.bytes) {
        Ok((line, _)) if is_command_line(line) && hello.to_usual_port => Verdict::Is(Side::Client),
        Ok((line, _)) if is_command_line(line) && hello.from != Some(Side::Server) => {
            Verdict::Maybe
        }
        Err(Halt::Short(_)) if hello.to_usual_port => Verdict::Maybe,
        _ => Verdict::No,
    }
}

/// Whether it is a line with a listed command, and not one of HTTP.
pub fn is_command_line(line: &[u8]) -> bool {
    let Some(mut words) = inline::Words::of(line) else { return false };
    let mut name = [0; 32];
    let Some(name) = words.next().map(|word| word.copy_to(&mut name)) else { return false };
    let last = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    names::listed(name).is_some() && !last.starts_with(b"HTTP/1.")
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

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

    #[test]
    fn far_from_home_only_what_nobody_else_says_is_redis() {
        let client = Verdict::Is(Side::Client);
        let server = Verdict::Is(Side::Server);
        for (bytes, wanted) in [
            (&b"*1\r\n$4\r\nPING\r\n"[..], client),
            (b"*2\r\n$3\r\nget\r\n", client),
            (b"*2\r\n$9\r\nFT.SEARCH\r\n", client),
            (b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", server),
            (b"*2\r\n$3\r\nabc\r\n$1\r\na\r\n", Verdict::No),
            (b"+PONG\r\n", server),
            (b"-NOAUTH Authentication required.\r\n", server),
            (b"-WRONGTYPE Operation\r\n", server),
            (b"%1\r\n+server\r\n+redis\r\n", server),
            (b"*1", Verdict::Maybe),
            (b"-NOA", Verdict::Maybe),
            (b"*x", Verdict::No),
        ] {
            assert_eq!(ask(bytes, false, false), wanted, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn its_neighbours_are_not_redis() {
        // What a client may have said to Redis waits for what the server says.
        for bytes in [&b"PING\r\n"[..], b"get key\r\n", b"QUIT\r\n"] {
            assert_eq!(ask(bytes, false, false), Verdict::Maybe, "{}", bytes.escape_ascii());
        }
        for bytes in [
            &b"+OK\r\n"[..],
            b"+OK POP3 ready\r\n",
            b"-ERR 'Unknown Protocol Operation'\r\n",
            b"INFO {\"server_id\":\"x\"}\r\n",
            b"GET / HTTP/1.1\r\n",
            b"220 smtp ready\r\n",
            b"HELO me\r\n",
            b"$5\r\nhello\r\n",
            b":1\r\n",
            b"* OK IMAP4rev1\r\n",
        ] {
            assert_eq!(ask(bytes, false, false), Verdict::No, "{}", bytes.escape_ascii());
        }
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"POST / HTTP/1.1\r\n",
            b"EHLO x\r\n",
            b"\x16\x03\x01\x02\x00",
        ] {
            assert_eq!(ask(bytes, true, false), Verdict::No, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn at_home_a_little_is_enough() {
        assert_eq!(ask(b"set test 1\r\n", true, false), Verdict::Is(Side::Client));
        for bytes in [&b"+OK\r\n"[..], b":1\r\n", b"$-1\r\n", b"$9000\r\nx", b"*2\r\n$3\r\nSET\r\n"]
        {
            assert_eq!(
                ask(bytes, false, true),
                Verdict::Is(Side::Server),
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn who_is_known_to_ask_does_not_answer() {
        let hello = Hello {
            bytes: b"+PONG\r\n",
            from: Some(Side::Client),
            transport: Transport::Tcp,
            to_usual_port: true,
            from_usual_port: false,
            more: true,
        };
        assert_eq!(probe(&hello), Verdict::No);
    }
}
