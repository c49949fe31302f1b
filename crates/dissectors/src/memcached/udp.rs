//! Datagrams: a frame of eight bytes, then text or a packet (doc/protocol.txt, "UDP protocol").
//!
//! ```text
//!   │ request id (2) │ number of this datagram (2) │ how many there are (2) │ reserved (2) │ …
//! ```
//!
//! `END` alone is one-way: nothing tells a miss from the end of a lost value.
//!
//! The reserved bytes should be zero, and are not with some clients. The answer repeats the id. An answer of several datagrams is paired by its first; the others are
//! one-way.

use std::hash::{DefaultHasher, Hash, Hasher};

use dissect::{Dissector, Found, Pair, Sink, Step};
use model::Side;

use super::{
    binary::{self, Header},
    record::{self, CONTINUES, HEAD, HIDDEN, ITEMS, LINES_MAX, Letter, QUIET, UDP},
    text::{self, Answer, Answered, Command},
};

/// Bytes of the frame.
pub const FRAME: usize = 8;

/// What is added to a number that nothing answers, and to one that answers nothing.
const UNANSWERABLE: u64 = 1 << 62;
const ORPHAN: u64 = 1 << 63;
/// What is added to the numbers of packets.
const PACKET: u64 = 1 << 61;

/// One flow.
#[derive(Debug, Default)]
pub struct Frames {
    /// Two questions were asked under this number at once: which of them is answered can't be told.
    confused: Option<u64>,
    /// The number of the last question and a digest of it, until it is answered.
    last: Option<(u64, u64)>,
}

/// The first eight bytes.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub id: u16,
    /// Which datagram of the message it is, from 0.
    pub number: u16,
    /// The reserved bytes are zero.
    pub is_clean: bool,
}

// === impl Frame ===

impl Frame {
    /// The frame of a datagram, and what is in it.
    pub fn split(datagram: &[u8]) -> Option<(Self, &[u8])> {
        let (&[i0, i1, n0, n1, c0, c1, r0, r1], rest) = datagram.split_first_chunk::<FRAME>()?;
        let [id, number, count] = [[i0, i1], [n0, n1], [c0, c1]].map(u16::from_be_bytes);
        let is_clean = [r0, r1] == [0, 0];
        (number < count).then_some((Self { id, number, is_clean }, rest))
    }
}

impl Dissector for Frames {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some((frame, inside)) = Frame::split(input) else { return Step::Lost };
        let is_read = match from {
            _ if frame.number > 0 => {
                sink.begin(Pair::OneWay);
                sink.record(&record::head(record::TEXT, UDP | CONTINUES, frame.id));
                sink.body(inside);
                true
            }
            Side::Client => self.ask(frame, inside, sink),
            Side::Server => self.answer(frame, inside, sink),
        };
        if !is_read {
            return Step::Lost;
        }
        sink.finish();
        Step::Took(input.len())
    }

    fn resync(&mut self, _from: Side, _input: &[u8]) -> Found {
        Found::At(0)
    }
}

// === impl Frames ===

impl Frames {
    fn ask(&mut self, frame: Frame, inside: &[u8], sink: &mut Sink<'_, '_>) -> bool {
        if inside.first() == Some(&binary::REQUEST) {
            return self.packet(Side::Client, frame, inside, sink);
        }
        let Ok((line, size)) = text::line(inside) else { return false };
        let command = Command::of(line);
        if text::arity(command.name).is_none() {
            return false;
        }
        let notes = if command.answered == Answered::Perhaps { UDP | QUIET } else { UDP };
        let pair = match command.answered {
            Answered::Always => self.question(frame.id.into(), line),
            Answered::Never | Answered::Perhaps => Pair::OneWay,
        };
        sink.begin(pair);
        sink.record(&record::head(record::TEXT, notes, frame.id));
        sink.record(line.get(..LINES_MAX).unwrap_or(line));
        let value =
            value(inside.get(size..).unwrap_or_default(), command.value.unwrap_or_default());
        sink.body(value.0);
        true
    }

