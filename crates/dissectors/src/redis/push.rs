//! Arrays that nobody asked for, told by their shape, and confirmations of subscriptions.
//!
//! RESP3 marks them with `>`; in RESP2 they are arrays like any other. Both begin with a lower-case
//! word that says what they are.

use super::{
    session::is,
    wire::{self, Element, Halt},
};

/// Bytes of the longest word that says what an array is.
const KIND_MAX: u64 = 32;

/// What the front of an array says.
#[derive(Clone, Copy, Debug)]
pub struct Push<'b> {
    /// What it is.
    pub what: What<'b>,
    /// Bytes of the kind and the channel, in RESP, behind the array's head.
    pub label: &'b [u8],
}

/// Who waits for it.
#[derive(Clone, Copy, Debug)]
pub enum What<'b> {
    /// Nobody.
    News,
    /// Who sent the command of that name, for that channel.
    Confirmation {
        /// The command's name in lower case.
        command: &'b [u8],
        /// The channel; empty where all were meant and there was none.
        channel: &'b [u8],
    },
}

// === impl Push ===

impl<'b> Push<'b> {
    /// Looks at the `count` elements in `input` of an array of type `marker`.
    #[inline]
    pub fn read(input: &'b [u8], marker: u8, count: u32) -> Result<Option<Self>, Halt> {
        match (marker, count) {
            (b'*', 3 | 4) | (b'>', 1..) => {}
            _ => return Ok(None),
        }
        let Some((kind, at)) = word(input, 0, KIND_MAX)? else { return Ok(None) };
        let names = match (kind, count) {
            (b"message" | b"smessage", 3) => 1,
            (b"pmessage", 4) => 2,
            (_, 3) if is_confirmation(kind) => return Self::confirmation(input, kind, at),
            _ if marker == b'>' => count.saturating_sub(1).min(1),
            _ => return Ok(None),
        };
        let mut end = at;
        for _ in 0..names {
            end = name(input, end)?;
        }
        Ok(Some(Self { what: What::News, label: input.get(..end).unwrap_or_default() }))
    }

    /// `subscribe`, a channel or a null, and how many subscriptions there are now.
    fn confirmation(input: &'b [u8], command: &'b [u8], at: usize) -> Result<Option<Self>, Halt> {
        let end = name(input, at)?;
        let Some(label) = input.get(..end) else { return Ok(None) };
        if end == at || input.get(end).is_some_and(|kind| *kind != b':') {
            return Ok(None);
        }
        if input.get(end).is_none() {
            return Err(Halt::Short(end + 1));
        }
        let channel = word(input, at, wire::SMALL_MAX)?.map_or(&[][..], |(channel, _)| channel);
        Ok(Some(Self { what: What::Confirmation { command, channel }, label }))
    }
}

// === impl What ===

impl What<'_> {
    /// Whether it answers the command of this name, for this first channel (empty: for all).
    pub fn answers(&self, name: &[u8], first: &[u8]) -> bool {
        match self {
            Self::News => false,
            Self::Confirmation { command, channel } => {
                name.eq_ignore_ascii_case(command) && (first.is_empty() || first == *channel)
            }
        }
    }
}

/// Whether messages may come before the answer to this command. Redis, server.c: "only (P|S)SUBSCRIBE
/// / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context".
pub fn waits_among_messages(command: &[u8]) -> bool {
    let subscribes = command
        .len()
        .checked_sub(b"subscribe".len())
        .and_then(|at| command.get(at..))
        .is_some_and(|tail| is(tail, "SUBSCRIBE"));
    subscribes || is(command, "PING") || is(command, "QUIT") || is(command, "RESET")
}

fn is_confirmation(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"subscribe"
            | b"unsubscribe"
            | b"psubscribe"
            | b"punsubscribe"
            | b"ssubscribe"
            | b"sunsubscribe"
    )
}

/// The string at `at` and where the next element begins; nothing for anything else, or longer than
/// `len_max`.
fn word(input: &[u8], at: usize, len_max: u64) -> Result<Option<(&[u8], usize)>, Halt> {
    let rest = input.get(at..).unwrap_or_default();
    let found = match rest.first() {
        None => Err(Halt::Short(1)),
        Some(b'$') => match wire::bulk(rest) {
            Ok(bulk) if bulk.len > len_max => return Ok(None),
            Ok(bulk) => wire::small(rest, bulk),
            Err(halt) => Err(halt),
        },
        Some(b'+') => wire::scalar(b'+', rest.get(1..).unwrap_or_default())
            .map(|(text, size)| (text, size + 1))
            .map_err(|halt| halt.after(1)),
        Some(_) => return Ok(None),
    };
    match found {
        Ok((text, size)) => Ok(Some((text, at + size))),
        // Whoever reads on will see it too.
        Err(Halt::Bad) => Ok(None),
        Err(halt) => Err(halt.after(at)),
    }
}

/// Where the element behind the name at `at` begins; `at` if that is none worth to be kept. Lists of
/// names (`invalidate`) stand for the first of them.
fn name(input: &[u8], at: usize) -> Result<usize, Halt> {
    let next = |at: usize| match wire::element(input.get(at..).unwrap_or_default()) {
        Err(Halt::Bad) => Ok(None),
        Err(halt) => Err(halt.after(at)),
        Ok(element) => Ok(Some(element)),
    };
    let first = match next(at)? {
        Some(Element::Open(head, 1..)) => at + head,
        _ => at,
    };
    match next(first)? {
        Some(Element::Leaf(size)) if size <= 2 * wire::SMALL_MAX as usize => Ok(first + size),
        _ => Ok(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(input: &[u8], marker: u8, count: u32) -> Option<String> {
        let push = Push::read(input, marker, count).unwrap()?;
        Some(push.label.escape_ascii().to_string())
    }

    #[test]
    fn news_are_told_by_their_shape() {
        let message = b"$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";
        assert_eq!(label(message, b'*', 3).as_deref(), Some(r"$7\r\nmessage\r\n$1\r\na\r\n"));
        assert_eq!(label(message, b'*', 4), None);
        assert_eq!(label(b"$9\r\nsubscribe\r\n$1\r\na\r\n$1\r\nb\r\n", b'*', 3), None);
        assert_eq!(
            label(b"$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", b'>', 2).as_deref(),
            Some(r"$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n")
        );
        assert_eq!(
            label(b"$10\r\ninvalidate\r\n_\r\n", b'>', 2).as_deref(),
            Some(r"$10\r\ninvalidate\r\n_\r\n")
        );
    }

    #[test]
    fn a_long_first_element_is_not_waited_for() {
        assert!(Push::read(b"$900\r\nx", b'*', 3).unwrap().is_none());
        assert!(Push::read(b"$7\r\nmess", b'*', 3).is_err());
    }

    #[test]
    fn subscribers_wait_among_messages() {
        for name in ["subscribe", "PUNSUBSCRIBE", "ssubscribe", "PING", "quit"] {
            assert!(waits_among_messages(name.as_bytes()), "{name}");
        }
        assert!(!waits_among_messages(b"LRANGE"));
    }
}
