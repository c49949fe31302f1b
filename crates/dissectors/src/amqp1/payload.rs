//! The payload of transfers: which of its bytes are the message's body, and which say something about
//! the message.

use dissect::{Sink, Step};

use super::{
    record,
    section::{self, Kind, Start},
    types::Flaw,
};

/// Bytes kept of what is said about a message, and of a body that is no text.
const RECORD_MAX: usize = 16 << 10;

/// Bytes of a section's head that are put together from several frames: the longest name of a section
/// and the size behind it.
const HEAD_MAX: usize = 40;

/// The beginning of a section's head, where a frame ended in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Begun {
    bytes: [u8; HEAD_MAX],
    len: u8,
}

/// What comes next of a message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Part {
    /// A section.
    #[default]
    Section,
    /// The rest of a section's head.
    Head(Begun),
    /// So many bytes that are written down.
    Kept(usize),
    /// So many bytes that are for nobody's eyes.
    Hidden(usize),
    /// So many bytes of the body.
    Body(usize),
    /// Nobody knows: all the rest is taken for the body.
    Rest,
    /// Nobody's.
    Stray,
}

/// The payload of a frame that is being read.
#[derive(Clone, Copy, Debug)]
pub struct Payload {
    /// Bytes of the frame that are left.
    pub left: usize,
    /// What comes next.
    pub part: Part,
    /// Whether the message ends with the frame.
    pub ends: bool,
    /// Whether the body is for nobody's eyes.
    pub is_secret: bool,
    /// The lane of the message.
    pub lane: u64,
}

// === impl Payload ===

impl Payload {
    /// Goes on at `at` of `input`.
    pub fn read(&mut self, input: &[u8], mut at: usize, sink: &mut Sink<'_, '_>) -> Step {
        sink.turn_to(self.lane);
        // Every turn takes bytes of the input, or goes from a section's head to its contents.
        while self.left > 0 {
            let rest = input.get(at..).unwrap_or_default();
            let there = rest.get(..self.left).unwrap_or(rest);
            let took = match self.part {
                Part::Section | Part::Head(_) => match self.section(there, sink) {
                    Ok(head) => head,
                    Err(need) if at == 0 => return Step::Need(need),
                    Err(_) => return Step::Took(at),
                },
                Part::Body(0) | Part::Kept(0) | Part::Hidden(0) => {
                    self.part = Part::Section;
                    continue;
                }
                Part::Body(left) => return self.body(at, left),
                Part::Rest => return self.body(at, usize::MAX),
                _ if there.is_empty() => break,
                Part::Kept(left) => {
                    let bytes = there.get(..left).unwrap_or(there);
                    let room = RECORD_MAX.saturating_sub(sink.recorded().len());
                    sink.record(bytes.get(..room).unwrap_or(bytes));
                    self.part = Part::Kept(left - bytes.len());
                    bytes.len()
                }
                Part::Hidden(left) => {
                    let took = left.min(there.len());
                    self.part = Part::Hidden(left - took);
                    took
                }
                Part::Stray => there.len(),
            };
            at += took;
            self.left -= took;
        }
        if self.left == 0 && self.ends {
            sink.finish();
        }
        if at == 0 && self.left > 0 { Step::Need(1) } else { Step::Took(at) }
    }

    /// A section begins, here or in the frame before: bytes of its head that are in this one, or how
    /// many are needed.
    fn section(&mut self, there: &[u8], sink: &mut Sink<'_, '_>) -> Result<usize, usize> {
        let begun = match self.part {
            Part::Head(begun) => begun,
            _ => Begun::default(),
        };
        let (joined, before) = (begun.with(there), begun.known().len());
        let front = if before == 0 { there } else { joined.known() };
        let start = match section::start(front) {
            Ok(start) => start,
            Err(Flaw::Short(need)) if need - before <= self.left => return Err(need - before),
            Err(Flaw::Short(need)) if need <= HEAD_MAX && !self.ends => {
                if there.len() < self.left {
                    return Err(self.left);
                }
                self.part = Part::Head(joined);
                return Ok(there.len());
            }
            Err(_) => Start { kind: Kind::Data, head: before, size: usize::MAX },
        };
        let is_body = start.kind != Kind::About;
        self.is_secret |= is_body && record::puts_a_token(sink.recorded());
        self.part = match start.kind {
            _ if is_body && self.is_secret => {
                record::mark(record::HIDDEN, sink);
                Part::Hidden(start.size)
            }
            Kind::Data if start.size == usize::MAX => Part::Rest,
            Kind::Data => Part::Body(start.size),
            Kind::Text => {
                record::mark(record::TEXT, sink);
                Part::Body(start.size)
            }
            Kind::Value | Kind::About => {
                sink.record(begun.known());
                Part::Kept(start.size - before.min(start.size))
            }
        };
        Ok(start.head.saturating_sub(before))
    }

    fn body(&mut self, head: usize, left: usize) -> Step {
        let size = left.min(self.left);
        self.left -= size;
        if let Part::Body(left) = &mut self.part {
            *left -= size;
        }
        let body = u64::try_from(size).unwrap_or(u64::MAX);
        match self.left == 0 && self.ends {
            true => Step::Body { head, body },
            false => Step::Part { head, body },
        }
    }
}

// === impl Begun ===

impl Default for Begun {
    fn default() -> Self {
        Self { bytes: [0; HEAD_MAX], len: 0 }
    }
}

impl Begun {
    fn known(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }

    /// The same with as many of `more` as there is room for.
    fn with(mut self, more: &[u8]) -> Self {
        let room = self.bytes.get_mut(self.len.into()..).unwrap_or_default();
        let took = room.len().min(more.len());
        for (place, byte) in room.iter_mut().zip(more) {
            *place = *byte;
        }
        self.len += u8::try_from(took).unwrap_or(0);
        self
    }
}
