//! Whether bytes are MySQL.
//!
//! Server and client are told apart by what only one of them says: greetings and result sets are the
//! server's, statements the client's. A length of three bytes that is the packet's to the byte, and
//! a number behind it, are in all of them; short packets that hold nothing else are believed on the
//! usual ports only.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    capability::{PROTOCOL_41, SSL},
    command::{self, Command},
    login::{self, Login},
    packed,
    resync::{self, CATALOG, Start},
    wire::{HEADER, Header, header},
    xproto,
};

/// Bytes of a greeting, at most.
const GREETING_MAX: usize = 512;
/// Bytes of an error in place of a greeting, at most.
const ERROR_MAX: usize = 1 << 10;
/// A result set's first packet: a number of columns, in packet 1 of one byte.
const COUNT_HEADER: [u8; 4] = [1, 0, 0, 1];

/// What MySQL thinks of the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let verdict = match hello.from {
        Some(Side::Client) => client(hello),
        Some(Side::Server) => server(hello),
        None => match client(hello) {
            sure @ Verdict::Is(_) => sure,
            unsure => match server(hello) {
                Verdict::No => unsure,
                verdict => verdict,
            },
        },
    };
    match verdict {
        Verdict::Maybe if !hello.more => Verdict::No,
        verdict => verdict,
    }
}

/// What a client says: a command, or a login behind a greeting that was not seen.
fn client(hello: &Hello<'_>) -> Verdict {
    let is_home = hello.to_usual_port || hello.from.is_some() && hello.usual_port();
    if xproto::is_client(hello.bytes, is_home) {
        return Verdict::Is(Side::Client);
    }
    if is_login(hello.bytes) {
        return Verdict::Is(Side::Client);
    }
    let plain = resync::command(hello.bytes);
    let packed = resync::packed_command(hello.bytes);
    match (plain, packed) {
        (Start::Sure, _) | (_, Start::Sure) => Verdict::Is(Side::Client),
        (Start::Weak, _) | (_, Start::Weak) if is_home && !hello.from_usual_port => {
            // Other protocols begin with a length of four bytes, and count themselves in.
            let is_whole = header(hello.bytes).is_some_and(|one| one.size() <= hello.bytes.len());
            if is_whole || may_get_sure(hello.bytes) {
                Verdict::Is(Side::Client)
            } else {
                Verdict::Maybe
            }
        }
        (Start::Short, _) if is_home || may_get_sure(hello.bytes) => Verdict::Maybe,
        (_, Start::Short) => Verdict::Maybe,
        _ => Verdict::No,
    }
}

/// Whether more bytes may make a command sure.
fn may_get_sure(bytes: &[u8]) -> bool {
    let command = bytes.get(HEADER).map(|byte| Command(*byte));
    matches!(command, None | Some(command::QUERY | command::PREPARE | command::EXECUTE))
}

/// A login is packet 1, or 2 inside TLS.
pub fn is_login(bytes: &[u8]) -> bool {
    let Some(Header { len, seq: 1 | 2 }) = header(bytes) else { return false };
    let Some(payload) = bytes.get(HEADER..).filter(|payload| payload.len() == len) else {
        return false;
    };
    let Some(login) = Login::read(payload) else { return false };
    let is_text = login.user.iter().all(|byte| !byte.is_ascii_control());
    let needs = if login.user.is_empty() { PROTOCOL_41 | SSL } else { PROTOCOL_41 };
    is_text && login.capabilities.0 & needs == needs && login.packet_max > 0
}

/// What a server says: a greeting, an error, a result set.
fn server(hello: &Hello<'_>) -> Verdict {
    let is_home = hello.from_usual_port || hello.from.is_some() && hello.usual_port();
    if xproto::is_server(hello.bytes) {
        return Verdict::Is(Side::Server);
    }
    let Some(header) = header(hello.bytes) else { return Verdict::Maybe };
    let Some((first, payload)) = hello.bytes.get(HEADER..).and_then(<[u8]>::split_first) else {
        return if header.len > 0 && header.seq < 2 { Verdict::Maybe } else { Verdict::No };
    };
    let is = |sure: bool| if sure { Verdict::Is(Side::Server) } else { Verdict::No };
    match (header.seq, first) {
        (0, 9 | 10) if header.len <= GREETING_MAX => greeting(header, hello.bytes),
        (0.., 0xff) if header.len <= ERROR_MAX => error(header, payload),
        (1, _) if hello.bytes.starts_with(&COUNT_HEADER) => result_set(hello.bytes),
        // Columns without their number answer FIELD_LIST.
        (1, 3) if payload.len() >= CATALOG.len() => is(header.len > 2 * CATALOG.len()
            && first == &CATALOG[0]
            && payload.starts_with(&CATALOG[1..])),
        // What STATISTICS is answered with.
        (1, b'U') if payload.starts_with(b"ptime: ") => is(ends_there(header, hello.bytes)),
        (1, 0 | 0xfe) if is_home => is(ends_there(header, hello.bytes) && header.len >= 5),
        _ if is_home && hello.from != Some(Side::Server) => packed_answer(hello.bytes),
        _ => Verdict::No,
    }
}

/// A greeting is alone in its packet: the client has to answer.
fn greeting(header: Header, bytes: &[u8]) -> Verdict {
    match bytes.get(HEADER..) {
        Some(payload) if payload.len() > header.len => Verdict::No,
        Some(payload) if payload.len() == header.len && login::greeting(payload).is_some() => {
            Verdict::Is(Side::Server)
        }
        Some(payload) if payload.len() < header.len && may_be_version(payload) => Verdict::Maybe,
        _ => Verdict::No,
    }
}

