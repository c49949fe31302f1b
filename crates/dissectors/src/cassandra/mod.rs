//! Cassandra and what speaks like it (Scylla): CQL in versions 3, 4 and 5 of the native protocol.
//!
//! `native_protocol_v3.spec`, `_v4.spec`, `_v5.spec` of Apache Cassandra. A frame is a message, question
//! and answer carry the number of a stream. Events and what has a negative stream are one-way. From
//! version 5 on frames travel in segments once `STARTUP` was answered.
//!
//! What proves who somebody is, and passwords in statements, are never written down.

mod codes;
mod content;
mod cursor;
mod find;
mod frame;
mod look;
#[cfg(test)]
mod oracle;
mod prepared;
mod probe;
mod record;
mod request;
mod result;
mod segment;
mod show;
#[cfg(test)]
mod tests;
mod value;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Sink, Step};
use model::{Protocol, Side, Transport};

use self::{
    frame::{HEAD, Head, Opcode},
    look::{Looked, WHOLE_MAX},
    prepared::Prepared,
    segment::{PACKED, Segment, TRAILER},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "cassandra",
    about: "Cassandra, Scylla: CQL in the native protocol, versions 3 to 5",
    specification: "https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v5.spec",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "cassandra",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["cassandra"],
    ports: &[9042, 9142, 19042],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Cassandra::default(), Framing::Stream),
};

/// One connection.
#[derive(Debug, Default)]
struct Cassandra {
    halves: [Half; 2],
    prepared: Option<Box<Prepared>>,
}

/// There is one for every connection.
const _: () = assert!(size_of::<Cassandra>() <= 128);

/// One side.
#[derive(Debug, Default)]
struct Half {
    awaits: Awaits,
    /// Frames travel in segments.
    framed: bool,
    segment: Within,
    /// Bytes of a head that began in an earlier segment.
    head: [u8; HEAD],
    have: u8,
}

/// What comes next of the frames.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Awaits {
    /// A frame.
    #[default]
    Head,
    /// So many bytes of a body.
    Body(u64),
    /// So many bytes that are not kept.
    Hidden(u64),
}

/// Where in a segment a side is.
#[derive(Debug, Default)]
enum Within {
    /// Before one.
    #[default]
    None,
    /// So many bytes of payload are to come, then a checksum.
    Plain(u64),
    /// It was undone.
    Packed(Box<Unpacked>),
}

/// The payload of a compressed segment.
#[derive(Debug)]
struct Unpacked {
    bytes: Vec<u8>,
    at: usize,
    /// Bytes of the segment that are still to be taken.
    wire: usize,
}

/// What is to be taken of some bytes of frames.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Take {
    /// Nothing before there are so many.
    Need(usize),
    /// It is no frame.
    Lost,
    /// So many; no message ends there.
    Some(usize),
    /// So many; the message ends there.
    End(usize),
    /// So many, then payload; whether the message ends there.
    Body(usize, u64, bool),
}

// === impl Dissector ===

impl Dissector for Cassandra {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if !self.halves[from as usize].framed && self.halves[from as usize].awaits == Awaits::Head {
            match form(from, input) {
                Ok(framed) => self.halves[from as usize].framed = framed,
                Err(step) => return step,
            }
        }
        if self.halves[from as usize].framed {
            return self.segment(from, input, sink);
        }
        step(self.frame(from, input, u64::MAX, sink), sink)
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        let (found, framed) = find::find(from, input);
        self.halves[from as usize] = Half { framed, ..Half::default() };
        found
    }
}

/// Whether a segment stands at the front, or a frame. From version 5 on it is one of the two; a
/// segment's head has a checksum.
fn form(from: Side, input: &[u8]) -> Result<bool, Step> {
    let Some(bytes) = input.first_chunk() else { return Err(Step::Need(HEAD)) };
    match Head::read(from, bytes) {
        Some(head) if head.version < 5 => Ok(false),
        head => match Segment::read(input) {
            Ok(_) => Ok(true),
            Err(_) if head.is_some() => Ok(false),
            Err(_) => Err(Step::Lost),
        },
    }
}