    /// Some clients use one id for everything: another question under it is no repetition, and what
    /// is said then may be the answer to either.
    fn question(&mut self, number: u64, front: &[u8]) -> Pair {
        let asked = (number, digest(front));
        if self.last.is_some_and(|last| last.0 == number && last != asked) {
            self.confused = Some(number);
        }
        self.last = Some(asked);
        let is_confused = self.confused == Some(number);
        Pair::Datagram(if is_confused { number | UNANSWERABLE } else { number })
    }

    fn answer(&mut self, frame: Frame, inside: &[u8], sink: &mut Sink<'_, '_>) -> bool {
        if inside.first() == Some(&binary::RESPONSE) {
            return self.packet(Side::Server, frame, inside, sink);
        }
        let Ok((line, _)) = text::line(inside) else { return false };
        let Some(first) = text::answer(line) else { return false };
        let notes = if first == Answer::Item { UDP | ITEMS } else { UDP };
        let asked = sink.question_by_id(frame.id.into()).and_then(Letter::of);
        let fits = asked.is_none_or(|asked| {
            text::may_answer(text::words(asked.line()).next().unwrap_or_default(), line)
        });
        // The server sends what it found and `END` in datagrams of their own (seen in 1.6.18), which
        // are not numbered: alone, `END` may be a miss or follow on a value that was lost.
        let pair = match line {
            b"END" => Pair::OneWay,
            _ => self.answered(frame.id.into(), fits),
        };
        sink.begin(pair);
        sink.record(&record::head(record::TEXT, notes, frame.id));
        lines(inside, sink);
        true
    }

    /// How an answer is paired; one that does not fit its question answers a lost one.
    fn answered(&mut self, number: u64, fits: bool) -> Pair {
        self.last = self.last.filter(|last| last.0 != number);
        let is_answer = fits && self.confused != Some(number);
        Pair::Datagram(if is_answer { number } else { number | ORPHAN })
    }

    /// A packet carries its opaque value besides.
    fn packet(&mut self, from: Side, frame: Frame, inside: &[u8], sink: &mut Sink<'_, '_>) -> bool {
        let Ok(header) = Header::of(inside) else { return false };
        let Some((front, behind)) = inside.split_at_checked(header.front()) else { return false };
        let number = u64::from(frame.id)
            | u64::from(header.opaque) << 16
            | u64::from(header.opcode) << 48
            | PACKET;
        let pair = match from {
            _ if header.is_quiet() => Pair::OneWay,
            Side::Client => self.question(number, front),
            Side::Server => self.answered(number, true),
        };
        sink.begin(pair);
        let quiet = if header.is_quiet() { QUIET } else { 0 };
        let hidden = if header.is_secret() { HIDDEN } else { 0 };
        sink.record(&record::head(record::BINARY, UDP | quiet | hidden, frame.id));
        sink.record(front);
        if !header.is_secret() {
            sink.body(value(behind, header.value()).0);
        }
        true
    }
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Writes down the lines of an answer, and its values.
fn lines(inside: &[u8], sink: &mut Sink<'_, '_>) {
    let mut rest = inside;
    // Every turn takes a line.
    while let Ok((line, size)) = text::line(rest) {
        rest = rest.get(size..).unwrap_or_default();
        match text::answer(line) {
            Some(Answer::Item) => {
                sink.body(line);
                sink.body(b"\n");
                continue;
            }
            Some(Answer::Value(bytes) | Answer::Meta(bytes)) => {
                let (value, behind) = value(rest, bytes);
                sink.body(value);
                rest = behind;
            }
            Some(Answer::Line | Answer::Log) => {}
            None => break,
        }
        if sink.recorded().len() > HEAD {
            sink.record(b"\n");
        }
        sink.record(line);
    }
}

/// As much of a value as there is, and what is behind its line end.
fn value(bytes: &[u8], size: u64) -> (&[u8], &[u8]) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let (value, behind) = bytes.split_at_checked(size).unwrap_or((bytes, &[]));
    (value, behind.strip_prefix(b"\r\n").unwrap_or(behind))
}
