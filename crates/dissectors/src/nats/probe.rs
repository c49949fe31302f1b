//! Whether bytes are NATS.
//!
//! Other protocols of lines look alike: Redis says `PING`, `+OK` and `-ERR`, POP3 `+OK`, NSQ `PUB` and
//! `SUB`, HTTP has a `CONNECT`. Far from the usual ports a line counts that has all that NATS wants of
//! it: JSON behind `INFO` and `CONNECT`, sizes that lead to a line end, quotes around an error.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    line::{Halt, Line, words},
    verb::Verb,
};

/// How much a line says.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Sign {
    /// It is not NATS.
    None,
    /// Others say so, too.
    Weak,
    /// Nobody else does.
    Sure,
}

/// Names that are in every `INFO`, and in none of other protocols.
const INFO_NAMES: [&[u8]; 3] = [b"\"server_id\"", b"\"max_payload\"", b"\"server_name\""];
/// One of them is in every `CONNECT`.
const CONNECT_NAMES: [&[u8]; 9] = [
    b"\"verbose\"",
    b"\"pedantic\"",
    b"\"lang\"",
    b"\"tls_required\"",
    b"\"auth_token\"",
    b"\"user\"",
    b"\"jwt\"",
    b"\"echo\"",
    b"\"name\"",
];
/// Starts of errors.
const ERRORS: [&[u8]; 17] = [
    b"'Unknown Protocol Operation",
    b"'Attempted To Connect",
    b"'Authorization Violation",
    b"'Authorization Timeout",
    b"'Authentication",
    b"'User Authentication",
    b"'Account Authentication",
    b"'Invalid Client Protocol",
    b"'Maximum Control Line",
    b"'Parser Error",
    b"'Secure Connection - TLS",
    b"'Stale Connection",
    b"'Maximum Connections",
    b"'Slow Consumer",
    b"'Maximum Payload",
    b"'Permissions Violation",
    b"'Invalid ",
];

/// What NATS thinks of the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    if hello.bytes.is_empty() {
        return Verdict::Maybe;
    }
    let line = match Line::read(hello.bytes) {
        Ok(line) => line,
        Err(Halt::Short(_)) if hello.more && Line::may_begin(hello.bytes) => return Verdict::Maybe,
        _ => return Verdict::No,
    };
    let rest = hello.bytes.get(line.size..).unwrap_or_default();
    let sign = sign(&line, rest);
    let crlf = hello.bytes.get(..line.size).is_some_and(|line| line.ends_with(b"\r\n"));
    let Some(side) = side(line.verb, hello).filter(|_| crlf) else { return Verdict::No };
    let at_home = match side {
        Side::Client => hello.to_usual_port,
        Side::Server => hello.from_usual_port,
    };
    let is_enough = sign == Sign::Sure || sign == Sign::Weak && at_home;
    if is_enough && hello.from.is_none_or(|from| from == side) {
        Verdict::Is(side)
    } else {
        Verdict::No
    }
}

/// Who sends such a line.
fn side(verb: Verb, hello: &Hello<'_>) -> Option<Side> {
    let by_port = match (hello.to_usual_port, hello.from_usual_port) {
        (true, false) => Some(Side::Client),
        (false, true) => Some(Side::Server),
        _ => None,
    };
    match verb {
        Verb::Pub | Verb::Hpub | Verb::Sub | Verb::Unsub => Some(Side::Client),
        Verb::Msg | Verb::Ok | Verb::Err => Some(Side::Server),
        // Servers that connect to servers introduce themselves, too; so do leaf nodes.
        Verb::Info => hello.from.or(by_port).or(Some(Side::Server)),
        Verb::Connect => hello.from.or(Some(Side::Client)),
        Verb::Hmsg => hello.from.or(by_port).or(Some(Side::Server)),
        Verb::Ping | Verb::Pong => hello.from.or(by_port),
        _ => hello.from.or(by_port).or(Some(Side::Client)),
    }
}

/// What the first line says; `rest` is what follows.
fn sign(line: &Line<'_>, rest: &[u8]) -> Sign {
    let has =
        |names: &[&[u8]]| names.iter().any(|name| memchr::memmem::find(line.rest, name).is_some());
    match line.verb {
        Verb::Info if has(&INFO_NAMES) => Sign::Sure,
        Verb::Connect if has(&CONNECT_NAMES) => Sign::Sure,
        Verb::Connect if line.rest == b"{}" => Sign::Sure,
        Verb::Err if ERRORS.iter().any(|error| line.rest.starts_with(error)) => Sign::Sure,
        Verb::Info | Verb::Connect => Sign::None,
        Verb::Err if line.rest.starts_with(b"'") => Sign::Weak,
        Verb::Err => Sign::None,
        Verb::Ping | Verb::Pong | Verb::Ok => {
            let next = Line::read(rest).map(|next| sign_alone(&next));
            next.map_or(Sign::Weak, |next| next.max(Sign::Weak))
        }
        Verb::Sub | Verb::Unsub => match Line::read(rest) {
            Ok(next) if is_subscription(line) => sign_alone(&next).max(Sign::Weak),
            Err(Halt::Short(_)) if is_subscription(line) => Sign::Weak,
            _ => Sign::None,
        },
        Verb::RouteSub | Verb::RouteUnsub | Verb::LeafSub | Verb::LeafUnsub => Sign::Sure,
        Verb::AccountSub | Verb::AccountUnsub => Sign::Weak,
        _ => load(line, rest),
    }
}

