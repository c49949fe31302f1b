//! Requests on a stream.

use dissect::{Pair, Sink, Step};

use super::{
    Anchor, SMALL_MAX, Session,
    binary::{self, Header},
    record::{self, HIDDEN, LINES_MAX, QUIET},
    text::{self, Answered, Command, Halt},
};

/// The request that is being read.
#[derive(Debug, Default)]
pub struct Asks {
    /// Bytes still to come of a secret.
    hidden_left: u32,
    /// The line end after a value comes next.
    line_end: bool,
}

// === impl Halt ===

impl Halt {
    pub fn step(self) -> Step {
        match self {
            Self::Short(n) => Step::Need(n),
            Self::Bad => Step::Lost,
        }
    }
}

// === impl Asks ===

impl Asks {
    /// Reads on, or the next one.
    #[inline]
    pub fn read(&mut self, input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
        if self.hidden_left > 0 {
            return skip(&mut self.hidden_left, input.len(), sink);
        }
        if self.line_end {
            return self.end_of_value(input, sink);
        }
        let step = match input.first() {
            Some(&binary::REQUEST) => self.packet(input, session, sink),
            Some(&binary::RESPONSE) => Err(Halt::Bad),
            _ => self.line(input, session, sink),
        };
        step.unwrap_or_else(Halt::step)
    }

    fn end_of_value(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match input {
            [b'\r', b'\n', ..] => {
                self.line_end = false;
                sink.finish();
                Step::Took(2)
            }
            [b'\r'] => Step::Need(2),
            _ => {
                self.line_end = false;
                Step::Lost
            }
        }
    }

    #[inline]
    fn line(
        &mut self,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (line, size) = text::line(input).map_err(|halt| match halt {
            Halt::Short(_) if !is_printable(input) => Halt::Bad,
            halt => halt,
        })?;
        let command = Command::of(line);
        if text::arity(command.name).is_none() && !is_printable(line) {
            return Err(Halt::Bad);
        }
        let value = command.value.unwrap_or_default();
        let is_small = command.value.is_some() && value <= SMALL_MAX;
        let small = if is_small { Some(small(input, size, value)?) } else { None };
        let is_secret = !session.begun && command.name == b"set" && small.is_some_and(is_login);
        let (pair, notes) = session.ask(command.answered);
        sink.begin(pair);
        let notes = if is_secret { notes | HIDDEN } else { notes };
        sink.record(&record::head(record::TEXT, notes, 0));
        sink.record(line.get(..LINES_MAX).unwrap_or(line));
        match small {
            Some(value) => {
                sink.body(if is_secret { b"***" } else { value });
                sink.finish();
                Ok(Step::Took(size + value.len() + 2))
            }
            None if command.value.is_some() => {
                self.line_end = true;
                Ok(Step::Part { head: size, body: value })
            }
            None => {
                sink.finish();
                Ok(Step::Took(size))
            }
        }
    }

    fn packet(
        &mut self,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let header = Header::of(input)?;
        let front = header.front();
        let kept = input.get(..front).ok_or(Halt::Short(front))?;
        let answered = if header.is_quiet() { Answered::Perhaps } else { Answered::Always };
        let (pair, notes) = session.ask(answered);
        sink.begin(pair);
        let notes = if header.is_secret() { notes | HIDDEN } else { notes };
        sink.record(&record::head(record::BINARY, notes, 0));
        sink.record(kept);
        Ok(value_of(&header, &mut self.hidden_left, sink))
    }
}

/// The value of a packet is its body, unless it is a secret.
pub fn value_of(header: &Header, hidden_left: &mut u32, sink: &mut Sink<'_, '_>) -> Step {
    if !header.is_secret() {
        return Step::Body { head: header.front(), body: header.value() };
    }
    *hidden_left = u32::try_from(header.value()).unwrap_or(u32::MAX);
    if *hidden_left == 0 {
        sink.finish();
    }
    Step::Took(header.front())
}

/// Takes what is not written down.
pub fn skip(left: &mut u32, available: usize, sink: &mut Sink<'_, '_>) -> Step {
    let taken = available.min(*left as usize);
    *left -= u32::try_from(taken).unwrap_or(*left);
    if *left == 0 {
        sink.finish();
    }
    Step::Took(taken)
}

/// A value that is there with its line end.
fn small(input: &[u8], at: usize, value: u64) -> Result<&[u8], Halt> {
    let len = usize::try_from(value).map_err(|_| Halt::Bad)?;
    let rest = input.get(at..).unwrap_or_default();
    match rest.split_at_checked(len) {
        Some((value, [b'\r', b'\n', ..])) => Ok(value),
        Some((_, [] | [b'\r'])) | None => Err(Halt::Short(at + len + 2)),
        Some(_) => Err(Halt::Bad),
    }
}

/// A name and a password, as a server that was given passwords wants them first (doc/protocol.txt,
/// "Authentication"). Other values of two words look alike, and are hidden too.
fn is_login(value: &[u8]) -> bool {
    let mut words = value.split(|byte| *byte == b' ');
    let is_word = |word: Option<&[u8]>| word.is_some_and(|word| !word.is_empty());
    is_word(words.next()) && is_word(words.next()) && words.next().is_none()
}

fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t'))
}

// === impl Session ===

impl Session {
    /// The client asks: how it is paired, and what is noted.
    #[inline]
    fn ask(&mut self, answered: Answered) -> (Pair, u8) {
        self.begun = true;
        match answered {
            Answered::Never => (Pair::OneWay, 0),
            Answered::Perhaps => {
                self.ask_quietly();
                (Pair::OneWay, QUIET)
            }
            Answered::Always => {
                if self.anchor == Anchor::Lost {
                    self.anchor = Anchor::Asked;
                }
                self.asked = self.asked.wrapping_add(1);
                (Pair::InOrder, 0)
            }
        }
    }
}
