//! What the server sends: responses out of messages.
//!
//! A response ends with `ReadyForQuery` if that comes next, else with the end of its command: an
//! error while the transaction is committed comes between the two. The byte behind a message tells
//! which it is, so the last message of a command is not taken before that byte is there.

use dissect::{Next, Pair, Sink, Step};

use super::{
    ask,
    error::Notice,
    record::{self, CUT, EARLIER, ROWS, kind},
    session::{Anchor, Owed, Session, Stage},
    wire::{self, Halt, Head},
};

/// Bytes kept of a message that is told.
const KEPT_MAX: usize = 8 << 10;
/// Bytes kept of a tag, a channel, a parameter.
const SMALL_MAX: usize = 1 << 10;
/// Rows taken in one step.
const ROWS_MAX: usize = 1 << 12;

/// The response that is being read.
#[derive(Debug, Default)]
pub struct Answers {
    /// Bytes still to come of a message of which enough was kept.
    skip: u32,
    /// What it answers.
    owed: Option<Owed>,
    /// All is said but `ReadyForQuery`.
    done: bool,
    /// It failed.
    failed: bool,
    /// The columns of its rows are written down.
    described: bool,
    /// Rows of the command that is being answered.
    rows: u64,
    /// Rows in all.
    all_rows: u64,
}

// === impl Answers ===

impl Answers {
    /// Reads one message, or several rows.
    #[inline]
    pub fn read(&mut self, input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
        session.anchor = Anchor::Reading;
        if self.skip > 0 {
            let took = input.len().min(self.skip as usize);
            self.skip -= u32::try_from(took).unwrap_or(0);
            return Step::Took(took);
        }
        if session.owed() == Some(Owed::Choice) && !sink.is_open() && input.first() != Some(&b'E') {
            return choice(input, session, sink);
        }
        self.message(input, session, sink).unwrap_or_else(Halt::step)
    }

    fn message(
        &mut self,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let head = Head::of_server(input)?;
        match head.kind {
            b'D' if sink.is_open() && self.described => {
                return Ok(self.rows_of(input, head));
            }
            b'Z' => return self.ready(head, input, session, sink),
            b'd' if session.stage == Stage::Stream => return ask::stream(head, input, sink),
            _ => {}
        }
        if !sink.is_open()
            && let Some(step) = self.aside(head, input, session, sink)
        {
            return step;
        }
        let closes = self.closes(head.kind, session, sink);
        let whole = head.size();
        let goes_on = if is_fatal(head, input)? {
            // Nothing comes behind it.
            false
        } else if closes || self.done {
            let next = input.get(whole).ok_or(Halt::Short(whole + 1))?;
            self.goes_on(*next, session)
        } else {
            let need = wire::HEAD + head.len.min(Self::kept_max(head.kind));
            input.get(..need).ok_or(Halt::Short(need))?;
            true
        };
        self.open(head.kind, session, sink);
        let step = self.take(head, input, session, sink);
        self.done |= closes;
        if !goes_on || self.ends_at_once(head.kind) {
            self.close(session, sink);
        }
        Ok(step)
    }

