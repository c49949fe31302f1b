//! Whether bytes are memcached, and whether a message starts with them.
//!
//! Other protocols of lines look alike: Redis takes `get a` in a line, beanstalkd says `NOT_FOUND`. So
//! far from the usual port only what no other protocol says is enough.

use dissect::{Found, Hello, Verdict};
use model::{Side, Transport};

use super::{
    binary::{self, Header},
    text::{self, Answer, Command, Halt},
    udp::Frame,
};

/// Starts looked at in one packet, at most.
const STARTS_MAX: usize = 64;
/// Lines looked at behind one start, at most.
const LINES_MAX: usize = 256;
/// A value that is larger is not waited for.
const LARGE: usize = 8 << 10;
/// Bytes of the longest name of a command or an answer.
const WORD_MAX: usize = 14;

/// How sure something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sign {
    /// Nothing else looks like it.
    Strong,
    /// Good enough on the usual port.
    Weak,
}

type Looked = Result<(Side, Sign), Halt>;

/// Looks at the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let looked = match hello.transport {
        Transport::Udp => match Frame::split(hello.bytes) {
            Some((frame, inside)) if frame.number == 0 => datagram(frame, inside),
            _ => Err(Halt::Bad),
        },
        _ => stream(hello.bytes),
    };
    match looked {
        Ok((side, _)) if hello.from.is_some_and(|known| known != side) => Verdict::No,
        Ok((side, Sign::Strong)) => Verdict::Is(side),
        Ok((side, Sign::Weak)) => {
            let to_server =
                if side == Side::Client { hello.to_usual_port } else { hello.from_usual_port };
            if to_server { Verdict::Is(side) } else { Verdict::No }
        }
        Err(Halt::Short(_)) if hello.more => Verdict::Maybe,
        Err(_) => Verdict::No,
    }
}

fn stream(bytes: &[u8]) -> Looked {
    match bytes.first() {
        Some(&(binary::REQUEST | binary::RESPONSE)) => packet(bytes),
        Some(b'a'..=b'z') => command(bytes),
        Some(b'A'..=b'Z' | b'0'..=b'9') => answer(bytes),
        _ => Err(Halt::Bad),
    }
}

/// A frame as it should be is a sign too. In a datagram all of it is there.
fn datagram(frame: Frame, bytes: &[u8]) -> Looked {
    let (side, sign) = stream(bytes).map_err(|_| Halt::Bad)?;
    Ok((side, if frame.is_clean { Sign::Strong } else { sign }))
}

fn packet(bytes: &[u8]) -> Looked {
    let header = Header::of(bytes)?;
    let data_type = bytes.get(5).copied().unwrap_or_default();
    let reserved = bytes.get(6..8) == Some(&[0, 0]);
    if !header.is_certain(data_type) || header.is_request && !reserved {
        return Err(Halt::Bad);
    }
    Ok((if header.is_request { Side::Client } else { Side::Server }, Sign::Strong))
}

/// A line, as long as it can still become one that is known.
fn known_line(bytes: &[u8]) -> Result<(&[u8], usize), Halt> {
    let end = bytes.iter().position(|byte| !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'_'));
    let word = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    let line = text::line(bytes)?;
    if word.len() > WORD_MAX { Err(Halt::Bad) } else { Ok(line) }
}

fn command(bytes: &[u8]) -> Looked {
    let Ok((line, size)) = known_line(bytes) else {
        let name = text::words(bytes).next().unwrap_or_default();
        let can_be = bytes.len() < 2_048
            && (text::arity(name).is_some() || bytes.len() <= WORD_MAX)
            && bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r'));
        return Err(if can_be { Halt::Short(bytes.len() + 1) } else { Halt::Bad });
    };
    let ends_well = bytes.get(size.saturating_sub(2)) == Some(&b'\r');
    if !is_command(line) || !ends_well {
        return Err(Halt::Bad);
    }
    let command = Command::of(line);
    let sign = match command.name {
        name if text::is_storage(name) => match command.value {
            Some(value) => value_fits(bytes, size, value)?,
            None => return Err(Halt::Bad),
        },
        b"ms" => match command.value {
            Some(value) => value_fits(bytes, size, value)?,
            None => Sign::Weak,
        },
        b"gets" | b"gat" | b"gats" | b"cache_memlimit" | b"lru_crawler" => Sign::Strong,
        b"mg" | b"md" | b"ma" if text::words(line).count() > 2 => Sign::Strong,
        _ => Sign::Weak,
    };
    Ok((Side::Client, sign))
}

