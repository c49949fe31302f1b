//! How a call ended.

use std::borrow::Cow;

use model::{Message, Outcome, Status};

use super::frames::Frames;
use crate::http::{View, cut_off::CutOff, record::Fields};

/// Names of the codes (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The name of a code.
pub(super) fn name(code: i64) -> Option<&'static str> {
    NAMES.get(usize::try_from(code).ok()?).copied()
}

/// What a response says of itself in `grpc-status` and `grpc-message`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Said {
    pub(super) code: i64,
    /// Decoded.
    pub(super) message: Vec<u8>,
}

/// Reads it off the trailers, off the head where there are no others, or off the trailers' frame.
pub(super) fn said(response: &Message) -> Option<Said> {
    let view = View::of(response)?;
    of_fields(&mut |name| find(&mut view.trailers(), name))
        .or_else(|| of_fields(&mut |name| find(&mut view.fields(), name)))
        .or_else(|| of_web(&super::messages::plain(response).0))
}

fn find(fields: &mut Fields<'_>, name: &[u8]) -> Option<Vec<u8>> {
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
}

fn of_fields(get: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Option<Said> {
    let code = str::from_utf8(&get(b"grpc-status")?).ok()?.trim().parse().ok()?;
    let message = get(b"grpc-message").map_or_else(Vec::new, |text| percent_decoded(&text));
    Some(Said { code, message })
}

/// gRPC-Web: the last frame holds lines like those of HTTP/1.
fn of_web(body: &[u8]) -> Option<Said> {
    let frame = Frames::of(body).find(|frame| frame.is_trailers() && !frame.is_compressed())?;
    let value =
        |name: &[u8]| web_lines(frame.bytes).find(|(found, _)| found.eq_ignore_ascii_case(name));
    of_fields(&mut |name| value(name).map(|(_, value)| value.to_vec()))
}

/// Names and values of a frame of trailers.
pub(super) fn web_lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    bytes.split(|b| *b == b'\n').filter_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        Some((line.get(..colon)?.trim_ascii(), line.get(colon + 1..)?.trim_ascii()))
    })
}

/// The status of a call as its line has it.
pub(super) fn of<'m>(request: Option<&'m Message>, response: &'m Message) -> Option<Status<'m>> {
    let view = View::of(response)?;
    if let Some(Said { code, message }) = said(response) {
        let outcome = if code == 0 { Outcome::Ok } else { Outcome::Error };
        return Some(status(code, &message, outcome));
    }
    if let Some(how) = view.cut_off() {
        return Some(of_cut_off(how, "by the server"));
    }
    if let Some(how) = request.and_then(View::of).and_then(View::cut_off) {
        return Some(of_cut_off(how, "by the client"));
    }
    match view.status() {
        0 | 200 => Some(Status {
            code: Cow::Borrowed(b"unknown"),
            text: Cow::Borrowed(b"grpc-status was not seen"),
            outcome: Outcome::Unknown,
        }),
        http => Some(status(of_http(http), format!("HTTP {http}").as_bytes(), Outcome::Error)),
    }
}

/// The status of a call that was not answered: its client may have said that it wants no answer.
pub(super) fn of_asked<'m>(request: Option<&'m Message>) -> Option<Status<'m>> {
    let how = request.and_then(View::of).and_then(View::cut_off)?;
    Some(of_cut_off(how, "by the client"))
}

fn status<'m>(code: i64, said: &[u8], outcome: Outcome) -> Status<'m> {
    let mut text = name(code).unwrap_or_default().as_bytes().to_vec();
    if !said.is_empty() {
        if !text.is_empty() {
            text.extend_from_slice(b": ");
        }
        text.extend_from_slice(said);
    }
    Status { code: code.to_string().into_bytes().into(), text: text.into(), outcome }
}

/// `http-grpc-status-mapping.md`
fn of_http(status: u16) -> i64 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

/// `PROTOCOL-HTTP2.md`, "Errors". Whoever cancels has not failed.
fn of_cut_off<'m>(how: CutOff, by: &str) -> Status<'m> {
    let code = match how {
        CutOff::GoAway(_) | CutOff::Reset(7) => 14,
        CutOff::Reset(8) => 1,
        CutOff::Reset(11) => 8,
        CutOff::Reset(12) => 7,
        CutOff::Reset(_) => 13,
    };
    let outcome = if how.is_error() { Outcome::Error } else { Outcome::Unknown };
    let text = [&b"stream ended "[..], by.as_bytes(), b" with ", &how.text()].concat();
    status(code, &text, outcome)
}

/// `PROTOCOL-HTTP2.md`, "Status-Message": what is no escape stays as it is.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match after {
            [a, b, beyond @ ..] if *byte == b'%' => match (hex(*a), hex(*b)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = beyond;
                }
                _ => out.push(*byte),
            },
            _ => out.push(*byte),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_others_stay() {
        assert_eq!(percent_decoded(b"a%20b%E2%82%AC"), "a b\u{20ac}".as_bytes());
        assert_eq!(percent_decoded(b"100% %zz %4"), b"100% %zz %4");
    }

    #[test]
    fn codes_of_http_and_of_resets_have_a_status() {
        assert_eq!([400, 401, 403, 404, 429, 503, 500].map(of_http), [13, 16, 7, 12, 14, 14, 2]);
        let code = |how| of_cut_off(how, "").code.into_owned();
        assert_eq!(code(CutOff::Reset(8)), b"1");
        assert_eq!(code(CutOff::Reset(7)), b"14");
        assert_eq!(code(CutOff::Reset(11)), b"8");
        assert_eq!(code(CutOff::Reset(12)), b"7");
        assert_eq!(code(CutOff::Reset(2)), b"13");
        assert_eq!(of_cut_off(CutOff::Reset(8), "").outcome, Outcome::Unknown);
        assert_eq!(of_cut_off(CutOff::GoAway(0), "").outcome, Outcome::Error);
    }

    #[test]
    fn a_code_beyond_the_known_ones_has_no_name() {
        assert_eq!(
            (name(5), name(16), name(17), name(-1)),
            (Some("NOT_FOUND"), Some("UNAUTHENTICATED"), None, None)
        );
        assert_eq!(&*status(99, b"x", Outcome::Error).text, b"x");
    }
}
