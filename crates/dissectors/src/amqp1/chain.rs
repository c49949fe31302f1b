//! Frames that follow each other: what makes sure that these bytes are AMQP, and where it starts.

use dissect::Found;
use model::Side;

use super::{
    composite::{
        BEGIN, CLOSE, Fields, OPEN, SASL_INIT, SASL_MECHANISMS, SASL_OUTCOME, SASL_RESPONSE,
        TRANSFER,
    },
    frame::{Frame, HEAD, Halt, begins_hello},
    section,
    types::{Flaw, Value},
};

/// Frames looked at in one packet, at most.
const FRAMES_MAX: usize = 64;
/// Places looked at in one packet, at most.
const STARTS_MAX: usize = 64;
/// In front of a performative: no extended head, no security layer, a channel, a described value.
const SIGN: &[u8] = b"\x02\x00";

/// The frames at the front of some bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    /// Whole frames.
    pub frames: usize,
    /// Performatives, and of them those with a frame that is not whole.
    pub performatives: usize,
    /// Who sends these, where one of them is only one side's.
    pub by: Option<Side>,
    /// What comes behind the last of them.
    pub end: End,
}

/// How a chain ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum End {
    /// With the bytes.
    #[default]
    Here,
    /// In a frame that goes on behind them.
    Beyond,
    /// In something else.
    Broken,
}

/// Where the next frame of `from` starts.
///
/// A message may hold anything. So bytes in the middle of a packet count only if a performative is
/// there, and nothing but frames up to the packet's end.
pub fn find(from: Side, input: &[u8]) -> Found {
    if begins_hello(input) {
        return if input.len() < HEAD { Found::Maybe(0) } else { Found::At(0) };
    }
    let first = Chain::of(input);
    if first.is_by(from) && first.end != End::Broken {
        if first.frames > 0 || first.performatives > 0 {
            return Found::At(0);
        }
        if is_begun(input) {
            return Found::Maybe(0);
        }
    }
    for sign in memchr::memmem::find_iter(input, SIGN).take(STARTS_MAX) {
        let Some(at) = sign.checked_sub(4).filter(|at| *at > 0) else { continue };
        let chain = Chain::of(input.get(at..).unwrap_or_default());
        let whole = chain.frames > 0 && chain.performatives > 0 && chain.is_by(from);
        if whole && (chain.end == End::Here || chain.end == End::Beyond && chain.frames > 1) {
            return Found::At(at);
        }
    }
    Found::Nowhere
}

/// Whether a performative begins here that is not whole yet.
fn is_begun(input: &[u8]) -> bool {
    match Frame::of(input) {
        Ok(frame) => matches!(frame.performative(input), Err(Halt::Short(_))),
        Err(Halt::Short(_)) => {
            // Nobody sends frames of 16 MB; extended heads are not used.
            let is = |at, wanted: u8| input.get(at).is_none_or(|byte| *byte == wanted);
            is(0, 0) && is(4, 2) && input.get(5).is_none_or(|kind| *kind < 2)
        }
        Err(Halt::Bad) => false,
    }
}

// === impl Chain ===

impl Chain {
    /// The frames at the front of `input`.
    pub fn of(input: &[u8]) -> Self {
        let mut chain = Self::default();
        let mut rest = input;
        while chain.frames < FRAMES_MAX && !rest.is_empty() {
            match chain.frame(rest) {
                Ok(size) => match rest.get(size..) {
                    Some(behind) => {
                        chain.frames += 1;
                        rest = behind;
                    }
                    None => return Self { end: End::Beyond, ..chain },
                },
                Err(Halt::Short(_)) => return Self { end: End::Beyond, ..chain },
                Err(Halt::Bad) => return Self { end: End::Broken, ..chain },
            }
        }
        chain
    }

    /// Whether `side` may have sent it.
    pub fn is_by(self, side: Side) -> bool {
        self.by.is_none_or(|by| by == side)
    }