/// Whether a line end follows where the value ends, if that is there.
fn value_fits(bytes: &[u8], at: usize, value: u64) -> Result<Sign, Halt> {
    let end =
        usize::try_from(value).ok().and_then(|value| at.checked_add(value)).ok_or(Halt::Bad)?;
    match bytes.get(end..) {
        Some([b'\r', b'\n', ..] | [] | [b'\r']) | None => Ok(Sign::Strong),
        Some(_) => Err(Halt::Bad),
    }
}

/// Whether a line is a command as clients send it.
fn is_command(line: &[u8]) -> bool {
    let mut words = text::words(line);
    let name = words.next().unwrap_or_default();
    let Some((least, most)) = text::arity(name) else { return false };
    let count = text::words(line).count();
    let is_silent = count > 1 && text::words(line).last() == Some(b"noreply");
    let is_text = line.iter().all(|byte| *byte >= b' ');
    let counted = (least..=most.saturating_add(usize::from(is_silent))).contains(&count);
    let numeric = |at: usize| words.clone().nth(at).is_some_and(|w| text::signed(w).is_some());
    counted
        && is_text
        && match name {
            b"gat" | b"gats" | b"verbosity" | b"cache_memlimit" => numeric(0),
            b"incr" | b"decr" | b"touch" => numeric(1),
            b"mg" | b"md" | b"ma" => words.skip(1).all(is_flag),
            b"ms" => numeric(1) && words.skip(2).all(is_flag),
            _ => true,
        }
}

/// A meta flag: one letter, and a token behind some.
fn is_flag(word: &[u8]) -> bool {
    match word {
        [first, rest @ ..] if first.is_ascii_alphabetic() => {
            rest.is_empty()
                || matches!(first, b'O')
                || rest.iter().all(|b| b.is_ascii_digit() || *b == b'-')
                || matches!(first, b'M') && rest.len() == 1
        }
        _ => false,
    }
}

fn answer(bytes: &[u8]) -> Looked {
    let Ok((line, size)) = known_line(bytes) else {
        let can_be = bytes.len() < 512
            && bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r'))
            && begins_like_an_answer(bytes);
        return Err(if can_be { Halt::Short(bytes.len() + 1) } else { Halt::Bad });
    };
    let ends_well = bytes.get(size.saturating_sub(2)) == Some(&b'\r');
    let words = text::words(line).count();
    let sign = match (text::answer(line), text::words(line).next().unwrap_or_default()) {
        _ if !ends_well => return Err(Halt::Bad),
        (Some(Answer::Value(value)), _) if matches!(words, 4 | 5) => {
            value_fits(bytes, size, value)?
        }
        (Some(Answer::Item), b"STAT") if words >= 3 => Sign::Strong,
        (Some(_), b"STORED" | b"NOT_STORED") if words == 1 => Sign::Strong,
        (Some(_), b"CLIENT_ERROR" | b"SERVER_ERROR") if words > 1 => Sign::Strong,
        // Servers of other protocols greet with a number.
        (Some(Answer::Line), first) if text::number(first).is_some() => return Err(Halt::Bad),
        (Some(Answer::Line | Answer::Meta(_)), _) => Sign::Weak,
        _ => return Err(Halt::Bad),
    };
    Ok((Side::Server, sign))
}

fn begins_like_an_answer(bytes: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] =
        [b"VALUE ", b"STAT ", b"STORED\r", b"NOT_STORED\r", b"CLIENT_ERROR ", b"SERVER_ERROR "];
    WORDS.iter().any(|word| bytes.starts_with(word) || word.starts_with(bytes))
}

// === after a loss ===

