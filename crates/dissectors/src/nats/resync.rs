//! Where the next line starts after bytes were lost, or in a connection that was joined late.
//!
//! A payload may hold anything, lines of NATS too. So a start counts only if what begins there is
//! whole and ends where the packet does, or is followed by another line.

use dissect::Found;
use model::Side;

use super::{
    line::{Halt, Line, Link, Words, number},
    verb::Verb,
};

/// Starts looked at in one packet, at most.
const STARTS_MAX: usize = 64;
/// A payload that needs so much more than is at hand is not waited for.
const FAR: u64 = 4 << 10;

/// How a start looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Look {
    /// It is none.
    Bad,
    /// More is needed to tell.
    Short,
    /// It is one.
    Good,
}

/// Where the next line of `from` starts.
pub fn find(from: Side, input: &[u8]) -> Found {
    let ends = memchr::memmem::find_iter(input, b"\r\n").take(STARTS_MAX).map(|at| at + 2);
    for at in std::iter::once(0).chain(ends) {
        let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) else { break };
        let is_broken = at == 0 && is_rest_of_a_verb(rest);
        match if is_broken { Look::Bad } else { look(from, rest) } {
            Look::Good => return Found::At(at),
            Look::Short => return Found::Maybe(at),
            Look::Bad => {}
        }
    }
    if input.ends_with(b"\r") { Found::Maybe(input.len() - 1) } else { Found::Nowhere }
}

/// Whether a line looks like the rest of one whose first byte is lost: `HMSG` ends in `MSG`, `UNSUB`
/// in `SUB`. Only a start of which nobody knows what stood before can be one.
fn is_rest_of_a_verb(input: &[u8]) -> bool {
    let Ok(line) = Line::read(input) else { return false };
    let words = Words::of(line.verb, line.rest, Link::Client);
    let payload = input.get(line.size..).unwrap_or_default();
    match line.verb {
        Verb::Sub => words.queue.is_none(),
        Verb::Msg if words.sid.is_none_or(|sid| number(sid).is_none()) => true,
        Verb::Msg | Verb::Pub => {
            let sizes = words.reply.or(words.subject).and_then(number).is_some();
            sizes || payload.starts_with(b"NATS/")
        }
        _ => false,
    }
}

/// How a message at the front looks.
fn look(from: Side, input: &[u8]) -> Look {
    let line = match Line::read(input) {
        Ok(line) => line,
        Err(Halt::Short(_)) if Line::may_begin(input) => return Look::Short,
        Err(_) => return Look::Bad,
    };
    let rest = input.get(line.size..).unwrap_or_default();
    if !may_send(from, line.verb) || !input.get(..line.size).is_some_and(|l| l.ends_with(b"\r\n")) {
        return Look::Bad;
    }
    let Some(load) = line.load else { return next(from, rest) };
    let size = load.headers + load.payload;
    let whole = usize::try_from(size).ok().and_then(|size| rest.get(size..));
    match whole {
        Some([b'\r', b'\n', rest @ ..]) => next(from, rest),
        Some([] | [b'\r']) => Look::Short,
        Some(_) => Look::Bad,
        None if size - (rest.len() as u64) > FAR => Look::Good,
        None => Look::Short,
    }
}

/// How what follows a message looks.
fn next(from: Side, rest: &[u8]) -> Look {
    if rest.is_empty() {
        return Look::Good;
    }
    match Line::read(rest) {
        Ok(line) if may_send(from, line.verb) => Look::Good,
        Err(Halt::Short(_)) if Line::may_begin(rest) => Look::Short,
        _ => Look::Bad,
    }
}

/// Whether a verb is one of that side; servers may be on either.
fn may_send(from: Side, verb: Verb) -> bool {
    match verb {
        Verb::Connect | Verb::Pub | Verb::Hpub | Verb::Sub | Verb::Unsub => from == Side::Client,
        Verb::Msg | Verb::Ok => from == Side::Server,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Found {
        find(Side::Client, text.as_bytes())
    }

    #[test]
    fn a_message_that_fills_its_packet_is_a_start() {
        assert_eq!(client("PUB a 5\r\nhello\r\n"), Found::At(0));
        assert_eq!(client("lo\r\nPUB a 5\r\nhello\r\n"), Found::At(4));
        assert_eq!(client("lo\r\nPUB a 5\r\nhello\r\nPING\r\n"), Found::At(4));
        assert_eq!(client("PING\r\n"), Found::At(0));
        assert_eq!(client("PUB a 5\r\nhel"), Found::Maybe(0));
        assert_eq!(client("PUB a 500000\r\nhel"), Found::At(0));
    }

    #[test]
    fn a_payload_that_holds_a_message_is_no_start() {
        assert_eq!(client("x\r\nPUB a 1\r\nx\r\n\r\n"), Found::Nowhere);
        assert_eq!(client("x\r\nPUB a 1\r\nx\r\nand more"), Found::Nowhere);
        assert_eq!(client("MSG a 1 1\r\nx\r\n"), Found::Nowhere);
        assert_eq!(client("hello"), Found::Nowhere);
    }

    #[test]
    fn the_rest_of_a_verb_is_no_verb() {
        assert_eq!(client("SUB 1 3\r\n"), Found::Nowhere);
        assert_eq!(client("x\r\nSUB a 3\r\n"), Found::At(3));
        assert_eq!(client("PUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n"), Found::Nowhere);
        let server = |text: &str| find(Side::Server, text.as_bytes());
        assert_eq!(server("MSG $G a 1\r\nx\r\n"), Found::Nowhere);
        assert_eq!(server("MSG a 1 12 12\r\nNATS/1.0\r\n\r\n\r\n"), Found::Nowhere);
        assert_eq!(server("MSG a 1 1\r\nx\r\n"), Found::At(0));
    }

    #[test]
    fn hostile_starts_cost_little() {
        let many = "\r\nPUB a 1\r\n".repeat(10_000);
        let _ = client(&many);
    }
}
