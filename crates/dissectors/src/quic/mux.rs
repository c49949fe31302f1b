//! The streams of a connection as one stream of bytes, between the transport and whoever reads all
//! of them together (HTTP/3).
//!
//! ```text
//!  0      1          9        13
//! ┌──────┬──────────┬────────┬─────────┬─────┐
//! │ what │ stream   │ number │ bytes … │  0  │     little-endian
//! └──────┴──────────┴────────┴─────────┴─────┘
//! ```
//!
//! `number` counts the bytes that follow, or those that were lost; of a stream that was broken off it
//! is the error code. The last byte stands for the event being over: whoever reads has something left
//! to take then.

/// Under this name the reader of HTTP/3 is known to the transport.
pub const HTTP3: &str = "h3 in streams";
/// Bytes before those of a stream.
pub const HEAD_LEN: usize = 13;
/// Bytes after those of a stream.
pub const TAIL_LEN: usize = 1;
/// Bytes of a stream in one piece, at most.
const PIECE_MAX: usize = 16 << 10;

const SAYS: u8 = 0;
const SAYS_LAST: u8 = 1;
const LOST: u8 = 2;
const RESET: u8 = 3;
const STOPPED: u8 = 4;

/// What happens on a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    /// So many bytes follow.
    Says {
        /// How many.
        len: usize,
        /// The stream ends with them.
        is_last: bool,
    },
    /// So many bytes were lost.
    Lost(u32),
    /// The sender gave the stream up, for this reason.
    Reset(u32),
    /// The sender wants no more of the other side's stream, for this reason.
    Stopped(u32),
}

/// What happens on which stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event {
    /// The stream's number (RFC 9000 §2.1).
    pub stream: u64,
    /// What.
    pub what: What,
}

// === impl Event ===

impl Event {
    /// Reads one off the front of `input`; what follows its head is the stream's.
    pub fn read(input: &[u8]) -> Option<Self> {
        let (head, _) = input.split_first_chunk::<HEAD_LEN>()?;
        let [what, a, b, c, d, e, f, g, h, number @ ..] = *head;
        let stream = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let number = u32::from_le_bytes(number);
        let len = || usize::try_from(number).ok().filter(|len| *len <= PIECE_MAX);
        let what = match what {
            SAYS => What::Says { len: len()?, is_last: false },
            SAYS_LAST => What::Says { len: len()?, is_last: true },
            LOST => What::Lost(number),
            RESET => What::Reset(number),
            STOPPED => What::Stopped(number),
            _ => return None,
        };
        Some(Self { stream, what })
    }

    /// With the bytes of its stream.
    fn write(self, bytes: &[u8], to: &mut Vec<u8>) {
        let short = |len: usize| u32::try_from(len).unwrap_or(0);
        let (what, number) = match self.what {
            What::Says { len, is_last: false } => (SAYS, short(len)),
            What::Says { len, is_last: true } => (SAYS_LAST, short(len)),
            What::Lost(number) => (LOST, number),
            What::Reset(number) => (RESET, number),
            What::Stopped(number) => (STOPPED, number),
        };
        to.push(what);
        to.extend_from_slice(&self.stream.to_le_bytes());
        to.extend_from_slice(&number.to_le_bytes());
        to.extend_from_slice(bytes);
        to.push(0);
    }
}

/// Writes down bytes of a stream.
pub fn says(stream: u64, bytes: &[u8], is_last: bool, to: &mut Vec<u8>) {
    let mut rest = bytes;
    loop {
        let (piece, after) = rest.split_at(rest.len().min(PIECE_MAX));
        let is_last = is_last && after.is_empty();
        Event { stream, what: What::Says { len: piece.len(), is_last } }.write(piece, to);
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

/// Writes down that bytes of a stream were lost.
pub fn lost(stream: u64, len: u64, to: &mut Vec<u8>) {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    Event { stream, what: What::Lost(len) }.write(&[], to);
}

/// Writes down that a stream was given up.
pub fn reset(stream: u64, code: u64, to: &mut Vec<u8>) {
    Event { stream, what: What::Reset(u32::try_from(code).unwrap_or(u32::MAX)) }.write(&[], to);
}

/// Writes down that no more of a stream is wanted.
pub fn stopped(stream: u64, code: u64, to: &mut Vec<u8>) {
    Event { stream, what: What::Stopped(u32::try_from(code).unwrap_or(u32::MAX)) }.write(&[], to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        says(4, b"ab", true, &mut bytes);
        assert_eq!(bytes.split_off(HEAD_LEN), b"ab\0");
        let what = What::Says { len: 2, is_last: true };
        assert_eq!(Event::read(&bytes), Some(Event { stream: 4, what }));
        bytes.clear();
        lost(1 << 60, u64::MAX, &mut bytes);
        assert_eq!(
            Event::read(&bytes),
            Some(Event { stream: 1 << 60, what: What::Lost(u32::MAX) })
        );
        assert_eq!(Event::read(&[9; HEAD_LEN]), None);
        assert_eq!(Event::read(&bytes[1..]), None);
    }

    #[test]
    fn long_ones_come_in_pieces_and_the_last_one_ends() {
        let mut bytes = Vec::new();
        says(0, &vec![7; PIECE_MAX + 5], true, &mut bytes);
        let first = Event::read(&bytes).unwrap();
        assert_eq!(first.what, What::Says { len: PIECE_MAX, is_last: false });
        let second = Event::read(&bytes[HEAD_LEN + PIECE_MAX + TAIL_LEN..]).unwrap();
        assert_eq!(second.what, What::Says { len: 5, is_last: true });
    }
}
