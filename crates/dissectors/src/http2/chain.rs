//! Where frames begin, for somebody who does not know: where several plausible ones follow each
//! other.

use dissect::Found;
use model::Side;

use super::{
    block::fragment,
    frame::{ACK, END_HEADERS, Frame, HEADER_LEN, Type},
    hpack::Decoder,
};

/// What a client begins with (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// So many frames in a row are no accident.
const ENOUGH: usize = 3;
/// Frames of one chain that are looked at.
const FRAMES_MAX: usize = 64;
/// Settings that are defined (§6.5.2, RFC 8441, RFC 9218), the experimental ones of some servers too.
const SETTINGS_MAX: u16 = 0x10;
const EXPERIMENTAL: std::ops::RangeInclusive<u16> = 0xf000..=0xffff;
const ENABLE_PUSH: u16 = 2;
/// Error codes that are defined.
const ERRORS: u32 = 14;

/// Frames one after the other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Chain {
    /// How many there are, the last one perhaps not whole.
    pub(super) frames: usize,
    /// Where the chain ends.
    pub(super) end: End,
    /// Who must have sent it, as far as a header list or a preface says.
    pub(super) by: Option<Side>,
    /// It begins with settings that are not an acknowledgement, and pushing is not among them.
    pub(super) settings_first: bool,
}

/// What is behind the last frame of a chain.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum End {
    /// Nothing: it ends with the input.
    #[default]
    Here,
    /// It goes on behind the input.
    Beyond,
    /// Something that is no frame.
    Broken,
}

/// Looks for a frame of `from`; `input` begins where a packet did.
pub(super) fn find(from: Side, input: &[u8], payload_max: usize) -> Found {
    let mut perhaps = None;
    for at in 0..input.len() {
        let rest = input.get(at..).unwrap_or_default();
        if !may_begin(rest, from, payload_max) {
            continue;
        }
        let chain = Chain::of(rest, payload_max);
        if chain.by.is_some_and(|side| side != from) {
            continue;
        }
        let sure = at == 0 || chain.frames > 1 || chain.by.is_some();
        if chain.frames >= ENOUGH || chain.end == End::Here && chain.frames > 0 && sure {
            return Found::At(at);
        }
        if chain.end == End::Beyond {
            perhaps.get_or_insert(at);
        }
    }
    perhaps.map_or(Found::Nowhere, Found::Maybe)
}

/// A quick look, for most offsets are no frame's. Less than a header may be the front of one.
#[inline]
fn may_begin(rest: &[u8], from: Side, payload_max: usize) -> bool {
    match rest {
        [b'P', ..] if from == Side::Client => {
            rest.iter().zip(PREFACE).all(|(found, wanted)| found == wanted)
        }
        [a, b, ..] if usize::from(u16::from_be_bytes([*a, *b])) > payload_max >> 8 => false,
        [_, _, _, kind, flags, stream, ..] => *kind <= 0x10 && *flags < 0x40 && *stream < 0x80,
        [_, _, _, kind, ..] => *kind <= 0x10,
        [a, ..] => usize::from(*a) <= payload_max >> 16,
        _ => false,
    }
}

// === impl Chain ===

impl Chain {
    /// The frames at the front of `input`, the client's preface before them.
    pub(super) fn of(input: &[u8], payload_max: usize) -> Self {
        let mut chain = Self::default();
        let mut rest = input;
        if let Some(after) = input.strip_prefix(PREFACE) {
            (chain.by, chain.frames, rest) = (Some(Side::Client), ENOUGH, after);
        }
        for _ in 0..FRAMES_MAX {
            let Some(frame) = Frame::of(rest) else {
                let ends = rest.is_empty();
                chain.end = if ends { End::Here } else { End::Beyond };
                return chain;
            };
            if !frame.is_plausible(payload_max) || !chain.add(frame, rest) {
                chain.end = End::Broken;
                return chain;
            }
            let Some(after) = rest.get(frame.whole()..) else {
                chain.end = End::Beyond;
                return chain;
            };
            rest = after;
        }
        chain.end = End::Beyond;
        chain
    }

