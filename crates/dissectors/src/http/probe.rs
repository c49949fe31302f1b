//! Whether the first bytes of a side are HTTP/1.

use dissect::{Hello, Verdict};
use memchr::memchr;
use model::Side;

use super::start::{METHODS, Start, could_begin, without_cr};

/// What the target of such a method begins with where no other protocol's would.
const TARGETS: &[&[u8]] = &[b"/", b"http://", b"https://"];
/// Empty lines before the first message that are overlooked.
const BLANK_MAX: usize = 8;
/// `HTTP/1.1 200` and what must follow.
const STATUS_LEN: usize = 13;

/// Looks at the first bytes of a side.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let blank = hello.bytes.iter().take(BLANK_MAX).take_while(|b| matches!(b, b'\r' | b'\n'));
    let bytes = hello.bytes.get(blank.count()..).unwrap_or_default();
    if bytes.is_empty() {
        return maybe(hello);
    }
    let sides = match hello.from {
        Some(Side::Client) => &[Side::Client][..],
        Some(Side::Server) => &[Side::Server],
        None => &[Side::Server, Side::Client],
    };
    let verdicts = sides.iter().map(|side| match side {
        Side::Client => request(bytes, hello),
        Side::Server => response(bytes, hello),
    });
    verdicts
        .reduce(|one, other| if one == Verdict::No { other } else { one })
        .unwrap_or(Verdict::No)
}

/// `HTTP/1.1 200 …` is no other protocol's.
fn response(bytes: &[u8], hello: &Hello<'_>) -> Verdict {
    if !could_begin(Side::Server, bytes) {
        return Verdict::No;
    }
    let front = bytes.get(..STATUS_LEN.min(bytes.len())).unwrap_or_default();
    let line = front.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    match Start::of(Side::Server, line) {
        Some(_) => Verdict::Is(Side::Server),
        None if bytes.len() < STATUS_LEN && line.len() == front.len() => maybe(hello),
        None => Verdict::No,
    }
}

fn request(bytes: &[u8], hello: &Hello<'_>) -> Verdict {
    if let Some(end) = memchr(b'\n', bytes) {
        let line = without_cr(bytes.get(..end).unwrap_or_default());
        return match Start::of(Side::Client, line) {
            Some(_) => Verdict::Is(Side::Client),
            None if hello.to_usual_port && hello.from == Some(Side::Client) && is_broken(line) => {
                Verdict::Is(Side::Client)
            }
            None => Verdict::No,
        };
    }
    if !could_begin(Side::Client, bytes) {
        return Verdict::No;
    }
    if is_known(bytes) { Verdict::Is(Side::Client) } else { maybe(hello) }
}

/// Whether this is a request line without a version that can be read.
fn is_broken(line: &[u8]) -> bool {
    Start::broken_request(line).is_some()
}

/// Whether a known method with a usual target begins here.
fn is_known(bytes: &[u8]) -> bool {
    let Some(end) = memchr(b' ', bytes) else { return false };
    let (method, rest) = bytes.split_at(end);
    let target = rest.get(1..).unwrap_or_default();
    let usual = |start: &&[u8]| {
        target.get(..start.len()).is_some_and(|front| front.eq_ignore_ascii_case(start))
    };
    METHODS.contains(&method) && TARGETS.iter().any(usual)
}

fn maybe(hello: &Hello<'_>) -> Verdict {
    if hello.more { Verdict::Maybe } else { Verdict::No }
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

    fn look(bytes: &[u8], from: Option<Side>, more: bool) -> Verdict {
        let (to_usual_port, from_usual_port) = (false, false);
        let transport = Transport::Tcp;
        probe(&Hello { bytes, from, transport, to_usual_port, from_usual_port, more })
    }

    #[test]
    fn a_few_bytes_of_a_usual_message_are_enough() {
        assert_eq!(look(b"GET /a", None, true), Verdict::Is(Side::Client));
        assert_eq!(look(b"\r\nPOST http://a", None, true), Verdict::Is(Side::Client));
        assert_eq!(look(b"HTTP/1.1 200 ", None, true), Verdict::Is(Side::Server));
        assert_eq!(look(b"HTTP/1.0 404\r\n", None, true), Verdict::Is(Side::Server));
    }

    #[test]
    fn what_may_become_a_message_may_be_one() {
        for front in
            [&b"G"[..], b"GET", b"GET ", b"FROB /x HTTP/1.", b"get /", b"HTTP/1.1 2", b"\r"]
        {
            assert_eq!(look(front, None, true), Verdict::Maybe, "{front:?}");
            assert_eq!(look(front, None, false), Verdict::No, "{front:?}");
        }
    }

    #[test]
    fn an_unknown_method_is_believed_with_its_whole_line() {
        assert_eq!(look(b"FROB x HTTP/1.1\r\n", None, true), Verdict::Is(Side::Client));
        assert_eq!(look(b"FROB x\r\n", None, true), Verdict::No);
    }

    #[test]
    fn its_relatives_are_not_it() {
        let relatives: [&[u8]; 10] = [
            b"OPTIONS rtsp://cam/ RTSP/1.0\r\n",
            b"RTSP/1.0 200 OK\r\n",
            b"REGISTER sip:a SIP/2.0\r\n",
            b"SIP/2.0 200 OK\r\n",
            b"ICY 200 OK\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"HTTP/2 200\r\n",
            b"GET /old\r\n",
            b"HTTP/1.1 2000 \r\n",
            b"\x16\x03\x01\x02\x00",
        ];
        for bytes in relatives {
            assert_eq!(look(bytes, None, true), Verdict::No, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_request_from_the_server_is_none() {
        assert_eq!(look(b"GET / HTTP/1.1\r\n", Some(Side::Server), true), Verdict::No);
        assert_eq!(look(b"HTTP/1.1 200 OK\r\n", Some(Side::Client), true), Verdict::No);
    }
}