/// As an answer to the engine.
fn step(take: Take, sink: &mut Sink<'_, '_>) -> Step {
    match take {
        Take::Need(need) => Step::Need(need),
        Take::Lost => Step::Lost,
        Take::Some(size) => Step::Took(size),
        Take::End(size) => {
            sink.finish();
            Step::Took(size)
        }
        Take::Body(head, body, true) => Step::Body { head, body },
        Take::Body(head, body, false) => Step::Part { head, body },
    }
}

// === impl Cassandra: segments ===

impl Cassandra {
    fn segment(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match &self.halves[from as usize].segment {
            Within::None => self.enter(from, input),
            Within::Plain(0) if input.len() < TRAILER => Step::Need(TRAILER),
            Within::Plain(0) => {
                self.halves[from as usize].segment = Within::None;
                Step::Took(TRAILER)
            }
            Within::Plain(left) => self.plain(from, *left, input, sink),
            Within::Packed(_) => self.packed(from, sink),
        }
    }

    fn enter(&mut self, from: Side, input: &[u8]) -> Step {
        let segment = match Segment::read(input) {
            Ok(segment) => segment,
            Err(Some(need)) => return Step::Need(need),
            Err(None) => return Step::Lost,
        };
        if segment.head != PACKED {
            self.halves[from as usize].segment = Within::Plain(segment.len as u64);
            return Step::Took(segment.head);
        }
        if input.len() < segment.size() {
            return Step::Need(segment.size());
        }
        let payload = input.get(PACKED..PACKED + segment.len).unwrap_or_default();
        let bytes = match segment.unpacked {
            None => Some(payload.to_vec()),
            Some(len) => content::lz4_block(payload, len),
        };
        let Some(bytes) = bytes else { return Step::Lost };
        let wire = segment.size() - PACKED;
        self.halves[from as usize].segment =
            Within::Packed(Box::new(Unpacked { bytes, at: 0, wire }));
        Step::Took(PACKED)
    }

    /// Frames in a segment that is not compressed: they are read where they are.
    fn plain(&mut self, from: Side, left: u64, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let there = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let take = self.frame(from, input.get(..there).unwrap_or_default(), left, sink);
        let took = match take {
            Take::Need(_) | Take::Lost => 0,
            Take::Some(size) | Take::End(size) => size as u64,
            Take::Body(head, body, _) => head as u64 + body,
        };
        self.halves[from as usize].segment = Within::Plain(left.saturating_sub(took));
        step(take, sink)
    }

    /// Frames in one that was: one a call, and a byte of the segment for each.
    fn packed(&mut self, from: Side, sink: &mut Sink<'_, '_>) -> Step {
        let within = std::mem::take(&mut self.halves[from as usize].segment);
        let Within::Packed(mut unpacked) = within else { return Step::Lost };
        let rest = unpacked.bytes.get(unpacked.at..).unwrap_or_default();
        let took = if rest.is_empty() {
            0
        } else {
            match self.frame(from, rest, rest.len() as u64, sink) {
                Take::Need(_) | Take::Lost => return Step::Lost,
                Take::Some(size) => size,
                Take::End(size) => {
                    sink.finish();
                    size
                }
                Take::Body(head, body, ends) => {
                    let end = head + usize::try_from(body).unwrap_or(usize::MAX - head);
                    sink.body(rest.get(head..end).unwrap_or_default());
                    if ends {
                        sink.finish();
                    }
                    end
                }
            }
        };
        unpacked.at += took;
        if unpacked.at >= unpacked.bytes.len() {
            return Step::Took(unpacked.wire);
        }
        if unpacked.wire <= TRAILER {
            return Step::Lost;
        }
        unpacked.wire -= 1;
        self.halves[from as usize].segment = Within::Packed(unpacked);
        Step::Took(1)
    }
}

// === impl Cassandra: frames ===

