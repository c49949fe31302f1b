//! Responses on a stream.

use dissect::{Pair, Sink, Step};

use super::{
    Session,
    asks::{skip, value_of},
    binary::{self, Header},
    record::{self, Content, HIDDEN, ITEMS, LINES_MAX, Letter, QUIET},
    text::{self, Answer, Halt},
};

/// Bytes of one statistic at most.
const STATISTIC_MAX: usize = 16 << 10;

/// The response that is being read.
#[derive(Debug, Default)]
pub struct Answers {
    /// Bytes still to come of a secret.
    hidden_left: u32,
    reads: Reads,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Reads {
    /// The next response.
    #[default]
    Nothing,
    /// The line end after a value, then perhaps another value.
    EndOfValue,
    /// Another value, or the end.
    Values,
    /// The line end after the value of a meta command.
    EndOfMeta,
    /// Lines, until `END`.
    Items,
    /// Packets, until an empty one.
    Statistics,
}

/// Whose answer it is.
enum Whose {
    /// The oldest question's.
    Question,
    /// A quiet command's, or nobody's.
    Nobody,
}

// === impl Answers ===

impl Answers {
    /// Reads on, or the next one.
    #[inline]
    pub fn read(&mut self, input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
        if self.hidden_left > 0 {
            return skip(&mut self.hidden_left, input.len(), sink);
        }
        let step = match self.reads {
            Reads::Nothing => match input.first() {
                Some(&binary::RESPONSE) => self.packet(input, session, sink),
                Some(&binary::REQUEST) => Err(Halt::Bad),
                _ => self.begin(input, session, sink),
            },
            Reads::EndOfValue | Reads::EndOfMeta => self.line_end(input, sink),
            Reads::Values => self.values(input, sink),
            Reads::Items => self.items(input, sink),
            Reads::Statistics => self.statistic(input, sink),
        };
        step.unwrap_or_else(|halt| {
            if halt == Halt::Bad {
                self.reads = Reads::Nothing;
            }
            halt.step()
        })
    }

    #[inline]
    fn begin(
        &mut self,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (line, size) = text::line(input).map_err(|halt| match halt {
            Halt::Short(_) if !can_begin(input) => Halt::Bad,
            halt => halt,
        })?;
        let answer = text::answer(line).ok_or(Halt::Bad)?;
        let (pair, notes) = match whose(answer, line, session, sink)? {
            Whose::Question => {
                session.answered = session.answered.wrapping_add(1).min(session.asked);
                (Pair::InOrder, 0)
            }
            Whose::Nobody => (Pair::OneWay, QUIET),
        };
        let notes = if answer == Answer::Item { notes | ITEMS } else { notes };
        sink.begin(pair);
        sink.record(&record::head(record::TEXT, notes, 0));
        if answer == Answer::Item {
            self.reads = Reads::Items;
            return self.items(input, sink);
        }
        sink.record(line.get(..LINES_MAX).unwrap_or(line));
        Ok(match answer {
            Answer::Value(bytes) => {
                self.reads = Reads::EndOfValue;
                Step::Part { head: size, body: bytes }
            }
            Answer::Meta(bytes) => {
                self.reads = Reads::EndOfMeta;
                Step::Part { head: size, body: bytes }
            }
            Answer::Item | Answer::Line | Answer::Log => {
                sink.finish();
                Step::Took(size)
            }
        })
    }

    fn line_end(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        match input {
            [b'\r', b'\n', ..] => {}
            [b'\r'] => return Err(Halt::Short(2)),
            _ => return Err(Halt::Bad),
        }
        if self.reads == Reads::EndOfMeta {
            return Ok(self.finish(2, sink));
        }
        self.reads = Reads::Values;
        Ok(Step::Took(2))
    }

    fn values(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let (line, size) = text::line(input)?;
        let answer = text::answer(line).ok_or(Halt::Bad)?;
        if sink.recorded().len() + line.len() < LINES_MAX {
            sink.record(b"\n");
            sink.record(line);
        }
        match answer {
            Answer::Value(bytes) => {
                self.reads = Reads::EndOfValue;
                Ok(Step::Part { head: size, body: bytes })
            }
            Answer::Line => Ok(self.finish(size, sink)),
            _ => Err(Halt::Bad),
        }
    }

    fn items(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let (line, size) = text::line(input)?;
        let first = text::words(line).next().unwrap_or_default();
        if matches!(first, b"END" | b"EN") || text::is_error(first) {
            return Ok(self.finish(size, sink));
        }
        if text::answer(line) != Some(Answer::Item) {
            return Err(Halt::Bad);
        }
        sink.body(line);
        sink.body(b"\n");
        Ok(Step::Took(size))
    }