/// Where the next command starts. A value may hold lines, so a start counts only if whole commands
/// fill the bytes to their end, or if a large value is under way.
pub fn find_command(input: &[u8]) -> Found {
    if let found @ (Found::At(_) | Found::Maybe(_)) = commands(input, 0) {
        return found;
    }
    for at in memchr::memmem::find_iter(input, b"\r\n").take(STARTS_MAX) {
        if let found @ (Found::At(_) | Found::Maybe(_)) = commands(input, at + 2) {
            return found;
        }
    }
    match input {
        [.., b'\r'] => Found::Maybe(input.len() - 1),
        _ => Found::Nowhere,
    }
}

fn commands(input: &[u8], start: usize) -> Found {
    let mut at = start;
    for _ in 0..LINES_MAX {
        let rest = input.get(at..).unwrap_or_default();
        match whole_command(rest) {
            _ if rest.is_empty() && at > start => return Found::At(start),
            _ if rest.is_empty() => return Found::Nowhere,
            Ok(size) => at += size,
            Err(Halt::Bad) => return Found::Nowhere,
            Err(Halt::Short(need)) if need > rest.len() + LARGE => return Found::At(start),
            Err(Halt::Short(_)) => return Found::Maybe(start),
        }
    }
    Found::At(start)
}

/// The size of the command at the front.
fn whole_command(bytes: &[u8]) -> Result<usize, Halt> {
    if bytes.first() == Some(&binary::REQUEST) {
        packet(bytes)?;
        return end_of_packet(bytes);
    }
    command(bytes)?;
    let (line, size) = text::line(bytes)?;
    match Command::of(line).value {
        Some(value) => end_of_value(bytes, size, value),
        None => Ok(size),
    }
}

fn end_of_packet(bytes: &[u8]) -> Result<usize, Halt> {
    let header = Header::of(bytes)?;
    let end = usize::try_from(header.body).map_err(|_| Halt::Bad)? + binary::HEADER;
    if bytes.len() < end { Err(Halt::Short(end)) } else { Ok(end) }
}

fn end_of_value(bytes: &[u8], at: usize, value: u64) -> Result<usize, Halt> {
    let end =
        usize::try_from(value).ok().and_then(|value| at.checked_add(value)).ok_or(Halt::Bad)?;
    match bytes.get(end..) {
        Some([b'\r', b'\n', ..]) => Ok(end + 2),
        Some([] | [b'\r']) | None => Err(Halt::Short(end + 2)),
        Some(_) => Err(Halt::Bad),
    }
}

/// Whether an answer starts here: only where the client asked since the loss, unless it is a packet.
pub fn find_answer(input: &[u8], was_asked: bool) -> Found {
    let is_packet = input.first() == Some(&binary::RESPONSE);
    if is_packet && Header::of(input).is_ok_and(|header| header.opcode == binary::STAT) {
        return Found::Nowhere;
    }
    if !is_packet && (!was_asked || goes_on(input)) {
        return Found::Nowhere;
    }
    let mut at = 0;
    for _ in 0..LINES_MAX {
        let rest = input.get(at..).unwrap_or_default();
        let part = if is_packet {
            packet(rest).and_then(|_| end_of_packet(rest))
        } else {
            part_of_answer(rest)
        };
        match part {
            _ if rest.is_empty() => return Found::At(0),
            Ok(size) => at += size,
            Err(Halt::Bad) => return Found::Nowhere,
            Err(Halt::Short(need)) if need > rest.len() + LARGE => return Found::At(0),
            Err(Halt::Short(_)) => return Found::Maybe(0),
        }
    }
    Found::At(0)
}

fn part_of_answer(bytes: &[u8]) -> Result<usize, Halt> {
    let (line, size) = text::line(bytes)?;
    match text::answer(line).ok_or(Halt::Bad)? {
        Answer::Value(value) | Answer::Meta(value) => end_of_value(bytes, size, value),
        Answer::Item | Answer::Line | Answer::Log => Ok(size),
    }
}

/// Whether an answer may only go on with this line, or a value may end with it.
fn goes_on(bytes: &[u8]) -> bool {
    let Ok((line, _)) = text::line(bytes) else { return false };
    let first = text::words(line).next().unwrap_or_default();
    text::number(first).is_some() || first == b"END" || text::answer(line) == Some(Answer::Item)
}
