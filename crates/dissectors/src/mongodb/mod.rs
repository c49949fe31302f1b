//! MongoDB: OP_MSG, OP_COMPRESSED, and the opcodes before them; what speaks like it (FerretDB,
//! DocumentDB, Cosmos DB) too.
//!
//! <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>. An answer carries the
//! number of its question. Requests that want no answer (`moreToCome`, OP_INSERT, OP_UPDATE,
//! OP_DELETE, OP_KILL_CURSORS) are one-way. Where one question has many answers (`exhaustAllowed`),
//! the first is its response, and the others, each of which answers the one before, are one-way.
//!
//! Secrets are never written down: see `secrets`.

mod bson;
mod command;
mod decimal;
mod json;
mod packed;
mod probe;
mod record;
mod reply;
mod secrets;
mod show;
#[cfg(test)]
mod tests;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Sink, Step};
use model::{Message, Protocol, Side, Transport};

use self::{
    bson::Halt,
    packed::Packer,
    record::{ASKED, CAREFUL, CONTINUES, EXHAUST, FOUND, HIDDEN, SEEKS, TAIL, UNPACKED, WITHHELD},
    wire::{
        COMPRESSED_FRONT, EXHAUST_ALLOWED, Front, HEADER, Header, MORE_TO_COME, Op, QUERY_EXHAUST,
    },
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "mongodb",
    about: "MongoDB and what speaks like it: commands and their answers, with documents as JSON",
    specification: "https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "mongodb",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["mongodb"],
    ports: &[27017, 27018, 27019],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, MongoDb::default(), Framing::Stream),
};

/// Bytes of a message that are looked at before it is written down.
const LEAD: usize = 384;
/// Bytes of a message with secrets that are kept.
const CAREFUL_MAX: usize = 24 << 10;
/// Bytes of a compressed message with secrets, unpacked.
const CAREFUL_UNPACKED_MAX: usize = 64 << 10;
/// Unpacked bytes in the record of a compressed message.
const UNPACKED_LEAD: usize = 256;
/// Bytes at the end of a large answer that are looked at.
const TAIL_MAX: usize = 4 << 10;

/// One connection.
#[derive(Debug, Default)]
struct MongoDb {
    /// Bytes of a side's message with secrets that are still to come and not kept.
    withheld: [u32; 2],
    /// Bytes at the end of the server's message that are still to come.
    tail: u16,
    course: Course,
    unheard: Unheard,
}

/// Whether the server's next message answers one of its own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Course {
    /// It answers a question.
    #[default]
    Answers,
    /// It may go on after the message with this number.
    Streams { after: u32, careful: bool },
    /// Bytes of the server were lost: what answers a question with many answers may be any of them.
    Unclear,
}

/// What is known of the client before the server is heard.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Unheard {
    #[default]
    Silent,
    /// The flow was joined late.
    Late,
    /// It was, and the client asked since: it waits for nothing that was asked before.
    AskedLate,
    /// The server was heard.
    Heard,
}

/// There is one for every connection.
const _: () = assert!(size_of::<MongoDb>() <= 32);

/// What the beginning of a message tells.
struct Lead {
    op: Op,
    packer: Option<Packer>,
    /// Flags, where they are known.
    flags: Option<u32>,
    cursor_id: Option<i64>,
    /// Bytes between the header and what is behind the front; of a compressed message, what is not
    /// compressed.
    front: usize,
    notes: u16,
    /// The first unpacked bytes.
    unpacked: Vec<u8>,
}

// === impl Dissector ===

impl Dissector for MongoDb {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.withheld[from as usize] > 0 {
            return self.withhold(from, input.len(), sink);
        }
        if self.tail > 0 && from == Side::Server {
            return self.end_of_answer(input, sink);
        }
        match self.begin(from, input, sink) {
            Ok(step) => step,
            Err(Short::Need(n)) => Step::Need(n),
            Err(Short::Lost) => Step::Lost,
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.withheld[from as usize] = 0;
        if from == Side::Server {
            self.tail = 0;
            if self.unheard != Unheard::AskedLate {
                self.course = Course::Unclear;
            }
            self.unheard = Unheard::Heard;
        } else if self.unheard == Unheard::Silent {
            self.unheard = Unheard::Late;
        }
        probe::resync(from, input)
    }
}

