//! The fragments of a header block put together (RFC 9113 §4.3).

use std::borrow::Cow;

use super::frame::{END_HEADERS, Frame, HEADER_LEN, PADDED, PRIORITY, Type};

/// Stream and weight before a fragment.
const PRIORITY_LEN: usize = 5;

/// A header block, in one frame or several.
#[derive(Debug)]
pub(super) enum Block<'i> {
    /// The block, and the bytes of its frames.
    Whole(Cow<'i, [u8]>, usize),
    /// Not all of it is there: worth another look when there are so many bytes.
    Short(usize),
    /// It can't be one.
    Broken,
}

// === impl Block ===

impl<'i> Block<'i> {
    /// The block that begins with `frame`, at the front of `input`.
    #[inline]
    pub(super) fn of(frame: Frame, input: &'i [u8]) -> Self {
        let Some(payload) = input.get(HEADER_LEN..frame.whole()) else {
            return Self::Short(frame.whole());
        };
        let Some(first) = fragment(frame, payload) else { return Self::Broken };
        if frame.has(END_HEADERS) {
            return Self::Whole(first.into(), frame.whole());
        }
        Self::continued(frame, first, input)
    }

    /// §6.10: nothing else comes between the frames of a block.
    #[cold]
    fn continued(first: Frame, fragment: &[u8], input: &'i [u8]) -> Self {
        let mut end = first.whole();
        let mut pieces = vec![fragment];
        loop {
            let rest = input.get(end..).unwrap_or_default();
            let Some(next) = Frame::of(rest) else { return Self::Short(end + HEADER_LEN) };
            if next.kind != Type::Continuation || next.stream != first.stream {
                return Self::Broken;
            }
            let Some(payload) = rest.get(HEADER_LEN..next.whole()) else {
                return Self::Short(end + next.whole());
            };
            pieces.push(payload);
            end += next.whole();
            if next.has(END_HEADERS) {
                return Self::Whole(pieces.concat().into(), end);
            }
        }
    }
}

/// The payload of a frame without padding, weight and promised stream.
pub(super) fn fragment(frame: Frame, payload: &[u8]) -> Option<&[u8]> {
    let mut rest = payload;
    let mut padding = 0;
    if frame.has(PADDED) {
        let (first, after) = rest.split_first()?;
        (padding, rest) = (usize::from(*first), after);
    }
    if frame.kind == Type::Headers && frame.has(PRIORITY) {
        rest = rest.get(PRIORITY_LEN..)?;
    }
    if frame.kind == Type::PushPromise {
        rest = rest.get(size_of::<u32>()..)?;
    }
    rest.get(..rest.len().checked_sub(padding)?)
}

/// The stream that is promised (§6.6).
pub(super) fn promised(frame: Frame, input: &[u8]) -> Option<u32> {
    let at = HEADER_LEN + usize::from(frame.has(PADDED));
    let word = input.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*word) & 0x7fff_ffff).filter(|stream| *stream > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(input: &[u8]) -> Block<'_> {
        Block::of(Frame::of(input).unwrap(), input)
    }

    #[test]
    fn padding_weight_and_promise_are_no_part_of_it() {
        for (input, want) in [
            (&b"\0\0\x02\x01\x04\0\0\0\x01abX"[..], &b"ab"[..]),
            (b"\0\0\x05\x01\x0c\0\0\0\x01\x02abXX", b"ab"),
            (b"\0\0\x09\x01\x2c\0\0\0\x01\x01\0\0\0\0\x10abX", b"ab"),
            (b"\0\0\x08\x05\x0c\0\0\0\x01\x01\0\0\0\x02abX", b"ab"),
        ] {
            let Block::Whole(got, _) = block(input) else { panic!("{}", input.escape_ascii()) };
            assert_eq!(&*got, want);
        }
        assert_eq!(
            promised(
                Frame::of(b"\0\0\x08\x05\x0c\0\0\0\x01").unwrap(),
                b"\0\0\x08\x05\x0c\0\0\0\x01\x01\0\0\0\x02abX"
            ),
            Some(2)
        );
    }

    #[test]
    fn more_padding_than_payload_is_broken() {
        assert!(matches!(block(b"\0\0\x03\x01\x0c\0\0\0\x01\x03ab"), Block::Broken));
        assert!(matches!(block(b"\0\0\x03\x01\x24\0\0\0\x01abc"), Block::Broken));
    }

    #[test]
    fn a_block_goes_on_in_continuations_and_nothing_else() {
        let input =
            b"\0\0\x01\x01\x00\0\0\0\x01a\0\0\x01\x09\x00\0\0\0\x01b\0\0\x01\x09\x04\0\0\0\x01c";
        let Block::Whole(whole, len) = block(input) else { panic!("whole") };
        assert_eq!((&*whole, len), (&b"abc"[..], input.len()));
        for cut in HEADER_LEN..input.len() {
            let Block::Short(need) = block(&input[..cut]) else { panic!("short at {cut}") };
            assert!(need > cut && need <= input.len());
        }
        for other in [&b"\0\0\x01\x00\x00\0\0\0\x01b"[..], b"\0\0\x01\x09\x04\0\0\0\x03b"] {
            assert!(matches!(
                block(&[&b"\0\0\x01\x01\x00\0\0\0\x01a"[..], other].concat()),
                Block::Broken
            ));
        }
    }
}