    /// What comes between responses.
    fn aside(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Option<Result<Step, Halt>> {
        let owed = session.owed();
        let alone = match head.kind {
            b'A' => true,
            b'N' | b'S' => owed.is_none() || owed == Some(Owed::Ready),
            _ => false,
        };
        if alone {
            let Some(payload) = input.get(wire::HEAD..head.size()) else {
                return Some(Err(Halt::Short(head.size())));
            };
            sink.begin(Pair::OneWay);
            sink.record(&record::facts(kind::NEWS));
            record::push(head.kind, 0, &[payload], sink);
            sink.finish();
            return Some(Ok(Step::Took(head.size())));
        }
        let ends_stream = matches!(head.kind, b'c' | b'C') && owed == Some(Owed::Ready);
        if ends_stream || head.kind == b'c' {
            if session.stage == Stage::Stream {
                session.stage = Stage::Talk;
            }
            return Some(Ok(self.stepped_over(head, input)));
        }
        None
    }

    fn stepped_over(&mut self, head: Head, input: &[u8]) -> Step {
        let took = input.len().min(head.size());
        self.skip = u32::try_from(head.size() - took).unwrap_or(u32::MAX);
        Step::Took(took)
    }

    /// A response begins unless one is open.
    fn open(&mut self, first: u8, session: &mut Session, sink: &mut Sink<'_, '_>) {
        if sink.is_open() {
            return;
        }
        let fits = match session.owed() {
            Some(Owed::Query) => !matches!(first, b'1' | b'2' | b'3' | b't' | b'n' | b's' | b'R'),
            Some(Owed::Execute | Owed::Steps(_)) => !matches!(first, b'R' | b'V' | b'K'),
            Some(Owed::Startup) => matches!(first, b'R' | b'v' | b'E' | b'N' | b'S' | b'K'),
            Some(Owed::Choice) => first == b'E',
            Some(Owed::Ready) | None => true,
        };
        if !fits {
            session.misled();
        }
        let owed = match session.owed() {
            Some(Owed::Ready) | None => guess(first),
            Some(owed) => owed,
        };
        let pair = session.answer();
        sink.begin(pair);
        sink.record(&record::facts(kind::ANSWER));
        *self = Self { owed: Some(owed), ..Self::default() };
    }

    fn close(&mut self, session: &mut Session, sink: &mut Sink<'_, '_>) {
        if self.all_rows > 0 {
            record::set_rows(self.all_rows, sink);
        }
        session.answered();
        *self = Self { skip: self.skip, ..Self::default() };
        sink.finish();
    }

    /// Whether all is said with a message of this type.
    #[inline]
    fn closes(&self, kind: u8, session: &Session, sink: &Sink<'_, '_>) -> bool {
        let owed = if sink.is_open() { self.owed } else { session.owed() };
        match owed {
            Some(Owed::Query | Owed::Startup | Owed::Choice) => false,
            Some(Owed::Steps(left)) => {
                let left = match session.owed() {
                    Some(Owed::Steps(left)) => left,
                    _ => left,
                };
                kind == b'E' || left <= 1 && matches!(kind, b'1' | b'2' | b'3' | b'T' | b'n')
            }
            Some(Owed::Execute) => matches!(kind, b'C' | b'I' | b's' | b'E'),
            Some(Owed::Ready) | None => kind == b's',
        }
    }

    /// Messages with which a response ends whatever follows.
    fn ends_at_once(&self, kind: u8) -> bool {
        kind == b'W' || kind == b'E' && matches!(self.owed, Some(Owed::Startup | Owed::Choice))
    }

    /// Whether the message that begins with `next` belongs to the response that is said in full.
    fn goes_on(&self, next: u8, session: &Session) -> bool {
        match next {
            b'Z' | b'N' | b'S' | b'A' => true,
            b'E' => !self.failed && !session.more_in_group(),
            _ => false,
        }
    }

    /// Bytes of a message that must be there.
    fn kept_max(kind: u8) -> usize {
        match kind {
            b'D' | b'd' => 0,
            b'T' | b'E' | b'N' | b't' => KEPT_MAX,
            _ => SMALL_MAX,
        }
    }
}

/// Whether it is an error after which the server hangs up.
fn is_fatal(head: Head, input: &[u8]) -> Result<bool, Halt> {
    if head.kind != b'E' {
        return Ok(false);
    }
    let payload = input.get(wire::HEAD..head.size()).ok_or(Halt::Short(head.size()))?;
    Ok(matches!(Notice::of(payload).severity, b"FATAL" | b"PANIC"))
}

/// What is answered by a response that begins like this, where that is not known.
fn guess(first: u8) -> Owed {
    match first {
        b'1' | b'2' | b'3' | b't' | b'n' | b's' | b'D' => Owed::Execute,
        b'R' | b'v' | b'K' => Owed::Startup,
        _ => Owed::Query,
    }
}

// === impl Answers: messages ===

impl Answers {
    /// Takes a message into the open response.
    #[inline]
    fn take(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        match head.kind {
            b'D' => return self.first_rows(input, head, session, sink),
            b'd' => {
                self.rows += 1;
                self.all_rows += 1;
                return Step::Part { head: wire::HEAD, body: head.len as u64 };
            }
            _ => {}
        }
        let payload = head.payload(input);
        let kept = payload.get(..Self::kept_max(head.kind)).unwrap_or(payload);
        let flags = if kept.len() < head.len { CUT } else { 0 };
        match head.kind {
            b'C' => self.ended(kept, flags, sink),
            b'T' => self.columns(payload, kept, flags, session, sink),
            b't' => {
                let serial = session.unit().map_or(0, |unit| unit.described);
                if flags == 0 && serial > 0 {
                    session.statements().describe_parameters(serial, kept);
                }
                record::push(b't', flags, &[kept], sink);
            }
            b'1' | b'2' | b'3' | b'n' => self.step(head.kind, session),
            b'E' => {
                self.failed = true;
                record::push(b'E', flags, &[kept], sink);
            }
            // Only which way to authenticate, never what is exchanged.
            b'R' => record::push(b'R', 0, &[authentication(kept)], sink),
            // The process, without its key.
            b'K' => record::push(b'K', 0, &[kept.get(..4).unwrap_or_default()], sink),
            b'G' => {
                session.takes_copy();
                record::push(b'G', flags, &[kept], sink);
            }
            b'W' => {
                session.stage = Stage::Stream;
                record::push(b'W', flags, &[kept], sink);
            }
            b'c' => {}
            kind => record::push(kind, flags, &[kept], sink),
        }
        self.stepped_over(head, input)
    }