/// Why a message does not begin.
enum Short {
    Need(usize),
    Lost,
}

// === impl MongoDb ===

impl MongoDb {
    #[inline]
    fn begin(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Short> {
        let header = Header::of(input).map_err(|halt| match halt {
            Halt::Cut => Short::Need(HEADER),
            Halt::Bad => Short::Lost,
        })?;
        if !header.op.is_either() && header.op.is_reply() != (from == Side::Server) {
            return Err(Short::Lost);
        }
        let mut lead = if header.op == Op::COMPRESSED {
            compressed(from, self.course, &header, input, sink)?
        } else {
            plain(from, self.course, &header, input, sink)?
        };
        let careful_max = CAREFUL_MAX.min(header.rest());
        if lead.notes & CAREFUL != 0 && input.len() < HEADER + careful_max {
            return Err(Short::Need(HEADER + careful_max));
        }
        let pair = match from {
            Side::Client => self.ask(&header, &mut lead),
            Side::Server => self.answer(&header, &mut lead, sink),
        };
        sink.begin(pair);
        if lead.notes & CAREFUL != 0 {
            return Ok(self.write_carefully(from, &header, &lead, input, sink));
        }
        Ok(self.write(from, &header, &lead, input, sink))
    }

    fn ask(&mut self, header: &Header, lead: &mut Lead) -> Pair {
        if self.unheard == Unheard::Late {
            self.unheard = Unheard::AskedLate;
        }
        let flags = lead.flags.unwrap_or_default();
        let exhaust = match lead.op {
            Op::MSG => EXHAUST_ALLOWED,
            Op::QUERY => QUERY_EXHAUST,
            _ => 0,
        };
        if flags & exhaust != 0 {
            lead.notes |= EXHAUST;
        }
        if lead.op.is_silent() || lead.op == Op::MSG && flags & MORE_TO_COME != 0 {
            return Pair::OneWay;
        }
        // A client asks again only after the last of many answers.
        if self.course == Course::Unclear {
            self.course = Course::Answers;
        }
        Pair::Id(header.request_id.into())
    }

    fn answer(&mut self, header: &Header, lead: &mut Lead, sink: &Sink<'_, '_>) -> Pair {
        self.unheard = Unheard::Heard;
        let goes_on =
            matches!(self.course, Course::Streams { after, .. } if after == header.response_to);
        let question = sink.question_by_id(header.response_to.into()).map(record::notes);
        let asked = |note| question.is_some_and(|notes| notes & note != 0);
        let many = goes_on || asked(EXHAUST);
        let unclear = many && !goes_on && self.course == Course::Unclear;
        lead.notes |= match question {
            _ if goes_on => CONTINUES | FOUND,
            Some(notes) if notes & SEEKS != 0 => FOUND,
            Some(_) => ASKED,
            None => 0,
        };
        let more = match (lead.op, lead.flags) {
            (Op::MSG, Some(flags)) => flags & MORE_TO_COME != 0,
            (Op::REPLY, Some(_)) => many && lead.cursor_id.is_some_and(|id| id != 0),
            _ => false,
        };
        if more {
            let careful = lead.notes & CAREFUL != 0;
            self.course = Course::Streams { after: header.request_id, careful };
        } else if many && lead.flags.is_none() {
            self.course = Course::Unclear;
        } else if goes_on {
            self.course = Course::Answers;
        }
        if goes_on || unclear { Pair::OneWay } else { Pair::Id(header.response_to.into()) }
    }

    #[inline]
    fn write(
        &mut self,
        from: Side,
        header: &Header,
        lead: &Lead,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let front = HEADER + lead.front;
        let body = header.rest() - lead.front;
        let tail = match from {
            Side::Server if lead.packer.is_none() && sink.limits().body_bytes_max < body as u64 => {
                tail_of(lead.op, input.get(front..).unwrap_or_default(), body)
            }
            _ => None,
        };
        let notes = if tail.is_some() { lead.notes | TAIL } else { lead.notes };
        sink.record(&record::head(notes, lead.packer, lead.op, header));
        sink.record(match lead.packer {
            None => input.get(HEADER..front).unwrap_or_default(),
            Some(_) => &lead.unpacked,
        });
        if let Some(tail) = tail {
            self.tail = tail;
            return Step::Part { head: front, body: body as u64 - u64::from(tail) };
        }
        Step::Body { head: front, body: body as u64 }
    }

    /// Writes down what may have secrets, without them.
    #[cold]
    fn write_carefully(
        &mut self,
        from: Side,
        header: &Header,
        lead: &Lead,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let taken = HEADER + CAREFUL_MAX.min(header.rest());
        let left = header.length as usize - taken;
        let kept = input.get(HEADER..taken).unwrap_or_default();
        let copy = match lead.packer {
            None => Copy::plain(lead, kept),
            Some(packer) => Copy::unpacked(lead, packer, kept),
        };
        let copy = match copy {
            None if left == 0 => return self.write(from, header, lead, input, sink),
            None => Copy { front: Vec::new(), behind: Vec::new(), notes: WITHHELD },
            Some(copy) => copy,
        };
        let notes = lead.notes | copy.notes | if left > 0 { WITHHELD } else { 0 };
        sink.record(&record::head(notes, lead.packer, lead.op, header));
        sink.record(&copy.front);
        sink.body(&copy.behind);
        self.withheld[from as usize] = u32::try_from(left).unwrap_or_default();
        if left == 0 {
            sink.finish();
        }
        Step::Took(taken)
    }

    /// The rest of a message that is not kept.
    fn withhold(&mut self, from: Side, available: usize, sink: &mut Sink<'_, '_>) -> Step {
        let left = &mut self.withheld[from as usize];
        let taken = available.min(*left as usize);
        *left -= u32::try_from(taken).unwrap_or(*left);
        if *left == 0 {
            sink.finish();
        }
        Step::Took(taken)
    }

    fn end_of_answer(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let size = usize::from(self.tail);
        let Some(tail) = input.get(..size) else { return Step::Need(size) };
        self.tail = 0;
        sink.record(tail);
        sink.body(tail);
        sink.finish();
        Step::Took(size)
    }
}

/// A message without its secrets.
struct Copy {
    front: Vec<u8>,
    behind: Vec<u8>,
    notes: u16,
}

// === impl Copy ===

impl Copy {
    /// Of a message that is not compressed; none if there is nothing to hide.
    fn plain(lead: &Lead, kept: &[u8]) -> Option<Self> {
        let (front, behind) = kept.split_at_checked(lead.front)?;
        let behind = secrets::hidden(lead.op, behind)?;
        Some(Self { front: front.to_vec(), behind, notes: HIDDEN })
    }

