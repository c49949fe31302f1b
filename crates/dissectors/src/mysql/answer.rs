//! What the server says: the greeting, and answers of any number of packets.
//!
//! An answer is read packet by packet. What lies before its last packet (column definitions, rows,
//! results of earlier statements) is its body; the last packet is in its record.

mod end;
mod look;
mod prepared;
mod stream;

use dissect::{Pair, Sink, Step};

pub use self::look::count_of;
use self::look::{EOF_LEN, Look, Stage, needs};
use super::{
    MySql,
    command::Answer,
    login, record,
    record::{Shape, Sums},
    session::{Anchor, Course, Greeting},
    status::{CURSOR_EXISTS, Done},
    wire::{Cursor, HEADER, Header, header},
};

/// Bytes of a greeting, at most.
const GREETING_MAX: usize = 1 << 10;
/// Bytes of a packet that says how far a statement has come, at most (MariaDB).
const PROGRESS_MAX: usize = 1 << 10;
/// Bytes of a note.
const NOTE_MAX: usize = 255;

/// What is being read of the server.
#[derive(Debug, Default)]
pub struct Answers {
    stage: Stage,
    /// Number of the next packet.
    seq: u8,
    /// The next packet goes on with the payload of the last.
    goes_on: bool,
    /// An EOF packet may follow what looked finished.
    is_tailed: bool,
    /// Bytes that are nobody's business.
    skip: usize,
    /// Definitions still to come.
    defs: u64,
    /// Definitions to come after those.
    later_defs: u16,
    sums: Sums,
}

// === impl Answers ===

impl Answers {
    /// Bytes were lost.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Begins to read an answer to this.
    fn begin(&mut self, answer: Answer, command: u8, seq: u8) {
        let stage = match answer {
            Answer::Results | Answer::Nothing => Stage::Result,
            Answer::Prepared => Stage::Prepared,
            Answer::Columns => Stage::Fields,
            Answer::Rows => Stage::Rows,
            Answer::Text => Stage::Text,
            Answer::Login => Stage::Login,
            Answer::Events => Stage::Events,
        };
        *self = Self { stage, seq, sums: Sums { command, ..Sums::default() }, ..Self::default() };
    }

    /// The packet is taken.
    fn pass(&mut self, header: Header) {
        self.seq = header.seq.wrapping_add(1);
        self.goes_on = header.goes_on();
    }

    /// Whether another number than the next is a loss: not where the client speaks in between.
    fn counts(&self) -> bool {
        !matches!(self.stage, Stage::Idle | Stage::Login | Stage::Last)
    }
}

// === impl MySql: the server ===

impl MySql {
    /// Reads at most one packet of the server, or several rows.
    #[inline]
    pub fn answer(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        self.session.anchor = Anchor::Reading;
        if self.answers.skip > 0 {
            let take = self.answers.skip.min(input.len());
            self.answers.skip -= take;
            return Step::Took(take);
        }
        let Some(header) = header(input) else { return Step::Need(HEADER) };
        if self.answers.goes_on {
            return self.go_on_answering(header);
        }
        let Some(first) = input.get(HEADER) else {
            return if header.len == 0 { Step::Lost } else { Step::Need(HEADER + 1) };
        };
        if header.len == 0 && self.answers.stage != Stage::Rows {
            return Step::Lost;
        }
        if self.answers.stage == Stage::Idle {
            return self.begin_answer(header, *first, input, sink);
        }
        if header.seq != self.answers.seq && self.answers.counts() && !self.session.is_packed {
            return Step::Lost;
        }
        let look = self.answers.look(self.answers.stage, header, *first);
        self.take(look, header, input, sink)
    }

    /// The next packet of a payload of more than 16 MiB.
    fn go_on_answering(&mut self, header: Header) -> Step {
        self.answers.pass(header);
        let body = header.size() as u64;
        let is_closed = self.answers.stage == Stage::Idle && !header.goes_on();
        if is_closed { Step::Body { head: 0, body } } else { Step::Part { head: 0, body } }
    }

    fn begin_answer(
        &mut self,
        header: Header,
        first: u8,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        match self.session.course {
            Course::Start if header.seq == 0 => return self.greet(header, first, input, sink),
            Course::Events if sink.question().is_none() => {
                return self.stream(header, first, input, sink);
            }
            // It answers a login that was lost.
            Course::Greeted => self.session.greeting = None,
            _ => {}
        }
        if self.answers.is_tailed && first == 0xfe && header.len == EOF_LEN && header.seq != 1 {
            self.answers.is_tailed = false;
            self.session.has_eof = Some(true);
            self.answers.skip = header.size();
            return self.answer(input, sink);
        }
        let asked = sink.question().and_then(record::answer_of);
        let unknown = if self.session.is_broken { 0 } else { record::UNASKED };
        let (answer, command) = asked.unwrap_or((Answer::Results, unknown));
        let pair = match asked {
            // What it answers is not known; only an error says all by itself.
            None if first != 0xff => return Step::Lost,
            None if self.session.is_broken => Pair::InOrder,
            None => Pair::OneWay,
            Some(_) => Pair::InOrder,
        };
        let mut fresh = Answers::default();
        fresh.begin(answer, command, header.seq);
        let look = fresh.look(fresh.stage, header, first);
        let need = needs(look, header);
        if look == Look::Wrong {
            return Step::Lost;
        }
        if input.len() < need {
            return Step::Need(need);
        }
        self.answers = fresh;
        sink.begin(pair);
        sink.record(&self.answers.sums.bytes());
        self.take(look, header, input, sink)
    }