    /// Looks at the frame at the front of `input`; its size.
    fn frame(&mut self, input: &[u8]) -> Result<usize, Halt> {
        let frame = Frame::of(input)?;
        let performative = frame.performative(input)?;
        if performative.is_empty() {
            return if frame.is_sasl { Err(Halt::Bad) } else { Ok(frame.size) };
        }
        let fields = Fields::of(performative).filter(|fields| fields.are_exact());
        let fields = fields.ok_or(Halt::Bad)?;
        let code = fields.composite.code;
        let range = if frame.is_sasl { SASL_MECHANISMS..=SASL_OUTCOME } else { OPEN..=CLOSE };
        let end = frame.body + performative.len();
        if !range.contains(&code) || !is_possible(fields) || (code != TRANSFER && end != frame.size)
        {
            return Err(Halt::Bad);
        }
        let payload = input.get(end..).unwrap_or_default();
        let payload = payload.get(..frame.size - end).unwrap_or(payload);
        if code == TRANSFER && section::start(payload) == Err(Flaw::Bad) && begins(fields) {
            return Err(Halt::Bad);
        }
        let by = sender(code, fields);
        if by.is_some() && self.by.is_some() && by != self.by {
            return Err(Halt::Bad);
        }
        self.by = self.by.or(by);
        self.performatives += 1;
        Ok(frame.size)
    }
}

/// Whether the fields are there without which a performative says nothing.
fn is_possible(fields: Fields<'_>) -> bool {
    let [first, second, third, fourth] = fields.first();
    match fields.composite.name {
        "open" | "transfer" | "detach" | "sasl-mechanisms" | "sasl-init" | "sasl-outcome" => {
            first != Value::Null
        }
        "attach" | "begin" => [second, third].iter().all(|value| *value != Value::Null),
        "flow" => [second, third, fourth].iter().all(|value| *value != Value::Null),
        "disposition" => [first, second].iter().all(|value| *value != Value::Null),
        _ => true,
    }
}

/// Whether a transfer begins a delivery.
fn begins(fields: Fields<'_>) -> bool {
    let [_, id, tag, _, _, more, ..] = fields.first::<10>();
    id != Value::Null && tag != Value::Null && more == Value::Null
}

/// Who sends a performative, where it is one side only. Servers answer sessions, and begin none.
fn sender(code: u64, fields: Fields<'_>) -> Option<Side> {
    match code {
        SASL_INIT | SASL_RESPONSE => Some(Side::Client),
        SASL_MECHANISMS..=SASL_OUTCOME => Some(Side::Server),
        BEGIN if fields.get("remote-channel").is_some() => Some(Side::Server),
        BEGIN => Some(Side::Client),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &[u8] = b"\0\0\0\x0c\x02\0\0\x05\0\x53\x17\x45";
    const INIT: &[u8] = b"\0\0\0\x19\x02\x01\0\0\0\x53\x41\xc0\x0c\x01\xa3\x09ANONYMOUS";
    const BEAT: &[u8] = b"\0\0\0\x08\x02\0\0\0";

    #[test]
    fn frames_that_fill_their_packet_are_a_start() {
        assert_eq!(find(Side::Client, &[END, BEAT].concat()), Found::At(0));
        assert_eq!(find(Side::Server, BEAT), Found::At(0));
        assert_eq!(find(Side::Server, b"AMQP\0\x01\0\0"), Found::At(0));
        assert_eq!(find(Side::Server, b"AMQP"), Found::Maybe(0));
    }

    #[test]
    fn in_the_middle_a_performative_is_looked_for() {
        assert_eq!(find(Side::Client, &[b"body", END].concat()), Found::At(4));
        assert_eq!(find(Side::Client, &[b"body", BEAT].concat()), Found::Nowhere);
        let inside = [b"log ", END, b" and more"].concat();
        assert_eq!(find(Side::Client, &inside), Found::Nowhere);
    }

    #[test]
    fn some_frames_are_one_sides() {
        let chain = Chain::of(INIT);
        assert_eq!((chain.frames, chain.by), (1, Some(Side::Client)), "{chain:?}");
        assert!(!chain.is_by(Side::Server));
    }

    #[test]
    fn other_fields_are_another_protocols() {
        for bytes in [
            &b"\0\0\0\x0f\x02\0\0\0\0\x53\x17\xc0\x02\x01\x41"[..],
            b"\0\0\0\x0d\x02\0\0\x05\0\x53\x17\x45\0",
            b"\0\0\0\x0c\x02\0\0\x05\0\x53\x19\x45",
            b"\0\0\0\x0c\x02\x01\0\x05\0\x53\x17\x45",
            b"\0\0\0\x0c\x02\0\0\x05\0\x53\x16\x45",
        ] {
            assert_eq!(Chain::of(bytes).end, End::Broken, "{}", bytes.escape_ascii());
        }
    }
}