    /// Of a compressed one, which is then kept as it was before.
    fn unpacked(lead: &Lead, packer: Packer, kept: &[u8]) -> Option<Self> {
        let packed = kept.get(lead.front..).unwrap_or_default();
        let mut front = packer.unpack(packed, CAREFUL_UNPACKED_MAX);
        let notes = HIDDEN | UNPACKED;
        let Ok(Front { size, .. }) = Front::of(lead.op, &front) else {
            return Some(Self { front: Vec::new(), behind: Vec::new(), notes: notes | WITHHELD });
        };
        let behind = secrets::hidden(lead.op, &front.split_off(size))?;
        Some(Self { front, behind, notes })
    }
}

/// Reads the beginning of a message that is not compressed.
#[inline]
fn plain(
    from: Side,
    course: Course,
    header: &Header,
    input: &[u8],
    sink: &Sink<'_, '_>,
) -> Result<Lead, Short> {
    let wanted = LEAD.min(header.length as usize);
    if input.len() < wanted {
        return Err(Short::Need(wanted));
    }
    let end = input.len().min(header.length as usize);
    let payload = input.get(HEADER..end).unwrap_or_default();
    let front = Front::of(header.op, payload).map_err(|_| Short::Lost)?;
    let behind = payload.get(front.size..).unwrap_or_default();
    Ok(Lead {
        op: header.op,
        packer: None,
        flags: Some(front.flags),
        cursor_id: front.cursor_id,
        front: front.size,
        notes: notes(from, course, header, header.op, &front, behind, sink),
        unpacked: Vec::new(),
    })
}

/// Reads the beginning of a compressed message: its flags and its command are inside.
fn compressed(
    from: Side,
    course: Course,
    header: &Header,
    input: &[u8],
    sink: &Sink<'_, '_>,
) -> Result<Lead, Short> {
    let begin = HEADER + COMPRESSED_FRONT;
    let end = input.len().min(header.length as usize);
    let Some(&[o0, o1, o2, o3, _, _, _, _, packer]) =
        input.get(HEADER..end).and_then(|front| front.first_chunk())
    else {
        let is_whole = (header.length as usize) < begin;
        return Err(if is_whole { Short::Lost } else { Short::Need(begin) });
    };
    let op = Op(u32::from_le_bytes([o0, o1, o2, o3]));
    let fits = op != Op::COMPRESSED
        && op.name().is_some()
        && (op == Op::MSG || op.is_reply() == (from == Side::Server));
    let Some(packer) = Packer::of(packer).filter(|_| fits) else { return Err(Short::Lost) };
    let packed = input.get(begin..end).unwrap_or_default();
    let needed = packer.needed(packed).saturating_add(begin).min(header.length as usize);
    // A first block that is larger than what may be waited for stays unread.
    let is_readable = needed <= sink.limits().unread_bytes_max / 2;
    if is_readable && input.len() < needed {
        return Err(Short::Need(needed));
    }
    let packed = packed.get(..needed - begin).unwrap_or(packed);
    let unpacked = if is_readable { packer.unpack(packed, UNPACKED_LEAD) } else { Vec::new() };
    let mut lead = Lead {
        op,
        packer: Some(packer),
        flags: None,
        cursor_id: None,
        front: COMPRESSED_FRONT,
        notes: CAREFUL,
        unpacked: Vec::new(),
    };
    if let Ok(front) = Front::of(op, &unpacked) {
        let behind = unpacked.get(front.size..).unwrap_or_default();
        lead.notes = notes(from, course, header, op, &front, behind, sink);
        (lead.flags, lead.cursor_id) = (Some(front.flags), front.cursor_id);
        lead.unpacked = unpacked;
    }
    Ok(lead)
}

/// What the front of a message and what is behind it tell.
fn notes(
    from: Side,
    course: Course,
    header: &Header,
    op: Op,
    front: &Front<'_>,
    behind: &[u8],
    sink: &Sink<'_, '_>,
) -> u16 {
    let careful = match from {
        Side::Client => secrets::may_ask(op, front, behind),
        Side::Server => match (course, sink.question_by_id(header.response_to.into())) {
            (Course::Streams { after, careful }, _) if after == header.response_to => careful,
            (_, Some(question)) => is_careful(question),
            (_, None) => secrets::may_answer(op, behind),
        },
    };
    let is_command = secrets::after_dot(front.namespace).starts_with(b"$cmd");
    let seeks = matches!(op, Op::QUERY | Op::GET_MORE) && !is_command;
    (if careful { CAREFUL } else { 0 }) | (if seeks { SEEKS } else { 0 })
}

fn is_careful(question: &Message) -> bool {
    record::notes(question) & CAREFUL != 0
}

/// How many bytes follow on the first element of a large answer: they say how it ended.
#[cold]
fn tail_of(op: Op, behind: &[u8], size: usize) -> Option<u16> {
    let before = match op {
        Op::MSG => 5,
        Op::COMMAND_REPLY | Op::REPLY => 4,
        _ => return None,
    };
    let (kind, rest) = behind.get(before..)?.split_first()?;
    let name = memchr::memchr(0, rest.get(..LEAD).unwrap_or(rest))?;
    let length = rest.get(name + 1..)?.first_chunk::<4>()?;
    let end = (before + name + 2).checked_add(u32::from_le_bytes(*length) as usize)?;
    let tail = size.checked_sub(end).filter(|tail| *tail <= TAIL_MAX && *tail > 0);
    tail.filter(|_| matches!(kind, 3 | 4)).and_then(|tail| u16::try_from(tail).ok())
}