    /// Takes a packet; the answer it belongs to has begun.
    #[inline]
    fn take(&mut self, look: Look, header: Header, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if look == Look::Row {
            return self.rows(input);
        }
        let need = needs(look, header);
        let Some(packet) = input.get(..need) else { return Step::Need(need) };
        let payload = packet.get(HEADER..).unwrap_or_default();
        if look == Look::End(Shape::Error) && is_progress(payload) {
            return self.progress(header);
        }
        self.answers.pass(header);
        let part = Step::Part { head: 0, body: header.size() as u64 };
        match look {
            Look::End(shape) => return self.end_result(shape, header, payload, sink),
            Look::Count => return self.count(payload, part),
            Look::Definition => return self.definition(header, part, sink),
            Look::EndOfColumns => return self.end_of_columns(header, payload, part, sink),
            Look::Prepared => return self.prepared(header, payload, sink),
            Look::File => self.ask_for_file(payload, sink),
            Look::Switch => {
                self.note(
                    Cursor(payload.get(1..).unwrap_or_default()).until_nul().unwrap_or_default(),
                    sink,
                );
            }
            Look::Secret => {}
            Look::Event => return self.first_event(header, sink),
            Look::Row | Look::Wrong => return Step::Lost,
        }
        self.answers.skip = header.size();
        self.answers.goes_on = false;
        let take = self.answers.skip.min(input.len());
        self.answers.skip -= take;
        Step::Took(take)
    }

    /// As many rows as are there.
    #[inline]
    fn rows(&mut self, input: &[u8]) -> Step {
        self.answers.stage = Stage::Rows;
        let mut at = 0;
        while let Some(header) = header(input.get(at..).unwrap_or_default()) {
            if header.len > 0 {
                let Some(first) = input.get(at + HEADER) else { break };
                if self.answers.look(Stage::Rows, header, *first) != Look::Row {
                    break;
                }
            }
            if header.seq != self.answers.seq && !self.session.is_packed {
                break;
            }
            self.answers.pass(header);
            self.answers.sums.rows += 1;
            at += header.size();
            if self.answers.goes_on {
                break;
            }
        }
        if at == 0 { Step::Lost } else { Step::Part { head: 0, body: at as u64 } }
    }

    /// MariaDB tells how far it is by errors of number 65535.
    fn progress(&mut self, header: Header) -> Step {
        if header.len > PROGRESS_MAX {
            return Step::Lost;
        }
        self.answers.pass(header);
        Step::Took(header.size())
    }

    fn count(&mut self, payload: &[u8], part: Step) -> Step {
        let Some((columns, is_defined)) = count_of(payload) else { return Step::Lost };
        let sums = &mut self.answers.sums;
        if sums.sets == 0 {
            sums.columns = u32::try_from(columns).unwrap_or(u32::MAX);
        }
        sums.sets = sums.sets.saturating_add(1);
        self.answers.defs = columns;
        self.answers.stage = if is_defined { Stage::Columns } else { Stage::AfterColumns };
        part
    }

    fn definition(&mut self, header: Header, part: Step, sink: &mut Sink<'_, '_>) -> Step {
        match self.answers.stage {
            Stage::Columns => {
                self.answers.defs -= 1;
                if self.answers.defs == 0 {
                    self.answers.stage = Stage::AfterColumns;
                }
            }
            Stage::PreparedDefs => return self.prepared_def(header, part, sink),
            _ => self.answers.sums.rows += 1,
        }
        part
    }

    fn end_of_columns(
        &mut self,
        header: Header,
        payload: &[u8],
        part: Step,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        self.session.has_eof = Some(true);
        if self.answers.stage == Stage::PreparedDefs {
            return self.end_of_prepared_defs(header, part, sink);
        }
        self.answers.stage = Stage::Rows;
        if Done::read(payload, Shape::Eof).status & CURSOR_EXISTS != 0 {
            return self.end_result(Shape::Eof, header, payload, sink);
        }
        part
    }

    /// `LOCAL INFILE`: the client sends what is in the file.
    fn ask_for_file(&mut self, payload: &[u8], sink: &mut Sink<'_, '_>) {
        self.note(payload.get(1..).unwrap_or_default(), sink);
        self.session.course = Course::Upload;
        self.answers.stage = Stage::Last;
    }

    fn note(&mut self, note: &[u8], sink: &mut Sink<'_, '_>) {
        if self.answers.sums.note_len == 0 && !note.is_empty() {
            let note = note.get(..NOTE_MAX).unwrap_or(note);
            self.answers.sums.note_len = u8::try_from(note.len()).unwrap_or(0);
            sink.record(note);
        }
    }

    /// The server speaks first.
    fn greet(&mut self, header: Header, first: u8, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if header.len > GREETING_MAX {
            return Step::Lost;
        }
        let Some(payload) = input.get(HEADER..header.size()) else {
            return Step::Need(header.size());
        };
        if first == 0xff {
            sink.begin(Pair::OneWay);
            self.answers.sums = Sums::unasked();
            sink.record(&self.answers.sums.bytes());
            self.session.course = Course::Commands;
            return self.end_result(Shape::Error, header, payload, sink);
        }
        let Some((facts, capabilities)) = login::greeting(payload) else { return Step::Lost };
        let facts = facts.bytes().into();
        self.session.greeting = Some(Box::new(Greeting { facts, capabilities }));
        self.session.course = Course::Greeted;
        Step::Took(header.size())
    }
}

fn is_progress(payload: &[u8]) -> bool {
    matches!(payload, [0xff, 0xff, 0xff, ..])
}
