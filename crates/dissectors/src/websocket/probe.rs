//! Whether bytes are frames: by headers that follow each other, and by text that reads as text.

use dissect::{Found, Hello, Verdict};
use model::Side;

use super::frame::{Flaw, Frame, Opcode};

/// Frames looked at.
const FRAMES_MAX: usize = 16;
/// Bytes of text that are no accident.
const TEXT_MIN: usize = 4;

/// A connection begins with a handshake of HTTP; this is for those that were joined later.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let mut verdict = Verdict::No;
    for side in [Side::Client, Side::Server] {
        let chain = Chain::of(side, hello.bytes);
        if chain.ends_well && chain.is_proof(side) {
            return Verdict::Is(side);
        }
        // Frames that end where packets do, time and again, are no accident.
        if hello.more && chain.ends_well && chain.frames > 0 && hello.from != Some(side.other()) {
            verdict = Verdict::Maybe;
        }
    }
    verdict
}

/// A frame begins where a packet does, or it is not looked for.
pub(super) fn begins_here(from: Side, input: &[u8]) -> Found {
    let chain = Chain::of(from, input);
    match (chain.frames, chain.ends_well) {
        (0, _) if chain.is_short => Found::Maybe(0),
        (0, _) => Found::Nowhere,
        (_, true) => Found::At(0),
        (1.., false) if chain.frames > 2 && chain.is_short => Found::At(0),
        _ if chain.is_short => Found::Maybe(0),
        _ => Found::Nowhere,
    }
}

/// Frames one behind the other.
#[derive(Debug, Default)]
struct Chain {
    /// Whole frames.
    frames: usize,
    /// Messages of text among them, long enough to be told from noise.
    texts: usize,
    /// Frames whose length takes more than a byte.
    long: usize,
    /// The last one ends with the bytes.
    ends_well: bool,
    /// The last one does not end, or its header is cut.
    is_short: bool,
}

// === impl Chain ===

impl Chain {
    /// Whether nothing else looks like these frames, if they end where the bytes do. Keys fill those
    /// of clients with noise; short frames of servers look like any type and length.
    fn is_proof(&self, side: Side) -> bool {
        self.texts > 0
            || match side {
                Side::Client => self.frames > 2 || self.frames > 1 && self.long > 0,
                Side::Server => self.long > 1,
            }
    }

    fn of(side: Side, bytes: &[u8]) -> Self {
        let mut chain = Self::default();
        let mut rest = bytes;
        for _ in 0..FRAMES_MAX {
            let frame = match Frame::read(rest) {
                Ok(frame) if frame.is_masked_as(side) => frame,
                Err(Flaw::Short(_)) => {
                    chain.is_short = true;
                    return chain;
                }
                _ => return chain,
            };
            let Some(after) = frame.total().and_then(|total| rest.get(total..)) else {
                chain.is_short = true;
                return chain;
            };
            if !chain.believes(&frame, rest) {
                return chain;
            }
            chain.frames += 1;
            chain.long += usize::from(frame.payload(rest).len() > 125);
            rest = after;
            if rest.is_empty() {
                chain.ends_well = true;
                return chain;
            }
        }
        chain.ends_well = true;
        chain
    }

    /// Text has to be text, and a close code one that may be sent (§7.4).
    fn believes(&mut self, frame: &Frame, bytes: &[u8]) -> bool {
        let payload = frame.payload(bytes);
        match frame.opcode {
            Opcode::Text if !frame.compressed && frame.fin => {
                let reads = is_text(&payload);
                self.texts += usize::from(reads && payload.len() >= TEXT_MIN);
                reads
            }
            Opcode::Close => match payload.split_first_chunk() {
                Some((code, reason)) => {
                    (1_000..5_000).contains(&u16::from_be_bytes(*code)) && is_text(reason)
                }
                None => payload.is_empty(),
            },
            _ => true,
        }
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let control = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(control))
}
