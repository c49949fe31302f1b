//! Where the next message starts after bytes were lost, or in a flow that was joined late.
//!
//! A value may hold anything, RESP too, so one good-looking start is not enough. A command counts if
//! a whole one is there that ends where the packet does, or is followed by another. An answer looks
//! like the elements of another answer, so it counts only where the client asked after the loss.

use dissect::Found;

use super::{
    command::Front,
    names, probe,
    push::{Push, What},
    reply::is_monitored,
    wire::{self, Element, Halt},
};

/// Starts looked at in one packet, at most.
const STARTS_MAX: usize = 64;
/// Arguments looked at behind one start, at most; so many leave no doubt.
const ARGUMENTS_MAX: u32 = 1 << 10;
/// Bytes of the longest name of a command that is sent in a line.
const INLINE_NAME_MAX: usize = 20;

/// How a start looks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Look {
    /// It is none.
    Bad,
    /// More is needed to tell.
    Short,
    /// It is one.
    Good,
}

/// Where the next command starts.
pub fn command(input: &[u8]) -> Found {
    match lines(input).max(commands(input)) {
        Look::Good => return Found::At(0),
        Look::Short => return Found::Maybe(0),
        Look::Bad => {}
    }
    for at in memchr::memmem::find_iter(input, b"\r\n*").take(STARTS_MAX) {
        match commands(input.get(at + 2..).unwrap_or_default()) {
            Look::Good => return Found::At(at + 2),
            Look::Short => return Found::Maybe(at + 2),
            Look::Bad => {}
        }
    }
    match input {
        // What may be the line end before a start.
        [.., b'\r', b'\n'] => Found::Maybe(input.len() - 2),
        [.., b'\r'] => Found::Maybe(input.len() - 1),
        _ => Found::Nowhere,
    }
}

/// Whether commands start here such as a master tells its replicas.
pub fn is_replication(input: &[u8]) -> bool {
    Front::read(input).is_ok_and(|front| names::is_replicated(front.words.name))
        && commands(input) == Look::Good
}

/// Whether an answer starts here.
pub fn answer(input: &[u8]) -> Found {
    let first = match wire::element(input) {
        Ok(Element::Chunk(_) | Element::CloseStream(_)) | Err(Halt::Bad) => return Found::Nowhere,
        Ok(Element::Large(_) | Element::OpenChunks(_)) => return Found::At(0),
        Ok(Element::Leaf(size)) if size == input.len() => return Found::At(0),
        Ok(Element::Leaf(size)) => size,
        Ok(Element::Open(head, 0)) if head == input.len() => return Found::At(0),
        Ok(Element::Open(head, _) | Element::Aside(head, _) | Element::OpenStream(head)) => head,
        Err(Halt::Short(_)) => return Found::Maybe(0),
    };
    match input.get(first..).map(wire::element) {
        // Before a snapshot line feeds keep a connection alive.
        Some(Err(Halt::Bad)) if input.get(first) == Some(&b'\n') => Found::At(0),
        Some(Ok(_)) => Found::At(0),
        None | Some(Err(Halt::Short(_))) => Found::Maybe(0),
        Some(Err(Halt::Bad)) => Found::Nowhere,
    }
}

/// Whether something starts here that nobody asked for: a message of a channel, a line of `MONITOR`.
pub fn news(input: &[u8]) -> Found {
    match input {
        [b'+', line @ ..] => match wire::scalar(b'+', line) {
            Ok((text, _)) if is_monitored(text) => Found::At(0),
            Err(Halt::Short(_)) if is_monitored(line) => Found::Maybe(0),
            _ => Found::Nowhere,
        },
        [marker @ (b'*' | b'>'), ..] => match wire::element(input) {
            Ok(Element::Open(head, count)) => {
                let rest = input.get(head..).unwrap_or_default();
                match Push::read(rest, *marker, count) {
                    Ok(Some(Push { what: What::News, .. })) => Found::At(0),
                    Err(Halt::Short(_)) => Found::Maybe(0),
                    _ => Found::Nowhere,
                }
            }
            Err(Halt::Short(_)) => Found::Maybe(0),
            _ => Found::Nowhere,
        },
        _ => Found::Nowhere,
    }
}

/// Two lines with commands; one alone could be an argument in an array.
fn lines(input: &[u8]) -> Look {
    let first = match line(input) {
        Ok(size) => size,
        Err(look) => return look,
    };
    line(input.get(first..).unwrap_or_default()).map_or_else(|look| look, |_| Look::Good)
}

