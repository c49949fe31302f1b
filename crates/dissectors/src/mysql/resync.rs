//! Where messages start after a loss.

use dissect::Found;

use super::{
    MySql,
    command::{self, Command},
    packed, probe,
    session::{Anchor, Course},
    wire::{Cursor, HEADER, Header, header},
};

/// Bytes of SQL that are looked at.
const TEXT_MAX: usize = 64;
/// Bytes of the longest verb.
const VERB_MAX: usize = 12;

/// Bytes that say how a payload is packed; none is shorter.
const MAGIC_LEN: usize = 4;

/// Bytes of an OK packet or an error, at most, where it is looked for.
const ANSWER_MAX: usize = 512;
/// What column definitions begin with: a catalog that is always the same.
pub const CATALOG: &[u8] = b"\x03def";
/// Commands in a row that are looked at.
const COMMANDS_MAX: usize = 4;

/// How a start looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// It is none.
    Bad,
    /// More is needed to tell.
    Short,
    /// It could be one; other things look the same.
    Weak,
    /// It is one.
    Sure,
}

/// How the start of a command looks; `input` is not packed.
pub fn command(input: &[u8]) -> Start {
    let Some(header) = header(input) else { return Start::Short };
    if header.seq != 0 || header.len == 0 {
        return Start::Bad;
    }
    let Some((byte, payload)) = input.get(HEADER..).and_then(<[u8]>::split_first) else {
        return Start::Short;
    };
    let command = Command(*byte);
    if !command.fits(header.len) {
        return Start::Bad;
    }
    let payload = payload.get(..header.len - 1).unwrap_or(payload);
    if command.names_a_schema() && payload.iter().any(u8::is_ascii_control) {
        return Start::Bad;
    }
    match (command, behind(header, input)) {
        (_, Start::Bad) => Start::Bad,
        (command::QUERY | command::PREPARE, _) => text(payload, header),
        (command::EXECUTE, _) => execute(payload),
        (_, fit) => {
            if fit == Start::Sure {
                Start::Weak
            } else {
                fit
            }
        }
    }
}

/// How the start of commands in a row looks: one that is sure speaks for those before it. Short ones
/// that stand alone may be part of a long one.
fn commands(input: &[u8]) -> Start {
    let mut rest = input;
    for _ in 0..COMMANDS_MAX {
        match (command(rest), header(rest)) {
            (Start::Weak, Some(header)) if header.size() < rest.len() => {
                rest = rest.get(header.size()..).unwrap_or_default();
            }
            (start, _) => return start,
        }
    }
    Start::Weak
}

/// How what follows the packet looks: nothing, or the head of another.
fn behind(first: Header, input: &[u8]) -> Start {
    match input.get(first.size()..) {
        None => Start::Weak,
        Some([]) => Start::Sure,
        Some(rest) => match header(rest) {
            Some(Header { len: 1.., seq: 0 }) => Start::Sure,
            Some(_) => Start::Bad,
            None => Start::Short,
        },
    }
}

/// How a statement looks: a verb in front, and nothing that is no text.
fn text(payload: &[u8], header: Header) -> Start {
    let payload = match payload {
        [params, 1, ..] if *params > 0 => return Start::Weak,
        [0, 1, text @ ..] => text,
        text => text,
    };
    let front = payload.get(..TEXT_MAX).unwrap_or(payload);
    if front.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()) {
        return Start::Bad;
    }
    let front = front.trim_ascii_start();
    if front.starts_with(b"/*") || front.starts_with(b"-- ") {
        return Start::Sure;
    }
    let front = front.strip_prefix(b"(").unwrap_or(front);
    let end = front.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(front.len());
    let verb = front.get(..end).unwrap_or_default();
    match is_verb(verb) {
        true => Start::Sure,
        false if end == front.len() && payload.len() + 1 < header.len && end < VERB_MAX => {
            Start::Short
        }
        false if verb.len() > 1 => Start::Weak,
        false => Start::Bad,
    }
}