    /// Looks into the frame at the front of `input`; `false` if it can't be one.
    fn add(&mut self, frame: Frame, input: &[u8]) -> bool {
        self.frames += 1;
        let payload = input.get(HEADER_LEN..).unwrap_or_default();
        let Some(payload) = payload.get(..frame.len) else { return true };
        match frame.kind {
            Type::Settings if frame.has(ACK) => true,
            Type::Settings => {
                let settings = || payload.chunks_exact(6).filter_map(|s| s.first_chunk::<2>());
                let mut ids = settings().map(|id| u16::from_be_bytes(*id));
                self.settings_first |=
                    self.frames == 1 && settings().all(|id| u16::from_be_bytes(*id) != ENABLE_PUSH);
                ids.all(|id| (1..=SETTINGS_MAX).contains(&id) || EXPERIMENTAL.contains(&id))
            }
            Type::WindowUpdate => word(payload).is_some_and(|n| (1..1 << 31).contains(&n)),
            Type::RstStream => word(payload).is_some_and(|code| code < ERRORS),
            Type::GoAway => payload.get(4..).and_then(word).is_some_and(|code| code < ERRORS),
            Type::Headers if frame.has(END_HEADERS) => self.add_headers(frame, payload),
            Type::Headers | Type::PushPromise => fragment(frame, payload).is_some(),
            _ => true,
        }
    }

    /// Who sent a list shows in its pseudo-header fields (§8.3).
    fn add_headers(&mut self, frame: Frame, payload: &[u8]) -> bool {
        let Some(fragment) = fragment(frame, payload) else { return false };
        let mut by = None;
        let mut legal = true;
        let read = Decoder::default().decode(fragment, &mut |field| match field.name {
            Some(b":method" | b":path" | b":scheme" | b":authority") => by = Some(Side::Client),
            Some(b":status") => by = Some(Side::Server),
            Some(name) => {
                legal &= name.iter().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
            }
            None => {}
        });
        let agree = self.by.is_none() || by.is_none() || self.by == by;
        let odd = by != Some(Side::Client) || !frame.stream.is_multiple_of(2);
        self.by = self.by.or(by);
        read.is_ok() && legal && agree && odd
    }
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::frame::PAYLOAD_MAX;

    const UPDATE: &[u8] = b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x09";
    const ASKS: &[u8] = b"\0\0\x03\x01\x05\0\0\0\x0f\x82\x84\x86";
    const BODY: &[u8] = b"\0\0\x05\0\0\0\0\0\x0fhello";

    fn look(bytes: &[u8]) -> Found {
        find(Side::Client, bytes, PAYLOAD_MAX)
    }

    #[test]
    fn a_packet_of_frames_is_found_at_its_start() {
        for packet in [UPDATE, ASKS, BODY, &[ASKS, BODY].concat()] {
            assert_eq!(look(packet), Found::At(0));
        }
        assert_eq!(look(&[PREFACE, b"\0\0"].concat()), Found::At(0));
    }

    #[test]
    fn in_a_packet_several_are_asked_for_or_a_list_that_can_be_read() {
        let behind = |frames: &[&[u8]]| look(&[b"some text", &frames.concat()[..]].concat());
        assert_eq!(behind(&[BODY, BODY, BODY, b"\0"]), Found::At(9));
        assert_eq!(behind(&[BODY, UPDATE]), Found::At(9));
        assert_eq!(behind(&[ASKS]), Found::At(9));
        assert_eq!(behind(&[BODY, b"\0\0\x20\0\0\0\0\0\x0fmore"]), Found::Maybe(9));
        assert!(!matches!(behind(&[BODY]), Found::At(_)));
        assert!(!matches!(behind(&[BODY, b"other text that is no frame"]), Found::At(_)));
        assert_eq!(behind(&[]), Found::Nowhere);
    }

    #[test]
    fn what_the_other_side_would_say_is_not_found() {
        let answer = b"\0\0\x01\x01\x05\0\0\0\x0f\x88";
        assert!(!matches!(look(answer), Found::At(_)));
        assert_eq!(find(Side::Server, answer, PAYLOAD_MAX), Found::At(0));
    }

    #[test]
    fn longer_frames_are_plausible_where_they_were_allowed() {
        let long = [&b"\0\x50\0\0\0\0\0\0\x01"[..], &[b'x'; 0x5000], ASKS].concat();
        assert_eq!(look(&long), Found::At(long.len() - ASKS.len()));
        assert_eq!(find(Side::Client, &long, 0x8000), Found::At(0));
    }
}
