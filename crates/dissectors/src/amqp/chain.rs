//! Frames that follow each other: what makes sure that these bytes are AMQP, and where it starts.

use dissect::Found;
use model::Side;

use super::{
    frame::{END, Frame, HELLO_LEN, Halt, Type, is_hello},
    method::{self, By},
    properties::Header,
};

/// Frames looked at in one packet, at most.
const FRAMES_MAX: usize = 64;
/// Places looked at in one packet, at most.
const STARTS_MAX: usize = 64;

/// The frames at the front of some bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    /// Whole frames.
    pub frames: usize,
    /// Whole methods, and whole headers of messages.
    pub methods: usize,
    /// Who sends these methods, where one of them is only one side's.
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
/// A body may hold anything. So bytes in the middle of a packet count only behind an end octet, and
/// if a method is there, and nothing but frames up to the packet's end.
pub fn find(from: Side, input: &[u8]) -> Found {
    if from == Side::Client && input.len() == HELLO_LEN && is_hello(input) {
        return Found::At(0);
    }
    let first = Chain::of(input);
    if first.is_by(from) && first.end != End::Broken {
        if first.frames > 0 {
            return Found::At(0);
        }
        if is_begun(input) {
            return Found::Maybe(0);
        }
    }
    for at in memchr::memchr_iter(END, input).take(STARTS_MAX) {
        let Some(rest) = input.get(at + 1..) else { break };
        let chain = Chain::of(rest);
        let starts = rest.first() == Some(&1) && chain.methods > 0 && chain.is_by(from);
        if starts && (chain.end == End::Here || chain.end == End::Beyond && chain.frames > 1) {
            return Found::At(at + 1);
        }
    }
    Found::Nowhere
}

/// Whether a method or a message's header begins here that is not whole yet.
fn is_begun(input: &[u8]) -> bool {
    match Frame::of(input) {
        Ok(frame) => frame.kind != Type::Body,
        Err(Halt::Short(_)) => input.first() != Some(&3),
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
                Ok(whole) => rest = rest.get(whole..).unwrap_or_default(),
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

    /// Adds the frame at the front of `input`; its size.
    fn frame(&mut self, input: &[u8]) -> Result<usize, Halt> {
        let frame = Frame::of(input)?;
        let payload = frame.payload(input)?;
        match frame.kind {
            Type::Method => {
                let by = method_of(frame, payload).ok_or(Halt::Bad)?;
                if by.is_some() && self.by.is_some() && by != self.by {
                    return Err(Halt::Bad);
                }
                self.by = self.by.or(by);
                self.methods += 1;
            }
            Type::Header => {
                let header = Header::of(payload).ok_or(Halt::Bad)?;
                // A message's properties can be read, whatever they are.
                let _ = header.properties().count();
                self.methods += 1;
            }
            Type::Body => {}
            Type::Heartbeat if frame.channel != 0 => return Err(Halt::Bad),
            Type::Heartbeat => {}
        }
        self.frames += 1;
        Ok(frame.whole())
    }
}

/// Who sends the method in a payload, where that is one side only; `None` if it is no method, or not
/// all of it can be read.
fn method_of(frame: Frame, payload: &[u8]) -> Option<Option<Side>> {
    let (key, args) = payload.split_first_chunk::<4>()?;
    let method = method::find(u32::from_be_bytes(*key))?;
    let sound = method.read(args).are_exact();
    let placed = (frame.channel == 0) == method.is_of_connection();
    (sound && placed).then_some(match method.by {
        By::Client => Some(Side::Client),
        By::Server => Some(Side::Server),
        By::Either => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK: &[u8] = b"\x01\0\x01\0\0\0\x0d\0\x3c\0\x50\0\0\0\0\0\0\0\x01\0\xce";
    const OPEN: &[u8] = b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce";
    const BEAT: &[u8] = b"\x08\0\0\0\0\0\0\xce";

    #[test]
    fn frames_that_fill_their_packet_are_a_start() {
        assert_eq!(find(Side::Client, &[ACK, OPEN].concat()), Found::At(0));
        assert_eq!(find(Side::Server, ACK), Found::At(0));
        assert_eq!(find(Side::Server, OPEN), Found::Nowhere);
        assert_eq!(find(Side::Server, BEAT), Found::At(0));
    }

    #[test]
    fn in_the_middle_a_method_is_looked_for_behind_an_end() {
        assert_eq!(find(Side::Client, &[b"body\xce", OPEN].concat()), Found::At(5));
        assert_eq!(find(Side::Client, &[b"body\xce", BEAT].concat()), Found::Nowhere);
        assert_eq!(find(Side::Client, &[b"body", OPEN].concat()), Found::Nowhere);
    }

    #[test]
    fn a_body_that_holds_a_frame_is_no_start() {
        let inside = [b"log \xce", OPEN, b" and more\xce"].concat();
        assert_eq!(find(Side::Client, &inside), Found::Nowhere);
        let at_its_end = [b"log \xce", OPEN, b"\xce"].concat();
        assert_eq!(find(Side::Client, &at_its_end), Found::Nowhere);
    }
}