/// What a line that follows says.
fn sign_alone(line: &Line<'_>) -> Sign {
    match line.verb {
        Verb::Ping | Verb::Pong | Verb::Ok | Verb::Err | Verb::Info | Verb::Connect => Sign::Weak,
        Verb::Sub | Verb::Unsub if !is_subscription(line) => Sign::None,
        _ => Sign::Sure,
    }
}

/// Whether the number of a subscription is one.
fn is_subscription(line: &Line<'_>) -> bool {
    let sid = match line.verb {
        Verb::Unsub => words(line.rest).next(),
        _ => words(line.rest).last(),
    };
    sid.is_some_and(|sid| sid.iter().all(u8::is_ascii_alphanumeric)) && is_text(line.rest)
}

/// What a message says whose headers and payload are there.
fn load(line: &Line<'_>, rest: &[u8]) -> Sign {
    let Some(load) = line.load else { return Sign::None };
    if !is_text(line.rest) {
        return Sign::None;
    }
    if load.headers > 0 {
        let front = rest.get(..rest.len().min(8)).unwrap_or_default();
        return if b"NATS/1.0".starts_with(front) { Sign::Sure } else { Sign::None };
    }
    let end = usize::try_from(load.payload).ok().and_then(|size| rest.get(size..));
    match end {
        Some([b'\r', b'\n', ..]) => Sign::Sure,
        Some([_, ..]) => Sign::None,
        _ => Sign::Weak,
    }
}

fn is_text(words: &[u8]) -> bool {
    words.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\t')
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

    fn ask(text: &str, to: bool, from: bool) -> Verdict {
        probe(&Hello {
            bytes: text.as_bytes(),
            from: None,
            transport: Transport::Tcp,
            to_usual_port: to,
            from_usual_port: from,
            more: true,
        })
    }

    const CLIENT: Verdict = Verdict::Is(Side::Client);
    const SERVER: Verdict = Verdict::Is(Side::Server);

    #[test]
    fn on_any_port_what_nobody_else_says_is_nats() {
        for (text, wanted) in [
            ("INFO {\"server_id\":\"a\"}\r\n", SERVER),
            ("CONNECT {\"verbose\":false}\r\n", CLIENT),
            ("PUB a 5\r\nhello\r\n", CLIENT),
            ("HPUB a 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", CLIENT),
            ("MSG a 1 5\r\nhello\r\n", SERVER),
            ("HMSG a 1 12 17\r\nNATS", SERVER),
            ("PING\r\nPUB a 5\r\nhello\r\n", Verdict::No),
            ("SUB a 1\r\nUNSUB 1 5\r\n", CLIENT),
            ("-ERR 'Stale Connection'\r\n", SERVER),
            ("RS+ $G a\r\n", CLIENT),
            ("PU", Verdict::Maybe),
            ("PUB a", Verdict::Maybe),
        ] {
            assert_eq!(ask(text, false, false), wanted, "{text}");
        }
    }

    #[test]
    fn what_others_say_is_nats_on_its_port_only() {
        for (text, to, from, wanted) in [
            ("PING\r\n", true, false, CLIENT),
            ("PONG\r\n", true, false, CLIENT),
            ("PING\r\n", false, true, SERVER),
            ("+OK\r\n", false, true, SERVER),
            ("SUB a 1\r\n", true, false, CLIENT),
            ("PUB a 500\r\nhello", true, false, CLIENT),
            ("PING\r\n", false, false, Verdict::No),
            ("+OK\r\n", false, false, Verdict::No),
            ("SUB a 1\r\n", false, false, Verdict::No),
            ("PUB a 500\r\nhello", false, false, Verdict::No),
        ] {
            assert_eq!(ask(text, to, from), wanted, "{text}");
        }
    }

    #[test]
    fn others_are_not_claimed() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT\naccept-version:1.2\n\n\0",
            "INFO\r\n",
            "INFO server\r\n",
            "*1\r\n$4\r\nPING\r\n",
            "+OK POP3 ready\r\n",
            "+PONG\r\n",
            "-ERR unknown command\r\n",
            "PUB topic\n\0\0\0\x05hello",
            "SUB topic channel\nRDY 1\n",
            "pub/sub\r\n",
            "PUB a 5\r\nhello, world\r\n",
            "HPUB a 12 17\r\nHTTP/1.1\r\n\r\nhello\r\n",
            "PING :irc.example.org\r\n",
            "USER a 0 * :a\r\n",
            "SUBSCRIBE\r\nid:0\r\n",
        ] {
            for (to, from) in [(false, false), (true, false), (false, true)] {
                assert_eq!(ask(text, to, from), Verdict::No, "{text}");
            }
        }
    }
}