/// A statement's number, flags, and how often: once, or more often in a bulk.
fn execute(payload: &[u8]) -> Start {
    let mut cursor = Cursor(payload);
    let (Some(_), Some(flags), Some(times)) = (cursor.long(), cursor.byte(), cursor.long()) else {
        return Start::Short;
    };
    if flags & 0x70 == 0 && times == 1 { Start::Sure } else { Start::Bad }
}

/// Whether statements begin with this word.
pub fn is_verb(word: &[u8]) -> bool {
    const VERBS: [&str; 48] = [
        "ALTER",
        "ANALYZE",
        "BEGIN",
        "BINLOG",
        "CALL",
        "CHANGE",
        "CHECK",
        "COMMIT",
        "CREATE",
        "DEALLOCATE",
        "DELETE",
        "DESC",
        "DESCRIBE",
        "DO",
        "DROP",
        "EXECUTE",
        "EXPLAIN",
        "FLUSH",
        "GRANT",
        "HANDLER",
        "HELP",
        "INSERT",
        "INSTALL",
        "KILL",
        "LOAD",
        "LOCK",
        "OPTIMIZE",
        "PREPARE",
        "PURGE",
        "RELEASE",
        "RENAME",
        "REPAIR",
        "REPLACE",
        "RESET",
        "REVOKE",
        "ROLLBACK",
        "SAVEPOINT",
        "SELECT",
        "SET",
        "SHOW",
        "START",
        "STOP",
        "TABLE",
        "TRUNCATE",
        "UNLOCK",
        "UPDATE",
        "USE",
        "WITH",
    ];
    VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb.as_bytes()))
        || word.eq_ignore_ascii_case(b"XA")
        || word.eq_ignore_ascii_case(b"VALUES")
}

/// How the start of a compressed command looks.
pub fn packed_command(input: &[u8]) -> Start {
    match header(input) {
        None => return Start::Short,
        Some(Header { len, seq: 0 }) if len > HEADER => {}
        Some(_) => return Start::Bad,
    }
    let Some(head) = packed::head(input) else { return Start::Short };
    if head.plain > 0 && head.plain < head.len {
        return Start::Bad;
    }
    if input.len() < packed::HEAD + MAGIC_LEN {
        return Start::Short;
    }
    match packed::front(input) {
        Some((_, plain)) if plain.is_empty() => Start::Short,
        Some((_, plain)) => match command(&plain) {
            Start::Sure => Start::Sure,
            Start::Bad => Start::Bad,
            // Nothing else is packed like this.
            _ if head.plain > 0 => Start::Sure,
            weak => weak,
        },
        None => Start::Bad,
    }
}

// === impl MySql: starts ===

impl MySql {
    /// Where the client's next command starts.
    pub fn find_command(&mut self, input: &[u8]) -> Found {
        self.lose_commands();
        if probe::is_login(input) {
            self.session.course = Course::Start;
            self.session.is_packed = false;
            return Found::At(0);
        }
        self.session.is_packed = match (commands(input), packed_command(input)) {
            (_, Start::Sure) => true,
            (Start::Sure, _) => false,
            (Start::Short, _) | (_, Start::Short) => return Found::Maybe(0),
            _ => return Found::Nowhere,
        };
        Found::At(0)
    }

    /// Where the server's next answer starts: where the client asked since bytes were lost, or at what
    /// nothing but the start of an answer looks like.
    pub fn find_answer(&mut self, input: &[u8]) -> Found {
        self.answers.reset();
        self.session.anchor = self.session.anchor.looked_for();
        if !self.session.is_answered {
            return Found::Nowhere;
        }
        let front = if self.session.is_packed {
            packed::head(input).map(|head| (head.seq, head.len))
        } else {
            header(input).map(|header| (header.seq, header.len))
        };
        let Some((seq, 1..)) = front else {
            return if front.is_none() { Found::Maybe(0) } else { Found::Nowhere };
        };
        if seq != self.session.next_seq {
            return Found::Nowhere;
        }
        let start = if self.session.is_packed { Start::Weak } else { answer(input) };
        match start {
            Start::Sure => Found::At(0),
            _ if self.session.anchor == Anchor::Asked => Found::At(0),
            Start::Short => Found::Maybe(0),
            _ => Found::Nowhere,
        }
    }
}

