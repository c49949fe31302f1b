//! Streams that were ended before their end (RFC 9113 §5.4, §6.4, §6.8).

use std::borrow::Cow;

/// The error codes by number (RFC 9113 §7).
const CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];
const NO_ERROR: u32 = 0;
const CANCEL: u32 = 8;

/// How a stream was ended early, with its error code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CutOff {
    /// This stream alone.
    Reset(u32),
    /// The connection: the server says that it did not look at this request.
    GoAway(u32),
}

// === impl CutOff ===

impl CutOff {
    /// The error's name; `GOAWAY` before it where that ended the stream.
    pub(crate) fn text(self) -> Cow<'static, [u8]> {
        let (Self::Reset(code) | Self::GoAway(code)) = self;
        let name = CODES.get(usize::try_from(code).unwrap_or(usize::MAX));
        match (self, name) {
            (Self::Reset(_), Some(name)) => name.as_bytes().into(),
            (Self::Reset(_), None) => format!("{code:#x}").into_bytes().into(),
            (Self::GoAway(_), Some(name)) => format!("GOAWAY {name}").into_bytes().into(),
            (Self::GoAway(_), None) => format!("GOAWAY {code:#x}").into_bytes().into(),
        }
    }

    /// Whether something failed, not only ended: whoever cancels does not want the rest.
    pub(crate) fn is_error(self) -> bool {
        !matches!(self, Self::Reset(NO_ERROR | CANCEL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_unknown_ones_numbers() {
        assert_eq!(&*CutOff::Reset(8).text(), b"CANCEL");
        assert_eq!(&*CutOff::GoAway(11).text(), b"GOAWAY ENHANCE_YOUR_CALM");
        assert_eq!(&*CutOff::Reset(0x1234).text(), b"0x1234");
        assert_eq!(&*CutOff::GoAway(14).text(), b"GOAWAY 0xe");
    }

    #[test]
    fn who_cancels_has_not_failed() {
        assert!(!CutOff::Reset(8).is_error() && !CutOff::Reset(0).is_error());
        assert!(CutOff::Reset(7).is_error() && CutOff::GoAway(0).is_error());
    }
}