    fn step(&mut self, kind: u8, session: &mut Session) {
        session.stepped();
        if kind == b'1'
            && let Some(statements) = session.prepared_mut()
        {
            statements.confirm();
        }
    }

    /// The end of a command.
    #[inline]
    fn ended(&mut self, tag: &[u8], flags: u8, sink: &mut Sink<'_, '_>) {
        if self.rows > 0 {
            record::push(ROWS, 0, &[&self.rows.to_le_bytes()], sink);
        }
        self.rows = 0;
        self.described = false;
        record::push(b'C', flags, &[tag.strip_suffix(b"\0").unwrap_or(tag)], sink);
    }

    fn columns(
        &mut self,
        payload: &[u8],
        kept: &[u8],
        flags: u8,
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) {
        session.stepped();
        self.described = true;
        let serial = session.unit().map_or(0, |unit| unit.described);
        if serial > 0 {
            let whole = if flags == 0 { payload } else { &[] };
            session.statements().describe(serial, whole);
        }
        push_formats(session, sink);
        record::push(b'T', flags, &[kept], sink);
    }

    /// The first rows of a command; their columns may have been told before.
    fn first_rows(
        &mut self,
        input: &[u8],
        head: Head,
        session: &Session,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        if !self.described {
            self.described = true;
            let serial = session.unit().map_or(0, |unit| unit.statement);
            let known = session.prepared().and_then(|all| all.numbered(serial));
            if let Some(statement) = known.filter(|statement| !statement.columns.is_empty()) {
                push_formats(session, sink);
                record::push(b'T', EARLIER, &[&statement.columns], sink);
            }
        }
        self.rows_of(input, head)
    }

    /// Rows, as they are, are the body. Takes all that begin here.
    #[inline]
    fn rows_of(&mut self, input: &[u8], first: Head) -> Step {
        let mut size = first.size() as u64;
        let mut rows = 1;
        while rows < ROWS_MAX {
            let rest = usize::try_from(size).ok().and_then(|at| input.get(at..));
            let Some(Ok(head)) =
                rest.filter(|rest| rest.first() == Some(&b'D')).map(Head::of_server)
            else {
                break;
            };
            size += head.size() as u64;
            rows += 1;
        }
        self.rows += rows as u64;
        self.all_rows += rows as u64;
        Step::Part { head: 0, body: size }
    }

    fn ready(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let status = *input.get(wire::HEAD).ok_or(Halt::Short(head.size()))?;
        if !matches!(status, b'I' | b'T' | b'E') {
            return Err(Halt::Bad);
        }
        let owed = session.owed();
        if !sink.is_open() && matches!(owed, Some(Owed::Steps(0))) {
            self.open(b'Z', session, sink);
        }
        if sink.is_open() {
            record::set_status(status, sink);
            self.close(session, sink);
        }
        session.ready(status);
        if session.stage == Stage::Stream {
            session.stage = Stage::Talk;
        }
        Ok(Step::Took(head.size()))
    }
}

/// The formats that were asked for, where they are not those of a description.
fn push_formats(session: &Session, sink: &mut Sink<'_, '_>) {
    let binary = session.unit().map_or(0, |unit| unit.binary);
    if binary > 0 {
        record::push(record::FORMATS, 0, &[&binary.to_le_bytes()], sink);
    }
}

/// The way to authenticate; of SASL also the names of its mechanisms.
fn authentication(payload: &[u8]) -> &[u8] {
    match wire::long(payload, 0) {
        Some(10) => payload,
        _ => payload.get(..4).unwrap_or(payload),
    }
}

/// The byte that answers a request for encryption.
fn choice(input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
    let Some(byte @ (b'S' | b'N' | b'G')) = input.first() else { return Step::Lost };
    let pair = session.answer();
    sink.begin(pair);
    sink.record(&record::facts(kind::CHOICE));
    record::push(*byte, 0, &[], sink);
    sink.finish();
    session.answered();
    session.fresh = true;
    session.stage = Stage::Opening;
    match *byte {
        b'N' => Step::Took(1),
        b'S' => Step::Become { took: 1, next: Next::Within("tls") },
        // GSSAPI has no name of its own here.
        _ => Step::Become { took: 1, next: Next::Detect },
    }
}
