//! The frames of a body: one byte of flags, four of length, the message (`PROTOCOL-HTTP2.md`,
//! "Length-Prefixed-Message").

/// The message is compressed.
const COMPRESSED: u8 = 1;
/// gRPC-Web: these are the trailers.
const TRAILERS: u8 = 0x80;
/// Bytes before a message.
const PREFIX_LEN: usize = 5;

/// One message of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Frame<'b> {
    /// Where its prefix is in the body.
    pub(super) at: usize,
    flags: u8,
    /// How long it is.
    pub(super) size: u32,
    /// It, as far as it was kept.
    pub(super) bytes: &'b [u8],
}

/// Frame after frame of a body that may be cut anywhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames<'b> {
    at: usize,
    rest: &'b [u8],
}

// === impl Frame ===

impl Frame<'_> {
    pub(super) fn is_compressed(&self) -> bool {
        self.flags & COMPRESSED != 0
    }

    pub(super) fn is_trailers(&self) -> bool {
        self.flags & TRAILERS != 0
    }

    /// All of it was kept.
    pub(super) fn is_whole(&self) -> bool {
        u32::try_from(self.bytes.len()) == Ok(self.size)
    }
}

// === impl Frames ===

impl<'b> Frames<'b> {
    /// The frames of `body`.
    pub(super) fn of(body: &'b [u8]) -> Self {
        Self { at: 0, rest: body }
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = Frame<'b>;

    fn next(&mut self) -> Option<Frame<'b>> {
        let ([flags, a, b, c, d], rest) = self.rest.split_first_chunk::<PREFIX_LEN>()?;
        // Other flags are not defined: this is no frame.
        if flags & !(COMPRESSED | TRAILERS) != 0 {
            return None;
        }
        let size = u32::from_be_bytes([*a, *b, *c, *d]);
        let len = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        let (bytes, rest) = rest.split_at(len);
        let at = self.at;
        self.at += PREFIX_LEN + len;
        self.rest = rest;
        Some(Frame { at, flags: *flags, size, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_one_after_the_other_and_the_last_may_be_cut() {
        let body = b"\0\0\0\0\x02hi\x01\0\0\0\0\x80\0\0\0\x09abc";
        let frames: Vec<_> = Frames::of(body).collect();
        assert_eq!(frames.len(), 3);
        assert_eq!((frames[0].at, frames[0].size, frames[0].bytes), (0, 2, &b"hi"[..]));
        assert!(frames[1].is_compressed() && frames[1].at == 7 && frames[1].is_whole());
        assert!(frames[2].is_trailers() && frames[2].size == 9 && !frames[2].is_whole());
    }

    #[test]
    fn a_flag_that_is_not_defined_ends_them() {
        assert_eq!(Frames::of(b"\x02\0\0\0\0").count(), 0);
        assert_eq!(Frames::of(b"{\"no\": \"frame\"}").count(), 0);
        assert_eq!(Frames::of(b"\0\0\0").count(), 0);
    }
}