/// Whether a version may stand there, as far as it goes.
fn may_be_version(payload: &[u8]) -> bool {
    let version = payload.get(1..).unwrap_or_default().split(|byte| *byte == 0).next();
    version.is_some_and(|version| version.iter().all(|byte| matches!(byte, b' '..=b'~')))
}

/// An error: its number, perhaps `#` and a state, a line of text that fills the packet.
fn error(header: Header, payload: &[u8]) -> Verdict {
    let [low, high, text @ ..] = payload else { return Verdict::Maybe };
    let number = u16::from_le_bytes([*low, *high]);
    let is_text = text.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
    if !matches!(number, 1000..=4999) || !is_text {
        return Verdict::No;
    }
    match (payload.len() + 1).cmp(&header.len) {
        std::cmp::Ordering::Less => Verdict::Maybe,
        std::cmp::Ordering::Equal if text.len() > 8 => Verdict::Is(Side::Server),
        _ => Verdict::No,
    }
}

fn result_set(bytes: &[u8]) -> Verdict {
    let Some([_, second @ ..]) = bytes.get(HEADER..) else { return Verdict::No };
    match header(second) {
        Some(Header { len, seq: 2 }) if len > CATALOG.len() => match second.get(HEADER..) {
            Some(payload) if payload.starts_with(CATALOG) => Verdict::Is(Side::Server),
            Some(payload) if payload.len() < CATALOG.len() => Verdict::Maybe,
            _ => Verdict::No,
        },
        Some(_) => Verdict::No,
        None => Verdict::Maybe,
    }
}

fn ends_there(header: Header, bytes: &[u8]) -> bool {
    bytes.len() == header.size()
}

/// An answer in a compressed packet.
fn packed_answer(bytes: &[u8]) -> Verdict {
    match packed::front(bytes) {
        Some((head, plain)) if head.seq == 1 && head.plain > head.len => {
            let is_first = header(&plain).is_some_and(|header| header.seq == 1 && header.len > 0);
            if is_first { Verdict::Is(Side::Server) } else { Verdict::No }
        }
        _ => Verdict::No,
    }
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

    const GREETING: &[u8] = b"\x4a\0\0\0\x0a8.0.32\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0caching_sha2_password\0";

    #[test]
    fn what_only_mysql_says_is_known_on_any_port() {
        let client = Verdict::Is(Side::Client);
        let server = Verdict::Is(Side::Server);
        for (bytes, wanted) in [
            (GREETING, server),
            (b"\x09\0\0\0\x03SELECT 1", client),
            (b"\x0a\0\0\0\x17\x01\0\0\0\0\x01\0\0\0", client),
            (b"\x10\0\0\0\0\0\0\x0c\0\0\0\x03SHOW TABLES", client),
            (b"\x17\0\0\x01\xff\x15\x04#28000Access denied.", server),
            (b"\x01\0\0\x01\x01\x17\0\0\x02\x03def\0\0\0\x011\0\x0c", server),
            (b"\x19\0\0\x01\x03def\x04test\x01t\x01t\x02id\x02id\x0c\x3f\0", server),
            (b"\x14\0\0\x01Uptime: 7  Threads: ", server),
            (b"\x09\0", Verdict::Maybe),
            (&GREETING[..20], Verdict::Maybe),
        ] {
            assert_eq!(ask(bytes, false, false), wanted, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn at_home_a_little_is_enough() {
        assert_eq!(ask(b"\x01\0\0\0\x0e", true, false), Verdict::Is(Side::Client));
        assert_eq!(ask(b"\x01\0\0\0\x0e", false, false), Verdict::No);
        let ok = b"\x07\0\0\x01\0\0\0\x02\0\0\0";
        assert_eq!(ask(ok, false, true), Verdict::Is(Side::Server));
        assert_eq!(ask(ok, false, false), Verdict::No);
    }

    #[test]
    fn its_neighbours_are_not_mysql() {
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"\x16\x03\x03\x00\x28\x00\x00\x00",
            b"Q\0\0\0\x0dSELECT 1\0",
            b"\0\0\0\x08\x04\xd2\x16\x2f",
            b"\0\0\0\x52\0\x03\0\0user\0postgres\0database\0shop\0",
            b"R\0\0\0\x08\0\0\0\0",
            b"\x3f\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0",
            b"\0\0\0\x2c\0\x03\0\x09\0\0\0\x01\0\x08clientid",
            b"*1\r\n$4\r\nPING\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"AMQP\0\0\x09\x01",
            b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0",
            b"INFO {\"server_id\":\"x\"}\r\n",
            b"220 smtp ready\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x0a8.0.32 is a line\n",
            b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0",
            b"\x01\x01\0\x5c\0\0\x01\0\0\0\0\x00",
        ] {
            for home in [false, true] {
                assert_eq!(ask(bytes, home, false), Verdict::No, "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn who_is_known_to_ask_does_not_answer() {
        let hello = Hello {
            bytes: GREETING,
            from: Some(Side::Client),
            transport: Transport::Tcp,
            to_usual_port: true,
            from_usual_port: false,
            more: true,
        };
        assert_eq!(probe(&hello), Verdict::No);
    }
}
