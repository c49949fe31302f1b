//! Where the next message starts after bytes were lost, or in a flow that was joined late.
//!
//! A value may hold anything, RESP too, so one good-looking start is not enough: a start counts if a
//! whole message follows that ends where the packet does, or is followed by another.

use dissect::Found;

use super::{
    command::Front,
    names, probe,
    push::Push,
    wire::{self, Element, Halt},
};

/// Starts looked at in one packet, at most.
const STARTS_MAX: usize = 64;
/// Elements looked at behind one start, at most.
const ELEMENTS_MAX: usize = 1 << 10;

/// How a start looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Look {
    /// It is one.
    Good,
    /// More is needed to tell.
    Short,
    /// It is none.
    Bad,
}

/// Where the next command starts.
pub fn command(input: &[u8]) -> Found {
    match inline(input).max(commands(input, true)) {
        Look::Good => return Found::At(0),
        Look::Short => return Found::Maybe(0),
        Look::Bad => {}
    }
    for at in memchr::memmem::find_iter(input, b"\r\n*").take(STARTS_MAX) {
        match commands(input.get(at + 2..).unwrap_or_default(), false) {
            Look::Good => return Found::At(at + 2),
            Look::Short => return Found::Maybe(at + 2),
            Look::Bad => {}
        }
    }
    // What may be the front of a line end and a start.
    match input {
        [.., b'\r', b'\n'] => Found::Maybe(input.len() - 2),
        [.., b'\r'] => Found::Maybe(input.len() - 1),
        _ => Found::Nowhere,
    }
}

/// Where the next command of a master starts; of those only that it tells its replicas.
pub fn replicated(input: &[u8]) -> bool {
    Front::read(input).is_ok_and(|front| names::is_replicated(front.words.name))
        && commands(input, true) == Look::Good
}

/// Whether a reply starts here.
pub fn reply(input: &[u8], was_asked: bool) -> Found {
    if !was_asked && !is_news(input) {
        return Found::Nowhere;
    }
    match value(input) {
        Ok(size) if size == input.len() => Found::At(0),
        Ok(size) => match input.get(size..).map(value) {
            Some(Ok(_)) => Found::At(0),
            Some(Err(Halt::Short(_))) => Found::At(0),
            _ => Found::Nowhere,
        },
        Err(Halt::Short(_)) if is_under_way(input) => Found::At(0),
        Err(Halt::Short(_)) => Found::Maybe(0),
        Err(Halt::Bad) => Found::Nowhere,
    }
}

/// Two lines with commands; one could be the last argument of a command.
fn inline(input: &[u8]) -> Look {
    let next = |input| match wire::line(input) {
        Ok((line, size)) if probe::is_command_line(line) => Ok(size),
        Ok(_) | Err(Halt::Bad) => Err(Look::Bad),
        Err(Halt::Short(_)) if names_begin(input) => Err(Look::Short),
        Err(Halt::Short(_)) => Err(Look::Bad),
    };
    match next(input) {
        Ok(size) => match next(input.get(size..).unwrap_or_default()) {
            Ok(_) => Look::Good,
            Err(look) => look,
        },
        Err(look) => look,
    }
}

fn names_begin(input: &[u8]) -> bool {
    input.iter().take(8).all(|byte| byte.is_ascii_alphabetic() || *byte == b' ')
}

/// Commands from here on.
fn commands(input: &[u8], starts_packet: bool) -> Look {
    let (size, name) = match whole_command(input) {
        Ok(first) => first,
        Err(Halt::Bad) => return Look::Bad,
        // A large argument is under way: nothing more will be known for long.
        Err(Halt::Short(need)) if starts_packet && need > input.len() + 512 && is_known(input) => {
            return Look::Good;
        }
        Err(Halt::Short(_)) => return Look::Short,
    };
    let _ = name;
    match input.get(size..) {
        None | Some([]) => Look::Good,
        Some(rest) => match whole_command(rest) {
            Ok(_) => Look::Good,
            Err(Halt::Short(_)) => Look::Short,
            Err(Halt::Bad) => Look::Bad,
        },
    }
}