impl Cassandra {
    /// Reads at most one frame off the front of `input`; not more than `limit` bytes belong to it.
    fn frame(&mut self, from: Side, input: &[u8], limit: u64, sink: &mut Sink<'_, '_>) -> Take {
        match self.halves[from as usize].awaits {
            Awaits::Head => self.head(from, input, limit, sink),
            Awaits::Body(left) => self.go_on(from, 0, left, limit),
            Awaits::Hidden(left) => self.hide(from, 0, left, input.len()),
        }
    }

    fn head(&mut self, from: Side, input: &[u8], limit: u64, sink: &mut Sink<'_, '_>) -> Take {
        let half = &mut self.halves[from as usize];
        let have = usize::from(half.have);
        let rest = HEAD.saturating_sub(have);
        let Some((front, body)) = input.split_at_checked(rest) else {
            if limit > input.len() as u64 {
                return Take::Need(rest);
            }
            // The segment ends inside the head.
            if let Some(place) = half.head.get_mut(have..have + input.len()) {
                place.copy_from_slice(input);
            }
            half.have += u8::try_from(input.len()).unwrap_or(0);
            return Take::Some(input.len());
        };
        let mut bytes = half.head;
        if let Some(place) = bytes.get_mut(have..) {
            place.copy_from_slice(front);
        }
        let Some(head) = Head::read(from, &bytes) else { return Take::Lost };
        let within = u64::from(head.len).min(limit - rest as u64);
        let wanted = usize::try_from(within).unwrap_or(usize::MAX).min(WHOLE_MAX);
        let looks = look::is_wanted(&head, sink);
        if looks && body.len() < wanted {
            return Take::Need(rest + wanted);
        }
        half.have = 0;
        let there = body.get(..wanted.min(body.len())).unwrap_or(body);
        let looked = if looks { self.look(&head, there, sink) } else { Looked::of(&head) };
        self.begin(&head, &looked, sink);
        match looked.instead {
            Some(instead) => {
                sink.body(&instead);
                self.hide(from, rest, head.len.into(), input.len())
            }
            None if looked.kept == record::Kept::Hidden => {
                self.hide(from, rest, head.len.into(), input.len())
            }
            None => self.go_on(from, rest, head.len.into(), limit - rest as u64),
        }
    }

    /// Payload behind `head` bytes, as much as there is in this segment.
    fn go_on(&mut self, from: Side, head: usize, left: u64, limit: u64) -> Take {
        let size = left.min(limit);
        let ends = size == left;
        self.halves[from as usize].awaits =
            if ends { Awaits::Head } else { Awaits::Body(left - size) };
        if ends && size == 0 { Take::End(head) } else { Take::Body(head, size, ends) }
    }

    /// The same for what is not kept; `there` counts the head.
    fn hide(&mut self, from: Side, head: usize, left: u64, there: usize) -> Take {
        let size = left.min(there.saturating_sub(head) as u64);
        let ends = size == left;
        self.halves[from as usize].awaits =
            if ends { Awaits::Head } else { Awaits::Hidden(left - size) };
        let size = head + usize::try_from(size).unwrap_or(0);
        if ends { Take::End(size) } else { Take::Some(size) }
    }

    fn begin(&self, head: &Head, looked: &Looked, sink: &mut Sink<'_, '_>) {
        let alone = head.opcode == Opcode::EVENT || head.stream < 0;
        let id = u64::from(head.stream.cast_unsigned());
        let place = match head.opcode {
            Opcode::RESULT => look::place_of_question(id, sink),
            _ => looked.place,
        };
        sink.begin(if alone { Pair::OneWay } else { Pair::Id(id) });
        record::write(head, looked.kept, place, sink);
        let Some(prepared) = &self.prepared else { return };
        if let Some(entry) = place.and_then(|place| prepared.get(place)) {
            let text = if head.opcode == Opcode::EXECUTE { &entry.text[..] } else { &[] };
            record::write_piece(text, sink);
            record::write_piece(&entry.metadata, sink);
        }
        for id in &looked.ids {
            let entry = prepared.find(id).and_then(|place| prepared.get(place));
            record::write_piece(entry.map_or(&[], |entry| &entry.text[..]), sink);
        }
    }
}
