//! Streams that were ended before their end (RFC 9113 §5.4, §6.4, §6.8; RFC 9114 §5.2, §8).

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
/// The error codes of HTTP/3 by number, from 0x100 on (RFC 9114 §8.1).
const CODES_3: [&str; 17] = [
    "H3_NO_ERROR",
    "H3_GENERAL_PROTOCOL_ERROR",
    "H3_INTERNAL_ERROR",
    "H3_STREAM_CREATION_ERROR",
    "H3_CLOSED_CRITICAL_STREAM",
    "H3_FRAME_UNEXPECTED",
    "H3_FRAME_ERROR",
    "H3_EXCESSIVE_LOAD",
    "H3_ID_ERROR",
    "H3_SETTINGS_ERROR",
    "H3_MISSING_SETTINGS",
    "H3_REQUEST_REJECTED",
    "H3_REQUEST_CANCELLED",
    "H3_REQUEST_INCOMPLETE",
    "H3_MESSAGE_ERROR",
    "H3_CONNECT_ERROR",
    "H3_VERSION_FALLBACK",
];
/// Those of QPACK, from 0x200 on (RFC 9204 §6).
const CODES_QPACK: [&str; 3] =
    ["QPACK_DECOMPRESSION_FAILED", "QPACK_ENCODER_STREAM_ERROR", "QPACK_DECODER_STREAM_ERROR"];
const H3_NO_ERROR: u32 = 0x100;
const H3_REQUEST_CANCELLED: u32 = 0x10c;
/// By this a server that goes away tells that it looked at no request after those that it names.
pub(crate) const H3_REQUEST_REJECTED: u32 = 0x10b;
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
        let name = usize::try_from(code).ok().and_then(|at| CODES.get(at).copied());
        let name = name.or_else(|| http3_error(code));
        match (self, name) {
            (Self::Reset(_), Some(name)) => name.as_bytes().into(),
            (Self::Reset(_), None) => format!("{code:#x}").into_bytes().into(),
            (Self::GoAway(_), Some(name)) => format!("GOAWAY {name}").into_bytes().into(),
            (Self::GoAway(_), None) => format!("GOAWAY {code:#x}").into_bytes().into(),
        }
    }

    /// Whether something failed, not only ended: whoever cancels does not want the rest.
    pub(crate) fn is_error(self) -> bool {
        !matches!(self, Self::Reset(NO_ERROR | CANCEL | H3_NO_ERROR | H3_REQUEST_CANCELLED))
    }
}

/// The name of an error of HTTP/3, or of QPACK; their numbers are none of HTTP/2.
pub(crate) fn http3_error(code: u32) -> Option<&'static str> {
    let named = |codes: &[&'static str], first: u32| {
        codes.get(usize::try_from(code.checked_sub(first)?).ok()?).copied()
    };
    named(&CODES_3, 0x100).or_else(|| named(&CODES_QPACK, 0x200))
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
        assert_eq!(&*CutOff::Reset(0x10c).text(), b"H3_REQUEST_CANCELLED");
        assert_eq!(&*CutOff::Reset(0x202).text(), b"QPACK_DECODER_STREAM_ERROR");
        assert_eq!(&*CutOff::Reset(0x203).text(), b"0x203");
    }

    #[test]
    fn who_cancels_has_not_failed() {
        assert!(!CutOff::Reset(8).is_error() && !CutOff::Reset(0).is_error());
        assert!(CutOff::Reset(7).is_error() && CutOff::GoAway(0).is_error());
    }
}
