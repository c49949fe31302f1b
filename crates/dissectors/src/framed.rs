//! Protocols whose messages say at their front how long they are: how one is taken, and how the next
//! one is found after a loss.

use dissect::{Found, Sink, Step};

/// Why something can't be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Halt {
    /// Not before there are so many bytes.
    Short(usize),
    /// Never: it is not what it should be.
    Bad,
}

/// What was read.
pub(crate) type Read<T> = Result<T, Halt>;

impl Halt {
    /// As an answer to the engine.
    pub(crate) fn step(self) -> Step {
        match self {
            Self::Short(need) => Step::Need(need),
            Self::Bad => Step::Lost,
        }
    }
}

/// The open message has `head` bytes here, then `body` bytes of payload, and ends.
pub(crate) fn go(head: usize, body: u64, sink: &mut Sink<'_, '_>) -> Step {
    if body == 0 {
        sink.finish();
        return Step::Took(head);
    }
    Step::Body { head, body }
}

/// Whether messages stand at the front: `size` measures the one at the front of some bytes, and is
/// strict. What follows it, if anything does, must be one as well.
pub(crate) fn find(input: &[u8], size: impl Fn(&[u8]) -> Read<u64>) -> Found {
    let first = match size(input) {
        Ok(first) => first,
        Err(Halt::Short(_)) => return Found::Maybe(0),
        Err(Halt::Bad) => return Found::Nowhere,
    };
    let rest = usize::try_from(first).ok().and_then(|first| input.get(first..));
    match rest {
        None | Some([]) => Found::At(0),
        Some(rest) => match size(rest) {
            Err(Halt::Bad) => Found::Nowhere,
            _ => Found::At(0),
        },
    }
}

/// The big-endian number at `at`.
pub(crate) fn u16_at(input: &[u8], at: usize) -> Option<u16> {
    input.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// The big-endian number of three bytes at `at`.
pub(crate) fn u24_at(input: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *input.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// The big-endian number at `at`.
pub(crate) fn u32_at(input: &[u8], at: usize) -> Option<u32> {
    input.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The big-endian number at `at`.
pub(crate) fn u64_at(input: &[u8], at: usize) -> Option<u64> {
    input.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