/// How the start of an answer looks, whose number is right.
fn answer(input: &[u8]) -> Start {
    let Some(header) = header(input) else { return Start::Short };
    let rest = input.get(HEADER..).unwrap_or_default();
    let is_alone = input.len() == header.size();
    match rest {
        [] => Start::Short,
        [0, ..] if (7..=ANSWER_MAX).contains(&header.len) => match input.len() < header.size() {
            true => Start::Short,
            false if is_alone => Start::Sure,
            false => Start::Weak,
        },
        [0xff, ..] if header.len <= ANSWER_MAX => match rest {
            [_, _, 0x03..=0x13, b'#', ..] => Start::Sure,
            [_, _, 0x03..=0x13] | [_] | [_, _] => Start::Short,
            _ => Start::Bad,
        },
        [1..=0xfa, behind @ ..] if header.len == 1 => columns(header, behind),
        _ => Start::Weak,
    }
}

/// How definitions look behind the number of columns.
fn columns(first: Header, input: &[u8]) -> Start {
    match (header(input), input.get(HEADER..)) {
        (Some(Header { seq, len: 4.. }), Some(payload)) if seq == first.seq.wrapping_add(1) => {
            let front = payload.get(..CATALOG.len()).unwrap_or(payload);
            match CATALOG.starts_with(front) {
                true if front.len() == CATALOG.len() => Start::Sure,
                true => Start::Short,
                false => Start::Bad,
            }
        }
        (Some(_), _) => Start::Bad,
        (None, _) => Start::Short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
        [&len[..3], &[0], payload].concat()
    }

    #[test]
    fn statements_are_sure() {
        assert_eq!(command(&packet(b"\x03SELECT 1")), Start::Sure);
        assert_eq!(command(&packet(b"\x03 select 1")), Start::Sure);
        assert_eq!(command(&packet(b"\x03/* hello */ SELECT 1")), Start::Sure);
        assert_eq!(command(&packet(b"\x16INSERT INTO t VALUES (?)")), Start::Sure);
        assert_eq!(command(&packet(b"\x17\x01\0\0\0\0\x01\0\0\0")), Start::Sure);
        assert_eq!(command(&packet(b"\x03\0\x01SHOW TABLES")), Start::Sure);
    }

    #[test]
    fn others_are_weak() {
        assert_eq!(command(&packet(b"\x0e")), Start::Weak);
        assert_eq!(command(&packet(b"\x19\x01\0\0\0")), Start::Weak);
        assert_eq!(command(&packet(b"\x03hello")), Start::Weak);
    }

    #[test]
    fn what_is_none_is_none() {
        for input in [
            &b"Q\0\0\0\x0dSELECT 1\0"[..],
            b"\x16\x03\x01\0\xc8\x01",
            b"\0\0\0\x2c\0\x03\0\x09",
            b"GET / HTTP/1.1\r\n\r\n",
            &packet(b"\x03\x01\x02\x03\x04\x05"),
            &packet(b"\x19\x01"),
            &packet(b"\x77"),
        ] {
            assert_eq!(command(input), Start::Bad, "{}", input.escape_ascii());
        }
        assert_eq!(command(&[packet(b"\x0e"), b"12345".to_vec()].concat()), Start::Bad);
    }

    #[test]
    fn half_a_verb_is_not_known_yet() {
        let whole = packet(b"\x03SELECT 1");
        for len in 0..whole.len() - 2 {
            assert_eq!(command(&whole[..len.min(10)]), Start::Short, "{len}");
        }
    }
}