    fn finish(&mut self, size: usize, sink: &mut Sink<'_, '_>) -> Step {
        self.reads = Reads::Nothing;
        sink.finish();
        Step::Took(size)
    }
}

// === impl Answers: packets ===

impl Answers {
    fn packet(
        &mut self,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let header = Header::of(input)?;
        let front = header.front();
        let is_statistic = header.opcode == binary::STAT && header.status == 0 && header.body > 0;
        let wanted = if is_statistic { whole(&header)? } else { front };
        let kept = input.get(..wanted).ok_or(Halt::Short(wanted))?;
        if !header.is_quiet() && !is_answer(&header, sink) {
            return Err(Halt::Bad);
        }
        let (pair, notes) = match header.is_quiet() {
            true => (Pair::OneWay, QUIET),
            false => {
                session.answered = session.answered.wrapping_add(1).min(session.asked);
                (Pair::InOrder, 0)
            }
        };
        let notes = notes
            | if header.is_secret() { HIDDEN } else { 0 }
            | if is_statistic { ITEMS } else { 0 };
        sink.begin(pair);
        sink.record(&record::head(record::BINARY, notes, 0));
        sink.record(kept.get(..front).unwrap_or_default());
        if is_statistic {
            self.reads = Reads::Statistics;
            statistic(&header, kept, sink);
            return Ok(Step::Took(wanted));
        }
        Ok(value_of(&header, &mut self.hidden_left, sink))
    }

    fn statistic(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let header = Header::of(input)?;
        if header.is_request || header.opcode != binary::STAT {
            return Err(Halt::Bad);
        }
        let wanted = whole(&header)?;
        let packet = input.get(..wanted).ok_or(Halt::Short(wanted))?;
        if header.body == 0 || header.status != 0 {
            return Ok(self.finish(wanted, sink));
        }
        statistic(&header, packet, sink);
        Ok(Step::Took(wanted))
    }
}

/// Bytes of a packet with a statistic.
fn whole(header: &Header) -> Result<usize, Halt> {
    let value = usize::try_from(header.value()).map_err(|_| Halt::Bad)?;
    Some(header.front() + value).filter(|size| *size <= STATISTIC_MAX).ok_or(Halt::Bad)
}

/// Writes a statistic as the text protocol does.
fn statistic(header: &Header, packet: &[u8], sink: &mut Sink<'_, '_>) {
    let key = packet.get(binary::HEADER + header.extras..header.front()).unwrap_or_default();
    let value = packet.get(header.front()..).unwrap_or_default();
    for part in [b"STAT ", key, b" ", value, b"\n"] {
        sink.body(part);
    }
}

/// Whether a packet answers the oldest question, as far as that is known.
fn is_answer(header: &Header, sink: &Sink<'_, '_>) -> bool {
    match sink.question().and_then(Letter::of).map(|letter| letter.content) {
        Some(Content::Binary { header: asked, .. }) => {
            asked.opcode == header.opcode && asked.opaque == header.opaque
        }
        Some(Content::Text(_)) => false,
        None => true,
    }
}

// === lines ===

/// Whether the start of a line can be the start of an answer.
fn can_begin(input: &[u8]) -> bool {
    let first = input.iter().take(16);
    first.clone().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n'))
}

/// Whose answer begins with `line`; an error where it can't be anybody's, or where two may have it.
#[inline]
fn whose(
    answer: Answer,
    line: &[u8],
    session: &Session,
    sink: &Sink<'_, '_>,
) -> Result<Whose, Halt> {
    if answer == Answer::Log {
        return Ok(Whose::Nobody);
    }
    let after_quiet = session.is_after_quiet();
    // Where no question is known, a lost one may have been answered as well as a quiet one.
    let Some(letter) = sink.question().and_then(Letter::of) else { return Ok(Whose::Question) };
    let Content::Text(_) = letter.content else { return Err(Halt::Bad) };
    let asked = letter.line();
    let name = text::words(asked).next().unwrap_or_default();
    if after_quiet {
        return whose_after_quiet(name, asked, line);
    }
    let tokens = (text::flag(asked, b'O'), text::flag(line, b'O'));
    let other = matches!(tokens, (Some(asked), Some(said)) if text::is_meta(name) && asked != said);
    if other || !text::may_answer(name, line) { Err(Halt::Bad) } else { Ok(Whose::Question) }
}

/// What quiet meta commands may say: all but that there is nothing, and that nothing was to be done.
fn is_quiet_answer(line: &[u8]) -> bool {
    let first = text::words(line).next().unwrap_or_default();
    matches!(first, b"VA" | b"HD" | b"NF" | b"NS" | b"EX") || text::is_error(first)
}

/// Whose answer it is where quiet commands stand before the question.
#[cold]
fn whose_after_quiet(name: &[u8], asked: &[u8], line: &[u8]) -> Result<Whose, Halt> {
    let first = text::words(line).next().unwrap_or_default();
    let may_be_quiet = is_quiet_answer(line);
    let may_be_asked = text::may_answer(name, line) && (name != b"mn" || first == b"MN");
    match (may_be_quiet, may_be_asked) {
        (true, false) => Ok(Whose::Nobody),
        (false, true) => Ok(Whose::Question),
        (false, false) => Err(Halt::Bad),
        // An answer repeats the opaque token; an error repeats nothing.
        (true, true) => match (text::flag(asked, b'O'), text::flag(line, b'O')) {
            (Some(asked), Some(said)) if asked == said => Ok(Whose::Question),
            (_, Some(_)) => Ok(Whose::Nobody),
            (Some(_), None) if !text::is_error(first) => Ok(Whose::Nobody),
            _ => Err(Halt::Bad),
        },
    }
}