fn line(input: &[u8]) -> Result<usize, Look> {
    match wire::line(input) {
        Ok((line, size)) if probe::is_command_line(line) => Ok(size),
        Err(Halt::Short(_)) if begins_with_a_name(input) => Err(Look::Short),
        _ => Err(Look::Bad),
    }
}

fn begins_with_a_name(input: &[u8]) -> bool {
    match input.iter().position(|byte| !byte.is_ascii_alphabetic()) {
        Some(end) => names::listed(input.get(..end).unwrap_or_default()).is_some(),
        None => input.len() <= INLINE_NAME_MAX,
    }
}

/// Commands in the form of arrays.
fn commands(input: &[u8]) -> Look {
    let first = match whole(input) {
        Ok(size) => size,
        Err(Halt::Bad) => return Look::Bad,
        Err(Halt::Short(need)) => {
            // A large argument is under way: nothing more will be known for long.
            let is_large = need > input.len() + wire::LINE_MAX / 16;
            return if is_large && is_listed(input) { Look::Good } else { Look::Short };
        }
    };
    match input.get(first..) {
        None | Some([]) => Look::Good,
        Some(rest) => match Front::read(rest) {
            Ok(_) => Look::Good,
            Err(Halt::Short(_)) => Look::Short,
            Err(Halt::Bad) => Look::Bad,
        },
    }
}

fn is_listed(input: &[u8]) -> bool {
    Front::read(input).is_ok_and(|front| names::listed(front.words.name).is_some())
}

/// The size of the command at the front.
fn whole(input: &[u8]) -> Result<usize, Halt> {
    let front = Front::read(input)?;
    if !probe::is_name(front.words.name) {
        return Err(Halt::Bad);
    }
    let mut at = front.head;
    for _ in 0..front.count.min(ARGUMENTS_MAX) {
        let rest = input.get(at..).unwrap_or_default();
        let bulk = wire::bulk(rest).map_err(|halt| halt.after(at))?;
        let end = usize::try_from(bulk.len).ok().and_then(|len| len.checked_add(at + bulk.head));
        let Some(end) = end else { return Err(Halt::Bad) };
        match input.get(end..).unwrap_or_default() {
            [b'\r', b'\n', ..] => at = end + 2,
            [] | [b'\r'] => return Err(Halt::Short(end.saturating_add(2))),
            _ => return Err(Halt::Bad),
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n";

    #[test]
    fn a_command_that_fills_its_packet_is_a_start() {
        assert_eq!(command(GET), Found::At(0));
        assert_eq!(command(&[b"lue\r\n", GET, GET].concat()), Found::At(5));
        assert_eq!(command(&[b"lue\r\n", GET].concat()), Found::At(5));
    }

    #[test]
    fn a_value_that_holds_resp_is_no_start() {
        let inner = b"abc*1\r\n$4\r\nPING\r\n";
        assert_eq!(command(&[&inner[3..], b"\r\n", GET].concat()), Found::At(16));
        assert_eq!(command(&[b"x\r\n", &inner[3..], b"\r\n"].concat()), Found::Maybe(17));
        assert_eq!(command(&[b"x\r\n", &inner[3..], b"more"].concat()), Found::Nowhere);
    }

    #[test]
    fn one_line_may_be_an_argument() {
        assert_eq!(command(b"PING\r\n"), Found::Maybe(0));
        assert_eq!(command(b"PING\r\nget a\r\n"), Found::At(0));
        assert_eq!(command(&[b"PING\r\n", GET].concat()), Found::At(6));
    }

    #[test]
    fn a_large_value_under_way_is_not_waited_for() {
        assert_eq!(command(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$90000\r\nxxxx"), Found::At(0));
        assert_eq!(command(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9\r\nxxxx"), Found::Maybe(0));
    }

    #[test]
    fn hostile_starts_cost_little() {
        let many = b"\r\n*999999999\r\n$1\r\na".repeat(10_000);
        let _ = command(&many);
        let _ = answer(&many);
    }

    #[test]
    fn messages_of_channels_are_known_by_their_shape() {
        assert_eq!(news(b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"), Found::At(0));
        assert_eq!(news(b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"), Found::At(0));
        assert_eq!(news(b"+1339518083.107412 [0 a:1] \"ping\"\r\n"), Found::At(0));
        assert_eq!(news(b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"), Found::Nowhere);
        assert_eq!(news(b"+OK\r\n"), Found::Nowhere);
        assert_eq!(news(b"*3\r\n$7\r\nmess"), Found::Maybe(0));
    }
}
